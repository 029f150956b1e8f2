//! Permits: the current row, the events that led to it, the register files applied.
//!
//! A row and its event are written together, and an event is never changed afterwards. What the permit says of its
//! holder is sealed as one value, bound to the row *and its version*, so that an older state cannot be put back.

use async_trait::async_trait;
use comity_node_core::ports::permits::{
    ImportMark, Permit, PermitChange, PermitEvent, PermitId, PermitReads, StoredEvent,
};
use comity_node_core::ports::store::{Conflict, Row, StoreError};
use comity_spec::exchange::{PermitStatus, SubjectNumber};
use comity_spec::ids::Digest;
use comity_spec::status::StatusValue;
use comity_spec::time::{LocalDate, UnixSeconds};
use sqlx::QueryBuilder;

use super::{Conn, Db, Store, Tx, refused};
use crate::column::{Columns, permit_status_code};
use crate::{Cipher, Fault};

const PERMIT: Columns = Columns("permit");
const EVENT: Columns = Columns("permit_event");
const FILE: Columns = Columns("register_file");

/// Rows in one `INSERT`: 11 columns of them stay far below both databases' limits of parameters.
pub(super) const ROWS: usize = 100;

/// New permits, at most [`ROWS`] of them, in one statement and their events in another.
pub(super) async fn insert(tx: &mut Tx, changes: &[&PermitChange]) -> Result<(), Fault> {
    let mut rows = Vec::with_capacity(changes.len());
    for change in changes {
        if change.permit.version != 1 {
            return Err(Conflict::Version(Row::Permit).into());
        }
        rows.push((&change.permit, Sealed::of(&tx.cipher, &change.permit)?));
    }
    let mut insert = QueryBuilder::<Db>::new(
        "INSERT INTO permit (id, version, number_blind, id_number_blind, status, endorsed_until, anniversary, \
         replaced_by, changed_at, details_sealed, attested_until) ",
    );
    insert.push_values(rows, |mut row, (permit, sealed)| {
        row.push_bind(permit.id.0.as_bytes().to_vec())
            .push_bind(permit.version)
            .push_bind(sealed.number)
            .push_bind(sealed.id_number)
            .push_bind(permit_status_code(permit.status))
            .push_bind(permit.endorsed_until.to_string())
            .push_bind(permit.anniversary.to_string())
            .push_bind(permit.replaced_by.map(|by| by.0.as_bytes().to_vec()))
            .push_bind(permit.changed_at.get())
            .push_bind(sealed.details)
            .push_bind(0_i64);
    });
    // The id first, so that a permit that exists is told from a number that is another's.
    insert.push(" ON CONFLICT (id) DO NOTHING");
    let done = insert
        .build()
        .execute(&mut tx.conn)
        .await
        .map_err(|error| refused(error, Row::PermitNumber, Row::Permit))?;
    if done.rows_affected() != changes.len() as u64 {
        return Err(Conflict::Exists(Row::Permit).into());
    }
    append(tx, changes).await
}

/// A permit's next state. Refused when its version is not the one its author read.
pub(super) async fn update(tx: &mut Tx, change: &PermitChange) -> Result<(), Fault> {
    let permit = &change.permit;
    if permit.version != change.expected.saturating_add(1) {
        return Err(Conflict::Version(Row::Permit).into());
    }
    let sealed = Sealed::of(&tx.cipher, permit)?;
    let done = sqlx::query(
        "UPDATE permit SET version = $3, number_blind = $4, id_number_blind = $5, status = $6, endorsed_until = $7, \
         anniversary = $8, replaced_by = $9, changed_at = $10, details_sealed = $11, \
         attested_until = CASE WHEN $12 = 1 THEN 0 ELSE attested_until END \
         WHERE id = $1 AND version = $2",
    )
    .bind(permit.id.0.as_bytes().to_vec())
    .bind(change.expected)
    .bind(permit.version)
    .bind(sealed.number)
    .bind(sealed.id_number)
    .bind(permit_status_code(permit.status))
    .bind(permit.endorsed_until.to_string())
    .bind(permit.anniversary.to_string())
    .bind(permit.replaced_by.map(|by| by.0.as_bytes().to_vec()))
    .bind(permit.changed_at.get())
    .bind(sealed.details)
    // Every unexpired attestation is about to be superseded or cancelled.
    .bind(i64::from(change.status.is_some_and(StatusValue::is_permanent)))
    .execute(&mut tx.conn)
    .await
    .map_err(|error| refused(error, Row::PermitNumber, Row::Permit))?;
    if done.rows_affected() == 0 {
        return Err(moved_on(&mut tx.conn, permit.id).await);
    }
    append(tx, &[change]).await
}

/// Why no row has this id and version.
pub(super) async fn moved_on(conn: &mut Conn, id: PermitId) -> Fault {
    let found: Result<i64, _> = sqlx::query_scalar("SELECT count(*) FROM permit WHERE id = $1")
        .bind(id.0.as_bytes().to_vec())
        .fetch_one(conn)
        .await;
    match found {
        Ok(0) => Conflict::Missing(Row::Permit).into(),
        Ok(_) => Conflict::Version(Row::Permit).into(),
        Err(error) => error.into(),
    }
}

