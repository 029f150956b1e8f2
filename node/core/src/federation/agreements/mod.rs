//! Making, signing and ending agreements, from this party's side.
//!
//! A proposal is one payload that travels from party to party and collects one signature of each; whoever sees the last one
//! adopts it. What is adopted is kept with the keys that signed, so that later rotation does it no harm. Of one version several texts
//! may wait, so that nobody blocks an honest one by proposing first; this county signs one of them, one is adopted, and when all
//! parties signed another one too, neither counts. Nothing here decides whether a county
//! *should* agree: an officer reads the text and calls [`sign`]. Chapter 4.

use comity_spec::agreement::{Agreement, AgreementHeader, AgreementSignature, SignedAgreement};
use comity_spec::ids::{AgreementId, Digest, EntityId};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::time::UnixSeconds;
use comity_verifier::agreement::VerifiedAgreement;

use super::stored::{self, PartyKeys};
use crate::node::Node;
use crate::ports::agreements::{AgreementRow, AgreementState};
use crate::ports::outbox::{Message, OutboxItem};
use crate::ports::row_id;
use crate::ports::store::{StoreError, Write};
use crate::signing::SigningError;

mod discard;
mod example;
mod list;
mod pins;
mod propose;
mod receive_proposal;
mod receive_withdrawal;
mod sign;
#[cfg(test)]
mod tests;
mod withdraw;

pub use discard::{DiscardError, WAITING_SECONDS, discard, expire_proposals};
pub use example::example_agreement;
pub use list::{AgreementSummary, list};
pub use pins::{PinnedKey, pinned_keys};
pub use propose::{ProposeError, propose};
pub use receive_proposal::{ProposalTaken, ReceiveError, receive_proposal};
pub use receive_withdrawal::{ReceiveWithdrawalError, receive_withdrawal};
pub use sign::{SignError, sign};
pub use withdraw::{WithdrawError, withdraw};

/// Adds this node's signature to a payload.
async fn add_own_signature(
    node: &Node,
    signed: &mut SignedAgreement,
    now: UnixSeconds,
) -> Result<(), SigningError> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let signer = node.signers.of(KeyPurpose::Federation)?;
    let header = AgreementHeader {
        alg: "EdDSA".to_owned(),
        kid: signer.thumbprint(),
        typ: Typ::Agreement.as_str().to_owned(),
        signed_at: now,
    };
    let header = serde_json::to_vec(&header).map_err(|error| SigningError::Payload {
        typ: Typ::Agreement.as_str(),
        reason: error.to_string(),
    })?;
    let protected = URL_SAFE_NO_PAD.encode(header);
    let input = format!("{protected}.{}", signed.payload);
    for signature in signer.sign(&[input.as_bytes()]).await? {
        let signature = URL_SAFE_NO_PAD.encode(signature);
        signed.signatures.push(AgreementSignature {
            protected: protected.clone(),
            signature,
        });
    }
    Ok(())
}

/// The contents of a stored version.
fn contents(row: &AgreementRow) -> Option<Agreement> {
    serde_json::from_slice(&stored::decode(&row.signed.payload)?).ok()
}

/// The texts of one version that are here.
#[derive(Debug, Default)]
struct Texts {
    /// The one that was adopted, or is void.
    settled: Option<AgreementRow>,
    /// Those that wait for signatures.
    waiting: Vec<AgreementRow>,
}

impl Texts {
    async fn of(node: &Node, id: &AgreementId, version: u32) -> Result<Self, StoreError> {
        let mut texts = Self::default();
        for row in node.store.agreements().await? {
            if row.id == *id && row.version == version {
                match row.state {
                    AgreementState::Proposed => texts.waiting.push(row),
                    AgreementState::Adopted | AgreementState::Void => texts.settled = Some(row),
                }
            }
        }
        Ok(texts)
    }

    /// Whether this county signed one of them, other than `but`.
    fn signed_here(&self, node: &Node, but: &Digest) -> bool {
        self.waiting
            .iter()
            .any(|row| row.digest != *but && has_signed(row, &node.identity.entity))
    }

