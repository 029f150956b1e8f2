//! A proposal from another party, over the federation listener or in a file: signatures given so far, checked and merged.
//!
//! It proves itself: whoever brings it does not matter. Refuses a proposal of which this node is no party, contents that do not
//! hold, a signature that does not verify, another text of a version that was adopted, and more than one county's share of waiting texts.

use comity_spec::agreement::SignedAgreement;
use comity_spec::ids::{AgreementId, Digest, EntityId};
use comity_verifier::agreement::{AgreementError, Proposal, inspect_proposal, verify_bytes, verify_signed};

use super::discard::{expired, has_expired};
use super::{SuccessionError, Texts, adoption, check_succession, has_signed};
use crate::federation::load_view::reload_agreements;
use crate::node::Node;
use crate::ports::agreements::{AgreementRow, AgreementState};
use crate::ports::store::{StoreError, Write};

/// Proposals that may wait here for signatures: a peer must not fill the store with texts.
const MAX_WAITING: usize = 64;
/// Of these, the proposals that one county alone may have waiting: it must not take the places of all others.
const MAX_WAITING_OF_ONE: usize = 4;

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalTaken {
    /// New, or with a new signature; it waits for further ones, perhaps ours.
    Waiting,
    /// Every party signed: it is an agreement.
    Adopted,
    /// Nothing new.
    Unchanged,
}

/// Why a proposal was not taken. The sender's fault unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// Contents, parties or signatures.
    #[error(transparent)]
    Agreement(#[from] AgreementError),
    /// This node is no party of it.
    #[error("本节点不是当事方 / this node is no party of it")]
    NotAParty,
    /// It does not follow on what is held.
    #[error(transparent)]
    Succession(#[from] SuccessionError),
    /// Another text of this version is here.
    #[error("{id} v{version} 已有不同文本({held}) / another text of this version is here")]
    OtherText {
        /// The agreement.
        id: AgreementId,
        /// The version.
        version: u32,
        /// The digest of the text that is here.
        held: Digest,
    },
    /// All parties signed two texts of one version: neither counts.
    #[error(
        "{id} v{version} 各方签署了两份不同文本，均不生效，请报警核查 / two texts of one version are signed: both are void"
    )]
    Contradiction {
        /// The agreement.
        id: AgreementId,
        /// The version.
        version: u32,
    },
    /// Too many proposals wait here: this node's officers are to decide on some first.
    #[error("待处理提案过多 / {MAX_WAITING} proposals wait here already")]
    TooMany,
    /// Too many proposals of the counties that signed this one wait here.
    #[error("该县待处理提案已达上限 / {MAX_WAITING_OF_ONE} proposals of this county wait here already")]
    TooManyOfOne,
    /// The store: our own.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a proposal in: JWS JSON general serialization.
