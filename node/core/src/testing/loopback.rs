//! Two counties in one process, each asking the other over a wire that is a function call: Yushan (361123) issues, Changshan
//! (330822) recognises. The wire does what the listeners do and nothing more: it says whose the channel is, hands over the
//! bytes, and turns a refusal into its problem document.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use comity_spec::agreement::Agreement;
use comity_spec::exchange::{JOSE_MEDIA_TYPE, PermitStatus};
use comity_spec::ids::EntityId;
use comity_spec::problem::{MEDIA_TYPE, Problem};
use comity_spec::time::{LocalDate, UnixSeconds, endorsement};
use comity_verifier::agreement::{Agreements, verify_signed};
use comity_verifier::status_view::{StatusView, verify_status_token};
use comity_verifier::testing::Federation;

use super::world::{identity, signers};
use super::{CountingRng, FixedClock, MemoryStore};
use crate::attestations::StatusAllocator;
use crate::attestations::issue_for_permit::issue_for_permit;
use crate::attestations::status_publication::publish;
use crate::exchange::answer_lookup::{CURRENT_AGREEMENT, ReceivedLookup, answer_lookup};
use crate::live::Live;
use crate::node::{Node, Policy, View};
use crate::permits::synthetic::resident;
use crate::ports::attestations::Form;
use crate::ports::peers::{FetchError, Fetched, PeerAddress, PeerAnswer, PeerClient};
use crate::ports::permits::{Permit, PermitChange, PermitEvent, PermitId};
use crate::ports::row_id;
use crate::ports::store::{Store, Write};

/// What a test does to an answer on its way.
type Tamper = Box<dyn Fn(PeerAnswer) -> Result<PeerAnswer, FetchError> + Send + Sync>;

#[derive(Default)]
struct Wires {
    nodes: BTreeMap<EntityId, Weak<Node>>,
    tamper: Option<Tamper>,
    cut: bool,
    /// Requests handed over so far, by path or address.
    calls: Vec<String>,
    /// The bodies of the posts among them.
    bodies: Vec<Vec<u8>>,
}

/// The wire between the counties.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<Wires>>);

/// One county's end of the wire.
struct End {
    me: EntityId,
    wire: Wire,
}

impl Wire {
    /// Cuts the wire, or mends it.
    pub fn cut(&self, cut: bool) {
        self.with(|wires| wires.cut = cut);
    }

    /// Does something to every answer from now on.
    pub fn tamper(
        &self,
        tamper: impl Fn(PeerAnswer) -> Result<PeerAnswer, FetchError> + Send + Sync + 'static,
    ) {
        self.with(|wires| wires.tamper = Some(Box::new(tamper)));
    }

    /// What went over the wire: paths of posts and addresses of gets, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.with(|wires| wires.calls.clone())
    }

    /// The bodies that were posted, oldest first.
    #[must_use]
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.with(|wires| wires.bodies.clone())
    }

    /// Connects a node, in place of the one of that name before.
    pub fn connect(&self, node: &Arc<Node>) {
        let entity = node.identity.entity.clone();
        self.with(|wires| wires.nodes.insert(entity, Arc::downgrade(node)));
    }

    fn with<T>(&self, f: impl FnOnce(&mut Wires) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The node behind an address, if the wire leads there.
    fn reach(&self, address: &str) -> Result<Arc<Node>, FetchError> {
        let refused = || FetchError::Connect {
            host: address.to_owned(),
            reason: "the wire is cut".to_owned(),
        };
        self.with(|wires| {
            wires.calls.push(address.to_owned());
            let mut nodes = wires.nodes.iter().filter(|_| !wires.cut);
            let found = nodes.find(|(entity, _)| address.starts_with(entity.as_str()));
            found.and_then(|(_, node)| node.upgrade()).ok_or_else(refused)
        })
    }
}

#[async_trait]
impl PeerClient for End {
    async fn get(&self, url: &str, _: Option<&str>, _: usize) -> Result<Fetched, FetchError> {
        let node = self.wire.reach(url)?;
        let lists = node.store.status_lists().await.unwrap_or_default();
        let list = lists.into_iter().find(|list| list.uri == url);
        let token = list.and_then(|list| list.token);
        let token = token.ok_or_else(|| FetchError::Status {
            host: url.to_owned(),
            status: 404,
        })?;
        Ok(Fetched::Body {
            bytes: token.into_bytes(),
            etag: None,
        })
    }

