//! A federation on a scripted network: anchor, two provinces and their counties as the authorities' own use cases make them, and
//! county nodes that see nothing else. Keys and names are those of [`comity_verifier::testing::Federation`].

use std::sync::Arc;

use arc_swap::ArcSwap;
use comity_spec::entity::{Endpoints, Environment, WELL_KNOWN};
use comity_spec::ids::EntityId;
use comity_spec::jose::KeyPurpose;
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;
use comity_verifier::testing::{Federation, TestCounty};
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use super::{CountingRng, FixedClock, MemoryStore, ScriptedPeers};
use crate::attestations::StatusAllocator;
use crate::federation::authority::{self, Application, AuthorityState, Hosting, NewAuthority, Place, Rank};
use crate::federation::own_configuration::{self, Publishing};
use crate::node::{Identity, Node, Policy, View};
use crate::ports::signer::{Signer, Signers};
use crate::signing::LocalSigner;

/// A federation. Change a part, then [`World::serve`] it.
pub struct World {
    /// Keys and names.
    pub federation: Federation,
    /// The one clock.
    pub clock: Arc<FixedClock>,
    /// The network.
    pub peers: Arc<ScriptedPeers>,
    /// The anchor.
    pub anchor: AuthorityState,
    /// 360000 and 330000.
    pub provinces: Vec<AuthorityState>,
}

/// A node, with the ports that a test turns.
pub struct TestNode {
    /// The node.
    pub node: Node,
    /// Its store.
    pub store: Arc<MemoryStore>,
    /// What it publishes besides its identity.
    pub publishing: Publishing,
}

fn text(zh: &str) -> Bilingual {
    Bilingual {
        zh: zh.to_owned(),
        en: format!("{zh} (example)"),
    }
}

/// A signer of a test's key.
#[must_use]
pub fn signer(key: &SigningKey) -> LocalSigner {
    LocalSigner::from_seed(&Zeroizing::new(key.to_bytes()))
}

#[allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "constants of a test federation"
)]
impl World {
    /// The demonstration's federation, enrolled and served, at `now`. Jiangxi has a server, Zhejiang a static host.
    pub async fn new(now: UnixSeconds) -> Self {
        let federation = Federation::demo(now);
        let new = |entity: &EntityId, rank: Rank, hosting: Hosting| NewAuthority {
            entity: entity.clone(),
            environment: Environment::Sandbox,
            name: text("示例机构"),
            rank,
            hosting,
        };
        let anchor_id = federation.anchor.entity.clone();
        let anchor_key = signer(&federation.anchor.key);
        let mut anchor = authority::init(new(&anchor_id, Rank::Anchor, Hosting::Server), &anchor_key, now)
            .await
            .unwrap();
        let mut provinces = Vec::new();
        for (at, province) in federation.provinces.iter().enumerate() {
            let prefix = province.prefix.unwrap().parse().unwrap();
            let rank = Rank::Province {
                superior: anchor_id.clone(),
                prefix,
            };
            let hosting = if at == 0 { Hosting::Server } else { Hosting::Static };
            let state = authority::init(new(&province.entity, rank, hosting), &signer(&province.key), now)
                .await
                .unwrap();
            let application = Application {
                configuration: &state.configuration,
                place: Place::Province {
                    prefix,
                    name: text("示例省"),
                },
                replace_keys: false,
            };
            anchor = authority::enrol(&anchor, &anchor_key, application, now)
                .await
                .unwrap()
                .state;
            provinces.push(state);
        }
        let mut world = Self {
            federation,
            clock: Arc::new(FixedClock::at(now)),
            peers: Arc::default(),
            anchor,
            provinces,
        };
        for county in world.federation.counties.clone() {
            world.enrol(&county).await;
        }
        world.serve();
        world
    }

    /// Enrols a county under its superior, and serves its configuration.
    pub async fn enrol(&mut self, county: &TestCounty) {
        let now = crate::ports::Clock::now(self.clock.as_ref());
        let configuration = self.configuration(county).await;
        let at = self
            .provinces
            .iter()
            .position(|p| p.entity == county.superior)
            .unwrap();
        let application = Application {
            configuration: &configuration,
            place: Place::County,
            replace_keys: false,
        };
        let key = signer(&self.federation.provinces[at].key);
        let enrolled = authority::enrol(&self.provinces[at], &key, application, now)
            .await
            .unwrap();
        self.provinces[at] = enrolled.state;
        self.peers.serve(county.entity.join(WELL_KNOWN), configuration);
    }

