//! `POST /federation/v1/verifications`: a peer's signed look-up and this county's signed answer (chapters 7.2 to 7.4), both compact JWS
//! as `application/jose`. Number and name of the person looked up stand in the body only, never in an address, log or metric.
//!
//! | status | when |
//! |---|---|
//! | 200 | answered; the same bytes again get the same answer |
//! | 409 `replay-conflict` | the `jti` was used for other bytes |
//! | 409 `agreement-version-mismatch` | another version is in force: member `current_agreement` |
//! | 503 `in-progress` | the same request is being answered: `Retry-After` |

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use comity_node_core::exchange::answer_lookup::{ReceivedLookup, answer_lookup};
use comity_spec::exchange::JOSE_MEDIA_TYPE;
use comity_spec::jose::Typ;
use http::{HeaderValue, header};

use super::{Shared, refused};

/// A request is well under 4 KiB; 16 KiB leave room for `ext`.
const LIMIT: usize = 16 * 1024;

pub(super) async fn post(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answered(&shared, request).await.unwrap_or_else(|refused| refused)
}

async fn answered(shared: &Shared, request: Request) -> Result<Response, Response> {
    let received = shared
        .receive_jws("verifications", request, Typ::VerificationRequest, LIMIT)
        .await?;
    let lookup = ReceivedLookup {
        request: received.bytes,
        channel: received.peer.entity_id().clone(),
    };
    let node = Arc::clone(&shared.state.node);
    let answer = shared
        .outlive(received.place, async move { answer_lookup(&node, &lookup).await })
        .await?
        .map_err(refused::lookup)?;
    // What was looked up, against what came out of the memory of answers: a peer that repeats itself shows here.
    let kind = if answer.repeated { "repeated" } else { "new" };
    metrics::counter!("comity_lookups_answered_total", "answer" => kind).increment(1);
    let mut response = answer.response.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JOSE_MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
