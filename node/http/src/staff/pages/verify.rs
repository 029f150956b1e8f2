//! `/verify`, `/verify/number`, `/verify/image`: the three ways to bring a permit before the window (chapters 7.1 and 7.2).
//!
//! A form is good once: the token in it is the verification's `Idempotency-Key`, so that a scanner that sends Enter twice makes one
//! verification. What was typed comes back on a mistake and is kept nowhere.

use askama::Template;
use axum::extract::{Form, Multipart, State as Shared};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_node_core::recognition::{Inquiry, IssuerChoice};
use comity_node_core::staff::idempotency::Keyed;
use comity_spec::exchange::{Beneficiary, LegalBasis, PresentedBy, Purpose};
use comity_spec::ids::{ProviderId, Region, ServiceCode};
use comity_spec::problem::ProblemType;
use comity_spec::text::Text;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::super::cookies::Cookie;
use super::super::coverage;
use super::super::inquiry::{self, Shown};
use super::super::state::State;
use super::super::words::{self, Words};
use super::frame::{Frame, Nav, page};
use super::refusal::{in_one_language, refused};
use super::visit::Visit;

/// The way a permit is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Scan,
    Number,
    Image,
}

impl Way {
    const fn path(self) -> &'static str {
        match self {
            Self::Scan => "/verify",
            Self::Number => "/verify/number",
            Self::Image => "/verify/image",
        }
    }
}

/// One choice of a list.
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// What is wrong with which field.
struct Mistake {
    field: &'static str,
    text: String,
}

#[derive(Template)]
#[template(path = "staff/verify.html")]
struct VerifyPage {
    f: Frame,
    scan: bool,
    number_way: bool,
    image: bool,
    action: &'static str,
    once: String,
    services: Vec<Choice>,
    issuers: Vec<Choice>,
    purposes: Vec<Choice>,
    bases: Vec<Choice>,
    presenters: Vec<Choice>,
    mistake: Option<Mistake>,
    sent: Sent,
}

impl VerifyPage {
    /// Whether the mistake is this field's.
    fn wrong(&self, field: &str) -> bool {
        self.mistake
            .as_ref()
            .is_some_and(|mistake| mistake.field == field)
    }
}

/// A form as it was sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    csrf: String,
    once: String,
    service: String,
    purpose: String,
    basis: String,
    consent: String,
    presented_by: String,
    presented: String,
    number: String,
    name: String,
    issuer: String,
}

impl Sent {
    /// What the form's token is good for: these contents and no others, so that a form brought back by the browser and filled in
    /// anew is a conflict and never shows the person before.
    fn contents(&self, way: Way, shown: &Shown) -> Vec<u8> {
        let presented = match shown {
            Shown::Text { presented, .. } => presented.as_str(),
            Shown::Typed { .. } => "",
        };
        let fields = [
            way.path(),
            presented,
            &self.number,
            &self.name,
            &self.issuer,
            &self.service,
            &self.purpose,
            &self.basis,
            &self.consent,
            &self.presented_by,
        ];
        fields.join("\n").into_bytes()
    }
}

pub(super) async fn scan_form(Shared(state): Shared<State>, visit: Visit, headers: HeaderMap) -> Response {
    blank(&state, &visit, Way::Scan, &headers)
}

pub(super) async fn number_form(Shared(state): Shared<State>, visit: Visit, headers: HeaderMap) -> Response {
    blank(&state, &visit, Way::Number, &headers)
}

pub(super) async fn image_form(Shared(state): Shared<State>, visit: Visit, headers: HeaderMap) -> Response {
    blank(&state, &visit, Way::Image, &headers)
}

/// What the scanner typed.
pub(super) async fn scan(
    Shared(state): Shared<State>,
    visit: Visit,
    Form(sent): Form<Sent>,
) -> Result<Response, Response> {
    visit.form(&state, &sent.csrf)?;
    let presented = sent.presented.trim().to_owned();
    if presented.is_empty() {
        return Ok(again(&state, &visit, Way::Scan, sent, "presented", |w| {
            w.error_scan_empty
        }));
    }
    Ok(verified(
        &state,
        &visit,
        Way::Scan,
        sent,
        Shown::Text {
            presented,
            nonce: None,
            typed_name: None,
        },
    )
    .await)
}

