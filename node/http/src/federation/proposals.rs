//! `POST /federation/v1/proposals`: an agreement as far as it is signed (chapter 4.8), JWS JSON general serialization as
//! `application/jose+json`. It proves itself, whoever of the members brings it; adopting it here still takes this county's own signature.
//!
//! | status | when |
//! |---|---|
//! | 200 | every party signed it, or nothing in it was new |
//! | 202 | taken in; it waits for signatures |
//! | 422 `proposal-refused` | contents or signatures do not hold, or another text of the version is here |
//! | 429, 503 | too many wait here; this node could not judge or store it yet: `Retry-After` |

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use comity_node_core::federation::agreements::{ProposalTaken, receive_proposal};
use http::StatusCode;

use super::{Shared, refused};

/// The largest body that a peer may send (chapter 11.7).
const LIMIT: usize = 256 * 1024;

pub(super) async fn post(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    taken(&shared, request).await.unwrap_or_else(|refused| refused)
}

async fn taken(shared: &Shared, request: Request) -> Result<Response, Response> {
    let received = shared.receive_json("proposals", request, LIMIT).await?;
    let node = Arc::clone(&shared.state.node);
    let object = received.bytes;
    let taken = shared
        .outlive(
            received.place,
            async move { receive_proposal(&node, &object).await },
        )
        .await?
        .map_err(refused::proposal)?;
    Ok(match taken {
        ProposalTaken::Waiting => StatusCode::ACCEPTED,
        ProposalTaken::Adopted | ProposalTaken::Unchanged => StatusCode::OK,
    }
    .into_response())
}