    async fn post(
        &self,
        peer: &PeerAddress,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<PeerAnswer, FetchError> {
        let node = self.wire.reach(&peer.entity.join(path))?;
        self.wire.with(|wires| wires.bodies.push(body.clone()));
        assert_eq!(content_type, JOSE_MEDIA_TYPE, "the one media type of this path");
        let received = ReceivedLookup {
            request: body,
            channel: self.me.clone(),
        };
        let answer = match answer_lookup(&node, &received).await {
            Ok(answer) => PeerAnswer {
                status: 200,
                content_type: JOSE_MEDIA_TYPE.to_owned(),
                retry_after: None,
                body: answer.response,
            },
            Err(error) => {
                let mut problem = Problem::new(error.problem());
                if let Some(current) = error.current_agreement() {
                    problem = with_agreement(problem, current);
                }
                PeerAnswer {
                    status: error.problem().status(),
                    content_type: MEDIA_TYPE.to_owned(),
                    retry_after: error.retry_after(),
                    body: serde_json::to_vec(&problem).unwrap_or_default(),
                }
            }
        };
        self.wire.with(|wires| match &wires.tamper {
            Some(tamper) => tamper(answer),
            None => Ok(answer),
        })
    }
}

#[allow(
    clippy::unwrap_used,
    reason = "a name that is not reserved and a value that serialises"
)]
fn with_agreement(problem: Problem, current: &comity_spec::agreement::AgreementRef) -> Problem {
    problem
        .with_member(CURRENT_AGREEMENT, serde_json::to_value(current).unwrap())
        .unwrap()
}

/// The two counties, their agreement in force, and the wire.
pub struct Pair {
    /// Keys and names.
    pub federation: Federation,
    /// The one clock.
    pub clock: Arc<FixedClock>,
    /// The wire.
    pub wire: Wire,
    /// 361123, which issued the permits.
    pub yushan: Arc<Node>,
    /// Its store.
    pub yushan_store: Arc<MemoryStore>,
    /// 330822, at whose window they are shown.
    pub changshan: Arc<Node>,
    /// Its store.
    pub changshan_store: Arc<MemoryStore>,
}

#[allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test's set-up fails loudly"
)]
impl Pair {
    /// The demonstration's counties and their agreement, at `now`.
    #[must_use]
    pub fn new(now: UnixSeconds) -> Self {
        Self::under(now, |_| {})
    }

    /// With an agreement that a test changes before both sign it.
    #[must_use]
    pub fn under(now: UnixSeconds, change: impl FnOnce(&mut Agreement)) -> Self {
        let federation = Federation::demo(now);
        let (a, b) = (&federation.counties[0], &federation.counties[1]);
        let mut agreement = federation.agreement(a, b);
        change(&mut agreement);
        let signed = federation.signed(&agreement, &[a, b]);
        let trust = Arc::new(federation.trust());
        let agreement = verify_signed(&signed, &trust, now).unwrap();
        let view = View {
            trust,
            agreements: Arc::new(Agreements::new(vec![agreement], Vec::new())),
            status: Arc::default(),
        };
        let clock = Arc::new(FixedClock::at(now));
        let wire = Wire::default();
        let (yushan_store, changshan_store) = (Arc::default(), Arc::default());
        let mut pair = Self {
            yushan: node(&federation, "361123", &clock, &wire, &view, &yushan_store),
            changshan: node(&federation, "330822", &clock, &wire, &view, &changshan_store),
            federation,
            clock,
            wire,
            yushan_store,
            changshan_store,
        };
        pair.connect();
        pair
    }

    /// Both nodes anew on the stores there are: memory of the process is gone.
    pub fn restart(&mut self) {
        for node_ref in [&mut self.yushan, &mut self.changshan] {
            let old = Arc::clone(node_ref);
            let store = if old.identity.region.as_str() == "361123" {
                &self.yushan_store
            } else {
                &self.changshan_store
            };
            let region = old.identity.region.as_str().to_owned();
            let mut fresh = build(
                &self.federation,
                &region,
                &self.clock,
                &self.wire,
                &old.view(),
                store,
            );
            // Other random numbers than before the restart.
            fresh.rng = Arc::clone(&old.rng);
            *node_ref = Arc::new(fresh);
        }
        self.connect();
    }

    /// Changes a county's node before anything is under way on it.
    pub fn change(&mut self, region: &str, change: impl FnOnce(&mut Node)) {
        // A wire that leads to it shares it.
        self.wire.with(|wires| wires.nodes.clear());
        let node = if region == "361123" {
            &mut self.yushan
        } else {
            &mut self.changshan
        };
        change(Arc::get_mut(node).unwrap());
        self.connect();
    }

