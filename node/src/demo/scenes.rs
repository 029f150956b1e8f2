//! The scenes: what happens at the windows, in both directions, each with the outcome that must come of it.
//!
//! Most go through the staff API of the county whose window it is, exactly as its window system would call it; some are decided off line
//! from the county's bundle, which is what a window without a network does. One scene stops the other county's process, to see that a
//! window says "cannot tell" and not "no".

use std::time::{Duration, Instant};

use comity_spec::decision::Decision;
use comity_spec::ids::{ProviderId, ServiceCode};
use comity_spec::outcome::Outcome;
use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::bundle;
use comity_verifier::decide::{
    Clerk, Context, DecideInput, Evidence, Lookup, Network, Recogniser, Source, Step, decide,
};
use comity_verifier::presentation;
use comity_verifier::sd_jwt::Binding;
use comity_verifier::symbol;
use comity_verifier::trust::Floors;
use serde_json::{Value, json};

use super::DemoError;
use super::cast::{Cast, Role};
use super::http::{Urls, Window};
use super::prepare::{CLERK, HASTY, PASSWORD, Prepared};
use super::stage::{County, Stage};

/// What came of one scene.
pub(crate) struct Played {
    /// Stable name.
    pub(crate) name: &'static str,
    /// Issuing and recognising region.
    pub(crate) issuer: &'static str,
    pub(crate) recogniser: &'static str,
    /// What must come.
    pub(crate) expected: Outcome,
    /// What came: a code, or what went wrong.
    pub(crate) actual: String,
    /// Which component said it.
    pub(crate) component: &'static str,
    /// How long it took.
    pub(crate) took: Duration,
    /// Trace number, where a window gave one.
    pub(crate) trace: Option<String>,
}

impl Played {
    /// Whether it came as expected.
    pub(crate) fn is_as_expected(&self) -> bool {
        self.actual == self.expected.code()
    }
}

/// What is shown or typed at the window.
enum Shown<'a> {
    /// The card's code.
    Card(Role),
    /// The card's code with one character of its signature changed.
    Altered(Role),
    /// Any text.
    Text(&'a str),
    /// Permit number and name of somebody.
    Number(Role),
    /// Permit number of somebody and another name.
    WrongName(Role),
}

/// One scene at a window.
struct Scene<'a> {
    name: &'static str,
    shown: Shown<'a>,
    service: &'static str,
    provider: Option<&'static str>,
    clerk: Option<bool>,
    expected: Outcome,
}

const fn scene<'a>(
    name: &'static str,
    shown: Shown<'a>,
    service: &'static str,
    expected: Outcome,
) -> Scene<'a> {
    Scene {
        name,
        shown,
        service,
        provider: None,
        clerk: None,
        expected,
    }
}

/// Plays every scene in both directions.
pub(crate) async fn play(stage: &Stage, prepared: &Prepared) -> Result<Vec<Played>, DemoError> {
    let mut played = Vec::new();
    for (issuer, recogniser, cast) in [
        (&stage.yushan, &stage.changshan, &prepared.yushan),
        (&stage.changshan, &stage.yushan, &prepared.changshan),
    ] {
        let window = Window::sign_in(recogniser.staff, CLERK, PASSWORD, &stage.urls).await?;
        let direction = Direction {
            issuer,
            recogniser,
            cast,
            prepared,
            urls: &stage.urls,
        };
        for one in scenes(&direction) {
            played.push(direction.at_window(&window, &one).await);
        }
        played.extend(direction.off_line()?);
        played.push(direction.asked_too_often().await?);
        played.push(direction.issuer_stopped(&window).await?);
    }
    Ok(played)
}

