//! What must come of it: problem documents, signed answers, outcomes at a window. Every refusal has its reason, both languages, and
//! names nobody.

use std::collections::BTreeSet;

use comity_spec::ids::TraceNumber;
use comity_spec::outcome::Outcome;
use comity_spec::problem::ProblemType;
use comity_spec::receipt::PrintedReceipt;
use serde_json::Value;

use super::{Partner, Played, Scene, Stop, ensure};
use crate::target::contract::{Step, Verdict};
use crate::world::ambient::unb64;
use crate::world::client::Answered;
use crate::world::draft::{claims_of, header_of};
use crate::world::keys::{digest, verifies};
use crate::world::person::Person;

impl Scene {
    /// The answer is a problem document of one of these types (ERR-1 to ERR-4).
    pub(crate) fn problem(&self, answered: &Answered, slugs: &[&str]) -> Played<Value> {
        let document = answered.json().unwrap_or(Value::Null);
        let found = document["type"].as_str().unwrap_or_default().to_owned();
        let slug = found.strip_prefix("urn:comity:problem:").unwrap_or_default();
        ensure!(
            slugs.contains(&slug),
            "expected the problem {}, found {} with status {}",
            slugs.join(" or "),
            if found.is_empty() {
                "no problem document"
            } else {
                &found
            },
            answered.status
        );
        self.sound_problem(answered)
    }

    /// The answer is a problem document of the registry, in its whole form.
    pub(crate) fn sound_problem(&self, answered: &Answered) -> Played<Value> {
        let document = answered.json().unwrap_or(Value::Null);
        let found = document["type"].as_str().unwrap_or_default();
        let kind = ProblemType::ALL
            .into_iter()
            .find(|kind| found == format!("urn:comity:problem:{}", kind.slug()));
        let Some(kind) = kind else {
            return Err(Stop::Fail(format!(
                "the problem type {found:?} is not in the registry (ERR-1)"
            )));
        };
        ensure!(
            answered.status == kind.status() && document["status"] == kind.status(),
            "{found} has status {} on the line and {} in the document, the registry says {} (ERR-2)",
            answered.status,
            document["status"],
            kind.status()
        );
        let media = answered.header("content-type").unwrap_or_default();
        ensure!(
            media.starts_with("application/problem+json"),
            "a problem was sent as {media:?}"
        );
        for language in ["zh", "en"] {
            let text = document["next_step"][language].as_str().unwrap_or_default();
            ensure!(
                !text.trim().is_empty(),
                "{found} has no next_step.{language} (ERR-3)"
            );
        }
        let trace = document["trace"].as_str();
        let instance = document["instance"].as_str();
        let numbers = [
            trace,
            instance.map(|uri| uri.trim_start_matches("urn:comity:trace:")),
        ];
        let one = numbers.into_iter().flatten().collect::<BTreeSet<_>>();
        ensure!(
            one.len() <= 1 && one.iter().all(|number| number.parse::<TraceNumber>().is_ok()),
            "{found} has the trace {trace:?} and the instance {instance:?}: both are one trace number (ERR-4)"
        );
        self.names_nobody(&answered.text(), "the problem document")?;
        Ok(document)
    }

    /// A text names nobody who played a part in the case.
    pub(crate) fn names_nobody(&self, text: &str, what: &str) -> Played {
        let named = self.private().iter().any(|secret| text.contains(secret));
        ensure!(!named, "{what} names a person (PRV-1, ERR-4)");
        Ok(())
    }

