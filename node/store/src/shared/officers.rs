//! Officers, their sessions, and acts that wait for a second person.
//!
//! An act is decided once: the second decision finds it decided and is refused, whoever makes it.

use async_trait::async_trait;
use comity_node_core::ports::officers::{Officer, OfficerReads, PendingAct, Session};
use comity_node_core::ports::permits::PermitId;
use comity_node_core::ports::store::{Conflict, Row, StoreError};
use comity_spec::ids::OfficerId;
use comity_spec::time::UnixSeconds;

use super::{Conn, Store, Tx, refused};
use crate::column::{Columns, to_text};
use crate::{Cipher, Fault};

const OFFICER: Columns = Columns("officer");
const SESSION: Columns = Columns("officer_session");
const ACT: Columns = Columns("pending_act");

/// A new officer, or the next version of one.
pub(super) async fn officer(tx: &mut Tx, officer: &Officer) -> Result<(), Fault> {
    let name = OFFICER.seal(
        &tx.cipher,
        "name_sealed",
        officer.id.as_str().as_bytes(),
        &officer.name,
    )?;
    let statement = if officer.version == 1 {
        "INSERT INTO officer (id, version, name_sealed, roles, password, active, failures, locked_until) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING"
    } else {
        "UPDATE officer SET version = $2, name_sealed = $3, roles = $4, password = $5, active = $6, failures = $7, \
         locked_until = $8 WHERE id = $1 AND version = $2 - 1"
    };
    let done = sqlx::query(statement)
        .bind(officer.id.as_str())
        .bind(officer.version)
        .bind(name)
        .bind(to_text(OFFICER, &officer.roles)?)
        .bind(&officer.password)
        .bind(i64::from(officer.active))
        .bind(i64::from(officer.failures))
        .bind(officer.locked_until.map(|until| until.get()))
        .execute(&mut tx.conn)
        .await?;
    unless_moved_on(done.rows_affected())
}

pub(super) async fn count_sign_in(
    conn: &mut Conn,
    officer: &OfficerId,
    expected: i64,
    failures: u32,
    locked_until: Option<UnixSeconds>,
) -> Result<(), Fault> {
    let done = sqlx::query(
        "UPDATE officer SET version = version + 1, failures = $3, locked_until = $4 WHERE id = $1 AND version = $2",
    )
    .bind(officer.as_str())
    .bind(expected)
    .bind(i64::from(failures))
    .bind(locked_until.map(|until| until.get()))
    .execute(conn)
    .await?;
    unless_moved_on(done.rows_affected())
}

fn unless_moved_on(rows: u64) -> Result<(), Fault> {
    if rows == 0 {
        Err(Conflict::Version(Row::Officer).into())
    } else {
        Ok(())
    }
}

pub(super) async fn begin_session(conn: &mut Conn, session: &Session) -> Result<(), Fault> {
    sqlx::query("INSERT INTO officer_session (token, officer, csrf, expires) VALUES ($1, $2, $3, $4)")
        .bind(session.token.to_vec())
        .bind(session.officer.as_str())
        .bind(&session.csrf)
        .bind(session.expires.get())
        .execute(conn)
        .await
        .map_err(|error| refused(error, Row::Session, Row::Officer))?;
    Ok(())
}

/// Moves the end on, of a session that is there. Two requests at once: the later end stands.
pub(super) async fn extend_session(
    conn: &mut Conn,
    token: &[u8; 32],
    expires: UnixSeconds,
) -> Result<(), Fault> {
    let done = sqlx::query(
        "UPDATE officer_session SET expires = CASE WHEN expires < $2 THEN $2 ELSE expires END WHERE token = $1",
    )
    .bind(token.to_vec())
    .bind(expires.get())
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Conflict::Missing(Row::Session).into());
    }
    Ok(())
}