/// Number and name from a card.
pub(super) async fn number(
    Shared(state): Shared<State>,
    visit: Visit,
    Form(sent): Form<Sent>,
) -> Result<Response, Response> {
    visit.form(&state, &sent.csrf)?;
    let subject = match inquiry::subject(&sent.number, &sent.name) {
        Ok(subject) => subject,
        Err(error) => {
            return Ok(again(&state, &visit, Way::Number, sent, error.field(), |w| {
                error.sentence(w)
            }));
        }
    };
    let Ok(region) = sent.issuer.parse::<Region>() else {
        return Ok(again(&state, &visit, Way::Number, sent, "issuer", |w| {
            w.error_issuer
        }));
    };
    let shown = Shown::Typed {
        issuer: IssuerChoice::Region(region),
        subject,
    };
    Ok(verified(&state, &visit, Way::Number, sent, shown).await)
}

/// A picture of the code.
pub(super) async fn image(
    Shared(state): Shared<State>,
    visit: Visit,
    upload: Multipart,
) -> Result<Response, Response> {
    let (sent, picture) = match parts(upload).await {
        Ok(parts) => parts,
        // The form again, as a first visit has it: what was filled in came with the picture, which nobody read to its end.
        Err(StatusCode::PAYLOAD_TOO_LARGE) => {
            return Ok(again(&state, &visit, Way::Image, Sent::default(), "image", |w| {
                w.error_image_large
            }));
        }
        Err(_) => return Err(refused(&state, visit.lang, ProblemType::MalformedRequest, None)),
    };
    visit.form(&state, &sent.csrf)?;
    if picture.is_empty() {
        return Ok(again(&state, &visit, Way::Image, sent, "image", |w| {
            w.error_image_missing
        }));
    }
    match inquiry::read_picture(picture).await {
        Ok(presented) => Ok(verified(
            &state,
            &visit,
            Way::Image,
            sent,
            Shown::Text {
                presented,
                nonce: None,
                typed_name: None,
            },
        )
        .await),
        Err(error) => {
            let text = in_one_language(visit.lang, &error.to_string());
            Ok(filled(
                &state,
                &visit,
                Way::Image,
                sent,
                Some(Mistake { field: "image", text }),
            ))
        }
    }
}

/// The fields and the file of an upload.
async fn parts(mut upload: Multipart) -> Result<(Sent, Vec<u8>), StatusCode> {
    let mut sent = Sent::default();
    let mut picture = Vec::new();
    while let Some(field) = upload.next_field().await.map_err(|error| error.status())? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "image" {
            picture = field.bytes().await.map_err(|error| error.status())?.to_vec();
            continue;
        }
        let text = field.text().await.map_err(|error| error.status())?;
        match name.as_str() {
            "csrf" => sent.csrf = text,
            "once" => sent.once = text,
            "service" => sent.service = text,
            "purpose" => sent.purpose = text,
            "basis" => sent.basis = text,
            "consent" => sent.consent = text,
            "presented_by" => sent.presented_by = text,
            _ => {}
        }
    }
    Ok((sent, picture))
}

/// Verifies and sends the browser on to the result.
async fn verified(state: &State, visit: &Visit, way: Way, sent: Sent, shown: Shown) -> Response {
    let Some((service, provider)) = chosen_service(&sent.service) else {
        return again(state, visit, way, sent, "service", |w| w.error_service);
    };
    let (Some(legal_basis), Some(presented_by)) = (
        coded::<LegalBasis>(&sent.basis),
        coded::<PresentedBy>(&sent.presented_by),
    ) else {
        return again(state, visit, way, sent, "service", |w| w.error_form);
    };
    let Ok(keyed) = Keyed::new(&sent.once, &sent.contents(way, &shown)) else {
        return again(state, visit, way, sent, "service", |w| w.error_form);
    };
    let inquiry = Inquiry {
        acting: visit.acting.clone(),
        purpose: coded::<Purpose>(&sent.purpose),
        service,
        provider,
        legal_basis,
        consent_given: sent.consent == "yes",
        presented_by,
        beneficiary: Beneficiary::Holder,
        keyed: Some(keyed),
    };
    match inquiry::verify(&state.node, inquiry, shown).await {
        Ok(view) => {
            let mut answer = Redirect::to(&format!("/verify/r/{}", view.trace)).into_response();
            if let Some(cookie) = Cookie::Service.set(&sent.service, state.channel) {
                answer.headers_mut().append(header::SET_COOKIE, cookie);
            }
            answer
        }
        Err(error) => refused(state, visit.lang, error.problem(), Some(&error)),
    }
}

