//! The node's own checks behind the node's own listener, and nothing else: no session, no record, no write. What is to be compared
//! with [`crate::plain`]. The complete act at a window is `POST /staff/v1/verifications`, measured beside it.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use comity_node_core::{Node, View};
use comity_spec::ids::ServiceCode;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::decide::{
    Clerk, Context, DecideInput, Evidence, Lookup, Network, Recogniser, Source, Step, decide,
};
use comity_verifier::presentation;
use comity_verifier::sd_jwt::Binding;
use serde::{Deserialize, Serialize};

/// `POST /verify`.
pub(crate) fn router(node: Arc<Node>) -> Router {
    Router::new().route("/verify", post(verify)).with_state(node)
}

#[derive(Deserialize)]
struct Call {
    presented: String,
    service: ServiceCode,
}

#[derive(Serialize)]
struct Verdict {
    outcome: &'static str,
}

async fn verify(State(node): State<Arc<Node>>, Json(call): Json<Call>) -> Json<Verdict> {
    Json(Verdict {
        outcome: outcome(&node, &node.view(), &call.presented, &call.service),
    })
}

/// From what was presented to the outcome, as somebody confirmed the holder.
pub(crate) fn outcome(node: &Node, view: &View, presented: &str, service: &ServiceCode) -> &'static str {
    let now = node.now();
    let mut budget = Budget::new(Limits::PRESENTATION);
    let opened = presentation::open(
        presented.as_bytes(),
        &view.trust,
        Binding::Optional,
        now,
        &mut budget,
    );
    let step = decide(&DecideInput {
        context: &Context::default(),
        recogniser: Recogniser {
            entity: &node.identity.entity,
            region: node.identity.region,
            network: Network::OffLine,
        },
        evidence: Evidence {
            source: match &opened {
                Ok(presented) => Source::Presented(presented),
                Err(refusal) => Source::Refused(refusal),
            },
            lookup: Lookup::NotAsked,
            typed_name: None,
        },
        trust: &view.trust,
        agreements: &view.agreements,
        status: &view.status,
        status_refreshed: false,
        clerk: Clerk::Confirmed,
        service,
        provider: None,
        now,
    });
    match &step {
        Step::Decision(decision) => decision.outcome.code(),
        _ => "UNDECIDED",
    }
}
