//! What one verification may cost: counted, never timed.
//!
//! Every loop over a peer's input spends from a [`Budget`] before it works (JWS-19), so that a hostile token, chain or
//! status list can cost no more than its kind allows, on every machine alike. A budget counts work and reads no clock: the
//! same input exhausts it at the same place everywhere. It refuses to be refilled; a new object to verify gets a new budget.

use comity_spec::mutant;
use thiserror::Error;

/// A kind of work that costs something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Bytes of JSON read.
    ParsedBytes,
    /// Bytes hashed outside signatures (disclosures, digests of payloads).
    HashedBytes,
    /// Bytes produced by inflating a status list.
    InflatedBytes,
    /// Signatures verified and keys imported: about 40 µs each.
    Signatures,
    /// Disclosures of an SD-JWT read.
    Disclosures,
    /// Objects asked from peers while resolving a trust chain.
    Fetches,
    /// Steps of any other loop: statements, list members, conditions.
    Steps,
}

impl Resource {
    const COUNT: usize = 7;

    /// Stable name, used in errors and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ParsedBytes => "parsed-bytes",
            Self::HashedBytes => "hashed-bytes",
            Self::InflatedBytes => "inflated-bytes",
            Self::Signatures => "signatures",
            Self::Disclosures => "disclosures",
            Self::Fetches => "fetches",
            Self::Steps => "steps",
        }
    }
}

/// How much of each [`Resource`] a verification may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of JSON read.
    pub parsed_bytes: u64,
    /// Bytes hashed outside signatures.
    pub hashed_bytes: u64,
    /// Bytes produced by inflating.
    pub inflated_bytes: u64,
    /// Signatures verified and keys imported.
    pub signatures: u64,
    /// Disclosures read.
    pub disclosures: u64,
    /// Objects asked from peers.
    pub fetches: u64,
    /// Steps of any other loop.
    pub steps: u64,
}

impl Limits {
    /// One presented attestation, request, response or receipt: 256 KiB is the largest body a peer may send.
    pub const PRESENTATION: Self = Self {
        parsed_bytes: 1 << 20,
        hashed_bytes: 1 << 20,
        inflated_bytes: 0,
        signatures: 8,
        disclosures: 128,
        fetches: 0,
        steps: 10_000,
    };
    /// One status list token. 4 MiB inflated is sixteen million entries of two bits.
    pub const STATUS_LIST: Self = Self {
        parsed_bytes: 16 << 20,
        hashed_bytes: 0,
        inflated_bytes: 4 << 20,
        signatures: 2,
        disclosures: 0,
        fetches: 1,
        steps: 10_000,
    };
    /// Resolving one leaf from the anchor: at most eight fetches of 256 KiB (TRU-25).
    pub const TRUST_CHAIN: Self = Self {
        parsed_bytes: 8 << 20,
        hashed_bytes: 8 << 20,
        inflated_bytes: 0,
        signatures: 256,
        disclosures: 0,
        fetches: 8,
        steps: 100_000,
    };
    /// A whole bundle of at most 64 MiB, read from a file that a person chose.
    pub const BUNDLE: Self = Self {
        parsed_bytes: 512 << 20,
        hashed_bytes: 256 << 20,
        inflated_bytes: 256 << 20,
        signatures: 200_000,
        disclosures: 0,
        fetches: 0,
        steps: 10_000_000,
    };

    const fn of(&self, what: Resource) -> u64 {
        match what {
            Resource::ParsedBytes => self.parsed_bytes,
            Resource::HashedBytes => self.hashed_bytes,
            Resource::InflatedBytes => self.inflated_bytes,
            Resource::Signatures => self.signatures,
            Resource::Disclosures => self.disclosures,
            Resource::Fetches => self.fetches,
            Resource::Steps => self.steps,
        }
    }
}

/// More work was asked for than the object's kind allows. The sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("核验工作量超出上限 / the object asks for more work than its kind allows: {} over {limit}", what.as_str())]
pub struct BudgetExceeded {
    /// What ran out.
    pub what: Resource,
    /// How much of it was allowed in all.
    pub limit: u64,
}

/// What is left of the [`Limits`] of one verification.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    spent: [u64; Resource::COUNT],
}

impl Budget {
    /// A fresh budget.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            spent: [0; Resource::COUNT],
        }
    }

    /// Spends `amount` of `what`, before the work is done.
    ///
    /// # Errors
    /// [`BudgetExceeded`] when less is left; what was left is then gone, so that every later attempt fails too.
    pub fn spend(&mut self, what: Resource, amount: usize) -> Result<(), BudgetExceeded> {
        let limit = self.limits.of(what);
        let spent = &mut self.spent[what as usize];
        *spent = spent.saturating_add(u64::try_from(amount).unwrap_or(u64::MAX));
        if *spent > limit && !mutant!("JWS-19") {
            Err(BudgetExceeded { what, limit })
        } else {
            Ok(())
        }
    }

    /// How much of `what` is left.
    #[must_use]
    pub const fn left(&self, what: Resource) -> u64 {
        self.limits.of(what).saturating_sub(self.spent[what as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spends_to_the_last_unit_and_not_beyond() {
        let mut budget = Budget::new(Limits {
            signatures: 2,
            ..Limits::PRESENTATION
        });
        assert!(budget.spend(Resource::Signatures, 2).is_ok());
        assert_eq!(budget.left(Resource::Signatures), 0);
        let refused = budget.spend(Resource::Signatures, 1);
        assert_eq!(
            refused,
            Err(BudgetExceeded {
                what: Resource::Signatures,
                limit: 2
            })
        );
        assert!(
            budget.spend(Resource::Disclosures, 1).is_ok(),
            "one resource running out leaves the others"
        );
    }

    #[test]
    fn a_refused_spend_stays_refused_and_never_wraps() {
        let mut budget = Budget::new(Limits::PRESENTATION);
        assert!(budget.spend(Resource::Steps, usize::MAX).is_err());
        assert!(budget.spend(Resource::Steps, usize::MAX).is_err());
        assert!(budget.spend(Resource::Steps, 1).is_err());
    }
}