fn blank(state: &State, visit: &Visit, way: Way, headers: &HeaderMap) -> Response {
    let last = Cookie::Service.read(headers, state.channel).unwrap_or_default();
    let sent = Sent {
        service: last.to_owned(),
        ..Sent::default()
    };
    filled(state, visit, way, sent, None)
}

fn again(
    state: &State,
    visit: &Visit,
    way: Way,
    sent: Sent,
    field: &'static str,
    word: impl FnOnce(&Words) -> &'static str,
) -> Response {
    let text = word(visit.lang.words()).to_owned();
    filled(state, visit, way, sent, Some(Mistake { field, text }))
}

fn filled(state: &State, visit: &Visit, way: Way, sent: Sent, mistake: Option<Mistake>) -> Response {
    let status = if mistake.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let template = VerifyPage {
        f: Frame::of(state, visit, Nav::Verify, way.path()),
        scan: way == Way::Scan,
        number_way: way == Way::Number,
        image: way == Way::Image,
        action: way.path(),
        once: URL_SAFE_NO_PAD.encode(state.node.rng.bytes::<18>()),
        services: services(state, visit, &sent.service),
        issuers: issuers(state, visit, &sent.issuer),
        purposes: coded_choices(
            [
                Purpose::Service,
                Purpose::ResidenceProof,
                Purpose::HukouApplication,
            ],
            words::purpose,
            visit,
            &sent.purpose,
        ),
        bases: coded_choices(
            [
                LegalBasis::StatutoryDuty,
                LegalBasis::Consent,
                LegalBasis::SeparateConsent,
            ],
            words::basis,
            visit,
            &sent.basis,
        ),
        presenters: coded_choices(
            [PresentedBy::Holder, PresentedBy::Agent, PresentedBy::Guardian],
            words::presented_by,
            visit,
            &sent.presented_by,
        ),
        mistake,
        sent,
    };
    page(status, &template)
}

/// Covered services; those that only named institutions provide, once for each.
fn services(state: &State, visit: &Visit, last: &str) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for service in coverage::services(&state.node) {
        let name = visit.lang.of(&service.name);
        let mut add = |value: String, label: String| {
            if !choices.iter().any(|choice| choice.value == value) {
                choices.push(Choice {
                    chosen: value == last,
                    value,
                    label,
                });
            }
        };
        for issuer in &service.issuers {
            match &issuer.providers {
                None => add(service.code.to_string(), name.to_owned()),
                Some(named) => {
                    for provider in named {
                        let label = format!("{name} · {}", visit.lang.of(&provider.name));
                        add(format!("{}@{}", service.code, provider.id), label);
                    }
                }
            }
        }
    }
    // One choice is no choice.
    if let [only] = choices.as_mut_slice() {
        only.chosen = true;
    }
    choices
}

fn issuers(state: &State, visit: &Visit, last: &str) -> Vec<Choice> {
    let mut choices: Vec<Choice> = coverage::issuers(&state.node)
        .into_iter()
        .map(|issuer| Choice {
            value: issuer.region.to_string(),
            label: format!("{} {}", visit.lang.of(&issuer.name), issuer.region),
            chosen: issuer.region.as_str() == last,
        })
        .collect();
    if let [only] = choices.as_mut_slice() {
        only.chosen = true;
    }
    choices
}

/// `CODE` or `CODE@institution`.
fn chosen_service(value: &str) -> Option<(ServiceCode, Option<ProviderId>)> {
    match value.split_once('@') {
        None => Some((value.parse().ok()?, None)),
        Some((code, provider)) => Some((code.parse().ok()?, Some(provider.parse().ok()?))),
    }
}

/// A value by its wire code.
fn coded<T: serde::de::DeserializeOwned>(code: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::from(code)).ok()
}

/// Choices whose values are wire codes; the first is the usual one.
fn coded_choices<T: serde::Serialize + Copy>(
    all: [T; 3],
    name: fn(T) -> Text,
    visit: &Visit,
    last: &str,
) -> Vec<Choice> {
    let code = |value: T| {
        serde_json::to_value(value)
            .ok()
            .and_then(|code| code.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let known = all.iter().any(|value| code(*value) == last);
    let choices = all.into_iter().enumerate().map(|(place, value)| {
        let value_code = code(value);
        Choice {
            chosen: if known { value_code == last } else { place == 0 },
            value: value_code,
            label: visit.lang.text(name(value)).to_owned(),
        }
    });
    choices.collect()
}
