//! Withdrawal: one party's signed notice that an agreement ends, from a day that respects the notice it owes.
//!
//! It must name the agreement by id, version and digest, and be signed by a federation key that counts under the agreement:
//! pinned there or vouched for by a pinned one, and of the chain. A stolen province key cannot end an agreement.

use comity_spec::agreement::Withdrawal;
use comity_spec::ids::EntityId;
use comity_spec::jose::{Jwk, KeyPurpose, Typ};
use comity_spec::mutant;
use comity_spec::time::{LocalDate, UnixSeconds};
use thiserror::Error;

use super::VerifiedAgreement;
use crate::budget::Budget;
use crate::jwk::{KeyError, KeySet};
use crate::jws::{JwsError, Profile, Unverified};
use crate::trust::{SKEW, Standing, Trust};

/// Why a withdrawal is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WithdrawalError {
    /// Form, header or signature.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// It names another agreement, version or digest.
    #[error("退出声明所指不是该协议 / the withdrawal names another agreement, version or digest")]
    OtherAgreement,
    /// Its issuer is no party.
    #[error("{0} 不是该协议的当事方 / is not a party to the agreement")]
    NotAParty(EntityId),
    /// The party is not an active county now; perhaps only our chain is old.
    #[error("当事方 {party} 目前不是有效成员({standing}) / the party is not an active county")]
    PartyNotActive {
        /// The party.
        party: EntityId,
        /// The rule name of its standing.
        standing: &'static str,
    },
    /// No federation key of the party counts under the agreement.
    #[error("{0} 没有在该协议下有效的密钥 / no key of the party counts under the agreement")]
    NoCountingKey(EntityId),
    /// Takes effect before the notice has run.
    #[error(
        "通知期不足，最早生效日 {earliest} / the notice is too short; it can take effect from {earliest}"
    )]
    NoticeTooShort {
        /// First day on which it may take effect.
        earliest: LocalDate,
    },
    /// From the future: one of the clocks is wrong, perhaps ours.
    #[error("签发时间在将来 ({iat})，请检查本机时钟 / issued in the future: check this node's clock")]
    ClockDoubt {
        /// When it says it was issued.
        iat: UnixSeconds,
    },
    /// A record's key cannot be read. Our own fault: the store was changed.
    #[error("已存签名密钥不可用 / the key of the record cannot be used: {0}")]
    RecordKey(KeyError),
}

impl WithdrawalError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Jws(e) => e.rule(),
            Self::OtherAgreement => "withdrawal.other-agreement",
            Self::NotAParty(_) => "withdrawal.not-a-party",
            Self::PartyNotActive { .. } => "withdrawal.party-not-active",
            Self::NoCountingKey(_) => "withdrawal.no-counting-key",
            Self::NoticeTooShort { .. } => "withdrawal.notice-too-short",
            Self::ClockDoubt { .. } => "withdrawal.clock-doubt",
            Self::RecordKey(_) => "withdrawal.record-key",
        }
    }
}

/// A withdrawal that was verified against its agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedWithdrawal {
    withdrawal: Withdrawal,
    received: String,
    key: Jwk,
    ends_from: LocalDate,
}

impl VerifiedWithdrawal {
    /// The contents.
    #[must_use]
    pub const fn withdrawal(&self) -> &Withdrawal {
        &self.withdrawal
    }

    /// First day on which it ends the agreement: `effective_from`, or later where it was seen late ([`Self::first_seen`]).
    #[must_use]
    pub const fn ends_from(&self) -> LocalDate {
        self.ends_from
    }

    /// Counts the notice from when a node first saw it, where that is later than its `iat` (AGR-22): what it says of its own age is
    /// its signer's word alone.
    #[must_use]
    pub fn first_seen(mut self, at: UnixSeconds, agreement: &VerifiedAgreement) -> Self {
        let counted = if mutant!("AGR-22") {
            self.withdrawal.iat
        } else {
            at.plus_saturating(if mutant!("AGR-22/skew") { 0 } else { -SKEW })
                .max(self.withdrawal.iat)
        };
        self.ends_from = self.withdrawal.effective_from.max(earliest(agreement, counted));
        self
    }

