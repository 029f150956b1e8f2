//! The lines between the suite and a target program: one JSON object a line, an [`Ask`] in, an [`Answer`] out.
//!
//! Unknown members of an answer are ignored, so that a program may say more than it is asked; everything that the suite reads
//! is typed. What does not read is the program's fault and never counted against the target.

use comity_spec::agreement::AgreementRef;
use comity_spec::decision::TierGrant;
use comity_spec::exchange::SubjectNumber;
use comity_spec::outcome::OutcomeClass;
use comity_spec::receipt::PrintedReceipt;
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A line to the program: what it is to do, under a number that its answer repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ask {
    /// Rises by one with each line.
    pub(crate) id: u64,
    /// What is to be done.
    #[serde(flatten)]
    pub(crate) act: Act,
}

/// What a program is asked to do to its target, as an operator or a clerk would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Act {
    /// Start the target, new and empty. Answered by [`Started`].
    Start(Start),
    /// Stop it and start it again on the same store and addresses. Answered by [`Done`].
    Restart {
        /// In good order; otherwise killed without notice.
        graceful: bool,
    },
    /// Fetch trust, agreements and status lists now, as a periodic refresh would. [`Done`] once all was tried.
    Refresh {
        /// Only what concerns this county, where the target can tell it apart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entity: Option<String>,
    },
    /// What agreements are known. Answered by [`Agreements`].
    Agreements,
    /// Sign a proposal that waits, and send it to the other parties.
    Sign {
        /// Which text.
        agreement: AgreementRef,
    },
    /// Propose a text, signed, to the other parties. Answered by [`AgreementRef`].
    Propose {
        /// Payload of the agreement (4.1).
        text: Value,
    },
    /// Withdraw from an agreement and tell the other parties.
    Withdraw {
        /// Id of the agreement; the version that rules is meant.
        agreement: String,
        /// First day on which it no longer holds.
        from: LocalDate,
    },
    /// Something happened to a permit. [`Done`] when it stands in the target's register.
    Event(Event),
    /// Several things happened, one import for all; they are one change of the register.
    Events {
        /// In their order.
        events: Vec<Event>,
    },
    /// The newest attestation of a permit. Answered by [`Token`].
    Attestation {
        /// Which permit.
        permit_number: String,
        /// Card or full.
        form: Form,
    },
    /// A code was scanned. Answered by [`Verdict`].
    Recognise(Recognise),
    /// A card was typed. Answered by [`Verdict`].
    LookUp(LookUp),
    /// The clerk compared the person with the card. Answered by [`Confirmed`].
    Confirm {
        /// Of the verdict.
        case: String,
        /// What was found.
        holder: Holder,
    },
    /// Authority: take a member in. Answered by [`Done`].
    Enrol {
        /// Its entity configuration.
        application: String,
        /// For a province: the prefix of its region codes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
        /// For a province: its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Bilingual>,
    },
    /// Authority: suspend a member.
    Suspend {
        /// Who.
        entity: String,
    },
    /// Authority: let a suspended member back in.
    Reinstate {
        /// Who.
        entity: String,
    },
    /// Authority: remove a member.
    Remove {
        /// Who.
        entity: String,
    },
    /// Authority: sign everything anew.
    Publish,
}

impl Act {
    /// Its name on the line.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Restart { .. } => "restart",
            Self::Refresh { .. } => "refresh",
            Self::Agreements => "agreements",
            Self::Sign { .. } => "sign",
            Self::Propose { .. } => "propose",
            Self::Withdraw { .. } => "withdraw",
            Self::Event(_) => "event",
            Self::Events { .. } => "events",
            Self::Attestation { .. } => "attestation",
            Self::Recognise(_) => "recognise",
            Self::LookUp(_) => "look_up",
            Self::Confirm { .. } => "confirm",
            Self::Enrol { .. } => "enrol",
            Self::Suspend { .. } => "suspend",
            Self::Reinstate { .. } => "reinstate",
            Self::Remove { .. } => "remove",
            Self::Publish => "publish",
        }
    }
}

/// What the target is told when it starts. Paths are relative to the working folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    /// A county, or (class authority) an anchor of its own.
    pub(crate) role: Role,
    /// Region code of the county.
    pub(crate) region: String,
    /// `SANDBOX`.
    pub(crate) environment: String,
    /// An empty folder for whatever the target keeps.
    pub(crate) store: String,
    /// The anchor file, given by hand (TRU-27). County only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) anchor: Option<String>,
    /// Certificates in PEM that public servers chain to, beside the WebPKI's (TRN-15).
    pub(crate) roots: String,
    /// The register, with its manifest beside it. County only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) residents: Option<String>,
    /// Entity id of the superior. County only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) superior: Option<String>,
}

