//! What every answer of the staff router carries, and the language switch.
//!
//! The content policy lets in this origin's style sheet, script and pictures and nothing else: no inline code, no frame, no other
//! host. `no-store`: a window's computer is shared, and the back button must not bring a person back after signing out.

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

use super::cookies::Cookie;
use super::state::State;
use super::words::Lang;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// The router with these headers on every answer.
pub(super) fn guarded(routes: Router<State>, state: &State) -> Router<State> {
    routes.layer(middleware::from_fn_with_state(state.clone(), give_headers))
}

async fn give_headers(Shared(state): Shared<State>, mut request: Request, next: Next) -> Response {
    let asked = request.uri().query().and_then(Lang::asked_for);
    let lang = asked
        .or_else(|| {
            Cookie::Language
                .read(request.headers(), state.channel)
                .and_then(Lang::from_code)
        })
        .unwrap_or_default();
    request.extensions_mut().insert(lang);
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Some(cookie) = asked.and_then(|lang| Cookie::Language.set(lang.code(), state.channel)) {
        headers.append(header::SET_COOKIE, cookie);
    }
    answer
}