    fn connect(&mut self) {
        self.wire.connect(&self.yushan);
        self.wire.connect(&self.changshan);
    }

    /// A permit of Yushan for the synthetic resident at `place`, changed by `change` before it is stored.
    pub async fn permit(&self, place: usize, change: impl FnOnce(&mut Permit)) -> Permit {
        let now = self.yushan.now();
        let details = resident(self.yushan.identity.region, LocalDate::of(now), place).unwrap();
        let mut permit = Permit {
            id: PermitId(row_id(self.clock.as_ref(), self.yushan.rng.as_ref())),
            version: 1,
            status: PermitStatus::Valid,
            endorsed_until: endorsement::endorsed_until(details.issue_date).unwrap(),
            anniversary: details.issue_date,
            replaced_by: None,
            changed_at: now,
            details,
        };
        change(&mut permit);
        self.store_permit(&permit, 0, None).await;
        permit
    }

    /// Gives a stored permit another status, its indices with it.
    pub async fn set_status(
        &self,
        permit: &mut Permit,
        status: PermitStatus,
        bits: comity_spec::status::StatusValue,
    ) {
        permit.status = status;
        permit.version += 1;
        self.store_permit(permit, permit.version - 1, Some(bits)).await;
    }

    /// Stores a permit as it is.
    pub async fn store_permit(
        &self,
        permit: &Permit,
        expected: i64,
        status: Option<comity_spec::status::StatusValue>,
    ) {
        let change = PermitChange {
            permit: permit.clone(),
            expected,
            event: PermitEvent::Issued { evidence: Vec::new() },
            actor: "示例".to_owned(),
            status,
        };
        self.yushan_store
            .commit("permit of a test", vec![Write::Permit(Box::new(change))])
            .await
            .unwrap();
    }

    /// The card form of a permit's attestation, as a code holds it before it becomes digits; and a list that shows it.
    pub async fn card(&self, permit: &Permit) -> String {
        let issued = issue_for_permit(&self.yushan.issuer(), permit)
            .await
            .unwrap()
            .unwrap();
        self.publish().await;
        issued
            .into_iter()
            .find(|one| one.form == Form::Card)
            .unwrap()
            .token
    }

    /// Signs Yushan's changed lists and gives them to Changshan's view.
    pub async fn publish(&self) {
        self.publish_unseen().await;
        let view = self.changshan.view();
        let rows = self.yushan_store.status_lists_now().await;
        let lists = rows
            .iter()
            .map(|token| verify_status_token(token.as_bytes(), &view.trust, self.changshan.now()).unwrap());
        let status = Arc::new(StatusView::new(lists, []));
        self.changshan.view.store(Arc::new(View {
            status,
            ..View::clone(&view)
        }));
    }

    /// Signs Yushan's changed lists; Changshan has not heard of it.
    pub async fn publish_unseen(&self) {
        publish(&self.yushan.issuer(), &[]).await.unwrap();
    }
}

impl MemoryStore {
    /// The tokens of our own lists.
    #[allow(clippy::unwrap_used, reason = "a store in memory answers")]
    async fn status_lists_now(&self) -> Vec<String> {
        use crate::ports::attestations::AttestationReads as _;
        self.status_lists()
            .await
            .unwrap()
            .into_iter()
            .filter_map(|list| list.token)
            .collect()
    }
}

fn node(
    federation: &Federation,
    region: &str,
    clock: &Arc<FixedClock>,
    wire: &Wire,
    view: &View,
    store: &Arc<MemoryStore>,
) -> Arc<Node> {
    Arc::new(build(federation, region, clock, wire, view, store))
}

fn build(
    federation: &Federation,
    region: &str,
    clock: &Arc<FixedClock>,
    wire: &Wire,
    view: &View,
    store: &Arc<MemoryStore>,
) -> Node {
    let county = federation.county(region);
    Node {
        identity: identity(county),
        anchor: federation.anchor(),
        clock: Arc::clone(clock) as _,
        rng: Arc::new(CountingRng::from(u64::from(region.as_bytes()[5]))),
        signers: signers(county),
        store: Arc::clone(store) as _,
        peers: Arc::new(End {
            me: county.entity.clone(),
            wire: wire.clone(),
        }),
        view: ArcSwap::from_pointee(view.clone()),
        rebuilding: tokio::sync::Mutex::default(),
        allocator: StatusAllocator::default(),
        counter: crate::permits::numbering::Counter::default(),
        policy: Policy {
            local_issuing: true,
            ..Policy::default()
        },
        live: Live::default(),
    }
}