/// A register file, applied once and in the order of the register's numbers.
pub(super) async fn import(conn: &mut Conn, mark: &ImportMark) -> Result<(), Fault> {
    let sequence = stored(FILE, mark.sequence)?;
    let (same, later): (i64, i64) = sqlx::query_as(
        "SELECT count(CASE WHEN digest = $1 THEN 1 END), count(CASE WHEN sequence >= $2 THEN 1 END) \
         FROM register_file WHERE digest = $1 OR sequence >= $2",
    )
    .bind(mark.digest.as_bytes().to_vec())
    .bind(sequence)
    .fetch_one(&mut *conn)
    .await?;
    if same > 0 {
        return Err(Conflict::Exists(Row::RegisterFile).into());
    }
    if later > 0 {
        return Err(Conflict::Older(Row::RegisterFile).into());
    }
    sqlx::query(
        "INSERT INTO register_file (digest, sequence, is_full, row_count, source_as_of, applied_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(mark.digest.as_bytes().to_vec())
    .bind(sequence)
    .bind(i64::from(mark.full))
    .bind(stored(FILE, mark.rows)?)
    .bind(mark.source_as_of.get())
    .bind(mark.applied_at.get())
    .execute(conn)
    .await?;
    Ok(())
}

async fn append(tx: &mut Tx, changes: &[&PermitChange]) -> Result<(), Fault> {
    let mut rows = Vec::with_capacity(changes.len());
    for change in changes {
        let row = row(change.permit.id, change.permit.version);
        rows.push((
            *change,
            EVENT.seal(&tx.cipher, "event_sealed", &row, &change.event)?,
        ));
    }
    let mut insert =
        QueryBuilder::<Db>::new("INSERT INTO permit_event (permit, version, at, actor, event_sealed) ");
    insert.push_values(rows, |mut row, (change, event)| {
        row.push_bind(change.permit.id.0.as_bytes().to_vec())
            .push_bind(change.permit.version)
            .push_bind(change.permit.changed_at.get())
            .push_bind(change.actor.clone())
            .push_bind(event);
    });
    insert
        .build()
        .execute(&mut tx.conn)
        .await
        .map_err(|error| refused(error, Row::PermitEvent, Row::Permit))?;
    Ok(())
}

/// What of a permit is not stored as it is.
struct Sealed {
    number: Vec<u8>,
    id_number: Vec<u8>,
    details: Vec<u8>,
}

impl Sealed {
    fn of(cipher: &Cipher, permit: &Permit) -> Result<Self, Fault> {
        let details = &permit.details;
        Ok(Self {
            number: number_blind(cipher, details.permit_number.as_str()),
            id_number: id_number_blind(cipher, details.id_number.as_str()),
            details: PERMIT.seal(cipher, "details_sealed", &row(permit.id, permit.version), details)?,
        })
    }
}

fn number_blind(cipher: &Cipher, number: &str) -> Vec<u8> {
    cipher.index("permit.permit_number", number.as_bytes())
}

fn id_number_blind(cipher: &Cipher, number: &str) -> Vec<u8> {
    cipher.index("permit.id_number", number.as_bytes())
}

fn row(id: PermitId, version: i64) -> Vec<u8> {
    [id.0.as_bytes().as_slice(), &version.to_be_bytes()].concat()
}

/// A count that the domain holds unsigned and a column signed.
fn stored(columns: Columns, number: u64) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|_| columns.damaged("a number out of range"))
}

/// The columns of [`PermitRow`], for every query that reads permits.
macro_rules! select_permit {
    ($rest:literal) => {
        concat!(
            "SELECT id, version, status, endorsed_until, anniversary, replaced_by, changed_at, details_sealed \
             FROM permit ",
            $rest
        )
    };
}

type PermitRow = (
    Vec<u8>,
    i64,
    String,
    String,
    String,
    Option<Vec<u8>>,
    i64,
    Vec<u8>,
);

fn permit(cipher: &Cipher, columns: PermitRow) -> Result<Permit, Fault> {
    let (id, version, status, endorsed_until, anniversary, replaced_by, changed_at, details) = columns;
    let id = PermitId(PERMIT.uuid(&id)?);
    Ok(Permit {
        id,
        version,
        details: PERMIT.open(cipher, "details_sealed", &row(id, version), &details)?,
        status: PERMIT.permit_status(&status)?,
        endorsed_until: PERMIT.parse(&endorsed_until)?,
        anniversary: PERMIT.parse(&anniversary)?,
        replaced_by: replaced_by.map(|by| PERMIT.uuid(&by).map(PermitId)).transpose()?,
        changed_at: PERMIT.seconds(changed_at)?,
    })
}

fn permits(cipher: &Cipher, rows: Vec<PermitRow>) -> Result<Vec<Permit>, StoreError> {
    rows.into_iter().map(|row| Ok(permit(cipher, row)?)).collect()
}

type FileRow = (Vec<u8>, i64, i64, i64, i64, i64);

