//! Why a subcommand gives no result: what it prints on standard error, and its exit code.

use std::fmt;

use comity_verifier::budget::BudgetExceeded;
use comity_verifier::bundle::BundleError;
use comity_verifier::jwk::KeyError;
use comity_verifier::jws::JwsError;
use comity_verifier::sd_jwt::SdJwtError;
use comity_verifier::status_list::StatusListError;
use comity_verifier::trust::AnchorError;

/// Exit code for wrong usage, after sysexits.
pub(crate) const USAGE: u8 = 64;

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The object breaks a rule.
    Refused {
        /// Stable name of the rule.
        rule: &'static str,
        /// What is wrong, in Chinese and English.
        reason: String,
    },
    /// A file could not be read: nothing was checked.
    Unreadable {
        /// Which.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The arguments make no sense together.
    Usage(&'static str),
    /// Our own fault.
    Internal(String),
}

impl Failure {
    /// The process's exit code.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Refused { .. } => 1,
            Self::Unreadable { .. } => 2,
            Self::Usage(_) => USAGE,
            Self::Internal(_) => 70,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { rule, reason } => write!(f, "拒绝 / refused [{rule}] {reason}"),
            Self::Unreadable { path, reason } => write!(f, "无法读取文件 / cannot read {path}: {reason}"),
            Self::Usage(text) => write!(f, "用法错误 / usage: {text}"),
            Self::Internal(text) => write!(f, "内部错误 / internal fault: {text}"),
        }
    }
}

macro_rules! refused {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Refused { rule: error.rule(), reason: error.to_string() }
            }
        }
    )+};
}

refused!(
    JwsError,
    SdJwtError,
    StatusListError,
    KeyError,
    AnchorError,
    BundleError
);

impl From<BudgetExceeded> for Failure {
    fn from(error: BudgetExceeded) -> Self {
        Self::Refused {
            rule: "budget",
            reason: error.to_string(),
        }
    }
}
