//! Attestations issued here and our own status lists.
//!
//! A list's next position only rises, an entry is handed out once and never to a decoy, and each change of an
//! entry raises the list's `changes` in the same transaction: a publication can tell by the count whether what it
//! shows is still all there is.

use async_trait::async_trait;
use comity_node_core::ports::attestations::{
    AttestationReads, Decoy, Issuance, ListId, NewStatusList, Publication, StatusListRow,
};
use comity_node_core::ports::permits::{PermitChange, PermitId};
use comity_node_core::ports::store::{Conflict, Row, StoreError, Write};
use comity_spec::mutant;
use comity_spec::status::{ENTRIES, StatusValue};
use comity_spec::time::UnixSeconds;
use sqlx::QueryBuilder;

use super::{Conn, Db, Store, Tx, permits, refused};
use crate::column::{Columns, form_code};
use crate::{Cipher, Fault, Place};

const ISSUANCE: Columns = Columns("issuance");
const LIST: Columns = Columns("status_list");
const DECOY: Columns = Columns("decoy");

/// Entries of a list.
const LENGTH: i64 = ENTRIES as i64;
/// Attestations in one `INSERT`: a permit has two forms, and every number of rows is a statement of its own to prepare.
const TOGETHER: usize = 2;

fn issuance_in(write: &Write) -> Option<&Issuance> {
    match write {
        Write::Issuance(issuance) => Some(issuance),
        _ => None,
    }
}

/// The attestations with which a list of writes begins, as far as they are of one permit, version and list: the two forms
/// that are always issued together cost one statement of each kind instead of two.
pub(super) fn of_one_permit(writes: &[Write]) -> Vec<&Issuance> {
    let Some(first) = writes.first().and_then(issuance_in) else {
        return Vec::new();
    };
    let same = |one: &&Issuance| {
        (one.permit, one.permit_version, one.list) == (first.permit, first.permit_version, first.list)
    };
    let those = writes.iter().map_while(|write| issuance_in(write).filter(same));
    those.take(TOGETHER).collect()
}

/// Attestations of one permit's present version, under entries of one list that are neither issued nor decoys. Not more than
/// [`TOGETHER`], not none.
pub(super) async fn issue(tx: &mut Tx, issued: &[&Issuance]) -> Result<(), Fault> {
    let Some(first) = issued.first() else {
        return Ok(());
    };
    attested(&mut tx.conn, first, issued).await?;
    no_decoys(&mut tx.conn, first.list, issued).await?;
    insert(tx, issued).await?;
    advance(&mut tx.conn, first.list, issued).await
}

/// The permit, if it is still of this version, is attested as long as these last.
async fn attested(conn: &mut Conn, first: &Issuance, issued: &[&Issuance]) -> Result<(), Fault> {
    // One that is superseded from the start attests nothing.
    let attesting = issued.iter().filter(|one| !one.status.is_permanent());
    let attested_until = attesting.map(|one| one.exp.get()).max().unwrap_or(0);
    let attested = sqlx::query(
        "UPDATE permit SET attested_until = CASE WHEN attested_until > $3 THEN attested_until ELSE $3 END \
         WHERE id = $1 AND version = $2",
    )
    .bind(first.permit.0.as_bytes().to_vec())
    .bind(first.permit_version)
    .bind(attested_until)
    .execute(&mut *conn)
    .await?;
    if attested.rows_affected() == 0 {
        return Err(permits::moved_on(conn, first.permit).await);
    }
    Ok(())
}

async fn no_decoys(conn: &mut Conn, list: ListId, issued: &[&Issuance]) -> Result<(), Fault> {
    let mut decoys = QueryBuilder::<Db>::new("SELECT count(*) FROM decoy WHERE list = ");
    decoys.push_bind(list.0).push(" AND entry IN (");
    let mut entries = decoys.separated(", ");
    for one in issued {
        entries.push_bind(i64::from(one.index));
    }
    decoys.push(")");
    let met: i64 = decoys.build_query_scalar().fetch_one(conn).await?;
    if met > 0 {
        return Err(Conflict::Exists(Row::StatusIndex).into());
    }
    Ok(())
}

