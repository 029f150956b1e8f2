//! This county's signature under a version that another party proposed.
//!
//! To be called when an officer with the power to do so has read the text, and the keys that it pins newly
//! (`pins` says which).

use comity_spec::ids::{AgreementId, Digest};
use comity_spec::jose::KeyPurpose;
use comity_verifier::agreement::{AgreementError, inspect_proposal, verify_signed};

use super::{
    SuccessionError, Texts, add_own_signature, adoption, check_succession, proposal, to_other_parties,
};
use crate::federation::load_view::{as_json, reload_agreements};
use crate::node::Node;
use crate::ports::agreements::{AgreementRow, AgreementState};
use crate::ports::store::{StoreError, Write};
use crate::signing::SigningError;

/// Why nothing was signed. Nothing was stored or sent.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// No such proposal.
    #[error("没有该提案：{id} v{version} / no such proposal")]
    Unknown {
        /// The agreement.
        id: AgreementId,
        /// The version.
        version: u32,
    },
    /// The text is another than the officer read.
    #[error("提案内容与所阅不符，请重新阅读 / the text is another than the one that was read: read it again")]
    OtherText,
    /// Adopted already, or void.
    #[error("该版本已不在待签状态({0:?}) / this version no longer waits for signatures")]
    State(AgreementState),
    /// Signed already.
    #[error("本节点已签署 / this node signed it already")]
    SignedAlready,
    /// Another text of this version bears our signature: were both completed, neither would count.
    #[error(
        "本节点已签署该版本的另一文本，两者签齐则均不生效 / this node signed another text of this version: completed, both would be void"
    )]
    SignedAnother,
    /// Our own federation key is not pinned.
    #[error("协议未列明本节点当前的联邦密钥 / this node's federation key is not among those pinned for it")]
    OwnKeyNotPinned,
    /// It does not follow on what is held.
    #[error(transparent)]
    Succession(#[from] SuccessionError),
    /// It no longer holds: a party's chain ended, a key was dropped.
    #[error(transparent)]
    Agreement(#[from] AgreementError),
    /// It was not signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Signs the proposal whose text has this digest, adopts it when it was the last signature, and queues it for the others.
///
/// # Errors
/// [`SignError`], for the first rule broken.
pub async fn sign(
    node: &Node,
    id: &AgreementId,
    version: u32,
    digest: &Digest,
) -> Result<AgreementRow, SignError> {
    let now = node.now();
    let _turn = node.rebuilding.lock().await;
    let unknown = || SignError::Unknown {
        id: id.clone(),
        version,
    };
    let texts = Texts::of(node, id, version).await?;
    if let Some(settled) = &texts.settled {
        return Err(if settled.digest == *digest {
            SignError::State(settled.state)
        } else {
            SignError::OtherText
        });
    }
    let row = texts.waiting.iter().find(|row| row.digest == *digest);
    let mut row = match row {
        Some(row) => row.clone(),
        None if texts.waiting.is_empty() => return Err(unknown()),
        None => return Err(SignError::OtherText),
    };
    if texts.signed_here(node, digest) {
        return Err(SignError::SignedAnother);
    }
    let trust = node.view().trust.clone();
    let inspected = inspect_proposal(as_json(&row.signed).as_bytes(), &trust, now)?;
    if inspected
        .signed
        .iter()
        .any(|signer| signer.party == node.identity.entity)
    {
        return Err(SignError::SignedAlready);
    }
    let own = node
        .signers
        .of(KeyPurpose::Federation)
        .map_err(SigningError::from)?
        .thumbprint();
    let me = inspected
        .agreement
        .parties
        .iter()
        .find(|party| party.entity == node.identity.entity);
    if !me.is_some_and(|party| party.federation_keys.contains(&own)) {
        return Err(SignError::OwnKeyNotPinned);
    }
    check_succession(node, &inspected.agreement).await??;
    add_own_signature(node, &mut row.signed, now).await?;
    row.changed_at = now;
    let last = inspected.missing.len() == 1;
    let mut writes = if last {
        row.state = AgreementState::Adopted;
        let verified = verify_signed(&row.signed, &trust, now)?;
        adoption(node, &verified, row.clone()).await?
    } else {
        vec![Write::Agreement(Box::new(row.clone()))]
    };
    writes.extend(to_other_parties(node, &inspected.agreement, &proposal(&row), now));
    node.store.commit("sign-agreement", writes).await?;
    if last {
        reload_agreements(node).await?;
    }
    Ok(row)
}