/// What the target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// A county node.
    County,
    /// An anchor.
    Authority,
}

/// `start` is done: the listeners answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Started {
    /// The target's entity configuration, compact JWS: its entity id, endpoints, keys and pins are read from it.
    pub(crate) application: String,
    /// Role authority: the anchor file to trust it by (`entity`, `jwks`, `environment`).
    #[serde(default)]
    pub(crate) anchor: Option<Value>,
}

/// Nothing to say but that it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {}

/// Answer to `agreements`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Agreements {
    /// Every version of every agreement, in any order.
    pub(crate) agreements: Vec<KnownAgreement>,
}

/// A version of an agreement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KnownAgreement {
    /// Which.
    #[serde(flatten)]
    pub(crate) reference: AgreementRef,
    /// How it stands.
    pub(crate) state: AgreementState,
}

/// How a version of an agreement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AgreementState {
    /// A signature is missing.
    Proposed,
    /// Signed by all, whether or not its days have come.
    Adopted,
    /// Withdrawn, or will be on a day that is known.
    Withdrawn,
    /// Void for good (AGR-16).
    Void,
}

/// Something that happened to a permit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Which permit.
    pub(crate) permit_number: String,
    /// What.
    pub(crate) event: What,
    /// `endorsed`: the new last day; without it, a year on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<LocalDate>,
    /// `replaced`: number of the permit that takes its place, for the same person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
}

/// What happened to a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    /// 注销: for good.
    Cancelled,
    /// 中止.
    Suspended,
    /// 恢复.
    Reinstated,
    /// 挂失.
    ReportedLost,
    /// 解除挂失.
    Found,
    /// 换领、补领: another permit, with a number of its own, takes its place.
    Replaced,
    /// 签注.
    Endorsed,
}

/// Form of an attestation (ATT-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// Six digests, for a printed code.
    Card,
    /// Thirty-two digests.
    Full,
}

/// Answer to `attestation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    /// The SD-JWT with all its disclosures.
    pub(crate) token: String,
}

/// A code was scanned at a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recognise {
    /// What the scanner typed: digits of a code, or an SD-JWT.
    pub(crate) text: String,
    /// The service asked for.
    pub(crate) service: String,
    /// The institution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
    /// The name on the identity card, where the clerk typed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) holder_name: Option<String>,
}

/// Number and name were typed from a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LookUp {
    /// Region of the county said to have issued the permit.
    pub(crate) issuer_region: String,
    /// The number.
    pub(crate) number: SubjectNumber,
    /// The name.
    pub(crate) name: String,
    /// The service asked for.
    pub(crate) service: String,
    /// The institution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
}

/// Answer to `recognise` and `look_up`: what the window shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// The program's name for this verification, for `confirm`.
    pub(crate) case: String,
    /// Whether a person has to compare the holder with the card first.
    pub(crate) step: Step,
    /// One of the 27, or whatever the target says.
    pub(crate) outcome: String,
    /// Its class.
    pub(crate) class: OutcomeClass,
    /// The rule behind it, where the target tells.
    #[serde(default)]
    pub(crate) cause: Option<String>,
    /// Conditions not met or unknown; each has at least `code`.
    #[serde(default)]
    pub(crate) missing: Vec<Map<String, Value>>,
    /// Advisories (8.6), by code or as objects with `code`.
    #[serde(default)]
    pub(crate) advisories: Vec<Value>,
    /// The tier.
    #[serde(default)]
    pub(crate) tier: Option<TierGrant>,
    /// What it says.
    pub(crate) text: Bilingual,
    /// What the clerk does next.
    pub(crate) next_step: Bilingual,
    /// Age of the status it rests on, in seconds.
    #[serde(default)]
    pub(crate) status_age_seconds: Option<i64>,
    /// The agreement it rests on.
    #[serde(default)]
    pub(crate) agreement: Option<AgreementRef>,
}

/// Provisional or final (DEC-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// A named person has to look.
    Provisional,
    /// It stands.
    Final,
}

/// What the clerk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Holder {
    /// The holder.
    Same,
    /// Somebody else.
    Different,
    /// The clerk cannot tell.
    Unsure,
}