async fn insert(tx: &mut Tx, issued: &[&Issuance]) -> Result<(), Fault> {
    let rows: Vec<(&Issuance, Vec<u8>)> = issued
        .iter()
        .map(|one| {
            let token = tx.cipher.seal(token_place(&one.id), one.token.as_bytes());
            (*one, token)
        })
        .collect();
    let mut insert = QueryBuilder::<Db>::new(
        "INSERT INTO issuance (id, permit, permit_version, form, list, entry, position, iat, exp, status, digest, \
         token_sealed) ",
    );
    insert.push_values(rows, |mut row, (one, token)| {
        row.push_bind(one.id.as_bytes().to_vec())
            .push_bind(one.permit.0.as_bytes().to_vec())
            .push_bind(one.permit_version)
            .push_bind(form_code(one.form))
            .push_bind(one.list.0)
            .push_bind(i64::from(one.index))
            .push_bind(i64::from(one.position))
            .push_bind(one.iat.get())
            .push_bind(one.exp.get())
            .push_bind(i64::from(one.status.bits()))
            .push_bind(one.digest.as_bytes().to_vec())
            .push_bind(token);
    });
    insert
        .build()
        .execute(&mut tx.conn)
        .await
        .map_err(|error| refused(error, Row::StatusIndex, Row::StatusList))?;
    Ok(())
}

/// The list's next position is behind these, and what they show besides "valid" is a change of it.
async fn advance(conn: &mut Conn, list: ListId, issued: &[&Issuance]) -> Result<(), Fault> {
    let furthest = issued.iter().map(|one| one.position).max().unwrap_or(0);
    let shown = issued
        .iter()
        .filter(|one| one.status != StatusValue::Valid)
        .count();
    sqlx::query(
        "UPDATE status_list SET changes = changes + $3, \
         next_position = CASE WHEN next_position > $2 THEN next_position ELSE $2 + 1 END WHERE id = $1",
    )
    .bind(list.0)
    .bind(i64::from(furthest))
    // At most TOGETHER.
    .bind(i64::try_from(shown).unwrap_or(i64::MAX))
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets the status of every unexpired entry of a permit that may still take it ([`StatusValue::may_become`]): what is
/// cancelled stays cancelled, and what is superseded can only become cancelled.
pub(super) async fn set_status(conn: &mut Conn, change: &PermitChange) -> Result<(), Fault> {
    let Some(status) = change.status else {
        return Ok(());
    };
    let may = |from: StatusValue| i64::from(from != status && from.may_become(status));
    let lists: Vec<(i64,)> = sqlx::query_as(
        "UPDATE issuance SET status = $2 WHERE permit = $1 AND exp > $3 AND \
         CASE status WHEN 0 THEN $4 WHEN 2 THEN $5 WHEN 3 THEN $6 ELSE 0 END = 1 RETURNING list",
    )
    .bind(change.permit.id.0.as_bytes().to_vec())
    .bind(i64::from(status.bits()))
    .bind(change.permit.changed_at.get())
    .bind(may(StatusValue::Valid))
    .bind(may(StatusValue::Suspended))
    .bind(may(StatusValue::Superseded) * i64::from(!mutant!("STA-2")))
    .fetch_all(&mut *conn)
    .await?;
    for (list,) in lists {
        raise(conn, ListId(list)).await?;
    }
    Ok(())
}

/// A new list of our own.
pub(super) async fn create(tx: &mut Tx, list: &NewStatusList) -> Result<(), Fault> {
    let seed = tx.cipher.seal(seed_place(&list.id.0.to_be_bytes()), &list.seed);
    sqlx::query(
        "INSERT INTO status_list (id, uri, seed_sealed, created_at, next_position, changes, published_changes) \
         VALUES ($1, $2, $3, $4, 0, 0, 0)",
    )
    .bind(list.id.0)
    .bind(&list.uri)
    .bind(seed)
    .bind(list.created_at.get())
    .execute(&mut tx.conn)
    .await
    .map_err(|error| refused(error, Row::StatusList, Row::StatusList))?;
    Ok(())
}

/// A decoy entry, new or with another status.
pub(super) async fn decoy(conn: &mut Conn, decoy: &Decoy) -> Result<(), Fault> {
    const ISSUED: &str = "SELECT count(*) FROM issuance WHERE list = $1 AND entry = $2";
    if entry_exists(conn, ISSUED, decoy.list, decoy.index).await? {
        return Err(Conflict::Exists(Row::StatusIndex).into());
    }
    let before: Option<(i64,)> = sqlx::query_as("SELECT status FROM decoy WHERE list = $1 AND entry = $2")
        .bind(decoy.list.0)
        .bind(i64::from(decoy.index))
        .fetch_optional(&mut *conn)
        .await?;
    let shown = before.map_or(Ok(StatusValue::Valid), |(status,)| DECOY.status(status))?;
    if !shown.may_become(decoy.status) {
        return Err(Conflict::Version(Row::Decoy).into());
    }
    sqlx::query(
        "INSERT INTO decoy (list, entry, status) VALUES ($1, $2, $3) \
         ON CONFLICT (list, entry) DO UPDATE SET status = excluded.status",
    )
    .bind(decoy.list.0)
    .bind(i64::from(decoy.index))
    .bind(i64::from(decoy.status.bits()))
    .execute(&mut *conn)
    .await
    .map_err(|error| refused(error, Row::Decoy, Row::StatusList))?;
    if shown != decoy.status {
        raise(conn, decoy.list).await?;
    }
    Ok(())
}

/// Makes a superseded decoy of every entry that nobody has. In one statement: there may be 131,072.
pub(super) async fn close(conn: &mut Conn, list: ListId) -> Result<(), Fault> {
    let closed = sqlx::query(
        "INSERT INTO decoy (list, entry, status) \
         WITH RECURSIVE every (entry) AS \
         (SELECT CAST(0 AS BIGINT) UNION ALL SELECT entry + 1 FROM every WHERE entry + 1 < $2) \
         SELECT $1, every.entry, $3 FROM every \
         WHERE NOT EXISTS (SELECT 1 FROM issuance WHERE issuance.list = $1 AND issuance.entry = every.entry) \
         AND NOT EXISTS (SELECT 1 FROM decoy WHERE decoy.list = $1 AND decoy.entry = every.entry)",
    )
    .bind(list.0)
    .bind(LENGTH)
    .bind(i64::from(StatusValue::Superseded.bits()))
    .execute(&mut *conn)
    .await
    .map_err(|error| refused(error, Row::Decoy, Row::StatusList))?;
    sqlx::query("UPDATE status_list SET changes = changes + $2, next_position = $3 WHERE id = $1")
        .bind(list.0)
        // At most as many as a list has entries.
        .bind(i64::try_from(closed.rows_affected()).unwrap_or(LENGTH))
        .bind(LENGTH)
        .execute(conn)
        .await?;
    Ok(())
}

/// A signed list: its `iat` rises.
pub(super) async fn publish(conn: &mut Conn, publication: &Publication) -> Result<(), Fault> {
    let done = sqlx::query(
        "UPDATE status_list SET published_iat = $2, token = $3, published_changes = $4 \
         WHERE id = $1 AND (published_iat IS NULL OR published_iat < $2)",
    )
    .bind(publication.list.0)
    .bind(publication.iat.get())
    .bind(&publication.token)
    .bind(publication.changes)
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Err(unpublished(conn, publication.list).await);
    }
    Ok(())
}

