//! Style sheet, script and icon, out of the binary. Their address carries a digest, so that a browser may keep them and still has the
//! new ones after an upgrade.

use std::sync::LazyLock;

use axum::response::IntoResponse;
use comity_spec::ids::Digest;
use http::header;

const STYLE: &str = include_str!("../../../assets/staff/staff.css");
const SCRIPT: &str = include_str!("../../../assets/staff/staff.js");
const ICON: &str = include_str!("../../../assets/staff/icon.svg");

/// What stands after `?v=` in the addresses of all.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest = Digest::of([STYLE, SCRIPT, ICON].concat().as_bytes());
    digest.to_string().chars().take(12).collect()
});

pub(super) async fn style() -> impl IntoResponse {
    kept("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> impl IntoResponse {
    kept("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn icon() -> impl IntoResponse {
    kept("image/svg+xml", ICON)
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
