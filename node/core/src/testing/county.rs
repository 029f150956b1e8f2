//! A county for tests: a store in memory, a still clock, keys of its own, and a few synthetic residents.

use comity_spec::entity::Environment;
use comity_spec::exchange::PermitStatus;
use comity_spec::ids::{EntityId, Region};
use comity_spec::jose::KeyPurpose;
use comity_spec::time::{LocalDate, UnixSeconds, endorsement};
use zeroize::Zeroizing;

use super::{CountingRng, FixedClock, MemoryStore};
use crate::attestations::{Issuer, StatusAllocator};
use crate::permits::numbering::Counter;
use crate::permits::synthetic::resident;
use crate::permits::{Bureau, PermitPolicy};
use crate::ports::officers::{Officer, Role};
use crate::ports::permits::{Permit, PermitChange, PermitEvent, PermitId};
use crate::ports::signer::Signers;
use crate::ports::store::{Store as _, Write};
use crate::ports::{Rng, row_id};
use crate::signing;

/// An officer as first added, who cannot sign in: there is no password.
///
/// # Panics
/// When that is no officer id.
#[must_use]
#[allow(clippy::unwrap_used, reason = "a test's set-up fails loudly")]
pub fn officer(id: &str, roles: Vec<Role>, active: bool) -> Officer {
    Officer {
        id: id.parse().unwrap(),
        version: 1,
        name: "示例".to_owned(),
        roles,
        password: String::new(),
        active,
        failures: 0,
        locked_until: None,
    }
}

/// A county. Its parts are public, so that a test can turn each.
#[derive(Debug)]
pub struct County {
    /// Entity id.
    pub entity: EntityId,
    /// Base URL of the public listener.
    pub public_base: String,
    /// Region.
    pub region: Region,
    /// Storage.
    pub store: MemoryStore,
    /// Time.
    pub clock: FixedClock,
    /// Bytes that repeat.
    pub rng: CountingRng,
    /// A key for each purpose.
    pub signers: Signers,
    /// Status indices.
    pub allocator: StatusAllocator,
    /// Permit numbers.
    pub counter: Counter,
    /// Rules of the county.
    pub policy: PermitPolicy,
}

impl County {
    /// Yushan (361123), which issues by itself, at noon of `today` in UTC+8. Its issuer is `officer-01`.
    ///
    /// # Panics
    /// Never: the constants read.
    #[must_use]
    #[allow(
        clippy::missing_panics_doc,
        clippy::unwrap_used,
        reason = "constants of a test county"
    )]
    pub fn yushan(today: LocalDate) -> Self {
        let rng = CountingRng::default();
        let signers = signing::generate(&KeyPurpose::NODE, || {
            let rng: &dyn Rng = &rng;
            Zeroizing::new(rng.bytes::<32>())
        });
        Self {
            entity: "https://node.yushan.example".parse().unwrap(),
            public_base: "https://node.yushan.example".to_owned(),
            region: "361123".parse().unwrap(),
            store: MemoryStore::default().with_officer(officer("officer-01", vec![Role::Issuer], true)),
            clock: FixedClock::at(today.start_of_day().plus_saturating(12 * 3600)),
            rng,
            signers,
            allocator: StatusAllocator::default(),
            counter: Counter::default(),
            policy: PermitPolicy {
                local_issuing: true,
                ..PermitPolicy::default()
            },
        }
    }

    /// The ports of its issuing office.
    #[must_use]
    pub fn issuer(&self) -> Issuer<'_> {
        Issuer {
            entity: &self.entity,
            public_base: &self.public_base,
            region: self.region,
            environment: Environment::Sandbox,
            is_register: self.policy.local_issuing,
            store: &self.store,
            clock: &self.clock,
            rng: &self.rng,
            signers: &self.signers,
            allocator: &self.allocator,
        }
    }

    /// The ports of its permit use cases.
    #[must_use]
    pub fn bureau(&self) -> Bureau<'_> {
        Bureau {
            issuer: self.issuer(),
            counter: &self.counter,
            policy: self.policy,
        }
    }

    /// Today in UTC+8.
    #[must_use]
    pub fn today(&self) -> LocalDate {
        LocalDate::of(self.now())
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        crate::ports::Clock::now(&self.clock)
    }

    /// Stores a valid permit for the synthetic resident at `place`, without an attestation.
    ///
    /// # Panics
    /// When the store refuses, or there is no such resident.
    #[allow(clippy::unwrap_used, reason = "a test's set-up fails loudly")]
    pub async fn seed(&self, place: usize) -> Permit {
        let details = resident(self.region, self.today(), place).unwrap();
        let permit = Permit {
            id: PermitId(row_id(&self.clock, &self.rng)),
            version: 1,
            status: PermitStatus::Valid,
            endorsed_until: endorsement::endorsed_until(details.issue_date).unwrap(),
            anniversary: details.issue_date,
            replaced_by: None,
            changed_at: self.now(),
            details,
        };
        let change = PermitChange {
            permit: permit.clone(),
            expected: 0,
            event: PermitEvent::Issued { evidence: Vec::new() },
            actor: "demo".to_owned(),
            status: None,
        };
        self.store
            .commit("seed a permit", vec![Write::Permit(Box::new(change))])
            .await
            .unwrap();
        permit
    }
}