fn scenes(direction: &Direction<'_>) -> Vec<Scene<'static>> {
    use Outcome as O;
    let hospital = if direction.recogniser.region == "330822" {
        "330822-HOSPITAL-1"
    } else {
        "361123-HOSPITAL-1"
    };
    let mut list = vec![
        Scene {
            clerk: Some(true),
            ..scene(
                "presented.recognised",
                Shown::Card(Role::Ordinary),
                "EMP-INFO",
                O::Recognised,
            )
        },
        Scene {
            clerk: Some(false),
            ..scene(
                "presented.other-person",
                Shown::Card(Role::Impersonated),
                "EMP-INFO",
                O::HolderMismatch,
            )
        },
        Scene {
            provider: Some(hospital),
            clerk: Some(true),
            ..scene(
                "presented.named-hospital",
                Shown::Card(Role::Ordinary),
                "MED-DESIGNATED",
                O::Recognised,
            )
        },
        Scene {
            provider: Some("ELSEWHERE"),
            ..scene(
                "presented.other-hospital",
                Shown::Card(Role::Ordinary),
                "MED-DESIGNATED",
                O::ServiceNotCovered,
            )
        },
        scene(
            "presented.school-by-local-rules",
            Shown::Card(Role::Ordinary),
            "BPS-1",
            O::RecognisedConditional,
        ),
        scene(
            "presented.newcomer",
            Shown::Card(Role::Newcomer),
            "EMP-TRAINING",
            O::RecognisedConditional,
        ),
        scene(
            "presented.unmapped-tier",
            Shown::Card(Role::Temporary),
            "EMP-INFO",
            O::RecognisedConditional,
        ),
        scene(
            "presented.service-not-agreed",
            Shown::Card(Role::Ordinary),
            "BPS-4",
            O::ServiceNotCovered,
        ),
        scene(
            "presented.cancelled",
            Shown::Card(Role::Cancelled),
            "EMP-INFO",
            O::Revoked,
        ),
        scene(
            "presented.reported-lost",
            Shown::Card(Role::Lost),
            "EMP-INFO",
            O::ReportedLost,
        ),
        scene(
            "presented.suspended",
            Shown::Card(Role::Suspended),
            "EMP-INFO",
            O::Suspended,
        ),
        scene(
            "presented.altered",
            Shown::Altered(Role::Ordinary),
            "EMP-INFO",
            O::SignatureInvalid,
        ),
        scene(
            "presented.unreadable",
            Shown::Text("0123456789"),
            "EMP-INFO",
            O::Unreadable,
        ),
        Scene {
            clerk: Some(true),
            ..scene(
                "looked-up.recognised",
                Shown::Number(Role::Ordinary),
                "EMP-INFO",
                O::Recognised,
            )
        },
        scene(
            "looked-up.wrong-name",
            Shown::WrongName(Role::Ordinary),
            "EMP-INFO",
            O::NoMatch,
        ),
        scene(
            "looked-up.lapsed",
            Shown::Number(Role::Lapsed),
            "EMP-INFO",
            O::EndorsementLapsed,
        ),
        scene(
            "looked-up.cancelled",
            Shown::Number(Role::Cancelled),
            "EMP-INFO",
            O::Revoked,
        ),
        scene(
            "looked-up.reported-lost",
            Shown::Number(Role::Lost),
            "EMP-INFO",
            O::ReportedLost,
        ),
        scene(
            "looked-up.replaced",
            Shown::Number(Role::Replaced),
            "EMP-INFO",
            O::Superseded,
        ),
        scene(
            "looked-up.card-expired",
            Shown::Number(Role::CardExpired),
            "EMP-INFO",
            O::Expired,
        ),
        scene(
            "looked-up.service-not-agreed",
            Shown::Number(Role::Ordinary),
            "BPS-4",
            O::ServiceNotCovered,
        ),
    ];
    list.push(scene(
        "presented.unknown-issuer",
        Shown::Text(STRANGER),
        "EMP-INFO",
        O::UnknownIssuer,
    ));
    list
}

/// Marks the text that is replaced by an attestation of a county outside the federation.
const STRANGER: &str = "stranger";

struct Direction<'a> {
    issuer: &'a County,
    recogniser: &'a County,
    cast: &'a Cast,
    prepared: &'a Prepared,
    urls: &'a Urls,
}

