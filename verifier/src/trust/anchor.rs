//! The anchor file: whom this node believes, given by hand and by nobody else.
//!
//! `{"entity": "https://…", "jwks": {"keys": […]}, "environment": "SANDBOX"}`. Refuses unknown members, an empty key set and
//! every key that is not a sound Ed25519 key. Reading the file, and asking whether it is the right one, is the caller's work.

use comity_spec::entity::Environment;
use comity_spec::ids::EntityId;
use comity_spec::jose::{JwkSet, KeyPurpose};
use comity_spec::mutant;
use serde::Deserialize;
use thiserror::Error;

use crate::budget::{Budget, Limits};
use crate::json::{self, JsonError, Numbers};
use crate::jwk::{KeyError, KeySet};

/// The federation's anchor: the one thing that is believed without a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Its entity id.
    pub entity: EntityId,
    /// Its federation keys.
    pub keys: KeySet,
    /// Test federation or the real one.
    pub environment: Environment,
}

/// Why a file is not an anchor file. The fault of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnchorError {
    /// Not JSON of the right members.
    #[error("锚点文件格式错误 / the anchor file is not as required: {0}")]
    Json(#[from] JsonError),
    /// One of its keys.
    #[error("锚点密钥不可用 / a key in the anchor file cannot be used: {0}")]
    Key(#[from] KeyError),
    /// No key at all.
    #[error("锚点文件中没有密钥 / the anchor file has no key")]
    NoKeys,
}

impl AnchorError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Json(e) => e.rule(),
            Self::Key(e) => e.rule(),
            Self::NoKeys => "anchor.no-keys",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    entity: EntityId,
    jwks: JwkSet,
    environment: Environment,
}

impl Anchor {
    /// Reads the contents of an anchor file.
    ///
    /// # Errors
    /// [`AnchorError`], for the first rule broken.
    pub fn parse(contents: &[u8]) -> Result<Self, AnchorError> {
        let mut budget = Budget::new(Limits::PRESENTATION);
        let File {
            entity,
            jwks,
            environment,
        } = json::read(contents, Numbers::Integers, &mut budget)?;
        let mut budget = Budget::new(Limits::TRUST_CHAIN);
        let mut keys = KeySet::new();
        keys.add_jwks(KeyPurpose::Federation, &jwks.keys, &mut budget)?;
        if keys.entries().is_empty() && !mutant!("TRU-27/no-keys") {
            Err(AnchorError::NoKeys)
        } else {
            Ok(Self {
                entity,
                keys,
                environment,
            })
        }
    }
}