    /// The answer is a look-up answer to this question, signed by the target for this partner.
    pub(crate) fn answer(&self, answered: &Answered, question: &str, partner: &Partner) -> Played<Value> {
        ensure!(
            answered.status == 200,
            "a question that holds was answered with status {}",
            answered.status
        );
        let media = answered.header("content-type").unwrap_or_default();
        ensure!(
            media == "application/jose",
            "an answer was sent as {media:?} (11.5)"
        );
        let jws = answered.text();
        let header = header_of(&jws).unwrap_or(Value::Null);
        ensure!(
            header["typ"] == "comity-verification-response+jwt",
            "the answer has typ {}",
            header["typ"]
        );
        let exact = header.as_object().is_some_and(|members| members.len() == 3);
        ensure!(
            exact && !header["alg"].is_null(),
            "the header is not exactly alg, kid and typ (JWS-2): {header}"
        );
        let signed = verifies(&jws, self.target.keys("exchange"));
        ensure!(
            signed == Some(true),
            "the answer is not signed by an exchange key of the target (JWS-5)"
        );
        let claims = claims_of(&jws).unwrap_or(Value::Null);
        let county = partner.county();
        for (name, expected) in [
            ("iss", Value::from(self.target.entity.as_str())),
            ("aud", Value::from(county.entity.as_str())),
            ("in_reply_to", Value::from(digest(question))),
            ("environment", Value::from("SANDBOX")),
            (
                "agreement",
                claims_of(question).unwrap_or(Value::Null)["agreement"].clone(),
            ),
        ] {
            ensure!(
                claims[name] == expected,
                "{name} of the answer is {}, expected {expected} (7.4)",
                claims[name]
            );
        }
        let life = claims["exp"].as_i64().unwrap_or(0) - claims["iat"].as_i64().unwrap_or(0);
        ensure!(
            (1..=900).contains(&life),
            "the answer lives {life} s, at most 900 are allowed (7.4)"
        );
        Ok(claims)
    }

    /// The receipt is the target's, of this outcome, names nobody, and opens to this person with its salt (9.1, 9.2).
    pub(crate) fn receipt(&self, printed: &PrintedReceipt, person: &Person, outcome: &str) -> Played {
        let header = header_of(&printed.receipt).unwrap_or(Value::Null);
        ensure!(
            header["typ"] == "comity-receipt+jwt",
            "the receipt has typ {}",
            header["typ"]
        );
        let signed = verifies(&printed.receipt, self.target.keys("receipt"));
        ensure!(
            signed == Some(true),
            "the receipt is not signed by a receipt key of the target (RCP-1)"
        );
        let claims = claims_of(&printed.receipt).unwrap_or(Value::Null);
        ensure!(
            claims["iss"] == self.target.entity.as_str(),
            "iss of the receipt is {}",
            claims["iss"]
        );
        ensure!(
            claims["decision"]["outcome"] == outcome,
            "the receipt says {}",
            claims["decision"]["outcome"]
        );
        ensure!(
            claims["decided_by"].is_string(),
            "the receipt names no officer (RCP-2)"
        );
        ensure!(
            claims["exp"].as_i64() > claims["iat"].as_i64(),
            "the receipt ends before it begins (RCP-1)"
        );
        let text = claims.to_string();
        self.names_nobody(&text, "the receipt")?;
        let salt = printed.salt.as_ref().map(ToString::to_string).unwrap_or_default();
        ensure!(
            !salt.is_empty() && !text.contains(&salt),
            "the salt is missing, or stands in the signed receipt (RCP-4)"
        );
        let mut opened = unb64(&salt).unwrap_or_default();
        ensure!(opened.len() == 16, "the salt has {} octets (RCP-3)", opened.len());
        opened.extend(u32::try_from(person.name.len()).unwrap_or(u32::MAX).to_be_bytes());
        opened.extend(person.name.as_bytes());
        opened.extend(person.id_number.as_bytes());
        ensure!(
            claims["holder_binding"] == digest(opened),
            "holder_binding is not that of the person (RCP-3)"
        );
        Ok(())
    }

    /// The verdict is this outcome, in its class, with its texts and its step.
    pub(crate) fn outcome(&self, verdict: &Verdict, codes: &[&str]) -> Played {
        ensure!(
            codes.contains(&verdict.outcome.as_str()),
            "expected {}, the window shows {} (cause {})",
            codes.join(" or "),
            verdict.outcome,
            verdict.cause.as_deref().unwrap_or("not told")
        );
        let known = Outcome::ALL.into_iter().find(|one| one.code() == verdict.outcome);
        let Some(known) = known else {
            return Err(Stop::Fail(format!(
                "{} is none of the 27 outcomes (DEC-1)",
                verdict.outcome
            )));
        };
        ensure!(
            verdict.class == known.class(),
            "{} was shown as {:?} (8.1)",
            verdict.outcome,
            verdict.class
        );
        let provisional = matches!(
            known.code(),
            "RECOGNISED" | "RECOGNISED_CONDITIONAL" | "REVIEW_REQUIRED"
        );
        ensure!(
            (verdict.step == Step::Provisional) == provisional,
            "{} is {:?} before anybody looked at the holder (DEC-9)",
            verdict.outcome,
            verdict.step
        );
        self.names_nobody(&verdict.text.zh, "the sentence")?;
        self.names_nobody(&verdict.text.en, "the sentence")
    }
}
