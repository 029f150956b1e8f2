//! Verifications at our own windows: the decision, the receipt, and for a while who the holder was.
//!
//! The decision is sealed with its receipt as one value, bound to the row and its version; name and number are
//! sealed apart, since they are erased earlier.

use async_trait::async_trait;
use comity_node_core::ports::recognitions::{Recognition, RecognitionReads};
use comity_node_core::ports::store::{Conflict, Row, StoreError};
use comity_spec::decision::Decision;
use comity_spec::ids::{Jti, OfficerId, TraceNumber};
use comity_spec::receipt::EvidenceDigest;
use comity_spec::status::StatusValue;
use comity_spec::time::UnixSeconds;
use serde::{Deserialize, Serialize};

use super::{Store, Tx};
use crate::column::Columns;
use crate::{Cipher, Fault};

const RECOGNITION: Columns = Columns("recognition");

/// What of a verification is sealed as one value.
#[derive(Serialize, Deserialize)]
struct Details {
    decision: Decision,
    evidence: Vec<EvidenceDigest>,
    salt: Jti,
    receipt: Option<String>,
}

pub(super) async fn recognition(tx: &mut Tx, row: &Recognition) -> Result<(), Fault> {
    let trace = row.trace.to_string();
    let key = key(&trace, row.version);
    let details = Details {
        decision: row.decision.clone(),
        evidence: row.evidence.clone(),
        salt: row.salt,
        receipt: row.receipt.clone(),
    };
    let details = RECOGNITION.seal(&tx.cipher, "details_sealed", &key, &details)?;
    let holder = row
        .holder
        .as_ref()
        .map(|holder| RECOGNITION.seal(&tx.cipher, "holder_sealed", &key, holder))
        .transpose()?;
    let (uri, entry) = match &row.status_ref {
        Some((uri, entry)) => (Some(uri.as_str()), Some(i64::from(*entry))),
        None => (None, None),
    };
    let statement = if row.version == 1 {
        "INSERT INTO recognition (trace, version, officer, at, details_sealed, holder_sealed, status_uri, \
         status_entry, erase_at, settled_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (trace) DO NOTHING"
    } else {
        "UPDATE recognition SET version = $2, officer = $3, at = $4, details_sealed = $5, holder_sealed = $6, \
         status_uri = $7, status_entry = $8, erase_at = $9, settled_by = $10 WHERE trace = $1 AND version = $2 - 1"
    };
    let done = sqlx::query(statement)
        .bind(trace)
        .bind(row.version)
        .bind(row.officer.as_str())
        .bind(row.at.get())
        .bind(details)
        .bind(holder)
        .bind(uri)
        .bind(entry)
        .bind(row.erase_at.get())
        .bind(row.settled_by.as_ref().map(OfficerId::as_str))
        .execute(&mut tx.conn)
        .await?;
    if done.rows_affected() == 0 {
        Err(Conflict::Version(Row::Recognition).into())
    } else {
        Ok(())
    }
}

fn key(trace: &str, version: i64) -> Vec<u8> {
    [&version.to_be_bytes(), trace.as_bytes()].concat()
}

macro_rules! select_recognition {
    ($rest:literal) => {
        concat!(
            "SELECT trace, version, officer, at, details_sealed, holder_sealed, status_uri, status_entry, erase_at, \
             settled_by FROM recognition ",
            $rest
        )
    };
}

type RecognitionRow = (
    String,
    i64,
    String,
    i64,
    Vec<u8>,
    Option<Vec<u8>>,
    Option<String>,
    Option<i64>,
    i64,
    Option<String>,
);

fn read(cipher: &Cipher, row: RecognitionRow) -> Result<Recognition, StoreError> {
    let (trace, version, officer, at, details, holder, uri, entry, erase_at, settled_by) = row;
    let key = key(&trace, version);
    let details: Details = RECOGNITION.open(cipher, "details_sealed", &key, &details)?;
    let status_ref = match (uri, entry) {
        (Some(uri), Some(entry)) => Some((uri, RECOGNITION.number(entry)?)),
        _ => None,
    };
    Ok(Recognition {
        trace: RECOGNITION.parse(&trace)?,
        version,
        officer: RECOGNITION.parse(&officer)?,
        settled_by: settled_by.map(|by| RECOGNITION.parse(&by)).transpose()?,
        at: RECOGNITION.seconds(at)?,
        decision: details.decision,
        evidence: details.evidence,
        salt: details.salt,
        holder: holder
            .map(|holder| RECOGNITION.open(cipher, "holder_sealed", &key, &holder))
            .transpose()?,
        status_ref,
        receipt: details.receipt,
        erase_at: RECOGNITION.seconds(erase_at)?,
    })
}

#[async_trait]
impl RecognitionReads for Store {
    async fn recognition(&self, trace: &TraceNumber) -> Result<Option<Recognition>, StoreError> {
        let mut conn = self.reader().await?;
        let row: Option<RecognitionRow> = sqlx::query_as(select_recognition!("WHERE trace = $1"))
            .bind(trace.to_string())
            .fetch_optional(&mut *conn)
            .await
            .map_err(Fault::from)?;
        row.map(|row| read(self.cipher(), row)).transpose()
    }

    async fn recognitions_of(&self, officer: &OfficerId, limit: u32) -> Result<Vec<Recognition>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<RecognitionRow> = sqlx::query_as(select_recognition!(
            "WHERE officer = $1 OR settled_by = $1 ORDER BY at DESC, trace DESC LIMIT $2"
        ))
        .bind(officer.as_str())
        .bind(i64::from(limit))
        .fetch_all(&mut *conn)
        .await
        .map_err(Fault::from)?;
        rows.into_iter().map(|row| read(self.cipher(), row)).collect()
    }

    async fn recognitions_by_status(&self, uri: &str, index: u32) -> Result<Vec<Recognition>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<RecognitionRow> = sqlx::query_as(select_recognition!(
            "WHERE status_uri = $1 AND status_entry = $2 ORDER BY at, trace"
        ))
        .bind(uri)
        .bind(i64::from(index))
        .fetch_all(&mut *conn)
        .await
        .map_err(Fault::from)?;
        rows.into_iter().map(|row| read(self.cipher(), row)).collect()
    }

    async fn recognitions_cancelled(&self) -> Result<Vec<(Recognition, UnixSeconds)>, StoreError> {
        let mut conn = self.reader().await?;
        let seen: Vec<(String, i64)> = sqlx::query_as(
            "SELECT trace, seen_at FROM recognition JOIN tombstone ON tombstone.uri = status_uri \
             AND tombstone.entry = status_entry WHERE tombstone.status = $1 ORDER BY at, trace",
        )
        .bind(i64::from(StatusValue::Cancelled.bits()))
        .fetch_all(&mut *conn)
        .await
        .map_err(Fault::from)?;
        let mut rows = Vec::with_capacity(seen.len());
        for (trace, seen_at) in seen {
            let row: Option<RecognitionRow> = sqlx::query_as(select_recognition!("WHERE trace = $1"))
                .bind(trace)
                .fetch_optional(&mut *conn)
                .await
                .map_err(Fault::from)?;
            if let Some(row) = row {
                rows.push((read(self.cipher(), row)?, RECOGNITION.seconds(seen_at)?));
            }
        }
        Ok(rows)
    }
}
