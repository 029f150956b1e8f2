//! The pages of the window. Rendered on the server, complete without script; every form carries the session's token; after a form
//! the browser is sent on (303), so that reloading repeats nothing.

mod assets;
mod frame;
mod receipt;
mod recent;
mod refusal;
mod result;
mod sign_in;
mod verify;
mod visit;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Redirect;
use axum::routing::{get, post};

use super::{SMALL_BODY_BYTES, State};
use crate::limits::Quota;
use crate::render::MAX_IMAGE_BYTES;

pub(super) fn router(sign_ins: &Quota) -> Router<State> {
    let picture = Router::new()
        .route("/verify/image", get(verify::image_form).post(verify::image))
        .layer(DefaultBodyLimit::max(MAX_IMAGE_BYTES + SMALL_BODY_BYTES));
    Router::new()
        .route("/", get(async || Redirect::to("/verify")))
        .route("/assets/staff.css", get(assets::style))
        .route("/assets/staff.js", get(assets::script))
        .route("/assets/icon.svg", get(assets::icon))
        .route(
            "/signin",
            get(sign_in::form).merge(sign_ins.clone().before(post(sign_in::submit))),
        )
        .route("/signout", post(sign_in::sign_out))
        .route("/verify", get(verify::scan_form).post(verify::scan))
        .route("/verify/number", get(verify::number_form).post(verify::number))
        .route("/verify/recent", get(recent::show))
        .route("/verify/r/{trace}", get(result::show))
        .route("/verify/r/{trace}/confirmation", post(result::confirm))
        .route("/verify/r/{trace}/closing", post(result::close))
        .route("/verify/r/{trace}/holder", post(result::reveal))
        .route("/receipt/{trace}", get(receipt::show))
        .route("/receipt/{trace}/pdf", get(receipt::pdf))
        .layer(DefaultBodyLimit::max(SMALL_BODY_BYTES))
        .merge(picture)
}
