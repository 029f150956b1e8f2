//! Receipts (核验回执), verified off line: is it the recogniser's word, is it still good, and is it this person's (chapter 9).
//!
//! A receipt names nobody. Its holder binding is SHA-256 over salt, name and number; the salt stands in the printed code only,
//! so whoever holds the paper *and* knows name and number can tell that they belong together, and nobody else learns anything.
//!
//! The octets hashed are `salt (16 bytes) ‖ L ‖ name ‖ number`, where `L` is the length of the name's UTF-8 bytes as four bytes,
//! most significant first: without it a character could move from the name into the number. The name is taken as the bytes
//! given, without any folding; the number with ASCII letters in upper case, as registers write it.

use comity_spec::ids::{Digest, EntityId, Jti};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::mutant;
use comity_spec::receipt::{PrintedReceipt, Receipt};
use comity_spec::time::UnixSeconds;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::budget::Budget;
use crate::json::{self, JsonError, Numbers};
use crate::jws::{JwsError, Profile, Unverified, Verified};
use crate::symbol::{self, SymbolError};
use crate::trust::{SKEW, Standing, Trust};

#[cfg(test)]
mod tests;

/// Why a receipt is not relied on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReceiptError {
    /// The printed code.
    #[error(transparent)]
    Symbol(#[from] SymbolError),
    /// Not text, or not the document that the printed code holds.
    #[error("不是核验回执 / not a receipt: {0}")]
    Form(#[from] JsonError),
    /// The signed receipt.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// Who signed it cannot be told, or is no county in good standing.
    #[error("出具机关不可确认（{rule}） / the recogniser cannot be confirmed: {rule}")]
    Recogniser {
        /// Rule of the trust chain.
        rule: &'static str,
        /// Whether that is known (not a member, removed) or only not known here.
        known: bool,
    },
    /// Of the other environment.
    #[error("测试与正式环境互不承认 / of the other environment: sandbox and production never meet")]
    Environment,
    /// It ends before it begins.
    #[error("回执有效期起止颠倒 / exp is not after iat")]
    Times,
    /// Dated ahead: this machine's clock is to be doubted.
    #[error("回执日期在未来，请检查本机时钟 / dated in the future: check this machine's clock")]
    FromTheFuture,
    /// Past the second to which it may be relied on.
    #[error("回执已过有效期 / the receipt has expired")]
    Expired {
        /// When it ended.
        exp: UnixSeconds,
    },
}

impl ReceiptError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Symbol(_) => "receipt.symbol",
            Self::Form(error) => error.rule(),
            Self::Jws(error) => error.rule(),
            Self::Recogniser { rule, .. } => rule,
            Self::Environment => "receipt.environment",
            Self::Times => "receipt.times",
            Self::FromTheFuture => "receipt.iat-future",
            Self::Expired { .. } => "receipt.expired",
        }
    }

    /// Whether *we* cannot tell, rather than something being shown to be wrong.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        match self {
            Self::Recogniser { known, .. } => !*known,
            Self::FromTheFuture | Self::Symbol(_) | Self::Form(_) => true,
            Self::Jws(error) => matches!(error, JwsError::UnknownKey { .. } | JwsError::Budget(_)),
            Self::Environment | Self::Times | Self::Expired { .. } => false,
        }
    }
}

/// Whether a receipt is a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolderCheck {
    /// It is.
    Same,
    /// It is not, or name or number were typed differently from how they were registered.
    Different,
    /// The receipt binds nobody, or the salt is not in what was given.
    CannotTell,
}

/// The binding of a receipt to a person; the octets are stated at the head of this module.
#[must_use]
pub fn holder_binding(salt: &Jti, name: &str, number: &str) -> Digest {
    let mut hash = Sha256::new();
    hash.update(salt.as_bytes());
    // Longer names than 4 GiB do not reach this place; saturating keeps the function total.
    if !mutant!("RCP-3") {
        hash.update(u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes());
    }
    hash.update(name.as_bytes());
    let upper = number.to_ascii_uppercase();
    hash.update(if mutant!("RCP-3/case") {
        number.as_bytes()
    } else {
        upper.as_bytes()
    });
    Digest::from_bytes(hash.finalize().into())
}

