//! Signed permits, look-ups and receipts of the synthetic federation. The people are examples born before 1900.

use comity_spec::attestation::VCT;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::time::LocalDate;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Federation, TestCounty, sign};
use crate::agreement::VerifiedAgreement;
use crate::b64;

/// An attestation before it is signed.
#[derive(Clone, Debug)]
pub struct PermitDraft {
    /// The key that will sign.
    pub key: SigningKey,
    /// The open claims, digests excluded.
    pub claims: Value,
    /// What is disclosed, in order.
    pub disclosed: Vec<(&'static str, Value)>,
    /// What is appended after the disclosures: a key binding.
    pub suffix: String,
}

impl PermitDraft {
    /// Signs the claims as they now are: an SD-JWT with all disclosures and one decoy.
    #[must_use]
    pub fn sign(&self) -> String {
        let disclosures: Vec<String> = self
            .disclosed
            .iter()
            .map(|(name, value)| {
                let salt = b64::encode(&Sha256::digest(format!("salt of {name}"))[..16]);
                b64::encode(json!([salt, name, value]).to_string().as_bytes())
            })
            .collect();
        let mut digests: Vec<String> = disclosures
            .iter()
            .map(|d| b64::encode(&Sha256::digest(d)))
            .collect();
        digests.push(b64::encode(&Sha256::digest("decoy")));
        digests.sort_unstable();
        let mut claims = self.claims.clone();
        super::merge(&mut claims, json!({ "_sd": digests, "_sd_alg": "sha-256" }));
        let jwt = sign(&self.key, Typ::Attestation, &claims);
        let mut token = disclosures
            .iter()
            .fold(jwt, |token, disclosure| format!("{token}~{disclosure}"));
        token.push('~');
        token.push_str(&self.suffix);
        token
    }

    /// Sets an open claim.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// Sets what is disclosed under a name; `Null` withholds it.
    #[must_use]
    pub fn disclosing(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.disclosed.retain(|(known, _)| *known != name);
        let value = value.into();
        if !value.is_null() {
            self.disclosed.push((name, value));
        }
        self
    }
}

impl Federation {
    /// A card attestation of 示例甲, endorsed for 200 days from today, at an index of the county's list.
    #[must_use]
    pub fn permit(&self, county: &TestCounty, idx: u64) -> PermitDraft {
        let today = LocalDate::of(self.now);
        let until = today.plus_days(200).expect("a date of a test");
        let from = today.plus_days(-164).expect("a date of a test");
        PermitDraft {
            key: county.key(KeyPurpose::Attestation),
            claims: json!({
                "iss": county.entity,
                "vct": VCT,
                "iat": from.start_of_day(),
                "nbf": from.start_of_day(),
                "exp": until.end_of_day(),
                "status": { "status_list": { "idx": idx, "uri": county.status_uri() } },
                "source_as_of": from.start_of_day(),
                "region": county.region,
                "environment": self.environment,
            }),
            disclosed: vec![
                ("name", json!("示例甲")),
                ("id_number", json!("361123188001010017")),
                ("tier", json!("ORDINARY")),
                ("basis", json!("EMPLOYMENT")),
                (
                    "residence_since",
                    json!(today.plus_months(-14).expect("a date of a test")),
                ),
            ],
            suffix: String::new(),
        }
    }

    /// The claims of a look-up request of 示例甲, before it is signed.
    #[must_use]
    pub fn request(&self, from: &TestCounty, to: &TestCounty, agreement: &VerifiedAgreement) -> Value {
        json!({
            "iss": from.entity,
            "aud": to.entity,
            "iat": self.now,
            "exp": self.now.plus_saturating(60),
            "jti": "AAAAAAAAAAAAAAAAAAAAAA",
            "purpose": "SERVICE",
            "service": "BPS-2",
            "legal_basis": "STATUTORY_DUTY",
            "agreement": agreement.reference(),
            "claims": ["name", "tier", "residence_since"],
            "case_ref": "AQAAAAAAAAAAAAAAAAAAAA",
            "subject": { "number": { "id_number": "361123188001010017" }, "name": "示例甲" },
            "environment": self.environment,
        })
    }

    /// The claims of an answer that the permit of 示例甲 is in order, before it is signed.
    #[must_use]
    pub fn answer(&self, request: &Value, request_jws: &str) -> Value {
        let today = LocalDate::of(self.now);
        json!({
            "iss": request["aud"],
            "aud": request["iss"],
            "iat": self.now,
            "exp": self.now.plus_saturating(900),
            "in_reply_to": comity_spec::ids::Digest::of(request_jws),
            "result": "match",
            "permit_state": {
                "status": "valid",
                "valid_from": today.plus_days(-164).expect("a date of a test"),
                "endorsed_until": today.plus_days(200).expect("a date of a test"),
            },
            "claims": {
                "name": "示例甲",
                "tier": "ORDINARY",
                "residence_since": today.plus_months(-14).expect("a date of a test"),
            },
            "agreement": request["agreement"],
            "source_as_of": self.now,
            "environment": self.environment,
            "pad": "",
        })
    }
}
