//! The bundle (`.comity`): objects as signed, in one JSON document, for air-gapped exchange, authorities on static hosts and
//! off-line verifiers. Nothing is trusted for being in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agreement::SignedAgreement;
use crate::time::UnixSeconds;

/// Largest bundle that is read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The one version.
pub const VERSION: u32 = 1;

/// A bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`VERSION`].
    pub version: u32,
    /// When it was put together; informative.
    pub created: UnixSeconds,
    /// Entity statements, compact JWS.
    #[serde(default)]
    pub statements: Vec<String>,
    /// Member lists, compact JWS.
    #[serde(default)]
    pub member_lists: Vec<String>,
    /// Agreements.
    #[serde(default)]
    pub agreements: Vec<SignedAgreement>,
    /// Withdrawals, compact JWS.
    #[serde(default)]
    pub withdrawals: Vec<String>,
    /// Status list tokens, compact JWS.
    #[serde(default)]
    pub status_lists: Vec<String>,
}