pub(super) async fn end_session(conn: &mut Conn, token: &[u8; 32]) -> Result<(), Fault> {
    sqlx::query("DELETE FROM officer_session WHERE token = $1")
        .bind(token.to_vec())
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn act(tx: &mut Tx, act: &PendingAct) -> Result<(), Fault> {
    let id = act.id.as_bytes().to_vec();
    let waiting: Option<(Option<String>,)> =
        sqlx::query_as("SELECT decided_by FROM pending_act WHERE id = $1")
            .bind(id.clone())
            .fetch_optional(&mut tx.conn)
            .await?;
    match waiting {
        Some((Some(_),)) => return Err(Conflict::Version(Row::PendingAct).into()),
        Some((None,)) if act.decided.is_none() => return Err(Conflict::Exists(Row::PendingAct).into()),
        _ => {}
    }
    if act.decided.is_none() {
        // One writer carries out every list, so nothing comes between this look and the insert.
        let waits: Option<i64> =
            sqlx::query_scalar("SELECT at FROM pending_act WHERE permit = $1 AND decided_by IS NULL")
                .bind(act.permit.0.as_bytes().to_vec())
                .fetch_optional(&mut tx.conn)
                .await?;
        if waits.is_some() {
            return Err(Conflict::Exists(Row::PendingAct).into());
        }
    }
    let reason = ACT.seal(&tx.cipher, "reason_sealed", &id, &act.reason)?;
    let (by, approved) = match &act.decided {
        Some((by, approved)) => (Some(by.as_str()), Some(i64::from(*approved))),
        None => (None, None),
    };
    sqlx::query(
        "INSERT INTO pending_act (id, permit, reason_sealed, proposed_by, at, decided_by, approved) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (id) DO UPDATE SET decided_by = excluded.decided_by, approved = excluded.approved",
    )
    .bind(id)
    .bind(act.permit.0.as_bytes().to_vec())
    .bind(reason)
    .bind(act.proposed_by.as_str())
    .bind(act.at.get())
    .bind(by)
    .bind(approved)
    .execute(&mut tx.conn)
    .await
    .map_err(|error| refused(error, Row::PendingAct, Row::Permit))?;
    Ok(())
}

macro_rules! select_officer {
    ($rest:literal) => {
        concat!(
            "SELECT id, version, name_sealed, roles, password, active, failures, locked_until FROM officer ",
            $rest
        )
    };
}

type OfficerRow = (String, i64, Vec<u8>, String, String, i64, i64, Option<i64>);

fn read_officer(cipher: &Cipher, row: OfficerRow) -> Result<Officer, StoreError> {
    let (id, version, name, roles, password, active, failures, locked_until) = row;
    Ok(Officer {
        name: OFFICER.open(cipher, "name_sealed", id.as_bytes(), &name)?,
        id: OFFICER.parse(&id)?,
        version,
        roles: OFFICER.json(roles.as_bytes())?,
        password,
        active: active != 0,
        failures: OFFICER.number(failures)?,
        locked_until: OFFICER.seconds_opt(locked_until)?,
    })
}

macro_rules! select_act {
    ($rest:literal) => {
        concat!(
            "SELECT id, permit, reason_sealed, proposed_by, at, decided_by, approved FROM pending_act ",
            $rest
        )
    };
}

type ActRow = (
    Vec<u8>,
    Vec<u8>,
    Vec<u8>,
    String,
    i64,
    Option<String>,
    Option<i64>,
);

fn read_act(cipher: &Cipher, row: ActRow) -> Result<PendingAct, StoreError> {
    let (id, permit, reason, proposed_by, at, decided_by, approved) = row;
    let decided = match (decided_by, approved) {
        (Some(by), Some(approved)) => Some((ACT.parse(&by)?, approved != 0)),
        _ => None,
    };
    Ok(PendingAct {
        reason: ACT.open(cipher, "reason_sealed", &id, &reason)?,
        id: ACT.uuid(&id)?,
        permit: PermitId(ACT.uuid(&permit)?),
        proposed_by: ACT.parse(&proposed_by)?,
        at: ACT.seconds(at)?,
        decided,
    })
}

#[async_trait]
impl OfficerReads for Store {
    async fn officer(&self, id: &OfficerId) -> Result<Option<Officer>, StoreError> {
        let mut conn = self.reader().await?;
        let row: Option<OfficerRow> = sqlx::query_as(select_officer!("WHERE id = $1"))
            .bind(id.as_str())
            .fetch_optional(&mut *conn)
            .await
            .map_err(Fault::from)?;
        row.map(|row| read_officer(self.cipher(), row)).transpose()
    }

    async fn officers(&self) -> Result<Vec<Officer>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<OfficerRow> = sqlx::query_as(select_officer!("ORDER BY id"))
            .fetch_all(&mut *conn)
            .await
            .map_err(Fault::from)?;
        rows.into_iter()
            .map(|row| read_officer(self.cipher(), row))
            .collect()
    }

    async fn session(&self, token: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        let mut conn = self.reader().await?;
        let row: Option<(String, String, i64)> =
            sqlx::query_as("SELECT officer, csrf, expires FROM officer_session WHERE token = $1")
                .bind(token.to_vec())
                .fetch_optional(&mut *conn)
                .await
                .map_err(Fault::from)?;
        let Some((officer, csrf, expires)) = row else {
            return Ok(None);
        };
        let (officer, expires) = (SESSION.parse(&officer)?, SESSION.seconds(expires)?);
        Ok(Some(Session {
            token: *token,
            officer,
            csrf,
            expires,
        }))
    }

    async fn pending_acts(&self) -> Result<Vec<PendingAct>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<ActRow> = sqlx::query_as(select_act!("WHERE decided_by IS NULL ORDER BY id"))
            .fetch_all(&mut *conn)
            .await
            .map_err(Fault::from)?;
        rows.into_iter().map(|row| read_act(self.cipher(), row)).collect()
    }

    async fn pending_act(&self, id: uuid::Uuid) -> Result<Option<PendingAct>, StoreError> {
        let mut conn = self.reader().await?;
        let row: Option<ActRow> = sqlx::query_as(select_act!("WHERE id = $1"))
            .bind(id.as_bytes().to_vec())
            .fetch_optional(&mut *conn)
            .await
            .map_err(Fault::from)?;
        row.map(|row| read_act(self.cipher(), row)).transpose()
    }
}
