//! Signs where the chain of the record stands, so that whoever keeps the head can tell later whether a line before it was
//! changed or the end was cut off. Run periodically; a head is signed once.

use comity_spec::entity::Environment;
use comity_spec::ids::{Digest, EntityId};
use comity_spec::jose::Typ;
use comity_spec::time::UnixSeconds;
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::ports::record::RecordHead;
use crate::ports::store::{StoreError, Write};
use crate::signing::{self, SigningError};

/// What a head says (`typ: comity-record-head+jwt`, receipt key).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordHeadClaims {
    /// Whose record.
    pub iss: EntityId,
    /// When it was signed.
    pub iat: UnixSeconds,
    /// Number of the last line.
    pub seq: u64,
    /// Its link.
    pub link: Digest,
    /// Test or real.
    pub environment: Environment,
}

/// Why no head was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignHeadError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The receipt key.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The store has fewer lines than were signed before: it was restored from an old backup, or cut.
    #[error(
        "核验记录比已签署的少：现有 {lines} 行，已签至 {signed} / the record has {lines} lines, a head was signed at {signed}"
    )]
    Shrunk {
        /// Lines there are.
        lines: u64,
        /// Line of the last head.
        signed: u64,
    },
}

/// Signs the head, unless it is signed already or there is no line yet.
///
/// # Errors
/// [`SignHeadError`]; a record that lost lines is never signed over.
pub async fn sign_head(node: &Node) -> Result<Option<RecordHead>, SignHeadError> {
    let signed = node.store.last_head().await?.map_or(0, |head| head.seq);
    let Some(last) = node.store.last_line().await? else {
        return match signed {
            0 => Ok(None),
            signed => Err(SignHeadError::Shrunk { lines: 0, signed }),
        };
    };
    if last.seq < signed {
        return Err(SignHeadError::Shrunk {
            lines: last.seq,
            signed,
        });
    }
    if last.seq == signed {
        return Ok(None);
    }
    let claims = RecordHeadClaims {
        iss: node.identity.entity.clone(),
        iat: node.now(),
        seq: last.seq,
        link: last.link,
        environment: node.identity.environment,
    };
    let jws = signing::compact(&node.signers, Typ::RecordHead, &claims).await?;
    let head = RecordHead {
        seq: last.seq,
        link: last.link,
        jws,
    };
    node.store
        .commit("sign record head", vec![Write::RecordHead(head.clone())])
        .await?;
    Ok(Some(head))
}