/// Answer to `confirm`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Confirmed {
    /// The outcome that stands now.
    pub(crate) outcome: String,
    /// The receipt as it is printed, where there is one.
    #[serde(default)]
    pub(crate) receipt: Option<PrintedReceipt>,
}

/// A line from the program: exactly one of the three.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// Done, with what was asked for.
    Ok(Map<String, Value>),
    /// The target itself refused.
    Refused(Refused),
    /// The target does not do this, and why.
    Unsupported(String),
}

/// The target's own refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// In its words.
    pub(crate) text: String,
    /// Its problem type (`urn:comity:problem:…`), where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// Why a line is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// Not one JSON object with `id`.
    #[error("the line is not a JSON object with `id`: {0}")]
    Form(String),
    /// Answers another line.
    #[error("the line answers {found}, not {asked}")]
    Other {
        /// Asked.
        asked: u64,
        /// Answered.
        found: u64,
    },
    /// Not exactly one of the three.
    #[error("the line does not have exactly one of `ok`, `refused` and `unsupported`: {0}")]
    Which(String),
}

impl Answer {
    /// Reads a line that answers `asked`.
    pub(crate) fn read(line: &str, asked: u64) -> Result<Self, NoAnswer> {
        let mut object: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| NoAnswer::Form(error.to_string()))?;
        match object.remove("id").as_ref().map(Value::as_u64) {
            Some(Some(found)) if found == asked => {}
            Some(Some(found)) => return Err(NoAnswer::Other { asked, found }),
            _ => return Err(NoAnswer::Form("`id` is missing or no number".to_owned())),
        }
        match serde_json::from_value(Value::Object(object)) {
            Ok(Self::Unsupported(why)) if why.trim().is_empty() => {
                Err(NoAnswer::Which("`unsupported` does not say why".to_owned()))
            }
            Ok(Self::Refused(refused)) if refused.text.trim().is_empty() => {
                Err(NoAnswer::Which("`refused` has no `text`".to_owned()))
            }
            Ok(answer) => Ok(answer),
            Err(error) => Err(NoAnswer::Which(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_what_the_readme_shows() {
        let ask = Ask {
            id: 7,
            act: Act::Event(Event {
                permit_number: "SHILI-1".into(),
                event: What::ReportedLost,
                until: None,
                by: None,
            }),
        };
        let line = json!({ "id": 7, "do": "event", "permit_number": "SHILI-1", "event": "reported-lost" });
        assert_eq!(serde_json::to_value(&ask).unwrap(), line);
        assert_eq!(serde_json::from_value::<Ask>(line).unwrap(), ask);
        let withdraw = Act::Withdraw {
            agreement: "AGR-1".into(),
            from: "2026-12-31".parse().unwrap(),
        };
        for act in [
            withdraw,
            Act::Agreements,
            Act::Publish,
            Act::Restart { graceful: false },
        ] {
            let value = serde_json::to_value(Ask {
                id: 1,
                act: act.clone(),
            })
            .unwrap();
            assert_eq!(value["do"], act.name());
            assert_eq!(
                value["id"], 1,
                "no member of an act is called like the line's number"
            );
        }
    }

    #[test]
    fn exactly_one_of_three_answers() {
        let ok = Answer::read(r#"{"id":1,"ok":{"token":"a~"}}"#, 1).unwrap();
        assert!(matches!(ok, Answer::Ok(members) if members["token"] == "a~"));
        let refused = Answer::read(r#"{"id":1,"refused":{"text":"no","problem":"urn:x"}}"#, 1).unwrap();
        assert!(matches!(refused, Answer::Refused(refused) if refused.problem.as_deref() == Some("urn:x")));
        assert!(matches!(
            Answer::read(r#"{"id":1,"unsupported":"no register"}"#, 1),
            Ok(Answer::Unsupported(_))
        ));
        for line in [
            "",
            "[]",
            r#"{"ok":{}}"#,
            r#"{"id":"1","ok":{}}"#,
            r#"{"id":2,"ok":{}}"#,
            r#"{"id":1}"#,
            r#"{"id":1,"ok":null}"#,
            r#"{"id":1,"ok":{},"refused":{"text":"a"}}"#,
            r#"{"id":1,"refused":{"text":""}}"#,
            r#"{"id":1,"unsupported":" "}"#,
            r#"{"id":1,"ok":{}} {"id":1,"ok":{}}"#,
        ] {
            assert!(Answer::read(line, 1).is_err(), "{line}");
        }
    }
}
