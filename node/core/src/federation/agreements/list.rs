//! What agreements there are, for the pages and the command line.

use comity_spec::agreement::Agreement;
use comity_spec::ids::EntityId;
use comity_spec::time::LocalDate;
use comity_verifier::agreement::VerifiedWithdrawal;

use super::contents;
use crate::federation::stored;
use crate::node::Node;
use crate::ports::agreements::{AgreementRow, AgreementState};
use crate::ports::store::StoreError;

/// One version, as an officer sees it.
#[derive(Clone, Debug)]
pub struct AgreementSummary {
    /// As stored.
    pub row: AgreementRow,
    /// Its contents.
    pub agreement: Agreement,
    /// Parties that have signed.
    pub signed: Vec<EntityId>,
    /// Parties that have not.
    pub missing: Vec<EntityId>,
    /// Whether it is in force today between this county and every other party.
    pub in_force: bool,
    /// First day on which a withdrawal ends it.
    pub withdrawn_from: Option<LocalDate>,
}

/// Every version here, by id and version; the newest of an id last.
///
/// # Errors
/// [`StoreError`]; also when a stored row does not read.
pub async fn list(node: &Node) -> Result<Vec<AgreementSummary>, StoreError> {
    let today = LocalDate::of(node.now());
    let view = node.view();
    let me = &node.identity.entity;
    let withdrawals = view.agreements.withdrawals();
    let mut summaries = Vec::new();
    for row in node.store.agreements().await? {
        let agreement = contents(&row).ok_or_else(|| StoreError::Corrupt {
            table: "agreement",
            reason: format!("{} v{}", row.id, row.version),
        })?;
        let kids: Vec<_> = row
            .signed
            .signatures
            .iter()
            .filter_map(|s| stored::kid(&s.protected))
            .collect();
        let (signed, missing): (Vec<_>, Vec<_>) = agreement.parties.iter().partition(|party| {
            party
                .federation_keys
                .iter()
                .any(|key| kids.contains(&key.to_string()))
        });
        let others = agreement.parties.iter().filter(|party| party.entity != *me);
        let in_force = row.state == AgreementState::Adopted
            && others.clone().count() > 0
            && others.clone().all(|party| {
                view.agreements
                    .in_force(&party.entity, me, today)
                    .any(|one| *one.digest() == row.digest)
            });
        let ending = withdrawals
            .iter()
            .filter(|one| one.withdrawal().agreement.digest == row.digest);
        let entities = |parties: Vec<&comity_spec::agreement::Party>| -> Vec<EntityId> {
            parties.into_iter().map(|party| party.entity.clone()).collect()
        };
        summaries.push(AgreementSummary {
            signed: entities(signed),
            missing: entities(missing),
            in_force,
            withdrawn_from: ending.map(VerifiedWithdrawal::ends_from).min(),
            agreement,
            row,
        });
    }
    summaries.sort_by(|a, b| (&a.row.id, a.row.version).cmp(&(&b.row.id, b.row.version)));
    Ok(summaries)
}