///
/// # Errors
/// [`ReceiveError`]; what is here stands, save that contradictory texts become void.
pub async fn receive_proposal(node: &Node, object: &[u8]) -> Result<ProposalTaken, ReceiveError> {
    let now = node.now();
    let _turn = node.rebuilding.lock().await;
    let trust = node.view().trust.clone();
    let offered = inspect_proposal(object, &trust, now)?;
    if !offered
        .agreement
        .parties
        .iter()
        .any(|party| party.entity == node.identity.entity)
    {
        return Err(ReceiveError::NotAParty);
    }
    // It was read strictly and verified, so it has this shape.
    let mut signed: SignedAgreement =
        serde_json::from_slice(object).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let texts = Texts::of(node, &offered.agreement.id, offered.agreement.version).await?;
    if let Some(settled) = &texts.settled {
        if settled.digest != offered.digest {
            return Err(other_text(node, settled, object, &offered).await?);
        }
        return Ok(ProposalTaken::Unchanged);
    }
    // A county signs one text of a version; somebody else's waits beside it.
    let signs_another = |row: &&AgreementRow| {
        row.digest != offered.digest && offered.signed.iter().any(|one| has_signed(row, &one.party))
    };
    if let Some(row) = texts.waiting.iter().find(signs_another) {
        return Err(other_text(node, row, object, &offered).await?);
    }
    let held = texts.waiting.iter().find(|row| row.digest == offered.digest);
    let before = held.map_or(0, |row| row.signed.signatures.len());
    let mut writes = Vec::new();
    match held {
        Some(row) => signed = merged(row, &signed, &offered),
        None => {
            writes = room(node, &offered).await?;
            check_succession(node, &offered.agreement).await??;
        }
    }
    if held.is_some() && signed.signatures.len() == before {
        return Ok(ProposalTaken::Unchanged);
    }
    let row = AgreementRow {
        id: offered.agreement.id.clone(),
        version: offered.agreement.version,
        digest: offered.digest,
        signed,
        state: AgreementState::Proposed,
        changed_at: now,
    };
    if row.signed.signatures.len() < offered.agreement.parties.len() {
        writes.push(Write::Agreement(Box::new(row)));
        node.store.commit("receive-proposal", writes).await?;
        return Ok(ProposalTaken::Waiting);
    }
    let verified = verify_signed(&row.signed, &trust, now)?;
    let writes = adoption(node, &verified, row).await?;
    node.store.commit("adopt-agreement", writes).await?;
    reload_agreements(node).await?;
    Ok(ProposalTaken::Adopted)
}

/// Whether another proposal may wait here; with the writes that forget those that waited too long.
async fn room(node: &Node, offered: &Proposal) -> Result<Vec<Write>, ReceiveError> {
    let (now, rows) = (node.now(), node.store.agreements().await?);
    // What this county signed waits for the others, and takes nobody's place.
    let waiting: Vec<_> = rows
        .iter()
        .filter(|row| row.state == AgreementState::Proposed && !has_expired(node, row, now))
        .filter(|row| !has_signed(row, &node.identity.entity))
        .collect();
    if waiting.len() >= MAX_WAITING {
        return Err(ReceiveError::TooMany);
    }
    let of = |county: &EntityId| waiting.iter().filter(|row| has_signed(row, county)).count();
    let mut signers = offered.signed.iter().map(|signer| &signer.party);
    if signers.all(|county| of(county) >= MAX_WAITING_OF_ONE) {
        return Err(ReceiveError::TooManyOfOne);
    }
    Ok(expired(node, &rows, now))
}

/// The signatures of both; of one party the one that is here. A county may have several keys, and a text that it signed twice
/// would count for nobody (AGR-2).
fn merged(held: &AgreementRow, offered: &SignedAgreement, read: &Proposal) -> SignedAgreement {
    let mut merged = held.signed.clone();
    // They were read in the order in which they stand.
    let new = offered.signatures.iter().zip(&read.signed);
    let new = new.filter(|(_, signer)| !has_signed(held, &signer.party));
    merged.signatures.extend(new.map(|(one, _)| one.clone()));
    merged
}

/// Another text of a version that was adopted, is void, or bears a signature of the same county. Refused; and when all signed both, neither holds any more.
async fn other_text(
    node: &Node,
    row: &AgreementRow,
    object: &[u8],
    offered: &Proposal,
) -> Result<ReceiveError, StoreError> {
    let (id, version) = (row.id.clone(), row.version);
    let complete = verify_bytes(object, &node.view().trust, node.now()).is_ok();
    let signers: Vec<_> = offered
        .signed
        .iter()
        .map(|signer| signer.party.to_string())
        .collect();
    tracing::error!(agreement = %id, version, ?signers, complete, "another text of this version was signed");
    if !complete || row.state == AgreementState::Proposed {
        return Ok(ReceiveError::OtherText {
            id,
            version,
            held: row.digest,
        });
    }
    if row.state == AgreementState::Adopted {
        let void = AgreementRow {
            state: AgreementState::Void,
            changed_at: node.now(),
            ..row.clone()
        };
        node.store
            .commit("void-agreement", vec![Write::Agreement(Box::new(void))])
            .await?;
        reload_agreements(node).await?;
    }
    Ok(ReceiveError::Contradiction { id, version })
}
