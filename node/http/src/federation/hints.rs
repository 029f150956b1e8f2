//! `POST /federation/v1/hints`: a peer's notice that something of its own changed (chapter 7.5), compact JWS as `application/jose`. On
//! the revocation path's lane: it is how a cancellation gets here within seconds.
//!
//! | status | when |
//! |---|---|
//! | 202 | the hint is genuine and is being looked into; with withdrawals: and they are stored |
//! | 422 `hint-refused` | a withdrawal in it does not hold |
//! | 503 | this node could not judge or store a withdrawal yet, or has enough hints of this peer: `Retry-After` |
//!
//! What a hint leads to is fetched from the peer itself, so the peer is not kept waiting for it. A withdrawal comes once and must not be
//! lost: for those the answer waits until they are stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use comity_node_core::Node;
use comity_node_core::federation::receive_hint::{HintTaken, receive_hint};
use comity_node_core::ports::store::StoreError;
use comity_spec::exchange::Hint;
use comity_spec::ids::EntityId;
use comity_spec::jose::Typ;
use comity_spec::mutant;
use comity_spec::problem::{Problem as Document, ProblemType};
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::exchange::{Parties, verify_hint};
use comity_verifier::jws::Verified;
use futures_util::future::BoxFuture;
use http::StatusCode;

use super::received::Received;
use super::{Shared, refused};

/// The largest body that a peer may send (chapter 11.7): withdrawals travel in hints.
const LIMIT: usize = 256 * 1024;
/// Hints of one peer that are looked into at once. Its lists may be slow to come, and must not be everybody's wait.
const AT_ONCE: usize = 4;
/// Seconds after which a peer with enough hints here comes again.
const COME_AGAIN: u64 = 1;

pub(super) async fn post(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    taken(&shared, request).await.unwrap_or_else(|refused| refused)
}

async fn taken(shared: &Shared, request: Request) -> Result<Response, Response> {
    let received = shared.receive_jws("hints", request, Typ::Hint, LIMIT).await?;
    let node = Arc::clone(&shared.state.node);
    let hint = verified(&node, &received)?;
    let Some(turn) = shared.hints.begin(received.peer.entity_id()) else {
        let busy = Document::new(ProblemType::RateLimited);
        return Err(refused::answer(busy, Some(COME_AGAIN)));
    };
    let must_wait = !hint.value().withdrawals.is_empty();
    let work = looked_into(node, hint, turn);
    if must_wait {
        let taken = shared.outlive(received.place, work).await?;
        return stored(taken);
    }
    // The place goes back now: what bounds the fetching is the peer's turns.
    shared.begin(async move {
        if let Err(error) = work.await {
            tracing::warn!(%error, "a hint could not be looked into");
        }
    });
    Ok(StatusCode::ACCEPTED.into_response())
}

fn verified(node: &Node, received: &Received) -> Result<Verified<Hint>, Response> {
    let parties = Parties {
        me: &node.identity.entity,
        channel: Some(received.peer.entity_id()),
    };
    let mut budget = Budget::new(Limits::PRESENTATION);
    verify_hint(
        &received.bytes,
        &node.view().trust,
        parties,
        node.now(),
        &mut budget,
    )
    .map_err(|error| {
        let kind = error.problem();
        let mut document = refused::request(kind, &error);
        if mutant!("ERR-4") {
            document = document.with_detail(String::from_utf8_lossy(&received.bytes));
        }
        refused::answer(document, refused::pause(kind))
    })
}

/// The work that a hint leads to, holding the peer's turn.
fn looked_into(
    node: Arc<Node>,
    hint: Verified<Hint>,
    turn: Turn,
) -> BoxFuture<'static, Result<HintTaken, StoreError>> {
    Box::pin(async move {
        let taken = receive_hint(&node, &hint).await;
        drop(turn);
        taken
    })
}

fn stored(taken: Result<HintTaken, StoreError>) -> Result<Response, Response> {
    let taken = taken.map_err(|error| refused::store(error, "a hint could not be taken in"))?;
    match taken.withdrawals.into_iter().find_map(Result::err) {
        None => Ok(StatusCode::ACCEPTED.into_response()),
        Some(error) => Err(refused::withdrawal(error)),
    }
}

/// How many hints of each peer are being looked into.
#[derive(Debug, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<EntityId, usize>>>);

/// One of a peer's turns; given back when dropped.
#[derive(Debug)]
struct Turn {
    peer: EntityId,
    turns: Arc<Mutex<HashMap<EntityId, usize>>>,
}

impl Turns {
    fn begin(&self, peer: &EntityId) -> Option<Turn> {
        // The map is whole after every statement, so a panic elsewhere cannot have left it half changed.
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(peer.clone()).or_default();
        if *count >= AT_ONCE {
            return None;
        }
        *count += 1;
        Some(Turn {
            peer: peer.clone(),
            turns: Arc::clone(&self.0),
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut held = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                held.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_its_turns_back_and_nobody_elses() {
        let (one, other) = (
            "https://one.example".parse().unwrap(),
            "https://other.example".parse().unwrap(),
        );
        let turns = Turns::default();
        let mut held: Vec<_> = (0..AT_ONCE).map(|_| turns.begin(&one).unwrap()).collect();
        assert!(turns.begin(&one).is_none());
        assert!(turns.begin(&other).is_some());
        held.pop();
        held.push(turns.begin(&one).unwrap());
        assert!(turns.begin(&one).is_none());
        drop(held);
        assert!(turns.0.lock().unwrap().is_empty());
    }
}
