//! A county node as its use cases see it: who it is, its ports, and its present view of the federation.
//!
//! The view ([`View`]) is immutable and swapped whole: a verification takes one snapshot at its start and rests on it to the end,
//! so that one decision never mixes two states of the world. Nothing here does I/O. Whoever replaces a part of the view holds
//! [`Node::rebuilding`] from reading the store to the swap, so that an older picture never lands on a newer one.

use std::sync::Arc;

use arc_swap::ArcSwap;
use comity_spec::entity::{Endpoints, Environment};
use comity_spec::ids::{EntityId, Region};
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;
use comity_spec::time::endorsement::EndorsementProfile;
use comity_verifier::agreement::Agreements;
use comity_verifier::status_view::StatusView;
use comity_verifier::trust::{Anchor, Floors, Trust, TrustObjects};

use crate::attestations::{Issuer, StatusAllocator};
use crate::exchange::peer_misses::MissLimits;
use crate::live::Live;
use crate::permits::numbering::Counter;
use crate::permits::{Bureau, PermitPolicy};
use crate::ports::peers::PeerClient;
use crate::ports::signer::Signers;
use crate::ports::store::Store;
use crate::ports::{Clock, Rng};

/// Who this node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Entity id; its public origin.
    pub entity: EntityId,
    /// GB/T 2260 code.
    pub region: Region,
    /// Test or real.
    pub environment: Environment,
    /// Name for people.
    pub name: Bilingual,
    /// Telephone and hours of the office that answers for it.
    pub contact: Option<Bilingual>,
    /// Base URLs.
    pub endpoints: Endpoints,
}

/// What this node holds true at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The federation.
    pub trust: Arc<Trust>,
    /// Agreements this node is a party of.
    pub agreements: Arc<Agreements>,
    /// Peers' status lists and tombstones.
    pub status: Arc<StatusView>,
}

impl View {
    /// A view of nothing but the anchor's name: everything verified by it is grey. What a node has before
    /// loading it from the store.
    #[must_use]
    pub fn empty(anchor: &Anchor) -> Self {
        let (trust, _) = Trust::build(
            anchor,
            &TrustObjects::default(),
            &Floors::default(),
            UnixSeconds::MIN,
        );
        Self {
            trust: Arc::new(trust),
            agreements: Arc::default(),
            status: Arc::default(),
        }
    }

    /// The county of a region and its name: from the federation or, where its chain is not at hand, from the newest agreement that has
    /// it as a party.
    #[must_use]
    pub fn county_of(&self, region: Region) -> Option<(&EntityId, &Bilingual)> {
        let county = self.trust.county_by_region(region);
        county.map(|county| (&county.entity, &county.name)).or_else(|| {
            let agreements = self.agreements.all().iter().rev();
            agreements
                .flat_map(|one| &one.agreement().parties)
                .find(|party| party.region == region)
                .map(|party| (&party.entity, &party.name))
        })
    }
}

/// A county node. Shared by every listener and background task; use cases take `&Node`.
pub struct Node {
    /// Who it is.
    pub identity: Identity,
    /// The anchor, from a file given by hand.
    pub anchor: Anchor,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Signing keys.
    pub signers: Signers,
    /// Storage.
    pub store: Arc<dyn Store>,
    /// The network.
    pub peers: Arc<dyn PeerClient>,
    /// The present view; replaced whole.
    pub view: ArcSwap<View>,
    /// Held by whoever replaces a part of the view.
    pub rebuilding: tokio::sync::Mutex<()>,
    /// Hands out status indices of our own lists.
    pub allocator: StatusAllocator,
    /// Hands out permit numbers.
    pub counter: Counter,
    /// What the operator set.
    pub policy: Policy,
    /// What is under way in this process; [`Live::default`] at the start.
    pub live: Live,
}

/// What the operator set, within what the protocol allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attestations presented here must prove possession of the holder's key. Paper cannot, and is refused then.
    pub require_key_binding: bool,
    /// Permits are issued and changed here, for a county without a register of its own.
    pub local_issuing: bool,
    /// The county's rule for late endorsements (Decree 663 art. 22).
    pub endorsement: EndorsementProfile,
    /// Months for which a card issued here is good; `None` = no limit.
    pub card_validity_months: Option<u16>,
    /// Look-ups without a match that one officer may make in ten minutes.
    pub misses_per_ten_minutes: u32,
    /// Look-ups without a match that one peer may make here.
    pub peer_misses: MissLimits,
    /// Seconds after which a window gives up a look-up and decides off line.
    pub lookup_timeout_seconds: u64,
    /// Days after which the holder's data of a verification is erased.
    pub holder_data_days: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            require_key_binding: false,
            local_issuing: false,
            endorsement: EndorsementProfile::default(),
            card_validity_months: None,
            misses_per_ten_minutes: 10,
            peer_misses: MissLimits {
                per_ten_minutes: 60,
                per_day: 300,
            },
            lookup_timeout_seconds: 3,
            holder_data_days: 30,
        }
    }
}

impl Node {
    /// Now.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// The present view. Take it once per decision.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Who issues here, with the ports that issuing needs.
    #[must_use]
    pub fn issuer(&self) -> Issuer<'_> {
        Issuer {
            entity: &self.identity.entity,
            public_base: self.identity.endpoints.public.as_str(),
            region: self.identity.region,
            environment: self.identity.environment,
            is_register: self.policy.local_issuing,
            store: self.store.as_ref(),
            clock: self.clock.as_ref(),
            rng: self.rng.as_ref(),
            signers: &self.signers,
            allocator: &self.allocator,
        }
    }

    /// The office that keeps this county's permits, with its ports and rules.
    #[must_use]
    pub fn bureau(&self) -> Bureau<'_> {
        Bureau {
            issuer: self.issuer(),
            counter: &self.counter,
            policy: PermitPolicy {
                local_issuing: self.policy.local_issuing,
                endorsement: self.policy.endorsement,
                card_validity_months: self.policy.card_validity_months,
            },
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("identity", &self.identity)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