const SELECT_FILE: &str =
    "SELECT digest, is_full, sequence, row_count, source_as_of, applied_at FROM register_file";

fn file((digest, full, sequence, rows, source_as_of, applied_at): FileRow) -> Result<ImportMark, Fault> {
    Ok(ImportMark {
        digest: FILE.digest(&digest)?,
        full: full != 0,
        sequence: FILE.number(sequence)?,
        rows: FILE.number(rows)?,
        source_as_of: FILE.seconds(source_as_of)?,
        applied_at: FILE.seconds(applied_at)?,
    })
}

#[async_trait]
impl PermitReads for Store {
    async fn permit(&self, id: PermitId) -> Result<Option<Permit>, StoreError> {
        let mut conn = self.reader().await?;
        let row: Option<PermitRow> = sqlx::query_as(select_permit!("WHERE id = $1"))
            .bind(id.0.as_bytes().to_vec())
            .fetch_optional(&mut *conn)
            .await
            .map_err(Fault::from)?;
        Ok(row.map(|row| permit(self.cipher(), row)).transpose()?)
    }

    async fn permits_by_number(&self, number: &SubjectNumber) -> Result<Vec<Permit>, StoreError> {
        let (query, blind) = match number {
            SubjectNumber::IdNumber(number) => (
                select_permit!("WHERE id_number_blind = $1 ORDER BY id DESC"),
                id_number_blind(self.cipher(), number.as_str()),
            ),
            SubjectNumber::PermitNumber(number) => (
                select_permit!("WHERE number_blind = $1 ORDER BY id DESC"),
                number_blind(self.cipher(), number.as_str()),
            ),
        };
        let mut conn = self.reader().await?;
        let rows = sqlx::query_as(query)
            .bind(blind)
            .fetch_all(&mut *conn)
            .await
            .map_err(Fault::from)?;
        permits(self.cipher(), rows)
    }

    async fn events(&self, id: PermitId) -> Result<Vec<StoredEvent>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<(i64, i64, String, Vec<u8>)> = sqlx::query_as(
            "SELECT version, at, actor, event_sealed FROM permit_event WHERE permit = $1 ORDER BY version",
        )
        .bind(id.0.as_bytes().to_vec())
        .fetch_all(&mut *conn)
        .await
        .map_err(Fault::from)?;
        rows.into_iter()
            .map(|(version, at, actor, event)| {
                let event: PermitEvent =
                    EVENT.open(self.cipher(), "event_sealed", &row(id, version), &event)?;
                Ok(StoredEvent {
                    version,
                    at: EVENT.seconds(at)?,
                    event,
                    actor,
                })
            })
            .collect()
    }

    async fn permits_after(&self, after: Option<PermitId>, limit: u32) -> Result<Vec<Permit>, StoreError> {
        let mut conn = self.reader().await?;
        // The empty key is below every id.
        let after = after.map_or_else(Vec::new, |after| after.0.as_bytes().to_vec());
        let rows = sqlx::query_as(select_permit!("WHERE id > $1 ORDER BY id LIMIT $2"))
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&mut *conn)
            .await
            .map_err(Fault::from)?;
        permits(self.cipher(), rows)
    }

    async fn permits_without_attestation(
        &self,
        now: UnixSeconds,
        limit: u32,
    ) -> Result<Vec<Permit>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = sqlx::query_as(select_permit!(
            "WHERE status = $1 AND attested_until <= $2 AND endorsed_until >= $3 ORDER BY id LIMIT $4"
        ))
        .bind(permit_status_code(PermitStatus::Valid))
        .bind(now.get())
        .bind(LocalDate::of(now).to_string())
        .bind(i64::from(limit))
        .fetch_all(&mut *conn)
        .await
        .map_err(Fault::from)?;
        permits(self.cipher(), rows)
    }

    async fn permit_count(&self) -> Result<u64, StoreError> {
        let mut conn = self.reader().await?;
        let count = sqlx::query_scalar("SELECT count(*) FROM permit")
            .fetch_one(&mut *conn)
            .await
            .map_err(Fault::from)?;
        Ok(PERMIT.number(count)?)
    }

    async fn last_import(&self) -> Result<Option<ImportMark>, StoreError> {
        let mut conn = self.reader().await?;
        let query = sqlx::AssertSqlSafe(format!("{SELECT_FILE} ORDER BY sequence DESC LIMIT 1"));
        let row = sqlx::query_as(query)
            .fetch_optional(&mut *conn)
            .await
            .map_err(Fault::from)?;
        Ok(row.map(file).transpose()?)
    }

    async fn import_by_digest(&self, digest: &Digest) -> Result<Option<ImportMark>, StoreError> {
        let mut conn = self.reader().await?;
        let query = sqlx::AssertSqlSafe(format!("{SELECT_FILE} WHERE digest = $1"));
        let row = sqlx::query_as(query)
            .bind(digest.as_bytes().to_vec())
            .fetch_optional(&mut *conn)
            .await
            .map_err(Fault::from)?;
        Ok(row.map(file).transpose()?)
    }
}
