//! A signed object as a peer sent it, and the work on it. The peer is the owner of the connection's key; the bytes are kept as they
//! came, since digests and signatures are over them (rule 5 of the house).

use std::future::Future;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use comity_spec::exchange::{JOSE_JSON_MEDIA_TYPE, JOSE_MEDIA_TYPE};
use comity_spec::ids::EntityId;
use comity_spec::jose::Typ;
use comity_spec::problem::ProblemType;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::jws::{Profile, Unverified};
use http::{HeaderMap, header};
use serde::Deserialize;
use tracing::Instrument as _;

use super::Shared;
use crate::limits::Place;
use crate::listener::record_refusal;
use crate::problem_response::{Fault, Problem};
use crate::tls::PinOwner;

/// What came in.
pub(super) struct Received {
    /// The county whose pin the connection's key has.
    pub(super) peer: PinOwner,
    /// The body, byte for byte.
    pub(super) bytes: Vec<u8>,
    /// The request's place, for the work to keep.
    pub(super) place: Option<Place>,
}

/// Work that came to no end of its own. Ours; what the panic said may quote a person's data and is not looked at.
#[derive(Debug, thiserror::Error)]
#[error("the task that answers a peer panicked or was aborted")]
struct TaskLost;

impl Shared {
    /// A compact JWS that is to be of type `typ`, at most `limit` bytes. One that is signed in the name of another county than
    /// the connection's is turned away here, before anything else looks at it.
    pub(super) async fn receive_jws(
        &self,
        endpoint: &'static str,
        request: Request,
        typ: Typ,
        limit: usize,
    ) -> Result<Received, Response> {
        let received = self.receive(request, JOSE_MEDIA_TYPE, limit).await?;
        // What does not parse has no name to compare; the use case says what is wrong with it.
        if let Some(claimed) = claimed_issuer(&received.bytes, typ)
            && received.peer.confirm(&claimed).is_err()
        {
            record_refusal(self.listener, "wrong_owner");
            return Err(Problem::of(ProblemType::PinMismatch).into_response());
        }
        self.count(endpoint);
        Ok(received)
    }

    /// An object in JWS JSON serialization, which proves itself whoever brings it.
    pub(super) async fn receive_json(
        &self,
        endpoint: &'static str,
        request: Request,
        limit: usize,
    ) -> Result<Received, Response> {
        let received = self.receive(request, JOSE_JSON_MEDIA_TYPE, limit).await?;
        self.count(endpoint);
        Ok(received)
    }

    /// Counts a request that is given to a use case; nothing that was refused before is among them.
    fn count(&self, endpoint: &'static str) {
        metrics::counter!(
            "comity_federation_handled_total", "listener" => self.listener, "endpoint" => endpoint
        )
        .increment(1);
    }

    async fn receive(&self, request: Request, media_type: &str, limit: usize) -> Result<Received, Response> {
        let (parts, body) = request.into_parts();
        // Without an owner nothing has checked the pin: a defect of the wiring, never the peer's to exploit.
        let Some(peer) = parts.extensions.get::<PinOwner>() else {
            return Err(Problem::of(ProblemType::Forbidden).into_response());
        };
        if !is(&parts.headers, media_type) {
            return Err(Problem::of(ProblemType::UnsupportedMediaType).into_response());
        }
        let bytes = to_bytes(body, limit)
            .await
            .map_err(|_too_large_or_broken_off| Problem::of(ProblemType::BodyTooLarge).into_response())?;
        Ok(Received {
            peer: peer.clone(),
            bytes: bytes.into(),
            place: parts.extensions.get::<Place>().cloned(),
        })
    }

    /// Begins `work` in a task of its own that nobody waits for but the node's own shutdown.
    pub(super) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.state.tasks.spawn(work.in_current_span()));
    }

    /// Carries out `work` in a task of its own and waits for it; a caller that hangs up ends the waiting only. The task keeps
    /// the request's place, so that hanging up is no way to have more worked on at once.
    pub(super) async fn outlive<T: Send + 'static>(
        &self,
        place: Option<Place>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Response> {
        let kept = async move {
            let done = work.await;
            drop(place);
            done
        };
        let task = self.state.tasks.spawn(kept.in_current_span());
        task.await.map_err(|_panic| {
            metrics::counter!("comity_panics_total").increment(1);
            Fault::from(TaskLost).into_response()
        })
    }
}

/// Whom the object says it is from. Not believed: only held against the connection's owner.
fn claimed_issuer(jws: &[u8], typ: Typ) -> Option<EntityId> {
    #[derive(Deserialize)]
    struct Claimed {
        iss: EntityId,
    }
    let mut budget = Budget::new(Limits::PRESENTATION);
    let parsed = Unverified::parse(jws, Profile::Comity { typ: typ.as_str() }, &mut budget).ok()?;
    Some(parsed.claims::<Claimed>().ok()?.iss)
}

/// Whether the body is said to be of this type; parameters do not matter.
fn is(headers: &HeaderMap, media_type: &str) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let essence = value.to_str().ok().and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media_type))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn one_content_type_of_the_right_kind_and_nothing_else() {
        let headers = |values: &[&'static str]| -> HeaderMap {
            values
                .iter()
                .map(|value| (header::CONTENT_TYPE, HeaderValue::from_static(value)))
                .collect()
        };
        for right in [
            "application/jose",
            "Application/JOSE",
            "application/jose; charset=utf-8",
        ] {
            assert!(is(&headers(&[right]), "application/jose"), "{right}");
        }
        for wrong in [
            &[][..],
            &[""],
            &["application/jose+json"],
            &["text/plain"],
            &["application/jose"; 2],
        ] {
            assert!(!is(&headers(wrong), "application/jose"), "{wrong:?}");
        }
    }
}
