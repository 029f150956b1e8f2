//! Proposing a version: its contents must hold, this node is a party and signs first.

use comity_spec::agreement::{Agreement, SignedAgreement};
use comity_spec::ids::{AgreementId, Digest};
use comity_spec::jose::KeyPurpose;
use comity_verifier::agreement::{AgreementError, inspect_proposal};

use super::{SuccessionError, Texts, add_own_signature, check_succession, proposal, to_other_parties};
use crate::federation::load_view::as_json;
use crate::node::Node;
use crate::ports::agreements::{AgreementRow, AgreementState};
use crate::ports::store::{StoreError, Write};
use crate::signing::SigningError;

/// Why nothing was proposed. Nothing was stored or sent.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// This node is no party, or under another region.
    #[error("本节点不是当事方，或区划不符 / this node is no party of it, or under another region")]
    NotAParty,
    /// Our own federation key is not pinned.
    #[error("协议未列明本节点当前的联邦密钥 / this node's federation key is not among those pinned for it")]
    OwnKeyNotPinned,
    /// This version exists here.
    #[error("{id} v{version} 已存在 / this version exists already")]
    Exists {
        /// The agreement.
        id: AgreementId,
        /// The version.
        version: u32,
    },
    /// It does not follow on what is held.
    #[error(transparent)]
    Succession(#[from] SuccessionError),
    /// Its contents or parties do not hold; every defect is listed.
    #[error(transparent)]
    Agreement(#[from] AgreementError),
    /// It was not signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// A text that is no JSON; a defect of ours.
    #[error("the agreement does not serialise: {0}")]
    Json(#[from] serde_json::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Signs a new version, stores it as proposed, and queues it for the other parties.
///
/// # Errors
/// [`ProposeError`], for the first rule broken.
pub async fn propose(node: &Node, agreement: &Agreement) -> Result<AgreementRow, ProposeError> {
    use base64::Engine as _;
    let now = node.now();
    let me = agreement
        .parties
        .iter()
        .find(|party| party.entity == node.identity.entity);
    let me = me
        .filter(|party| party.region == node.identity.region)
        .ok_or(ProposeError::NotAParty)?;
    let own = node
        .signers
        .of(KeyPurpose::Federation)
        .map_err(SigningError::from)?
        .thumbprint();
    if !me.federation_keys.contains(&own) {
        return Err(ProposeError::OwnKeyNotPinned);
    }
    let _turn = node.rebuilding.lock().await;
    // Others' texts of this version may wait; a second one of ours could void both.
    let texts = Texts::of(node, &agreement.id, agreement.version).await?;
    let payload = serde_json::to_vec(agreement)?;
    let digest = Digest::of(&payload);
    let same = texts.waiting.iter().any(|row| row.digest == digest);
    if texts.settled.is_some() || same || texts.signed_here(node, &digest) {
        return Err(ProposeError::Exists {
            id: agreement.id.clone(),
            version: agreement.version,
        });
    }
    let mut signed = SignedAgreement {
        payload: base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&payload),
        signatures: Vec::new(),
    };
    add_own_signature(node, &mut signed, now).await?;
    // What peers will check is checked here first: the proposer reads every defect before anybody else does.
    let inspected = inspect_proposal(as_json(&signed).as_bytes(), &node.view().trust, now)?;
    check_succession(node, &inspected.agreement).await??;
    let row = AgreementRow {
        id: agreement.id.clone(),
        version: agreement.version,
        digest,
        signed,
        state: AgreementState::Proposed,
        changed_at: now,
    };
    let mut writes = vec![Write::Agreement(Box::new(row.clone()))];
    writes.extend(to_other_parties(node, agreement, &proposal(&row), now));
    node.store.commit("propose-agreement", writes).await?;
    Ok(row)
}
