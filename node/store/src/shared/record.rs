//! The hash-chained record of exchanges.
//!
//! The writer links each line in the transaction that it records: there is one writer, so numbers have no gaps and no
//! line has two successors. The database itself refuses to change or remove a line.

use async_trait::async_trait;
use comity_node_core::ports::record::{RecordBody, RecordHead, RecordLine, RecordReads, link};
use comity_node_core::ports::store::{Conflict, Row, StoreError};
use comity_spec::ids::Digest;

use super::{Conn, Store, refused};
use crate::Fault;
use crate::column::Columns;

const LINE: Columns = Columns("record_line");
const HEAD: Columns = Columns("record_head");

pub(super) async fn append(conn: &mut Conn, line: &RecordBody) -> Result<(), Fault> {
    let last: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT seq, link FROM record_line ORDER BY seq DESC LIMIT 1")
            .fetch_optional(&mut *conn)
            .await?;
    let (seq, previous) = match last {
        Some((seq, link)) => (seq, LINE.digest(&link)?),
        None => (0, Digest::from_bytes([0; 32])),
    };
    sqlx::query("INSERT INTO record_line (seq, at, body, link) VALUES ($1, $2, $3, $4)")
        .bind(seq + 1)
        .bind(line.at.get())
        .bind(&line.body)
        .bind(link(&previous, &line.body).as_bytes().to_vec())
        .execute(conn)
        .await?;
    Ok(())
}

/// A signed head: of a line that stands, with the link it has.
pub(super) async fn head(conn: &mut Conn, head: &RecordHead) -> Result<(), Fault> {
    let seq = i64::try_from(head.seq).map_err(|_| HEAD.damaged("a number out of range"))?;
    let done = sqlx::query(
        "INSERT INTO record_head (seq, link, jws) SELECT seq, link, $3 FROM record_line WHERE seq = $1 AND link = $2",
    )
    .bind(seq)
    .bind(head.link.as_bytes().to_vec())
    .bind(&head.jws)
    .execute(conn)
    .await
    .map_err(|error| refused(error, Row::RecordHead, Row::RecordLine))?;
    if done.rows_affected() == 0 {
        Err(Conflict::Missing(Row::RecordLine).into())
    } else {
        Ok(())
    }
}

fn line((seq, at, body, link): (i64, i64, String, Vec<u8>)) -> Result<RecordLine, Fault> {
    Ok(RecordLine {
        seq: LINE.number(seq)?,
        at: LINE.seconds(at)?,
        body,
        link: LINE.digest(&link)?,
    })
}

#[async_trait]
impl RecordReads for Store {
    async fn last_line(&self) -> Result<Option<RecordLine>, StoreError> {
        let mut conn = self.reader().await?;
        let row = sqlx::query_as("SELECT seq, at, body, link FROM record_line ORDER BY seq DESC LIMIT 1")
            .fetch_optional(&mut *conn)
            .await
            .map_err(Fault::from)?;
        Ok(row.map(line).transpose()?)
    }

    async fn lines_after(&self, seq: u64, limit: u32) -> Result<Vec<RecordLine>, StoreError> {
        // Beyond the largest number there is nothing to find.
        let Ok(seq) = i64::try_from(seq) else {
            return Ok(Vec::new());
        };
        let mut conn = self.reader().await?;
        let rows: Vec<_> = sqlx::query_as(
            "SELECT seq, at, body, link FROM record_line WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(seq)
        .bind(i64::from(limit))
        .fetch_all(&mut *conn)
        .await
        .map_err(Fault::from)?;
        rows.into_iter().map(|row| Ok(line(row)?)).collect()
    }

    async fn last_head(&self) -> Result<Option<RecordHead>, StoreError> {
        let mut conn = self.reader().await?;
        let row: Option<(i64, Vec<u8>, String)> =
            sqlx::query_as("SELECT seq, link, jws FROM record_head ORDER BY seq DESC LIMIT 1")
                .fetch_optional(&mut *conn)
                .await
                .map_err(Fault::from)?;
        let Some((seq, link, jws)) = row else {
            return Ok(None);
        };
        Ok(Some(RecordHead {
            seq: HEAD.number(seq)?,
            link: HEAD.digest(&link)?,
            jws,
        }))
    }
}
