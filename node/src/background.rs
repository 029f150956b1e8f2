//! What a running node does without being asked: issue what is missing, publish status, tell peers, refresh the federation, tidy up.
//!
//! Four loops, each its own pace, each going on after an error: **work** (every second, or at once when woken) issues and publishes;
//! **post** delivers messages to peers, apart from the work because a peer may be slow; **refresh** (every few minutes) asks the federation;
//! **housekeeping** (every minute) signs the record's head and forgets what has ended.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use comity_node_core::attestations::issue_missing::issue_missing;
use comity_node_core::attestations::status_publication::publish;
use comity_node_core::audit::sign_head::sign_head;
use comity_node_core::federation::agreements::expire_proposals;
use comity_node_core::federation::deliver;
use comity_node_core::federation::own_configuration::{self, Publishing};
use comity_node_core::federation::refresh::{self, RefreshReport, Scope};
use comity_node_core::federation::refresh_status::{self, ListReport, Lists};
use comity_node_core::node::View;
use comity_node_core::ports::store::{StoreError, Write};
use comity_node_core::{Node, chain};
use comity_node_http::ops::{Readiness, Unready};
use comity_node_http::public::PublicState;
use comity_node_http::tls::{PinOwner, PinRegistry, PinTable};
use comity_spec::ids::EntityId;
use comity_verifier::trust::{Standing, Trust};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;

/// Everything that the loops and the listeners of one node share.
pub(crate) struct Running {
    pub(crate) node: Arc<Node>,
    pub(crate) publishing: Publishing,
    pub(crate) public: PublicState,
    pub(crate) pins: PinRegistry,
    pub(crate) readiness: Readiness,
    pub(crate) refresh_every: Duration,
    /// Wakes the work loop.
    pub(crate) work: Notify,
    /// Wakes the delivery of messages to peers.
    post: Notify,
    /// When missing attestations are tried again.
    issuing: Backoff,
    /// The trust picture that pins were last taken from.
    used_trust: Held<Trust>,
    /// When everybody was last asked. Held while that goes on: whoever wants it meanwhile waits, and nothing of an earlier round comes
    /// after theirs.
    asked_everybody: tokio::sync::Mutex<Option<Instant>>,
}

/// What asking the federation brought: each half by itself, since one may fail alone.
#[derive(Debug)]
pub(crate) struct Refreshed {
    /// Statements and member lists.
    pub(crate) trust: Result<RefreshReport, StoreError>,
    /// Status lists of the parties of our agreements.
    pub(crate) lists: Result<Vec<ListReport>, StoreError>,
}

/// The loops.
#[derive(Clone, Copy)]
enum Loop {
    Work,
    Post,
    Refresh,
    Housekeeping,
}

impl Running {
    /// A node that does nothing yet: no pins, no documents, not ready.
    pub(crate) fn new(node: Arc<Node>, publishing: Publishing, refresh_every: Duration) -> Self {
        Self {
            node,
            publishing,
            public: PublicState::new(),
            pins: PinRegistry::new(),
            readiness: Readiness::default(),
            refresh_every,
            work: Notify::new(),
            post: Notify::new(),
            issuing: Backoff::default(),
            used_trust: Held::default(),
            asked_everybody: tokio::sync::Mutex::new(None),
        }
    }

