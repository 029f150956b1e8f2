//! Agreements in every version, and withdrawals.
//!
//! Of a version several texts may wait, and one is adopted: its digest never changes, signatures are only added, and it moves from
//! proposed to adopted to void and never back. Two officers who add signatures at the same time cannot lose one another's.

use async_trait::async_trait;
use comity_node_core::ports::agreements::{AgreementReads, AgreementRow, AgreementState, WithdrawalRow};
use comity_node_core::ports::store::{Conflict, Row, StoreError};
use comity_spec::agreement::SignedAgreement;
use comity_spec::ids::{AgreementId, Digest};
use comity_spec::mutant;

use super::{Conn, Store};
use crate::Fault;
use crate::column::{Columns, agreement_state_code, to_text};

const AGREEMENT: Columns = Columns("agreement");
const WITHDRAWAL: Columns = Columns("withdrawal");

pub(super) async fn agreement(conn: &mut Conn, row: &AgreementRow) -> Result<(), Fault> {
    let texts: Vec<(Vec<u8>, String, String)> =
        sqlx::query_as("SELECT digest, signed, state FROM agreement WHERE id = $1 AND version = $2")
            .bind(row.id.as_str())
            .bind(i64::from(row.version))
            .fetch_all(&mut *conn)
            .await?;
    for (digest, signed, state) in texts {
        let state = AGREEMENT.agreement_state(&state)?;
        if AGREEMENT.digest(&digest)? != row.digest {
            if state == AgreementState::Proposed {
                continue;
            }
            return Err(Conflict::Exists(Row::AgreementVersion).into());
        }
        let signed: SignedAgreement = AGREEMENT.json(signed.as_bytes())?;
        let kept = signed
            .signatures
            .iter()
            .all(|signature| row.signed.signatures.contains(signature));
        if !kept || rank(row.state) < rank(state) {
            return Err(Conflict::Version(Row::Agreement).into());
        }
    }
    sqlx::query(
        "INSERT INTO agreement (id, version, digest, signed, state, changed_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id, version, digest) DO UPDATE SET signed = excluded.signed, state = excluded.state, \
         changed_at = excluded.changed_at",
    )
    .bind(row.id.as_str())
    .bind(i64::from(row.version))
    .bind(row.digest.as_bytes().to_vec())
    .bind(to_text(AGREEMENT, &row.signed)?)
    .bind(agreement_state_code(row.state))
    .bind(row.changed_at.get())
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn discard(
    conn: &mut Conn,
    id: &AgreementId,
    version: u32,
    digest: &Digest,
) -> Result<(), Fault> {
    let done =
        sqlx::query("DELETE FROM agreement WHERE id = $1 AND version = $2 AND digest = $3 AND state = $4")
            .bind(id.as_str())
            .bind(i64::from(version))
            .bind(digest.as_bytes().to_vec())
            .bind(agreement_state_code(AgreementState::Proposed))
            .execute(conn)
            .await?;
    if done.rows_affected() == 0 {
        return Err(Conflict::Missing(Row::Proposal).into());
    }
    Ok(())
}

/// A withdrawal. The same one may arrive twice; another of the same party and second is a conflict.
pub(super) async fn withdrawal(conn: &mut Conn, row: &WithdrawalRow) -> Result<(), Fault> {
    let done = sqlx::query(
        "INSERT INTO withdrawal (id, iss, iat, jws, seen_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id, iss, iat) DO UPDATE SET jws = excluded.jws WHERE withdrawal.jws = excluded.jws",
    )
    .bind(row.id.as_str())
    .bind(row.iss.as_str())
    .bind(row.iat.get())
    .bind(&row.jws)
    .bind(if mutant!("AGR-22/kept") {
        row.iat.get()
    } else {
        row.seen_at.get()
    })
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 {
        Err(Conflict::Exists(Row::Withdrawal).into())
    } else {
        Ok(())
    }
}

const fn rank(state: AgreementState) -> u8 {
    match state {
        AgreementState::Proposed => 0,
        AgreementState::Adopted => 1,
        AgreementState::Void => 2,
    }
}

#[async_trait]
impl AgreementReads for Store {
    async fn agreements(&self) -> Result<Vec<AgreementRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<(String, i64, Vec<u8>, String, String, i64)> = sqlx::query_as(
            "SELECT id, version, digest, signed, state, changed_at FROM agreement ORDER BY id, version, digest",
        )
        .fetch_all(&mut *conn)
        .await
        .map_err(Fault::from)?;
        rows.into_iter()
            .map(|(id, version, digest, signed, state, changed_at)| {
                Ok(AgreementRow {
                    id: AGREEMENT.parse(&id)?,
                    version: AGREEMENT.number(version)?,
                    digest: AGREEMENT.digest(&digest)?,
                    signed: AGREEMENT.json(signed.as_bytes())?,
                    state: AGREEMENT.agreement_state(&state)?,
                    changed_at: AGREEMENT.seconds(changed_at)?,
                })
            })
            .collect()
    }

    async fn withdrawals(&self) -> Result<Vec<WithdrawalRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows: Vec<(String, String, i64, String, Option<i64>)> =
            sqlx::query_as("SELECT id, iss, iat, jws, seen_at FROM withdrawal ORDER BY id, iss, iat")
                .fetch_all(&mut *conn)
                .await
                .map_err(Fault::from)?;
        rows.into_iter()
            .map(|(id, iss, iat, jws, seen_at)| {
                Ok(WithdrawalRow {
                    id: WITHDRAWAL.parse(&id)?,
                    iss: WITHDRAWAL.parse(&iss)?,
                    iat: WITHDRAWAL.seconds(iat)?,
                    seen_at: WITHDRAWAL.seconds(seen_at.unwrap_or(iat))?,
                    jws,
                })
            })
            .collect()
    }
}
