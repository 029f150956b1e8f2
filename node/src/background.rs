//! What a running node does without being asked: issue what is missing, publish status, tell peers, refresh the federation, tidy up.
//!
//! Four loops, each its own pace, each going on after an error: **work** (every second, or at once when woken) issues and publishes;
//! **post** delivers messages to peers, apart from the work because a peer may be slow; **refresh** (every few minutes, or when woken) asks the federation;
//! **housekeeping** (every minute) renews our own statement, signs the record's head and forgets what has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use comity_node_core::Node;
use comity_node_core::attestations::issue_missing::issue_missing;
use comity_node_core::attestations::status_publication::publish;
use comity_node_core::audit::sign_head::sign_head;
use comity_node_core::federation::agreements::expire_proposals;
use comity_node_core::federation::deliver;
use comity_node_core::federation::own_configuration::{self, Publishing};
use comity_node_core::federation::refresh::{self, Scope};
use comity_node_core::federation::refresh_status::{self, Lists};
use comity_node_core::ports::store::Write;
use comity_node_http::ops::{Readiness, Unready};
use comity_node_http::public::PublicState;
use comity_node_http::tls::{PinOwner, PinRegistry, PinTable};
use comity_spec::ids::EntityId;
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
    pub(crate) post: Notify,
    /// Wakes the refresh loop.
    pub(crate) refresh: Notify,
    /// When missing attestations are tried again.
    pub(crate) issuing: Backoff,
    /// The trust picture that pins were last taken from, by its address.
    pub(crate) used_trust: AtomicUsize,
}

impl Running {
    /// Starts the loops; they end with `shutdown`.
    pub(crate) fn start(self: &Arc<Self>, tasks: &TaskTracker, shutdown: &CancellationToken) {
        let (this, stop) = (Arc::clone(self), shutdown.clone());
        tasks.spawn(async move {
            loop {
                this.follow_trust().await;
                this.do_work().await;
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = this.work.notified() => {}
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        });
        let (this, stop) = (Arc::clone(self), shutdown.clone());
        tasks.spawn(async move {
            loop {
                this.deliver().await;
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = this.post.notified() => {}
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        });
        let (this, stop) = (Arc::clone(self), shutdown.clone());
        tasks.spawn(async move {
            loop {
                this.do_refresh(None).await;
                // A node that has no current chain of its own asks more often: it was just enrolled, or its authority was away.
                let pause = if this.in_federation() {
                    this.refresh_every
                } else {
                    Duration::from_secs(2)
                };
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = this.refresh.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
        let (this, stop) = (Arc::clone(self), shutdown.clone());
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_secs(60)) => {}
                }
                this.keep_house().await;
            }
        });
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
    pub(crate) async fn do_refresh(&self, only: Option<&EntityId>) {
        self.renew_configuration().await;
        let (scope, lists) = match only {
            None => (Scope::Everybody, Lists::OfParties),
            Some(county) => (Scope::One(county.clone()), Lists::OfParty(county.clone())),
        };
        match refresh::refresh(&self.node, &scope).await {
            Ok(report) => {
                for object in report.alarms() {
                    tracing::error!(subject = ?object.subject, "two objects of one issuer and second: tell a person");
                }
                tracing::info!(
                    fetches = report.fetches,
                    findings = report.findings.len(),
                    "federation refreshed"
                );
            }
            Err(error) => tracing::error!(error = %chain(&error), "the federation was not refreshed"),
        }
        match refresh_status::refresh_status(&self.node, &lists).await {
            Ok(lists) => tracing::info!(lists = lists.len(), "status lists of peers asked for"),
            Err(error) => tracing::error!(error = %chain(&error), "status lists of peers were not refreshed"),
        }
        self.use_view().await;
    }

    /// A hint or a case may have swapped the trust part of the view: a key that a county dropped must not open another connection.
    async fn follow_trust(&self) {
        let present = Arc::as_ptr(&self.node.view().trust) as usize;
        if self.used_trust.swap(present, Ordering::AcqRel) != present {
            self.use_view().await;
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
        if view.trust.clock_ok(self.node.now()) {
            self.readiness.restored(Unready::Clock);
        } else {
            self.readiness.lost(Unready::Clock);
        }
        let store = self.node.store.as_ref();
        self.show("agreements", self.public.refresh_agreements(store).await);
        self.show("bundle", self.public.refresh_bundle(&self.node).await);
    }

    async fn renew_configuration(&self) {
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

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
