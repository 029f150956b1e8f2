//! `/verify/recent`: the officer's own verifications of today, without names.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use comity_node_core::recognition;
use comity_spec::problem::ProblemType;
use comity_spec::time::LocalDate;
use http::StatusCode;

use super::super::state::State;
use super::super::{coverage, words};
use super::frame::{Frame, Nav, page};
use super::refusal::refused;
use super::visit::Visit;

/// Most shown: more than one window serves in a day.
const MOST: u32 = 300;

struct Row {
    time: String,
    trace: String,
    class: &'static str,
    icon: char,
    word: &'static str,
    service: String,
    issuer: String,
    has_receipt: bool,
}

#[derive(Template)]
#[template(path = "staff/recent.html")]
struct RecentPage {
    f: Frame,
    rows: Vec<Row>,
}

pub(super) async fn show(Shared(state): Shared<State>, visit: Visit) -> Result<Response, Response> {
    let own = recognition::shown_of_officer(&state.node, &visit.acting, MOST).await;
    let own =
        own.map_err(|error| refused(&state, visit.lang, ProblemType::StoreUnavailable, Some(&error)))?;
    let today = LocalDate::of(state.node.now());
    let lang = visit.lang;
    let rows = own
        .iter()
        .filter(|view| LocalDate::of(view.at) == today)
        .map(|view| {
            let decision = &view.decision;
            let issuer = decision
                .issuer_region
                .map(|region| coverage::county_name(&state.node, region));
            Row {
                time: words::local_time(view.at)
                    .split(' ')
                    .next_back()
                    .unwrap_or_default()
                    .to_owned(),
                trace: view.trace.to_string(),
                class: words::class_name(decision.outcome.class()),
                icon: decision.outcome.icon(),
                word: if view.needs_holder {
                    lang.words().waiting
                } else {
                    words::verdict(lang, decision, false)
                },
                service: lang.of(&coverage::name_of(&decision.service)).to_owned(),
                issuer: issuer.map_or_else(|| "–".to_owned(), |name| lang.of(&name).to_owned()),
                has_receipt: view.receipt.is_some(),
            }
        });
    let template = RecentPage {
        f: Frame::of(&state, &visit, Nav::Recent, "/verify/recent"),
        rows: rows.collect(),
    };
    Ok(page(StatusCode::OK, &template))
}