/// Reads what is printed: the digits of a code, the document `{"receipt":…,"salt":…}`, or a bare signed receipt.
///
/// # Errors
/// [`ReceiptError::Symbol`] or [`ReceiptError::Form`].
pub fn read_printed(given: &[u8], budget: &mut Budget) -> Result<PrintedReceipt, ReceiptError> {
    let text = std::str::from_utf8(given).map_err(|_| JsonError::Utf8)?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('{') {
        return Ok(json::read(text.as_bytes(), Numbers::Integers, budget)?);
    }
    let text = if symbol::looks_like_digits(text) {
        symbol::decode(text)?
    } else {
        text.to_owned()
    };
    // In a code, a tilde parts the signed receipt from the salt.
    let (receipt, salt) = match text.split_once('~') {
        None => (text, None),
        Some((receipt, _)) if mutant!("RCP-7") => (receipt.to_owned(), None),
        Some((receipt, salt)) => {
            let salt = salt.parse().map_err(|_| JsonError::Shape("salt".to_owned()))?;
            (receipt.to_owned(), Some(salt))
        }
    };
    Ok(PrintedReceipt { receipt, salt })
}

/// The digits for the printed code: receipt, tilde, salt.
///
/// # Errors
/// [`SymbolError::Length`] when no symbol can hold it; it is then printed without a code and handed over as a file.
pub fn printed_digits(printed: &PrintedReceipt) -> Result<String, SymbolError> {
    match &printed.salt {
        None => symbol::encode(&printed.receipt),
        Some(salt) => symbol::encode(&format!("{}~{salt}", printed.receipt)),
    }
}

/// Verifies a signed receipt by the receipt keys of the county that it names.
///
/// # Errors
/// [`ReceiptError`], for the first rule broken; [`ReceiptError::Expired`] last.
pub fn verify_receipt(
    receipt: &str,
    trust: &Trust,
    now: UnixSeconds,
    budget: &mut Budget,
) -> Result<Verified<Receipt>, ReceiptError> {
    #[derive(Deserialize)]
    struct Names {
        iss: EntityId,
    }
    let parsed = Unverified::parse(
        receipt.as_bytes(),
        Profile::Comity {
            typ: Typ::Receipt.as_str(),
        },
        budget,
    )?;
    let Names { iss } = parsed.claims()?;
    let county = match trust.standing(&iss, now) {
        Standing::Active(county) => county,
        other => {
            let known = matches!(
                other,
                Standing::NotAMember { .. } | Standing::Removed { .. } | Standing::Authority
            );
            return Err(ReceiptError::Recogniser {
                rule: other.rule(),
                known,
            });
        }
    };
    let verified: Verified<Receipt> = parsed.verify(&county.keys, KeyPurpose::Receipt, budget)?;
    let claims = verified.value();
    if claims.environment != trust.environment() && !mutant!("RCP-1/environment") {
        return Err(ReceiptError::Environment);
    }
    if claims.exp <= claims.iat && !mutant!("RCP-1/times") {
        return Err(ReceiptError::Times);
    }
    if claims.iat.since(now) > SKEW {
        return Err(ReceiptError::FromTheFuture);
    }
    if now >= claims.exp && !mutant!("RCP-1") {
        Err(ReceiptError::Expired { exp: claims.exp })
    } else {
        Ok(verified)
    }
}

/// Whether a verified receipt is about this person.
#[must_use]
pub fn is_about(receipt: &Receipt, salt: Option<&Jti>, name: &str, number: &str) -> HolderCheck {
    match (receipt.holder_binding, salt) {
        (Some(binding), Some(salt)) if binding == holder_binding(salt, name, number) => HolderCheck::Same,
        (Some(_), Some(_)) => HolderCheck::Different,
        _ if mutant!("RCP-5") => HolderCheck::Different,
        _ => HolderCheck::CannotTell,
    }
}
