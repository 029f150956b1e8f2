//! Replay memory: one answer per key, kept sealed until the request can no longer come again (VER-9).

use async_trait::async_trait;
use comity_node_core::ports::replay::{Answered, ReplayReads};
use comity_node_core::ports::store::{Row, StoreError};

use super::{Store, Tx, refused};
use crate::column::Columns;
use crate::{Fault, Place};

const ANSWER: Columns = Columns("answer");

pub(super) async fn answer(tx: &mut Tx, answered: &Answered) -> Result<(), Fault> {
    let row = row(&answered.scope, &answered.key);
    let sealed = tx.cipher.seal(place(&row), &answered.answer);
    sqlx::query(
        "INSERT INTO answer (scope, request_key, request, answer_sealed, keep_until) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&answered.scope)
    .bind(&answered.key)
    .bind(answered.request.as_bytes().to_vec())
    .bind(sealed)
    .bind(answered.keep_until.get())
    .execute(&mut tx.conn)
    .await
    .map_err(|error| refused(error, Row::Answer, Row::Answer))?;
    Ok(())
}

/// Scope and key, the scope's length first, so that no two pairs share their octets.
fn row(scope: &str, key: &str) -> Vec<u8> {
    [
        &(scope.len() as u64).to_be_bytes(),
        scope.as_bytes(),
        key.as_bytes(),
    ]
    .concat()
}

fn place(row: &[u8]) -> Place<'_> {
    Place {
        table: "answer",
        column: "answer_sealed",
        row,
    }
}

#[async_trait]
impl ReplayReads for Store {
    async fn answered(&self, scope: &str, key: &str) -> Result<Option<Answered>, StoreError> {
        let mut conn = self.reader().await?;
        let found: Option<(Vec<u8>, Vec<u8>, i64)> = sqlx::query_as(
            "SELECT request, answer_sealed, keep_until FROM answer WHERE scope = $1 AND request_key = $2",
        )
        .bind(scope)
        .bind(key)
        .fetch_optional(&mut *conn)
        .await
        .map_err(Fault::from)?;
        let Some((request, sealed, keep_until)) = found else {
            return Ok(None);
        };
        let answer = self
            .cipher()
            .open(place(&row(scope, key)), &sealed)
            .map_err(Fault::from)?;
        Ok(Some(Answered {
            scope: scope.to_owned(),
            key: key.to_owned(),
            request: ANSWER.digest(&request)?,
            answer: answer.to_vec(),
            keep_until: ANSWER.seconds(keep_until)?,
        }))
    }
}
