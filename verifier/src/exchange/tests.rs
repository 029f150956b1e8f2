//! Requests, answers and hints: one that holds, and for each rule one that breaks it.

use comity_spec::exchange::VerificationRequest;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::problem::ProblemType;
use comity_spec::time::UnixSeconds;
use serde_json::{Value, json};

use super::*;
use crate::agreement::Agreements;
use crate::budget::{Budget, Limits};
use crate::testing::{Federation, TestCounty, merge, sign};

struct Wire {
    federation: Federation,
    agreements: Agreements,
}

impl Wire {
    fn new() -> Self {
        let federation = Federation::demo(UnixSeconds::new(1_790_000_000).unwrap());
        Self {
            agreements: federation.agreements(),
            federation,
        }
    }

    /// Issuer and recogniser.
    fn counties(&self) -> (&TestCounty, &TestCounty) {
        (self.federation.county("361123"), self.federation.county("330822"))
    }

    fn request_claims(&self) -> Value {
        let (issuer, recogniser) = self.counties();
        self.federation
            .request(recogniser, issuer, &self.agreements.all()[0])
    }

    fn sign_request(&self, claims: &Value) -> String {
        sign(
            &self.counties().1.key(KeyPurpose::Exchange),
            Typ::VerificationRequest,
            claims,
        )
    }

    fn verify(&self, jws: &str, later: i64) -> Result<Verified<VerificationRequest>, RequestError> {
        let (issuer, recogniser) = self.counties();
        let parties = Parties {
            me: &issuer.entity,
            channel: Some(&recogniser.entity),
        };
        let now = self.federation.now.plus_saturating(later);
        let mut budget = Budget::new(Limits::PRESENTATION);
        verify_request(
            jws.as_bytes(),
            &self.federation.trust(),
            parties,
            &self.agreements,
            now,
            &mut budget,
        )
    }

    /// The problem with which a changed request is answered.
    fn problem(&self, change: Value) -> ProblemType {
        let mut claims = self.request_claims();
        merge(&mut claims, change);
        self.verify(&self.sign_request(&claims), 0).unwrap_err().problem()
    }

    fn respond(&self, change: Value) -> Result<LookedUp, ResponseError> {
        self.respond_by(&self.counties().0.key(KeyPurpose::Exchange), change, 0)
    }

    fn respond_by(
        &self,
        key: &ed25519_dalek::SigningKey,
        change: Value,
        later: i64,
    ) -> Result<LookedUp, ResponseError> {
        let request = self.request_claims();
        let request_jws = self.sign_request(&request);
        let sent = self.verify(&request_jws, 0).unwrap();
        let mut answer = self.federation.answer(&request, &request_jws);
        merge(&mut answer, change);
        if let Some(map) = answer.as_object_mut() {
            map.retain(|_, value| !value.is_null());
        }
        let jws = sign(key, Typ::VerificationResponse, &answer);
        let now = self.federation.now.plus_saturating(later);
        let mut budget = Budget::new(Limits::PRESENTATION);
        verify_response(jws.as_bytes(), &sent, &self.federation.trust(), now, &mut budget)
    }
}

#[test]
fn a_request_under_the_agreement_is_answered() {
    let wire = Wire::new();
    let verified = wire
        .verify(&wire.sign_request(&wire.request_claims()), 0)
        .unwrap();
    assert_eq!(verified.value().subject.name, "示例甲");
    assert!(
        wire.verify(&wire.sign_request(&wire.request_claims()), 119)
            .is_ok(),
        "within the tolerance"
    );
}

#[test]
fn every_rule_of_a_request_has_its_problem() {
    let wire = Wire::new();
    let now = wire.federation.now.get();
    let other = json!({ "id": "AGR-OTHER", "version": 1, "digest": wire.agreements.all()[0].digest() });
    let newer = json!({ "id": "AGR-DEMO", "version": 2, "digest": comity_spec::ids::Digest::of("x") });
    for (change, problem) in [
        (
            json!({ "iss": "https://c361123.example" }),
            ProblemType::PinMismatch,
        ),
        (
            json!({ "aud": "https://c330822.example" }),
            ProblemType::WrongAudience,
        ),
        (
            json!({ "environment": "PRODUCTION" }),
            ProblemType::WrongEnvironment,
        ),
        (json!({ "exp": now + 61 }), ProblemType::MalformedRequest),
        (
            json!({ "iat": now + 61, "exp": now + 100 }),
            ProblemType::ClockSkew,
        ),
        (
            json!({ "iat": now - 180, "exp": now - 120 }),
            ProblemType::RequestExpired,
        ),
        (json!({ "agreement": other }), ProblemType::AgreementUnknown),
        (
            json!({ "agreement": newer }),
            ProblemType::AgreementVersionMismatch,
        ),
        (json!({ "service": "CNV-3" }), ProblemType::ServiceNotCovered),
        (
            json!({ "claims": ["name", "hukou_address"] }),
            ProblemType::ClaimsNotAllowed,
        ),
        (json!({ "surprise": 1 }), ProblemType::MalformedRequest),
        (json!({ "jti": "short" }), ProblemType::MalformedRequest),
    ] {
        assert_eq!(wire.problem(change.clone()), problem, "{change}");
    }
    let ended = wire
        .verify(&wire.sign_request(&wire.request_claims()), 121)
        .unwrap_err();
    assert_eq!(ended.problem(), ProblemType::RequestExpired);
    assert_eq!(
        wire.verify("not a jws", 0).unwrap_err().problem(),
        ProblemType::MalformedRequest
    );
}