async fn raise(conn: &mut Conn, list: ListId) -> Result<(), Fault> {
    sqlx::query("UPDATE status_list SET changes = changes + 1 WHERE id = $1")
        .bind(list.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Why a publication touched no row.
async fn unpublished(conn: &mut Conn, list: ListId) -> Fault {
    let found: Result<i64, _> = sqlx::query_scalar("SELECT count(*) FROM status_list WHERE id = $1")
        .bind(list.0)
        .fetch_one(conn)
        .await;
    match found {
        Ok(0) => Conflict::Missing(Row::StatusList).into(),
        Ok(_) => Conflict::Older(Row::StatusList).into(),
        Err(error) => error.into(),
    }
}

async fn entry_exists(conn: &mut Conn, query: &'static str, list: ListId, entry: u32) -> Result<bool, Fault> {
    let count: i64 = sqlx::query_scalar(query)
        .bind(list.0)
        .bind(i64::from(entry))
        .fetch_one(conn)
        .await?;
    Ok(count > 0)
}

fn token_place(id: &uuid::Uuid) -> Place<'_> {
    Place {
        table: "issuance",
        column: "token_sealed",
        row: id.as_bytes(),
    }
}

fn seed_place(id: &[u8; 8]) -> Place<'_> {
    Place {
        table: "status_list",
        column: "seed_sealed",
        row: id,
    }
}

type IssuanceRow = (
    Vec<u8>,
    Vec<u8>,
    i64,
    String,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    Vec<u8>,
    Vec<u8>,
);

