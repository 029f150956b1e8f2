//! `POST /staff/v1/verifications`, `GET /staff/v1/verifications/{trace}`, `POST …/holder` (chapter 8).

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_node_core::recognition::{self, Inquiry, IssuerChoice, RecognitionView};
use comity_spec::exchange::{Beneficiary, LegalBasis, PresentedBy, Purpose};
use comity_spec::ids::{ProviderId, Region, ServiceCode, TraceNumber};
use comity_spec::problem::ProblemType;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::super::identity::Session;
use super::super::inquiry::{Shown, read_picture, subject, verify};
use super::super::state::State;
use super::shape::Verification;
use super::{Refused, Sent, keyed, malformed};
use crate::problem_response::Problem;

/// What is to be verified, and why. Exactly one of `presented`, `image`, and `number` with `name` and `issuer_region`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    /// Text of a code, a file, or a wallet's answer.
    presented: Option<String>,
    /// The window's nonce that a wallet answered.
    nonce: Option<String>,
    /// The name on the identity card, to compare with the presented one.
    holder_name: Option<String>,
    /// A PNG or JPEG with one code, base64.
    image: Option<String>,
    /// Citizen or permit number.
    number: Option<String>,
    /// Name.
    name: Option<String>,
    /// The county said to have issued the permit.
    issuer_region: Option<Region>,
    service: ServiceCode,
    provider: Option<ProviderId>,
    purpose: Option<Purpose>,
    legal_basis: LegalBasis,
    /// Where it rests on consent: that the officer has it.
    #[serde(default)]
    consent_given: bool,
    #[serde(default)]
    presented_by: PresentedBy,
    #[serde(default)]
    beneficiary: Beneficiary,
}

/// Verifies. 201, whatever the verdict.
pub(super) async fn begin(
    Shared(state): Shared<State>,
    session: Session,
    headers: HeaderMap,
    sent: Sent<Call>,
) -> Result<Response, Refused> {
    let acting = session.caller(&headers)?;
    let keyed = keyed(&headers, &sent.bytes)?;
    let call = sent.value;
    let inquiry = Inquiry {
        acting,
        purpose: call.purpose,
        service: call.service.clone(),
        provider: call.provider.clone(),
        legal_basis: call.legal_basis,
        consent_given: call.consent_given,
        presented_by: call.presented_by,
        beneficiary: call.beneficiary.clone(),
        keyed,
    };
    let view = verify(&state.node, inquiry, call.shown().await?).await?;
    let place = format!("/staff/v1/verifications/{}", view.trace);
    let body = Json(Verification::masked(&view));
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], body).into_response())
}

impl Call {
    async fn shown(self) -> Result<Shown, Problem> {
        let ways = "presented、image、number+name+issuer_region 三者必须且只能有一种 / exactly one of presented, image, and number \
                    with name and issuer_region is needed";
        match (
            self.presented,
            self.image,
            self.number,
            self.name,
            self.issuer_region,
        ) {
            (Some(presented), None, None, None, None) => Ok(Shown::Text {
                presented,
                nonce: self.nonce,
                typed_name: self.holder_name,
            }),
            (None, Some(image), None, None, None) => {
                let picture = STANDARD
                    .decode(image)
                    .map_err(|_| malformed("image 不是 base64 / image is not base64"))?;
                let presented = read_picture(picture)
                    .await
                    .map_err(|error| malformed(error.to_string()))?;
                Ok(Shown::Text {
                    presented,
                    nonce: self.nonce,
                    typed_name: self.holder_name,
                })
            }
            (None, None, Some(number), Some(name), Some(region)) => {
                let subject = subject(&number, &name).map_err(|error| malformed(error.to_string()))?;
                Ok(Shown::Typed {
                    issuer: IssuerChoice::Region(region),
                    subject,
                })
            }
            _ => Err(malformed(ways)),
        }
    }
}

/// A verification that the officer may see.
pub(super) async fn find(state: &State, session: &Session, trace: &str) -> Result<RecognitionView, Refused> {
    let acting = session.reader()?;
    Ok(recognition::show(&state.node, &acting, &parsed(trace)?).await?)
}

/// A trace number in an address. What is none is not there.
pub(super) fn parsed(trace: &str) -> Result<TraceNumber, Refused> {
    trace
        .parse()
        .map_err(|_| Problem::of(ProblemType::NotFound).into())
}

/// `GET /staff/v1/verifications/{trace}`: one again, the person masked.
pub(super) async fn show(
    Shared(state): Shared<State>,
    session: Session,
    Path(trace): Path<String>,
) -> Result<Response, Refused> {
    let view = find(&state, &session, &trace).await?;
    Ok(Json(Verification::masked(&view)).into_response())
}

/// `POST /staff/v1/verifications/{trace}/holder`: name and number in full; the look is in the record before it is answered.
pub(super) async fn reveal(
    Shared(state): Shared<State>,
    session: Session,
    Path(trace): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let acting = session.caller(&headers)?;
    let view = recognition::reveal(&state.node, &acting, &parsed(&trace)?).await?;
    Ok(Json(Verification::revealed(&view)).into_response())
}
