//! Messages to peers that wait for delivery. They name lists and agreements, never people, and are not sealed.

use async_trait::async_trait;
use comity_node_core::ports::outbox::{OutboxItem, OutboxReads};
use comity_node_core::ports::store::{Conflict, Row, StoreError};
use comity_spec::time::UnixSeconds;

use super::{Conn, Store, refused};
use crate::Fault;
use crate::column::{Columns, to_text};

const OUTBOX: Columns = Columns("outbox");

pub(super) async fn queue(conn: &mut Conn, item: &OutboxItem) -> Result<(), Fault> {
    sqlx::query("INSERT INTO outbox (id, peer, message, next_at, attempts) VALUES ($1, $2, $3, $4, $5)")
        .bind(item.id.as_bytes().to_vec())
        .bind(item.peer.as_str())
        .bind(to_text(OUTBOX, &item.message)?)
        .bind(item.next_at.get())
        .bind(i64::from(item.attempts))
        .execute(conn)
        .await
        .map_err(|error| refused(error, Row::Message, Row::Message))?;
    Ok(())
}

/// Takes a message off the queue; one that is gone already is no conflict, since it was delivered or given up.
pub(super) async fn dequeue(conn: &mut Conn, id: uuid::Uuid) -> Result<(), Fault> {
    sqlx::query("DELETE FROM outbox WHERE id = $1")
        .bind(id.as_bytes().to_vec())
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn postpone(conn: &mut Conn, id: uuid::Uuid, next_at: i64) -> Result<(), Fault> {
    let done = sqlx::query("UPDATE outbox SET next_at = $2, attempts = attempts + 1 WHERE id = $1")
        .bind(id.as_bytes().to_vec())
        .bind(next_at)
        .execute(conn)
        .await?;
    if done.rows_affected() == 0 {
        Err(Conflict::Missing(Row::Message).into())
    } else {
        Ok(())
    }
}

#[async_trait]
impl OutboxReads for Store {
    async fn due(&self, now: UnixSeconds, limit: u32) -> Result<Vec<OutboxItem>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<(Vec<u8>, String, String, i64, i64)> = sqlx::query_as(
            "SELECT id, peer, message, next_at, attempts FROM outbox WHERE next_at <= $1 ORDER BY next_at, id LIMIT $2",
        )
        .bind(now.get())
        .bind(i64::from(limit))
        .fetch_all(&mut *conn)
        .await
        .map_err(Fault::from)?;
        rows.into_iter()
            .map(|(id, peer, message, next_at, attempts)| {
                Ok(OutboxItem {
                    id: OUTBOX.uuid(&id)?,
                    peer: OUTBOX.parse(&peer)?,
                    message: OUTBOX.json(message.as_bytes())?,
                    next_at: OUTBOX.seconds(next_at)?,
                    attempts: OUTBOX.number(attempts)?,
                })
            })
            .collect()
    }
}