    /// Starts the loops; they end with `shutdown`.
    pub(crate) fn start(self: &Arc<Self>, tasks: &TaskTracker, shutdown: &CancellationToken) {
        for which in [Loop::Work, Loop::Post, Loop::Refresh, Loop::Housekeeping] {
            let (this, stop) = (Arc::clone(self), shutdown.clone());
            tasks.spawn(async move {
                loop {
                    let pause = this.round(which).await;
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = this.woken(which) => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            });
        }
    }

    /// Does once what a loop is for, and says when to do it again.
    async fn round(&self, which: Loop) -> Duration {
        match which {
            Loop::Work => {
                self.follow_trust().await;
                self.do_work().await;
                Duration::from_secs(1)
            }
            Loop::Post => {
                self.deliver().await;
                Duration::from_secs(1)
            }
            Loop::Refresh => self.refresh_when_due().await,
            Loop::Housekeeping => {
                self.keep_house().await;
                Duration::from_secs(60)
            }
        }
    }

    async fn woken(&self, which: Loop) {
        match which {
            Loop::Work => self.work.notified().await,
            Loop::Post => self.post.notified().await,
            Loop::Refresh | Loop::Housekeeping => pending().await,
        }
    }

    /// Asks everybody, unless an operator has just done so, and says when to come again.
    async fn refresh_when_due(&self) -> Duration {
        let mut asked = self.asked_everybody.lock().await;
        let due_in = self.due_in(*asked);
        if !due_in.is_zero() {
            return due_in;
        }
        self.ask_everybody(&mut asked).await;
        self.due_in(*asked)
    }

    /// How long it is until everybody is to be asked again.
    fn due_in(&self, asked: Option<Instant>) -> Duration {
        // A node that has no current chain of its own asks more often: it was just enrolled, or its authority was away.
        let every = if self.in_federation() {
            self.refresh_every
        } else {
            Duration::from_secs(2)
        };
        asked.map_or(Duration::ZERO, |asked| every.saturating_sub(asked.elapsed()))
    }

    fn in_federation(&self) -> bool {
        self.node
            .view()
            .trust
            .county(&self.node.identity.entity)
            .is_some()
    }

    /// Other parties of our agreements: those who are told of changes.
    pub(crate) fn parties(&self) -> Vec<EntityId> {
        let own = &self.node.identity.entity;
        let view = self.node.view();
        let mut parties: Vec<EntityId> = view
            .agreements
            .all()
            .iter()
            .flat_map(|agreement| {
                agreement
                    .agreement()
                    .parties
                    .iter()
                    .map(|party| party.entity.clone())
            })
            .filter(|entity| entity != own)
            .collect();
        parties.sort();
        parties.dedup();
        parties
    }

    /// Issues, publishes, delivers.
    pub(crate) async fn do_work(&self) {
        self.issue_missing().await;
        let issuer = self.node.issuer();
        match publish(&issuer, &self.parties()).await {
            Ok(published) if published.is_empty() => {}
            Ok(published) => {
                tracing::info!(lists = published.len(), "status lists published");
                // Shown before peers are told: whoever comes at the hint must find the new list.
                self.show(
                    "status lists",
                    self.public.refresh_status_lists(self.node.store.as_ref()).await,
                );
            }
            Err(error) => tracing::error!(error = %chain(&error), "status lists were not published"),
        }
        self.post.notify_one();
    }

    /// Issues until nothing is missing. After a failure it waits, and only it: what was cancelled is published all the same.
    async fn issue_missing(&self) {
        if !self.issuing.is_due(Instant::now()) {
            return;
        }
        let issuer = self.node.issuer();
        loop {
            match issue_missing(&issuer).await {
                Ok(issued) => {
                    self.issuing.succeeded();
                    if issued == 0 {
                        return;
                    }
                    tracing::info!(issued, "attestations issued");
                }
                Err(error) => {
                    let again_in = self.issuing.failed(Instant::now());
                    tracing::error!(error = %chain(&error), ?again_in, "attestations were not issued");
                    return;
                }
            }
        }
    }

    async fn deliver(&self) {
        match deliver::deliver(&self.node).await {
            Ok(deliveries) => {
                for delivery in deliveries {
                    tracing::info!(peer = %delivery.item.peer, result = ?delivery.result, "message to a peer");
                }
            }
            Err(error) => tracing::error!(error = %chain(&error), "messages were not delivered"),
        }
    }

    /// Asks the federation, about one county or all of it, and lets what came back count.
    pub(crate) async fn do_refresh(&self, only: Option<&EntityId>) -> Refreshed {
        match only {
            None => {
                let mut asked = self.asked_everybody.lock().await;
                self.ask_everybody(&mut asked).await
            }
            Some(county) => {
                self.ask(Scope::One(county.clone()), Lists::OfParty(county.clone()))
                    .await
            }
        }
    }

    async fn ask_everybody(&self, asked: &mut Option<Instant>) -> Refreshed {
        let refreshed = self.ask(Scope::Everybody, Lists::OfParties).await;
        *asked = Some(Instant::now());
        refreshed
    }

    async fn ask(&self, scope: Scope, lists: Lists) -> Refreshed {
        self.renew_configuration().await;
        let trust = refresh::refresh(&self.node, &scope).await;
        match &trust {
            Ok(report) => {
                for object in report.alarms() {
                    tracing::error!(subject = ?object.subject, "two objects of one issuer and second: tell a person");
                }
                tracing::info!(
                    fetches = report.fetches,
                    missed = report.missed().count(),
                    findings = report.findings.len(),
                    "federation refreshed"
                );
                // Before the lists: they may be slow to come, and a new member is to be let in now.
                self.use_view().await;
            }
            Err(error) => tracing::error!(error = %chain(error), "the federation was not refreshed"),
        }
        let lists = refresh_status::refresh_status(&self.node, &lists).await;
        match &lists {
            Ok(lists) => {
                let missed = lists.iter().filter(|list| list.is_missed()).count();
                tracing::info!(lists = lists.len(), missed, "status lists of peers asked for");
            }
            Err(error) => tracing::error!(error = %chain(error), "status lists of peers were not refreshed"),
        }
        self.use_view().await;
        Refreshed { trust, lists }
    }

    /// A hint or a case may have swapped the trust part of the view: a key that a county dropped must not open another connection.
    async fn follow_trust(&self) {
        let view = self.node.view();
        if self.used_trust.is_other(&view.trust) {
            self.use_view().await;
        } else {
            // The same picture, and a chain in it may have ended since.
            self.judge_readiness(&view);
        }
    }

    /// Lets pins, readiness and public documents follow the present view.
    pub(crate) async fn use_view(&self) {
        let view = self.node.view();
        let claims: Vec<_> = view
            .trust
            .pins()
            .map(|(pin, entity)| (pin, PinOwner::new(entity.clone())))
            .collect();
        let (table, conflicts) = PinTable::from_claims(claims);
        for conflict in conflicts {
            tracing::error!(?conflict, "a TLS key claimed twice counts for nobody");
        }
        self.pins.replace(table);
        self.judge_readiness(&view);
        let store = self.node.store.as_ref();
        self.show("agreements", self.public.refresh_agreements(store).await);
        self.show("bundle", self.public.refresh_bundle(&self.node).await);
    }

    /// Ready is who knows itself to be a member and admits every member that it knows: to be asked of a view whose pins are in
    /// place. A county that is suspended stays ready, since its windows are to be told so.
    fn judge_readiness(&self, view: &View) {
        let now = self.node.now();
        let standing = view.trust.standing(&self.node.identity.entity, now);
        let chain = matches!(standing, Standing::Active(_) | Standing::Suspended { .. });
        for (reason, is_well) in [
            (Unready::Clock, view.trust.clock_ok(now)),
            (Unready::Trust, chain),
        ] {
            if is_well {
                self.readiness.restored(reason);
            } else {
                self.readiness.lost(reason);
            }
        }
    }

    /// Puts our own configuration out, signed anew where it is due.
    pub(crate) async fn renew_configuration(&self) {
        let node = &self.node;
        let renewed = own_configuration::current(
            &node.identity,
            &self.publishing,
            &node.signers,
            node.store.as_ref(),
            node.now(),
        )
        .await;
        let metadata = own_configuration::jwt_vc_issuer(&node.identity, &self.publishing, &node.signers);
        match (renewed, metadata) {
            (Ok(configuration), Ok(metadata)) => self.public.publish_configuration(&configuration, &metadata),
            (Err(error), _) => {
                tracing::error!(error = %chain(&error), "our own configuration was not renewed")
            }
            (_, Err(error)) => tracing::error!(error = %chain(&error), "issuer metadata was not renewed"),
        }
    }

    async fn keep_house(&self) {
        let before = self.node.now().get();
        if let Err(error) = self
            .node
            .store
            .commit("forget", vec![Write::Forget { before }])
            .await
        {
            tracing::error!(error = %chain(&error), "what has ended was not forgotten");
        }
        match expire_proposals(&self.node).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "proposals that nobody signed here were forgotten"),
            Err(error) => tracing::error!(error = %chain(&error), "proposals were not looked through"),
        }
        if let Err(error) = sign_head(&self.node).await {
            tracing::error!(error = %chain(&error), "the head of the record was not signed");
        }
    }

    fn show<E: std::error::Error>(&self, what: &'static str, shown: Result<(), E>) {
        if let Err(error) = shown {
            tracing::error!(what, error = %chain(&error), "a public document was not renewed; the last good one is served");
        }
    }
}

/// What was seen last, kept alive: an address alone would be the same again when a later picture is put where an earlier one was.
#[derive(Debug)]
struct Held<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Held<T> {
    /// Whether this is not what was seen last; from now on it is.
    fn is_other(&self, present: &Arc<T>) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = held.replace(Arc::clone(present));
        !last.is_some_and(|last| Arc::ptr_eq(&last, present))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_picture_is_noticed_even_when_the_last_one_was_dropped_by_everybody_else() {
        let held = Held::default();
        let first = Arc::new(1);
        assert!(held.is_other(&first));
        assert!(!held.is_other(&first));
        // Were it freed here, its address could be the next one's.
        let last = Arc::downgrade(&first);
        drop(first);
        assert!(last.upgrade().is_some());
        assert!(held.is_other(&Arc::new(1)));
        assert!(last.upgrade().is_none(), "one picture is held, not every one");
    }
}
