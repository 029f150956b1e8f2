//! The staff listener: what a window clerk sees, and the same as JSON for a county's own window system (chapter 11.1).
//!
//! | route | what it is |
//! |---|---|
//! | `/signin`, `/signout` | a session begins and ends |
//! | `/verify`, `/verify/number`, `/verify/image` | scan, look up, upload |
//! | `/verify/r/{trace}` | the verdict; confirmation, closing and revealing are posts below it |
//! | `/receipt/{trace}`, `/receipt/{trace}/pdf` | 核验回执 to print |
//! | `/verify/recent` | today's own verifications, without names |
//! | `/staff/v1/…` | the API (`api`) |
//!
//! Handlers parse, call a use case of `comity-node-core` and render. They refuse to put personal data into an address, a cookie,
//! a log or an error; every answer is `no-store`; pages run under a content policy without inline script or style, and work
//! without script. A verdict is not final before a named person looked at the holder, and grey is never shown as a refusal.

mod answer;
mod api;
mod cookies;
mod coverage;
mod identity;
mod inquiry;
mod masked;
mod pages;
mod receipt_facts;
mod state;
mod words;

use axum::Router;

use crate::limits::{Quota, QuotaRate};

pub use state::{Channel, State};

/// Largest body that the staff router takes, in bytes: a picture with its form, or in base64 within JSON. The listener's
/// [`crate::listener::BodyLimits`] must allow as much; every other route takes 64 KiB.
pub const MAX_BODY_BYTES: usize = crate::render::MAX_IMAGE_BYTES / 3 * 4 + 64 * 1024;

/// Largest body of a route that takes no picture.
const SMALL_BODY_BYTES: usize = 64 * 1024;

/// How fast one address may sign in, pages and API together. Comparing a password takes a core for a moment and two are compared at a time: without
/// it one device in the staff's network had everybody wait half a minute for theirs. A morning's queue behind one address fits.
const SIGN_INS: QuotaRate = QuotaRate {
    per_second: 5.0,
    burst: 60.0,
};

/// The staff router: pages and API.
pub fn router(state: State) -> Router {
    let sign_ins = Quota::new("staff", SIGN_INS);
    let routes = pages::router(&sign_ins).merge(api::router(&sign_ins));
    answer::guarded(routes, &state).with_state(state)
}
