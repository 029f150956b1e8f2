//! What was accepted from others: statements, member lists, peers' status lists, tombstones.
//!
//! The row kept is also the floor: nothing older replaces it, however well it is signed (TRU-20, STA-9). A
//! tombstone outlives its list and is never taken back; superseded may become cancelled, never the reverse.

use async_trait::async_trait;
use comity_node_core::ports::store::{Conflict, Row, StoreError};
use comity_node_core::ports::trust::{MemberListRow, PeerStatusRow, StatementRow, Tombstone, TrustReads};
use comity_spec::mutant;

use super::{Conn, Store};
use crate::Fault;
use crate::column::Columns;

const STATEMENT: Columns = Columns("statement");
const MEMBER_LIST: Columns = Columns("member_list");
const PEER_STATUS: Columns = Columns("peer_status");
const TOMBSTONE: Columns = Columns("tombstone");

pub(super) async fn statement(conn: &mut Conn, row: &StatementRow) -> Result<(), Fault> {
    if mutant!("TRU-20/kept") {
        let newer = sqlx::query("DELETE FROM statement WHERE iss = $1 AND sub = $2");
        let newer = newer.bind(row.iss.as_str()).bind(row.sub.as_str());
        newer.execute(&mut *conn).await?;
    }
    let done = sqlx::query(
        "INSERT INTO statement (iss, sub, iat, exp, jws) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (iss, sub) DO UPDATE SET iat = excluded.iat, exp = excluded.exp, jws = excluded.jws \
         WHERE statement.iat <= excluded.iat",
    )
    .bind(row.iss.as_str())
    .bind(row.sub.as_str())
    .bind(row.iat.get())
    .bind(row.exp.get())
    .bind(&row.jws)
    .execute(conn)
    .await?;
    newest(done.rows_affected(), Row::EntityStatement)
}

pub(super) async fn member_list(conn: &mut Conn, row: &MemberListRow) -> Result<(), Fault> {
    let seq = i64::try_from(row.seq).map_err(|_| MEMBER_LIST.damaged("a number out of range"))?;
    let done = sqlx::query(
        "INSERT INTO member_list (iss, seq, iat, exp, jws) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (iss) DO UPDATE SET seq = excluded.seq, iat = excluded.iat, exp = excluded.exp, \
         jws = excluded.jws WHERE member_list.seq <= excluded.seq AND member_list.iat <= excluded.iat",
    )
    .bind(row.iss.as_str())
    .bind(seq)
    .bind(row.iat.get())
    .bind(row.exp.get())
    .bind(&row.jws)
    .execute(conn)
    .await?;
    newest(done.rows_affected(), Row::MemberList)
}

pub(super) async fn peer_status(conn: &mut Conn, row: &PeerStatusRow) -> Result<(), Fault> {
    if mutant!("STA-9/kept") {
        let newer = sqlx::query("DELETE FROM peer_status WHERE uri = $1").bind(&row.uri);
        newer.execute(&mut *conn).await?;
    }
    let done = sqlx::query(
        "INSERT INTO peer_status (uri, iss, iat, exp, etag, token) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (uri) DO UPDATE SET iss = excluded.iss, iat = excluded.iat, exp = excluded.exp, \
         etag = excluded.etag, token = excluded.token WHERE peer_status.iat <= excluded.iat",
    )
    .bind(&row.uri)
    .bind(row.iss.as_str())
    .bind(row.iat.get())
    .bind(row.exp.get())
    .bind(row.etag.as_deref())
    .bind(&row.token)
    .execute(conn)
    .await?;
    newest(done.rows_affected(), Row::StatusList)
}

pub(super) async fn tombstone(conn: &mut Conn, stone: &Tombstone) -> Result<(), Fault> {
    if mutant!("STA-12/stored") {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO tombstone (uri, entry, status, seen_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (uri, entry) DO UPDATE SET status = excluded.status, seen_at = excluded.seen_at \
         WHERE tombstone.status = 3 AND excluded.status = 1",
    )
    .bind(&stone.uri)
    .bind(i64::from(stone.index))
    .bind(i64::from(stone.status.bits()))
    .bind(stone.seen_at.get())
    .execute(conn)
    .await?;
    Ok(())
}

fn newest(written: u64, what: Row) -> Result<(), Fault> {
    if written == 0 {
        Err(Conflict::Older(what).into())
    } else {
        Ok(())
    }
}

#[async_trait]
impl TrustReads for Store {
    async fn statements(&self) -> Result<Vec<StatementRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<(String, String, i64, i64, String)> =
            sqlx::query_as("SELECT iss, sub, iat, exp, jws FROM statement ORDER BY iss, sub")
                .fetch_all(&mut *conn)
                .await
                .map_err(Fault::from)?;
        rows.into_iter()
            .map(|(iss, sub, iat, exp, jws)| {
                Ok(StatementRow {
                    iss: STATEMENT.parse(&iss)?,
                    sub: STATEMENT.parse(&sub)?,
                    iat: STATEMENT.seconds(iat)?,
                    exp: STATEMENT.seconds(exp)?,
                    jws,
                })
            })
            .collect()
    }

    async fn member_lists(&self) -> Result<Vec<MemberListRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<(String, i64, i64, i64, String)> =
            sqlx::query_as("SELECT iss, seq, iat, exp, jws FROM member_list ORDER BY iss")
                .fetch_all(&mut *conn)
                .await
                .map_err(Fault::from)?;
        rows.into_iter()
            .map(|(iss, seq, iat, exp, jws)| {
                Ok(MemberListRow {
                    iss: MEMBER_LIST.parse(&iss)?,
                    seq: MEMBER_LIST.number(seq)?,
                    iat: MEMBER_LIST.seconds(iat)?,
                    exp: MEMBER_LIST.seconds(exp)?,
                    jws,
                })
            })
            .collect()
    }

    async fn peer_status(&self) -> Result<Vec<PeerStatusRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<(String, String, i64, i64, Option<String>, String)> =
            sqlx::query_as("SELECT uri, iss, iat, exp, etag, token FROM peer_status ORDER BY uri")
                .fetch_all(&mut *conn)
                .await
                .map_err(Fault::from)?;
        rows.into_iter()
            .map(|(uri, iss, iat, exp, etag, token)| {
                Ok(PeerStatusRow {
                    uri,
                    iss: PEER_STATUS.parse(&iss)?,
                    iat: PEER_STATUS.seconds(iat)?,
                    exp: PEER_STATUS.seconds(exp)?,
                    etag,
                    token,
                })
            })
            .collect()
    }

    async fn tombstones(&self) -> Result<Vec<Tombstone>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<(String, i64, i64, i64)> =
            sqlx::query_as("SELECT uri, entry, status, seen_at FROM tombstone ORDER BY uri, entry")
                .fetch_all(&mut *conn)
                .await
                .map_err(Fault::from)?;
        rows.into_iter()
            .map(|(uri, entry, status, seen_at)| {
                Ok(Tombstone {
                    uri,
                    index: TOMBSTONE.number(entry)?,
                    status: TOMBSTONE.status(status)?,
                    seen_at: TOMBSTONE.seconds(seen_at)?,
                })
            })
            .collect()
    }
}