    /// The writes that drop the texts that wait, once `adopted` is: they can never be adopted any more.
    fn drop_but(&self, adopted: &Digest) -> impl Iterator<Item = Write> {
        self.waiting
            .iter()
            .filter(move |row| row.digest != *adopted)
            .map(discarded)
    }
}

fn discarded(row: &AgreementRow) -> Write {
    Write::DiscardProposal {
        id: row.id.clone(),
        version: row.version,
        digest: row.digest,
    }
}

/// Whether a party's signature is on a text. Every signature was verified before it was stored.
fn has_signed(row: &AgreementRow, party: &EntityId) -> bool {
    let kids: Vec<_> = row
        .signed
        .signatures
        .iter()
        .filter_map(|one| stored::kid(&one.protected))
        .collect();
    contents(row)
        .into_iter()
        .flat_map(|agreement| agreement.parties)
        .filter(|one| one.entity == *party)
        .flat_map(|one| one.federation_keys)
        .any(|key| kids.contains(&key.to_string()))
}

/// Messages to every party but ourselves.
fn to_other_parties(node: &Node, agreement: &Agreement, message: &Message, now: UnixSeconds) -> Vec<Write> {
    let others = agreement
        .parties
        .iter()
        .filter(|party| party.entity != node.identity.entity);
    others
        .map(|party| Write::Queue(item(node, &party.entity, message.clone(), now)))
        .collect()
}

fn item(node: &Node, peer: &EntityId, message: Message, now: UnixSeconds) -> OutboxItem {
    OutboxItem {
        id: row_id(node.clock.as_ref(), node.rng.as_ref()),
        peer: peer.clone(),
        message,
        next_at: now,
        attempts: 0,
    }
}

fn proposal(row: &AgreementRow) -> Message {
    Message::Proposal {
        id: row.id.to_string(),
        version: row.version,
        digest: Some(row.digest),
    }
}

/// What to write when the last signature is there: the row as adopted, and the keys that signed, for good.
async fn adoption(
    node: &Node,
    agreement: &VerifiedAgreement,
    row: AgreementRow,
) -> Result<Vec<Write>, StoreError> {
    let mut keys = PartyKeys::read(node.store.as_ref()).await?;
    let mut writes: Vec<Write> = keys.remember(agreement.record().keys).into_iter().collect();
    let texts = Texts::of(node, &row.id, row.version).await?;
    writes.extend(texts.drop_but(&row.digest));
    writes.push(Write::Agreement(Box::new(AgreementRow {
        state: AgreementState::Adopted,
        ..row
    })));
    Ok(writes)
}

/// Why a version does not follow on what this node holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuccessionError {
    /// The version before it is not held here, or not adopted.
    #[error("本节点没有已生效签署的前一版({id} v{version}) / the version before it is not adopted here")]
    NoPredecessor {
        /// The agreement.
        id: AgreementId,
        /// The version that is missing.
        version: u32,
    },
    /// It names another text as the version before it.
    #[error("前一版摘要不符({id} v{version}) / it names another text as the version before it")]
    OtherPredecessor {
        /// The agreement.
        id: AgreementId,
        /// The version before.
        version: u32,
    },
}

/// Whether a later version names the one that is adopted here before it.
async fn check_succession(
    node: &Node,
    agreement: &Agreement,
) -> Result<Result<(), SuccessionError>, StoreError> {
    let Some(prev) = agreement.prev else {
        return Ok(Ok(()));
    };
    let (id, version) = (agreement.id.clone(), agreement.version.saturating_sub(1));
    let before = Texts::of(node, &id, version)
        .await?
        .settled
        .filter(|row| row.state == AgreementState::Adopted);
    Ok(match before {
        None => Err(SuccessionError::NoPredecessor { id, version }),
        Some(before) if before.digest != prev => Err(SuccessionError::OtherPredecessor { id, version }),
        Some(_) => Ok(()),
    })
}