#[test]
fn keys_of_other_purposes_and_other_counties_sign_nothing() {
    let wire = Wire::new();
    let claims = wire.request_claims();
    for key in [
        wire.counties().1.key(KeyPurpose::Receipt),
        wire.counties().0.key(KeyPurpose::Exchange),
        crate::testing::key("nobody"),
    ] {
        let jws = sign(&key, Typ::VerificationRequest, &claims);
        assert_eq!(
            wire.verify(&jws, 0).unwrap_err().problem(),
            ProblemType::SignatureInvalid
        );
    }
    // A response is not a request, whoever signed it.
    let jws = sign(
        &wire.counties().1.key(KeyPurpose::Exchange),
        Typ::VerificationResponse,
        &claims,
    );
    assert_eq!(
        wire.verify(&jws, 0).unwrap_err().problem(),
        ProblemType::MalformedRequest
    );
}

#[test]
fn an_answer_is_believed_only_as_an_answer_to_this_request() {
    let wire = Wire::new();
    let answer = wire.respond(json!({})).unwrap();
    assert_eq!(answer.claims().name.as_deref(), Some("示例甲"));
    let now = wire.federation.now.get();
    for (change, rule) in [
        (json!({ "aud": "https://c361123.example" }), "response.aud"),
        (
            json!({ "in_reply_to": comity_spec::ids::Digest::of("another request") }),
            "response.in-reply-to",
        ),
        (json!({ "environment": "PRODUCTION" }), "response.environment"),
        (json!({ "exp": now + 901 }), "response.times"),
        (
            json!({ "iat": now + 61, "exp": now + 900 }),
            "response.iat-future",
        ),
        (json!({ "result": "no_match" }), "response.content"),
        (json!({ "permit_state": null }), "response.content"),
        (
            json!({ "claims": { "hukou_address": "示例" } }),
            "response.excess-claims",
        ),
        (json!({ "claims": { "name": "示例乙" } }), "response.other-person"),
        (json!({ "iss": "https://c330822.example" }), "response.iss"),
    ] {
        let error = wire.respond(change.clone()).unwrap_err();
        assert_eq!(error.rule(), rule, "{change}");
        let refusal = error.refusal(&wire.counties().0.entity);
        assert_eq!(
            refusal.outcome.class(),
            comity_spec::outcome::OutcomeClass::Grey,
            "{change}"
        );
    }
    let key = wire.counties().0.key(KeyPurpose::Exchange);
    assert_eq!(
        wire.respond_by(&key, json!({}), 960).unwrap_err(),
        ResponseError::Expired
    );
    let wrong = wire.counties().0.key(KeyPurpose::Attestation);
    assert_eq!(
        wire.respond_by(&wrong, json!({}), 0).unwrap_err().rule(),
        "key.purpose"
    );
}

#[test]
fn a_name_that_is_alike_passes_and_is_left_to_the_decision() {
    let wire = Wire::new();
    assert!(wire.respond(json!({ "claims": { "name": "示例甲 " } })).is_ok());
    let none = wire
        .respond(json!({ "result": "no_match", "permit_state": null, "claims": null }))
        .unwrap();
    assert_eq!(none.claims(), &PermitClaims::default());
}

#[test]
fn a_hint_names_only_lists_of_its_sender() {
    let wire = Wire::new();
    let (issuer, recogniser) = wire.counties();
    let trust = wire.federation.trust();
    let hint = |list: &str| {
        let now = wire.federation.now;
        let claims = json!({
            "iss": issuer.entity, "aud": recogniser.entity, "iat": now, "exp": now.plus_saturating(900),
            "jti": "AAAAAAAAAAAAAAAAAAAAAA", "status_lists": [list], "environment": "SANDBOX",
        });
        let jws = sign(&issuer.key(KeyPurpose::Exchange), Typ::Hint, &claims);
        let parties = Parties {
            me: &recogniser.entity,
            channel: None,
        };
        let mut budget = Budget::new(Limits::PRESENTATION);
        verify_hint(jws.as_bytes(), &trust, parties, now, &mut budget).map(|_| ())
    };
    assert_eq!(hint(&issuer.status_uri()), Ok(()));
    assert_eq!(
        hint("https://c361123.example.evil/status/v1/1"),
        Err(RequestError::ForeignList)
    );
    assert_eq!(hint("https://169.254.169.254/"), Err(RequestError::ForeignList));
}