impl Direction<'_> {
    fn token(&self, role: Role) -> &str {
        self.prepared
            .tokens
            .get(&(self.issuer.region, role as usize))
            .map_or("", String::as_str)
    }

    fn body(&self, one: &Scene<'_>) -> Result<Value, DemoError> {
        let mut body = json!({
            "service": one.service,
            "purpose": "SERVICE",
            "legal_basis": "STATUTORY_DUTY",
        });
        if let Some(provider) = one.provider {
            body["provider"] = provider.into();
        }
        let digits = |token: &str| symbol::encode(token).map_err(DemoError::other);
        match &one.shown {
            Shown::Card(role) => body["presented"] = digits(self.token(*role))?.into(),
            Shown::Altered(role) => body["presented"] = digits(&altered(self.token(*role)))?.into(),
            Shown::Text(STRANGER) => {
                body["presented"] =
                    digits(&super::stranger::attestation(self.token(Role::Ordinary))?)?.into();
            }
            Shown::Text(text) => body["presented"] = (*text).into(),
            Shown::Number(role) | Shown::WrongName(role) => {
                let resident = self.cast.of(*role);
                let wrong = matches!(one.shown, Shown::WrongName(_));
                body["number"] = resident.permit_number.to_string().into();
                body["name"] = if wrong {
                    "无此人示例".into()
                } else {
                    resident.name.clone().into()
                };
                body["issuer_region"] = self.issuer.region.into();
            }
        }
        Ok(body)
    }

    async fn at_window(&self, window: &Window, one: &Scene<'_>) -> Played {
        let begun = Instant::now();
        let answer = self.verified(window, one).await;
        let took = begun.elapsed();
        let (actual, trace) = match answer {
            Ok((outcome, trace)) => (outcome, Some(trace)),
            Err(error) => (error.to_string(), None),
        };
        Played {
            name: one.name,
            issuer: self.issuer.region,
            recogniser: self.recogniser.region,
            expected: one.expected,
            actual,
            component: match one.shown {
                Shown::Number(_) | Shown::WrongName(_) => "窗口接口+联邦查询 staff API + federation look-up",
                _ => "窗口接口 staff API",
            },
            took,
            trace,
        }
    }

    async fn verified(&self, window: &Window, one: &Scene<'_>) -> Result<(String, String), DemoError> {
        let answer = window.post("/staff/v1/verifications", &self.body(one)?).await?;
        let trace = answer["trace"].as_str().unwrap_or_default().to_owned();
        let answer = match one.clerk {
            Some(same) => {
                let path = format!("/staff/v1/verifications/{trace}/confirmation");
                window.post(&path, &json!({ "confirmed": same })).await?
            }
            None => answer,
        };
        Ok((
            answer["decision"]["outcome"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            trace,
        ))
    }

    /// What a window without a network decides from its county's bundle: now, two days, four days and three weeks after it was written.
    fn off_line(&self) -> Result<Vec<Played>, DemoError> {
        const DAY: i64 = 86_400;
        let rows = [
            ("off-line.fresh", Role::Ordinary, 0, Outcome::Recognised),
            (
                "off-line.two-days",
                Role::Ordinary,
                2 * DAY,
                Outcome::RecognisedConditional,
            ),
            (
                "off-line.four-days",
                Role::Ordinary,
                4 * DAY,
                Outcome::StatusStale,
            ),
            (
                "off-line.three-weeks",
                Role::Ordinary,
                21 * DAY,
                Outcome::NodeNotReady,
            ),
            ("off-line.cancelled", Role::Cancelled, 0, Outcome::Revoked),
        ];
        let mut played = Vec::new();
        for (name, role, later, expected) in rows {
            let begun = Instant::now();
            let now = self.prepared.bundled_at.plus_saturating(later);
            let decision = self.decide_off_line(self.token(role), now)?;
            played.push(Played {
                name,
                issuer: self.issuer.region,
                recogniser: self.recogniser.region,
                expected,
                actual: decision.outcome.code().to_owned(),
                component: "离线核验 off-line verifier + bundle",
                took: begun.elapsed(),
                trace: None,
            });
        }
        Ok(played)
    }

    fn decide_off_line(&self, token: &str, now: UnixSeconds) -> Result<Decision, DemoError> {
        let anchor = crate::wiring::anchor(&self.recogniser.settings.trust.anchor)?;
        let bytes = self
            .prepared
            .bundles
            .get(self.recogniser.region)
            .map_or(&[][..], Vec::as_slice);
        let opened = bundle::open(bytes, &anchor, &Floors::default(), now).map_err(DemoError::other)?;
        let service: ServiceCode = "EMP-INFO".parse().map_err(DemoError::other)?;
        let mut budget = Budget::new(Limits::PRESENTATION);
        let opening = presentation::open(
            token.as_bytes(),
            &opened.trust,
            Binding::Optional,
            now,
            &mut budget,
        );
        let source = match &opening {
            Ok(presented) => Source::Presented(presented),
            Err(refusal) => Source::Refused(refusal),
        };
        let step = decide(&DecideInput {
            context: &Context::default(),
            recogniser: Recogniser {
                entity: self.recogniser.entity(),
                region: self.recogniser.settings.node.region,
                network: Network::OffLine,
            },
            evidence: Evidence {
                source,
                lookup: Lookup::NotAsked,
                typed_name: None,
            },
            trust: &opened.trust,
            agreements: &opened.agreements,
            status: &opened.status,
            status_refreshed: true,
            clerk: Clerk::Confirmed,
            service: &service,
            provider: None::<&ProviderId>,
            now,
        });
        match step {
            Step::Decision(decision) | Step::NeedHolder(decision) => Ok(*decision),
            Step::NeedStatus(_) => Err(DemoError::other("an off-line decision asked for a network")),
        }
    }

    /// A clerk who types one wrong name after another.
    async fn asked_too_often(&self) -> Result<Played, DemoError> {
        let window = Window::sign_in(self.recogniser.staff, HASTY, PASSWORD, self.urls).await?;
        let wrong = scene(
            "looked-up.too-often",
            Shown::WrongName(Role::Ordinary),
            "EMP-INFO",
            Outcome::RateLimited,
        );
        for _ in 0..self.recogniser.settings.policy.misses_per_ten_minutes {
            self.verified(&window, &wrong).await?;
        }
        Ok(self.at_window(&window, &wrong).await)
    }

    /// The other county's node stands still while somebody is looked up, and goes on afterwards.
    async fn issuer_stopped(&self, window: &Window) -> Result<Played, DemoError> {
        let pid = self.issuer.component.pid();
        super::process::freeze(pid).await?;
        let down = scene(
            "looked-up.issuer-away",
            Shown::Number(Role::Ordinary),
            "EMP-INFO",
            Outcome::IssuerUnreachable,
        );
        let played = self.at_window(window, &down).await;
        super::process::signal(pid, "-CONT").await?;
        self.issuer.component.ready(30).await?;
        Ok(played)
    }
}

/// The token with the first character of its signature changed.
fn altered(token: &str) -> String {
    let jws_end = token.find('~').unwrap_or(token.len());
    let Some(dot) = token[..jws_end].rfind('.') else {
        return token.to_owned();
    };
    let mut bytes = token.as_bytes().to_vec();
    if let Some(byte) = bytes.get_mut(dot + 1) {
        *byte = if *byte == b'A' { b'B' } else { b'A' };
    }
    String::from_utf8(bytes).unwrap_or_default()
}