    /// A county's own configuration of now.
    pub async fn configuration(&self, county: &TestCounty) -> String {
        let now = crate::ports::Clock::now(self.clock.as_ref());
        let (identity, publishing, signers) = (identity(county), publishing(county), signers(county));
        own_configuration::application(&identity, &publishing, &signers, now)
            .await
            .unwrap()
    }

    /// Signs everything anew at the clock's time: authorities, and each county's configuration; then serves it.
    pub async fn renew(&mut self) {
        let now = crate::ports::Clock::now(self.clock.as_ref());
        self.anchor = authority::publish(&self.anchor, &signer(&self.federation.anchor.key), now)
            .await
            .unwrap();
        for (at, province) in self.federation.provinces.iter().enumerate() {
            self.provinces[at] = authority::publish(&self.provinces[at], &signer(&province.key), now)
                .await
                .unwrap();
        }
        for county in &self.federation.counties {
            self.peers
                .serve(county.entity.join(WELL_KNOWN), self.configuration(county).await);
        }
        self.serve();
    }

    /// Puts what the authorities published on the network.
    pub fn serve(&self) {
        let now = crate::ports::Clock::now(self.clock.as_ref());
        for state in std::iter::once(&self.anchor).chain(&self.provinces) {
            for (path, file) in authority::published(state, now).files {
                self.peers.serve(state.entity.join(&path), file.bytes);
            }
            for member in &state.members {
                let sub = member.entity.as_str().replace(':', "%3A").replace('/', "%2F");
                let url = format!("{}?sub={sub}", state.entity.join(authority::FETCH_PATH));
                self.peers
                    .serve(url, authority::fetch(state, &member.entity).unwrap());
            }
        }
    }

    /// A node of a county, with an empty store and view.
    #[must_use]
    pub fn node(&self, region: &str) -> TestNode {
        let county = self.federation.county(region);
        let store = Arc::new(MemoryStore::default());
        let anchor = self.federation.anchor();
        let node = Node {
            identity: identity(county),
            view: ArcSwap::from_pointee(View::empty(&anchor)),
            anchor,
            clock: self.clock.clone(),
            rng: Arc::new(CountingRng::from(u64::from(region.as_bytes()[5]))),
            signers: signers(county),
            store: store.clone(),
            peers: self.peers.clone(),
            rebuilding: tokio::sync::Mutex::default(),
            allocator: StatusAllocator::default(),
            counter: crate::permits::numbering::Counter::default(),
            policy: Policy {
                local_issuing: true,
                ..Policy::default()
            },
            live: crate::live::Live::default(),
        };
        TestNode {
            node,
            store,
            publishing: publishing(county),
        }
    }

    /// A node that has published its configuration and refreshed once.
    pub async fn ready(&self, region: &str) -> TestNode {
        let test = self.node(region);
        let node = &test.node;
        let own = own_configuration::current(
            &node.identity,
            &test.publishing,
            &node.signers,
            node.store.as_ref(),
            node.now(),
        );
        let own = own.await.unwrap();
        self.peers.serve(node.identity.entity.join(WELL_KNOWN), own);
        crate::federation::refresh::refresh(node, &crate::federation::refresh::Scope::Everybody)
            .await
            .unwrap();
        test
    }
}

pub(super) fn identity(county: &TestCounty) -> Identity {
    Identity {
        entity: county.entity.clone(),
        region: county.region,
        environment: Environment::Sandbox,
        name: text(county.name),
        contact: Some(text("示例电话 0793-0000000")),
        endpoints: Endpoints {
            public: county.entity.clone(),
            federation: county.federation.clone(),
        },
    }
}

fn publishing(county: &TestCounty) -> Publishing {
    Publishing {
        authority_hints: vec![county.superior.clone()],
        tls_pins: vec![county.pin],
        ..Publishing::default()
    }
}

pub(super) fn signers(county: &TestCounty) -> Signers {
    let mut signers = Signers::default();
    for purpose in KeyPurpose::NODE {
        let signer: Arc<dyn Signer> = Arc::new(signer(&county.key(purpose)));
        signers.insert(purpose, signer);
    }
    signers
}
