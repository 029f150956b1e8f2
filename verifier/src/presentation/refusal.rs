//! The one table from what is wrong with a presentation or its issuer to one of the 27 outcomes.
//!
//! Grey is said where *we* cannot tell, red only where something was shown to be false: SIGNATURE_INVALID for a malformed
//! attestation or a signature that a known key did not make, UNKNOWN_ISSUER from current member lists alone. Every match here
//! is exhaustive, so that a new error does not compile before somebody has decided what it means to the person at the window.

use comity_spec::ids::EntityId;
use comity_spec::mutant;
use comity_spec::outcome::Outcome;
use thiserror::Error;

use crate::decide::Refusal;
use crate::json::JsonError;
use crate::jws::JwsError;
use crate::sd_jwt::SdJwtError;
use crate::symbol::SymbolError;
use crate::trust::Standing;

/// Why a presentation is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PresentationError {
    /// Not text at all, or empty.
    #[error("未读到内容 / nothing readable was presented")]
    NotText,
    /// The digits of a code.
    #[error(transparent)]
    Symbol(#[from] SymbolError),
    /// The SD-JWT.
    #[error(transparent)]
    SdJwt(#[from] SdJwtError),
    /// Another credential type, or another version of ours.
    #[error("凭证类型或版本不支持 / not a credential type or version that is read here")]
    Type,
    /// Of the other environment.
    #[error("测试与正式环境互不承认 / of the other environment: sandbox and production never meet")]
    Environment,
    /// Open or disclosed claims are missing or have wrong types.
    #[error("凭证内容不完整或格式错误 / claims are missing or malformed")]
    Claims,
    /// The county attests for a region that is not its own.
    #[error("签发区划与签发机关不符 / the region is not the issuer's")]
    Region,
    /// The status list stands elsewhere than with the issuer.
    #[error("状态列表地址不属于签发机关 / the status list is not under the issuer's address")]
    StatusAddress,
    /// It ends before it begins.
    #[error("有效期起止颠倒 / nbf is not before exp")]
    Times,
    /// Well signed, and issued in the future: our clock is to be doubted, never the holder.
    #[error("签发时间在未来，请检查本机时钟 / issued in the future: check this machine's clock")]
    FromTheFuture,
}

impl PresentationError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::NotText => "presentation.not-text",
            Self::Symbol(SymbolError::NotDigits { .. }) => "symbol.not-digits",
            Self::Symbol(SymbolError::Incomplete) => "symbol.incomplete",
            Self::Symbol(SymbolError::OutOfRange { .. }) => "symbol.out-of-range",
            Self::Symbol(SymbolError::Length) => "symbol.length",
            Self::SdJwt(error) => error.rule(),
            Self::Type => "attestation.vct",
            Self::Environment => "attestation.environment",
            Self::Claims => "attestation.claims",
            Self::Region => "attestation.region",
            Self::StatusAddress => "attestation.status-uri",
            Self::Times => "attestation.times",
            Self::FromTheFuture => "attestation.iat-future",
        }
    }

    /// The outcome it leads to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::NotText | Self::Symbol(_) => Outcome::Unreadable,
            Self::SdJwt(error) => of_sd_jwt(error),
            Self::Type if mutant!("VSN-2") => Outcome::SignatureInvalid,
            Self::Type => Outcome::UnsupportedVersion,
            Self::Environment => Outcome::UnknownIssuer,
            Self::Claims | Self::Region | Self::StatusAddress | Self::Times => Outcome::SignatureInvalid,
            Self::FromTheFuture => Outcome::NodeNotReady,
        }
    }
}

fn of_sd_jwt(error: &SdJwtError) -> Outcome {
    match error {
        SdJwtError::TooLong | SdJwtError::Structure | SdJwtError::Budget(_) => Outcome::Unreadable,
        SdJwtError::Issuer(error) => of_jws(error),
        SdJwtError::HashAlgorithm
        | SdJwtError::Disclosure(_)
        | SdJwtError::Arity
        | SdJwtError::RepeatedDigest
        | SdJwtError::Unreferenced
        | SdJwtError::ReservedName
        | SdJwtError::MalformedDigest
        | SdJwtError::Collision
        | SdJwtError::HiddenClaim { .. }
        | SdJwtError::Depth
        | SdJwtError::Claims(_)
        | SdJwtError::HolderKey(_)
        | SdJwtError::BindingToken(_)
        | SdJwtError::BindingHash
        // Dates of an attestation are judged with its status; as errors of its form they do not occur.
        | SdJwtError::Expired
        | SdJwtError::NotYetValid => Outcome::SignatureInvalid,
        // Genuine, but for another window, another time or not at all: a fresh presentation puts it right.
        SdJwtError::BindingMissing
        | SdJwtError::BindingAudience
        | SdJwtError::BindingNonce
        | SdJwtError::BindingTime => Outcome::PresentationExpired,
    }
}

fn of_jws(error: &JwsError) -> Outcome {
    match error {
        JwsError::TooLong
        | JwsError::Structure
        | JwsError::Budget(_)
        | JwsError::Json(JsonError::Budget(_)) => Outcome::Unreadable,
        // What this version does not know it cannot call forged.
        JwsError::Typ { .. } | JwsError::Algorithm { .. } => Outcome::UnsupportedVersion,
        // The issuer may have a new key of which we have not heard, or have withdrawn one.
        JwsError::UnknownKey { .. } => Outcome::IssuerUnreachable,
        JwsError::Signature if mutant!("VER-2") => Outcome::IssuerUnreachable,
        JwsError::Base64(_)
        | JwsError::Json(_)
        | JwsError::PayloadNotJson
        | JwsError::HeaderMember { .. }
        | JwsError::KidMissing
        | JwsError::KeyPurpose { .. }
        | JwsError::KeyAlgorithm { .. }
        | JwsError::SignatureForm
        | JwsError::Signature
        | JwsError::SignatureCount { .. }
        | JwsError::PartySignedTwice
        | JwsError::NoSuchSignature { .. } => Outcome::SignatureInvalid,
    }
}

/// What the standing of an issuer that is not active means.
#[must_use]
pub fn of_standing(issuer: &EntityId, standing: &Standing<'_>) -> Refusal {
    let outcome = match standing {
        // Both only ever from current lists and statements. An authority issues no permits.
        Standing::NotAMember { .. } | Standing::Removed { .. } | Standing::Authority => {
            Outcome::UnknownIssuer
        }
        Standing::Suspended { .. } if mutant!("VER-1") => Outcome::UnknownIssuer,
        Standing::Suspended { .. } => Outcome::IssuerSuspended,
        // An active county is refused for nothing: callers ask only about others.
        Standing::Active(_)
        | Standing::Expired { .. }
        | Standing::NoCurrentMemberList { .. }
        | Standing::Incomplete { .. }
        | Standing::Refused { .. }
        | Standing::ClockDoubt => Outcome::NodeNotReady,
    };
    Refusal {
        outcome,
        cause: standing.rule(),
        issuer: Some(issuer.clone()),
        wrong_environment: false,
    }
}

impl From<PresentationError> for Refusal {
    fn from(error: PresentationError) -> Self {
        Self {
            outcome: error.outcome(),
            cause: error.rule(),
            issuer: None,
            wrong_environment: matches!(error, PresentationError::Environment),
        }
    }
}