fn issuance(cipher: &Cipher, row: IssuanceRow) -> Result<Issuance, Fault> {
    let (id, permit, permit_version, form, list, entry, position, iat, exp, status, digest, token) = row;
    let id = ISSUANCE.uuid(&id)?;
    let token = cipher.open(token_place(&id), &token)?;
    Ok(Issuance {
        id,
        permit: PermitId(ISSUANCE.uuid(&permit)?),
        permit_version,
        form: ISSUANCE.form(&form)?,
        list: ListId(list),
        index: ISSUANCE.number(entry)?,
        position: ISSUANCE.number(position)?,
        iat: ISSUANCE.seconds(iat)?,
        exp: ISSUANCE.seconds(exp)?,
        status: ISSUANCE.status(status)?,
        digest: ISSUANCE.digest(&digest)?,
        token: String::from_utf8(token.to_vec()).map_err(|_| ISSUANCE.damaged("a token that is not text"))?,
    })
}

type ListRow = (i64, String, Vec<u8>, i64, i64, i64, Option<i64>, Option<String>);

fn list(cipher: &Cipher, row: ListRow) -> Result<StatusListRow, Fault> {
    let (id, uri, seed, next_position, changes, published_changes, published_iat, token) = row;
    let seed = cipher.open(seed_place(&id.to_be_bytes()), &seed)?;
    Ok(StatusListRow {
        id: ListId(id),
        uri,
        seed: LIST.octets(&seed)?,
        next_position: LIST.number(next_position)?,
        changes,
        published_changes,
        published_iat: LIST.seconds_opt(published_iat)?,
        token,
    })
}

#[async_trait]
impl AttestationReads for Store {
    async fn attestations_of(&self, permit: PermitId, now: UnixSeconds) -> Result<Vec<Issuance>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<IssuanceRow> = sqlx::query_as(
            "SELECT id, permit, permit_version, form, list, entry, position, iat, exp, status, digest, token_sealed \
             FROM issuance WHERE permit = $1 AND exp > $2 ORDER BY id DESC",
        )
        .bind(permit.0.as_bytes().to_vec())
        .bind(now.get())
        .fetch_all(&mut *conn)
        .await
        .map_err(Fault::from)?;
        rows.into_iter()
            .map(|row| Ok(issuance(self.cipher(), row)?))
            .collect()
    }

    /// Unexpired at the moment of the last issuance: the store has no clock of its own.
    async fn attestation_count(&self) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        let count =
            sqlx::query_scalar("SELECT count(*) FROM issuance WHERE exp > (SELECT max(iat) FROM issuance)")
                .fetch_one(&mut *conn)
                .await
                .map_err(Fault::from)?;
        Ok(ISSUANCE.number(count)?)
    }

    async fn status_lists(&self) -> Result<Vec<StatusListRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<ListRow> = sqlx::query_as(
            "SELECT id, uri, seed_sealed, next_position, changes, published_changes, published_iat, token \
             FROM status_list ORDER BY id",
        )
        .fetch_all(&mut *conn)
        .await
        .map_err(Fault::from)?;
        rows.into_iter()
            .map(|row| Ok(list(self.cipher(), row)?))
            .collect()
    }

    async fn nonzero(&self, list: ListId) -> Result<Vec<(u32, StatusValue)>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT entry, status FROM issuance WHERE list = $1 AND status <> 0 \
             UNION ALL SELECT entry, status FROM decoy WHERE list = $1 AND status <> 0 ORDER BY 1",
        )
        .bind(list.0)
        .fetch_all(&mut *conn)
        .await
        .map_err(Fault::from)?;
        rows.into_iter()
            .map(|(entry, status)| Ok((ISSUANCE.number(entry)?, ISSUANCE.status(status)?)))
            .collect()
    }

    async fn decoys(&self, list: ListId) -> Result<Vec<Decoy>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<(i64, i64)> =
            sqlx::query_as("SELECT entry, status FROM decoy WHERE list = $1 ORDER BY entry")
                .bind(list.0)
                .fetch_all(&mut *conn)
                .await
                .map_err(Fault::from)?;
        rows.into_iter()
            .map(|(entry, status)| {
                Ok(Decoy {
                    list,
                    index: DECOY.number(entry)?,
                    status: DECOY.status(status)?,
                })
            })
            .collect()
    }
}
