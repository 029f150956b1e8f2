//! A list of writes as one transaction, and what is forgotten when its time is over.

use async_trait::async_trait;
use comity_node_core::ports::permits::PermitChange;
use comity_node_core::ports::store::{Store as StorePort, StoreError, Write};
use futures_util::FutureExt as _;

use super::{
    Conn, Store, Tx, agreements, attestations, officers, outbox, permits, recognitions, record, replay, trust,
};
use crate::Fault;

/// A peer's expired list is kept this long beyond its end, the longest life of any list (STA-4): its `iat` is
/// the floor for every list that could still be current.
const LIST_LIFE: i64 = 72 * 3600;

/// Fewer new permits than this go in one by one: of several refusals in one statement, the database names any.
const FEW: usize = 8;

/// Does every write in order; the first refusal ends it.
async fn apply(tx: &mut Tx, writes: &[Write]) -> Result<(), Fault> {
    let mut rest = writes;
    while let Some((first, others)) = rest.split_first() {
        // A register file brings tens of thousands of new permits: they go in by the hundred.
        let new: Vec<&PermitChange> = rest.iter().map_while(new_permit).take(permits::ROWS).collect();
        let issued = attestations::of_one_permit(rest);
        if new.len() >= FEW {
            permits::insert(tx, &new).await?;
            rest = rest.get(new.len()..).unwrap_or_default();
        } else if !issued.is_empty() {
            attestations::issue(tx, &issued).await?;
            rest = rest.get(issued.len()..).unwrap_or_default();
        } else {
            one(tx, first).await?;
            rest = others;
        }
    }
    Ok(())
}

/// A new permit has no entries whose status could be set.
fn new_permit(write: &Write) -> Option<&PermitChange> {
    match write {
        Write::Permit(change) if change.expected == 0 => Some(change),
        _ => None,
    }
}

async fn one(tx: &mut Tx, write: &Write) -> Result<(), Fault> {
    match write {
        Write::Permit(change) if change.expected == 0 => permits::insert(tx, &[change]).await,
        Write::Permit(change) => {
            permits::update(tx, change).await?;
            attestations::set_status(&mut tx.conn, change).await
        }
        Write::Import(mark) => permits::import(&mut tx.conn, mark).await,
        Write::Issuance(issuance) => attestations::issue(tx, &[issuance]).await,
        Write::StatusList(list) => attestations::create(tx, list).await,
        Write::Decoy(decoy) => attestations::decoy(&mut tx.conn, decoy).await,
        Write::CloseStatusList(list) => attestations::close(&mut tx.conn, *list).await,
        Write::Publication(publication) => attestations::publish(&mut tx.conn, publication).await,
        Write::Statement(row) => trust::statement(&mut tx.conn, row).await,
        Write::MemberList(row) => trust::member_list(&mut tx.conn, row).await,
        Write::PeerStatus(row) => trust::peer_status(&mut tx.conn, row).await,
        Write::Tombstone(stone) => trust::tombstone(&mut tx.conn, stone).await,
        Write::Agreement(row) => agreements::agreement(&mut tx.conn, row).await,
        Write::DiscardProposal { id, version, digest } => {
            agreements::discard(&mut tx.conn, id, *version, digest).await
        }
        Write::Withdrawal(row) => agreements::withdrawal(&mut tx.conn, row).await,
        Write::Answer(answered) => replay::answer(tx, answered).await,
        Write::Record(line) => record::append(&mut tx.conn, line).await,
        Write::RecordHead(head) => record::head(&mut tx.conn, head).await,
        Write::Recognition(row) => recognitions::recognition(tx, row).await,
        Write::Officer(officer) => officers::officer(tx, officer).await,
        Write::SignInCount {
            officer,
            expected,
            failures,
            locked_until,
        } => officers::count_sign_in(&mut tx.conn, officer, *expected, *failures, *locked_until).await,
        Write::Session(session) => officers::begin_session(&mut tx.conn, session).await,
        Write::ExtendSession { token, expires } => {
            officers::extend_session(&mut tx.conn, token, *expires).await
        }
        Write::EndSession(token) => officers::end_session(&mut tx.conn, token).await,
        Write::PendingAct(act) => officers::act(tx, act).await,
        Write::Queue(item) => outbox::queue(&mut tx.conn, item).await,
        Write::Dequeue(id) => outbox::dequeue(&mut tx.conn, *id).await,
        Write::Postpone { id, next_at } => outbox::postpone(&mut tx.conn, *id, *next_at).await,
        Write::Setting { key, value } => set(&mut tx.conn, key, value).await,
        Write::Raise { key, value } => raise(&mut tx.conn, key, *value).await,
        Write::Forget { before } => forget(&mut tx.conn, *before).await,
    }
}

async fn set(conn: &mut Conn, name: &str, value: &str) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(conn)
    .await?;
    Ok(())
}

async fn raise(conn: &mut Conn, name: &str, value: u64) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value \
         WHERE CAST(setting.value AS BIGINT) < CAST(excluded.value AS BIGINT)",
    )
    .bind(name)
    .bind(value.to_string())
    .execute(conn)
    .await?;
    Ok(())
}

async fn forget(conn: &mut Conn, before: i64) -> Result<(), Fault> {
    for (statement, before) in [
        ("DELETE FROM answer WHERE keep_until < $1", before),
        ("DELETE FROM officer_session WHERE expires < $1", before),
        (
            "DELETE FROM peer_status WHERE exp < $1",
            before.saturating_sub(LIST_LIFE),
        ),
        // The verification stays; whose it was does not.
        (
            "UPDATE recognition SET holder_sealed = NULL WHERE holder_sealed IS NOT NULL AND erase_at < $1",
            before,
        ),
    ] {
        sqlx::query(statement).bind(before).execute(&mut *conn).await?;
    }
    Ok(())
}

#[async_trait]
impl StorePort for Store {
    async fn commit(&self, name: &'static str, writes: Vec<Write>) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        Ok(self
            .write(name, writes, |tx, writes| apply(tx, writes).boxed())
            .await?)
    }

    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let mut conn = self.reader().await?;
        let value = sqlx::query_scalar("SELECT value FROM setting WHERE name = $1")
            .bind(key)
            .fetch_optional(&mut *conn)
            .await
            .map_err(Fault::from)?;
        Ok(value)
    }
}