    /// The object as received.
    #[must_use]
    pub fn received(&self) -> &str {
        &self.received
    }

    /// The key that signed.
    #[must_use]
    pub const fn key(&self) -> &Jwk {
        &self.key
    }
}

/// Verifies a withdrawal when it is received.
///
/// # Errors
/// [`WithdrawalError`], for the first rule broken.
pub fn verify_withdrawal(
    token: &str,
    agreement: &VerifiedAgreement,
    trust: &Trust,
    now: UnixSeconds,
) -> Result<VerifiedWithdrawal, WithdrawalError> {
    check(token, agreement, now, |party| match trust.standing(party, now) {
        Standing::Active(county) => {
            let keys = agreement.counting_keys(county);
            if keys.entries().is_empty() {
                Err(WithdrawalError::NoCountingKey(party.clone()))
            } else {
                Ok(keys)
            }
        }
        other => Err(WithdrawalError::PartyNotActive {
            party: party.clone(),
            standing: other.rule(),
        }),
    })
}

/// The agreement that a withdrawal says it ends, to find it; nothing is verified.
///
/// # Errors
/// [`WithdrawalError::Jws`].
pub(crate) fn unverified_reference(
    token: &str,
) -> Result<comity_spec::agreement::AgreementRef, WithdrawalError> {
    Ok(parse(token, &mut Budget::new(super::LIMITS))?
        .claims::<Withdrawal>()?
        .agreement)
}

fn parse(token: &str, budget: &mut Budget) -> Result<Unverified, JwsError> {
    Unverified::parse(
        token.as_bytes(),
        Profile::Comity {
            typ: Typ::Withdrawal.as_str(),
        },
        budget,
    )
}

pub(super) fn check(
    token: &str,
    agreement: &VerifiedAgreement,
    now: UnixSeconds,
    keys: impl Fn(&EntityId) -> Result<KeySet, WithdrawalError>,
) -> Result<VerifiedWithdrawal, WithdrawalError> {
    let mut budget = Budget::new(super::LIMITS);
    let unverified = parse(token, &mut budget)?;
    let Withdrawal {
        iss,
        agreement: named,
        ..
    } = unverified.claims()?;
    if named != agreement.reference() && !mutant!("AGR-17/other") {
        return Err(WithdrawalError::OtherAgreement);
    }
    if agreement.party(&iss).is_none() && !mutant!("AGR-17") {
        return Err(WithdrawalError::NotAParty(iss));
    }
    let keys = keys(&iss)?;
    let verified = unverified.verify::<Withdrawal>(&keys, KeyPurpose::Federation, &mut budget)?;
    let kid = verified.signer().to_string();
    let public = super::public_bytes(&keys, &kid).ok_or(JwsError::UnknownKey { kid })?;
    let withdrawal = verified.into_value();
    if withdrawal.iat.since(now) > SKEW {
        return Err(WithdrawalError::ClockDoubt { iat: withdrawal.iat });
    }
    let earliest = earliest(agreement, withdrawal.iat);
    if withdrawal.effective_from < earliest && !mutant!("AGR-18") {
        return Err(WithdrawalError::NoticeTooShort { earliest });
    }
    Ok(VerifiedWithdrawal {
        ends_from: withdrawal.effective_from,
        withdrawal,
        received: token.to_owned(),
        key: Jwk::ed25519(&public),
    })
}

/// First day on which a notice given at `iat` can take effect.
fn earliest(agreement: &VerifiedAgreement, iat: UnixSeconds) -> LocalDate {
    let notice = i64::from(agreement.agreement().notice_days);
    LocalDate::of(iat).plus_days(notice).unwrap_or(LocalDate::MAX)
}
