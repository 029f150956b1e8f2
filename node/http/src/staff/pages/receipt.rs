//! `/receipt/{trace}`: 核验回执 on A4 (chapter 9.3), and the same as PDF.

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use comity_node_core::recognition;
use comity_spec::problem::ProblemType;
use http::{StatusCode, header};

use super::super::receipt_facts::facts;
use super::super::state::State;
use super::frame::{Frame, Nav, page};
use super::refusal::refused;
use super::result::{failed, parsed};
use super::visit::Visit;
use crate::render::Symbol;

struct Row {
    label: String,
    value: String,
}

#[derive(Template)]
#[template(path = "staff/receipt.html")]
struct ReceiptPage {
    f: Frame,
    trace: String,
    class: &'static str,
    icon: char,
    verdict: String,
    sentence: String,
    follow_up: Option<String>,
    rows: Vec<Row>,
    missing: Vec<String>,
    /// SVG of our own making.
    symbol: Option<String>,
}

/// To look at and to print.
pub(super) async fn show(
    Shared(state): Shared<State>,
    visit: Visit,
    Path(trace): Path<String>,
) -> Result<Response, Response> {
    let trace = parsed(&state, &visit, &trace)?;
    let view = recognition::show(&state.node, &visit.acting, &trace).await;
    let view = view.map_err(|error| failed(&state, &visit, &trace, &error))?;
    let facts =
        facts(&state.node, &view).ok_or_else(|| refused(&state, visit.lang, ProblemType::NotFound, None))?;
    let lang = visit.lang;
    let template = ReceiptPage {
        f: Frame::of(&state, &visit, Nav::Verify, &format!("/receipt/{trace}")),
        trace: trace.to_string(),
        class: super::super::words::class_name(view.decision.outcome.class()),
        icon: view.decision.outcome.icon(),
        verdict: lang.of(&facts.verdict).to_owned(),
        sentence: lang.of(&view.decision.text).to_owned(),
        follow_up: facts.follow_up.as_ref().map(|text| lang.of(text).to_owned()),
        rows: facts
            .lines
            .iter()
            .map(|line| Row {
                label: lang.of(&line.label).to_owned(),
                value: lang.of(&line.value).to_owned(),
            })
            .collect(),
        missing: facts
            .missing
            .iter()
            .map(|text| lang.of(text).to_owned())
            .collect(),
        symbol: Symbol::of_receipt(facts.printed)
            .ok()
            .map(|symbol| symbol.to_svg(lang.words().receipt_title)),
    };
    Ok(page(StatusCode::OK, &template))
}

/// The file.
pub(super) async fn pdf(
    Shared(state): Shared<State>,
    visit: Visit,
    Path(trace): Path<String>,
) -> Result<Response, Response> {
    let trace = parsed(&state, &visit, &trace)?;
    let view = recognition::show(&state.node, &visit.acting, &trace).await;
    let view = view.map_err(|error| failed(&state, &visit, &trace, &error))?;
    let facts =
        facts(&state.node, &view).ok_or_else(|| refused(&state, visit.lang, ProblemType::NotFound, None))?;
    let name = format!("attachment; filename=\"receipt-{trace}.pdf\"");
    let head = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((head, facts.to_pdf()).into_response())
}
