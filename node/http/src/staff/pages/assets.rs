//! Style sheet and script, out of the binary. Their address carries a digest, so that a browser may keep them and still has the
//! new ones after an upgrade.

use std::sync::LazyLock;

use axum::response::IntoResponse;
use comity_spec::ids::Digest;
use http::header;

const STYLE: &str = include_str!("../../../assets/staff/staff.css");
const SCRIPT: &str = include_str!("../../../assets/staff/staff.js");

/// What stands after `?v=` in the addresses of both.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest = Digest::of([STYLE, SCRIPT].concat().as_bytes());
    digest.to_string().chars().take(12).collect()
});

pub(super) async fn style() -> impl IntoResponse {
    kept("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> impl IntoResponse {
    kept("text/javascript; charset=utf-8", SCRIPT)
}

fn kept(kind: &'static str, text: &'static str) -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "private, max-age=86400"),
        ],
        text,
    )
}
