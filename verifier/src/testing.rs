//! A whole synthetic federation with keys, for tests of this crate and of those above it. Never part of a release build.
//!
//! [`Federation::demo`] is one anchor, the provinces 360000 and 330000 and the counties 361123 and 330822, with an agreement and
//! status lists. Everything is made of [`Draft`]s, which a test may change before they are signed: valid objects and objects
//! with exactly one defect come from the same place. Keys are derived from their names, so every run signs the same bytes.

use std::collections::BTreeMap;
use std::io::Write as _;

use comity_spec::agreement::{Agreement, AgreementRef, SignedAgreement};
use comity_spec::ids::{Digest, EntityId, Region, SpkiPin, Thumbprint};
use comity_spec::jose::{Jwk, KeyPurpose, Typ};
use comity_spec::status::{LIST_BYTES, StatusValue, TTL};
use comity_spec::time::{LocalDate, UnixSeconds};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use crate::agreement::{Agreements, VerifiedAgreement, verify_signed};
use crate::b64;
use crate::status_view::{StatusView, verify_status_token};
use crate::trust::{Anchor, Finding, Floors, Trust, TrustObjects};

mod permit;

pub use permit::PermitDraft;

/// An entity statement before it is signed.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The key that will sign.
    pub key: SigningKey,
    /// The claims.
    pub claims: Value,
}

impl Draft {
    /// Signs the claims as they now are.
    #[must_use]
    pub fn sign(&self) -> String {
        sign(&self.key, Typ::EntityStatement, &self.claims)
    }
}

/// The anchor or a province.
#[derive(Clone, Debug)]
pub struct TestAuthority {
    /// Its entity id.
    pub entity: EntityId,
    /// A province's prefix.
    pub prefix: Option<&'static str>,
    /// Its federation key.
    pub key: SigningKey,
}

/// A county.
#[derive(Clone, Debug)]
pub struct TestCounty {
    /// Its entity id, which is its public base URL.
    pub entity: EntityId,
    /// Base URL of its mutual-TLS listener.
    pub federation: EntityId,
    /// Its code.
    pub region: Region,
    /// Its name in Chinese.
    pub name: &'static str,
    /// Its superior.
    pub superior: EntityId,
    /// Its pin.
    pub pin: SpkiPin,
}

impl TestCounty {
    /// Its key for a purpose.
    #[must_use]
    pub fn key(&self, purpose: KeyPurpose) -> SigningKey {
        key(&format!("{}/{}", self.region, purpose.as_str()))
    }

    /// The address of its first status list.
    #[must_use]
    pub fn status_uri(&self) -> String {
        self.entity.join("/status/v1/1")
    }
}

/// A federation. Change its parts, then ask for what it signs.
#[derive(Clone, Debug)]
pub struct Federation {
    /// When everything is signed.
    pub now: UnixSeconds,
    /// `SANDBOX` or `PRODUCTION`.
    pub environment: &'static str,
    /// The anchor.
    pub anchor: TestAuthority,
    /// The provinces.
    pub provinces: Vec<TestAuthority>,
    /// The counties.
    pub counties: Vec<TestCounty>,
}

/// A key that depends on its name alone.
#[must_use]
pub fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(Digest::of(format!("comity test key {name}")).as_bytes())
}

/// The public key as JWK.
#[must_use]
pub fn jwk(key: &SigningKey) -> Jwk {
    Jwk::ed25519(key.verifying_key().as_bytes())
}

/// The `kid` of a key.
#[must_use]
pub fn thumbprint(key: &SigningKey) -> Thumbprint {
    Thumbprint::of_ed25519(key.verifying_key().as_bytes())
}

/// A compact JWS of the strict profile.
#[must_use]
pub fn sign(key: &SigningKey, typ: Typ, claims: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "kid": thumbprint(key), "typ": typ.as_str() });
    let input = format!(
        "{}.{}",
        b64::encode(header.to_string().as_bytes()),
        b64::encode(claims.to_string().as_bytes())
    );
    let signature = key.sign(input.as_bytes()).to_bytes();
    format!("{input}.{}", b64::encode(&signature))
}

fn id(text: &str) -> EntityId {
    text.parse().expect("an entity id of this file")
}

fn province(name: &'static str, prefix: &'static str) -> TestAuthority {
    TestAuthority {
        entity: id(&format!("https://{name}.example")),
        prefix: Some(prefix),
        key: key(name),
    }
}

impl Federation {
    /// The federation of the demonstration: 玉山 (361123) and 常山 (330822), all 示例.
    #[must_use]
    pub fn demo(now: UnixSeconds) -> Self {
        let mut federation = Self {
            now,
            environment: "SANDBOX",
            anchor: TestAuthority {
                entity: id("https://anchor.example"),
                prefix: None,
                key: key("anchor"),
            },
            provinces: vec![province("jiangxi", "36"), province("zhejiang", "33")],
            counties: Vec::new(),
        };
        federation.add_county("361123", "玉山县(示例)", 0);
        federation.add_county("330822", "常山县(示例)", 1);
        federation
    }

    /// Adds a county under a province, by its place among the provinces.
    pub fn add_county(&mut self, region: &str, name: &'static str, province: usize) {
        self.counties.push(TestCounty {
            entity: id(&format!("https://c{region}.example")),
            federation: id(&format!("https://c{region}.example:8444")),
            region: region.parse().expect("a region code of a test"),
            name,
            superior: self.provinces[province].entity.clone(),
            pin: SpkiPin::of(format!("tls key of {region}")),
        });
    }

    /// The county with this code.
    #[must_use]
    pub fn county(&self, region: &str) -> &TestCounty {
        self.counties
            .iter()
            .find(|c| c.region.as_str() == region)
            .expect("a county of this federation")
    }

    /// The anchor as it is given by hand.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        Anchor::parse(&self.anchor_file()).expect("the anchor file of a test")
    }

    /// The anchor file.
    #[must_use]
    pub fn anchor_file(&self) -> Vec<u8> {
        let file = json!({
            "entity": self.anchor.entity,
            "jwks": { "keys": [jwk(&self.anchor.key)] },
            "environment": self.environment,
        });
        file.to_string().into_bytes()
    }

    /// Every statement of the federation, by (`iss`, `sub`), before it is signed.
    #[must_use]
    pub fn drafts(&self) -> BTreeMap<(EntityId, EntityId), Draft> {
        let mut drafts = BTreeMap::new();
        let mut put = |iss: &EntityId, sub: &EntityId, key: &SigningKey, days: i64, more: Value| {
            let mut claims = json!({
                "iss": iss,
                "sub": sub,
                "iat": self.now,
                "exp": self.now.plus_saturating(days * 86_400),
            });
            merge(&mut claims, more);
            drafts.insert(
                (iss.clone(), sub.clone()),
                Draft {
                    key: key.clone(),
                    claims,
                },
            );
        };
        let anchor = &self.anchor;
        let keys = |key: &SigningKey| json!({ "keys": [jwk(key)] });
        put(
            &anchor.entity,
            &anchor.entity,
            &anchor.key,
            400,
            json!({ "jwks": keys(&anchor.key) }),
        );
        for one in &self.provinces {
            put(
                &one.entity,
                &one.entity,
                &one.key,
                35,
                json!({
                    "jwks": keys(&one.key),
                    "authority_hints": [anchor.entity],
                }),
            );
            put(
                &anchor.entity,
                &one.entity,
                &anchor.key,
                35,
                json!({
                    "jwks": keys(&one.key),
                    "comity_state": "active",
                    "comity_region_prefix": one.prefix,
                    "crit": ["comity_region_prefix"],
                }),
            );
        }
        for one in &self.counties {
            let own = one.key(KeyPurpose::Federation);
            let node = json!({ "comity_node": self.node(one) });
            put(
                &one.entity,
                &one.entity,
                &own,
                10,
                json!({
                    "jwks": keys(&own),
                    "authority_hints": [one.superior],
                    "metadata": node,
                }),
            );
            put(
                &one.superior,
                &one.entity,
                self.key_of(&one.superior),
                10,
                json!({
                    "jwks": keys(&own),
                    "comity_state": "active",
                    "metadata": node,
                }),
            );
        }
        drafts
    }

    /// The federation key of an authority.
    #[must_use]
    pub fn key_of(&self, authority: &EntityId) -> &SigningKey {
        let all = std::iter::once(&self.anchor).chain(&self.provinces);
        &all.into_iter()
            .find(|a| a.entity == *authority)
            .expect("an authority of this federation")
            .key
    }

    /// The `comity_node` metadata of a county.
    #[must_use]
    pub fn node(&self, county: &TestCounty) -> Value {
        let mut keys = serde_json::Map::new();
        for purpose in KeyPurpose::NODE
            .into_iter()
            .filter(|p| *p != KeyPurpose::Federation)
        {
            keys.insert(
                purpose.as_str().to_owned(),
                json!({ "keys": [jwk(&county.key(purpose))] }),
            );
        }
        json!({
            "region": county.region,
            "name": { "zh": county.name, "en": format!("County {}", county.region) },
            "environment": self.environment,
            "endpoints": { "public": county.entity, "federation": county.federation },
            "keys": keys,
            "tls_pins": [county.pin],
            "contact": { "zh": "示例电话 0793-0000000", "en": "Example telephone 0793-0000000" },
        })
    }

    /// Every statement, signed.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        self.drafts().values().map(Draft::sign).collect()
    }

    /// The claims of an authority's member list.
    #[must_use]
    pub fn member_list(&self, authority: &EntityId, seq: u64) -> Value {
        let name = |text: &str| json!({ "zh": format!("{text}(示例)"), "en": text });
        let mut members: Vec<Value> = Vec::new();
        if *authority == self.anchor.entity {
            members.extend(self.provinces.iter().map(|p| {
                json!({
                    "entity": p.entity,
                    "region_prefix": p.prefix,
                    "name": name(p.entity.host()),
                    "state": "active",
                })
            }));
        }
        members.extend(self.counties.iter().filter(|c| c.superior == *authority).map(
            |c| json!({ "entity": c.entity, "region": c.region, "name": name(c.name), "state": "active" }),
        ));
        json!({
            "iss": authority,
            "iat": self.now,
            "exp": self.now.plus_saturating(10 * 86_400),
            "seq": seq,
            "members": members,
        })
    }

    /// Every member list, signed.
    #[must_use]
    pub fn member_lists(&self) -> Vec<String> {
        let all = std::iter::once(&self.anchor).chain(&self.provinces);
        all.map(|a| sign(&a.key, Typ::MemberList, &self.member_list(&a.entity, 1)))
            .collect()
    }

    /// The picture of this federation, which must be without findings.
    #[must_use]
    pub fn trust(&self) -> Trust {
        let (trust, findings) = self.build(&self.statements(), &self.member_lists(), self.now);
        assert!(
            findings.is_empty(),
            "a federation without defects has no findings: {findings:?}"
        );
        trust
    }

    /// A picture built from these objects, with nothing remembered.
    #[must_use]
    pub fn build(
        &self,
        statements: &[String],
        member_lists: &[String],
        now: UnixSeconds,
    ) -> (Trust, Vec<Finding>) {
        Trust::build(
            &self.anchor(),
            &TrustObjects {
                statements,
                member_lists,
            },
            &Floors::default(),
            now,
        )
    }

    /// The contents of an agreement between two counties, reciprocal, on compulsory education and employment services, in force
    /// from ten days before `now`.
    #[must_use]
    pub fn agreement(&self, a: &TestCounty, b: &TestCounty) -> Agreement {
        let party = |c: &TestCounty| {
            json!({
                "entity": c.entity,
                "region": c.region,
                "name": { "zh": c.name, "en": format!("County {}", c.region) },
                "federation_keys": [thumbprint(&c.key(KeyPurpose::Federation))],
            })
        };
        let service = |code: &str| {
            json!({
                "code": code,
                "claims": ["name", "tier", "residence_since"],
                "conditions": [],
                "owner": { "zh": "示例主管部门", "en": "Example department" },
                "retention_days": 365,
            })
        };
        let from = LocalDate::of(self.now)
            .plus_days(-10)
            .expect("ten days before a date of a test");
        let tiers = |issuer: &TestCounty, recogniser: &TestCounty| {
            json!({
                "issuer": issuer.region,
                "recogniser": recogniser.region,
                "map": { "ORDINARY": "ORDINARY" },
            })
        };
        serde_json::from_value(json!({
            "id": "AGR-DEMO",
            "version": 1,
            "title": { "zh": "互认协议(示例)", "en": "Recognition agreement (example)" },
            "environment": self.environment,
            "parties": [party(a), party(b)],
            "effective_from": from,
            "services": [service("BPS-1"), service("BPS-2")],
            "tier_map": [tiers(a, b), tiers(b, a)],
            "legal_basis": { "zh": "《居住证暂行条例》第七条", "en": "Decree 663, article 7" },
            "impact_assessment": "示例-1",
            "continuation": { "zh": "在读学生读完本学期", "en": "Pupils finish the term" },
        }))
        .expect("the agreement of this file has the shape of an agreement")
    }

    /// An agreement signed by these counties, in this order.
    #[must_use]
    pub fn signed(&self, agreement: &Agreement, signers: &[&TestCounty]) -> SignedAgreement {
        let keys: Vec<SigningKey> = signers.iter().map(|c| c.key(KeyPurpose::Federation)).collect();
        let payload = serde_json::to_value(agreement).expect("an agreement serialises");
        sign_agreement(&payload, &keys, self.now)
    }

    /// The agreement between the first two counties, verified.
    #[must_use]
    pub fn verified_agreement(&self) -> VerifiedAgreement {
        let (a, b) = (&self.counties[0], &self.counties[1]);
        let signed = self.signed(&self.agreement(a, b), &[a, b]);
        verify_signed(&signed, &self.trust(), self.now).expect("an agreement without defects")
    }

    /// A set of the one agreement.
    #[must_use]
    pub fn agreements(&self) -> Agreements {
        Agreements::new(vec![self.verified_agreement()], Vec::new())
    }

    /// A withdrawal by one county, before it is signed.
    #[must_use]
    pub fn withdrawal(&self, by: &TestCounty, of: &AgreementRef, from: LocalDate) -> Value {
        json!({
            "iss": by.entity,
            "iat": self.now,
            "agreement": of,
            "effective_from": from,
            "reason": { "zh": "示例", "en": "Example" },
        })
    }

    /// The claims of a status list token with these entries, all others valid.
    #[must_use]
    pub fn status_claims(&self, county: &TestCounty, entries: &[(usize, StatusValue)]) -> Value {
        json!({
            "iss": county.entity,
            "sub": county.status_uri(),
            "iat": self.now,
            "exp": self.now.plus_saturating(72 * 3600),
            "ttl": TTL,
            "source_as_of": self.now,
            "status_list": { "bits": 2, "lst": lst(LIST_BYTES, entries) },
        })
    }

    /// A signed status list token.
    #[must_use]
    pub fn status_token(&self, county: &TestCounty, entries: &[(usize, StatusValue)]) -> String {
        sign(
            &county.key(KeyPurpose::Status),
            Typ::StatusList,
            &self.status_claims(county, entries),
        )
    }

    /// The status of every county, with no entry set.
    #[must_use]
    pub fn status_view(&self) -> StatusView {
        let trust = self.trust();
        let lists = self.counties.iter().map(|county| {
            let token = self.status_token(county, &[]);
            verify_status_token(token.as_bytes(), &trust, self.now).expect("a status list without defects")
        });
        StatusView::new(lists, [])
    }

    /// Everything, as a bundle.
    #[must_use]
    pub fn bundle(&self) -> Value {
        let (a, b) = (&self.counties[0], &self.counties[1]);
        json!({
            "version": 1,
            "created": self.now,
            "statements": self.statements(),
            "member_lists": self.member_lists(),
            "agreements": [self.signed(&self.agreement(a, b), &[a, b])],
            "withdrawals": [],
            "status_lists": self.counties.iter().map(|c| self.status_token(c, &[])).collect::<Vec<_>>(),
        })
    }
}

/// A payload signed by these keys in the JSON general serialization.
#[must_use]
pub fn sign_agreement(payload: &Value, keys: &[SigningKey], signed_at: UnixSeconds) -> SignedAgreement {
    let payload = b64::encode(payload.to_string().as_bytes());
    let signatures = keys.iter().map(|key| {
        let header = json!({
            "alg": "EdDSA",
            "kid": thumbprint(key),
            "typ": Typ::Agreement.as_str(),
            "signed_at": signed_at,
        });
        let protected = b64::encode(header.to_string().as_bytes());
        let signature = key.sign(format!("{protected}.{payload}").as_bytes()).to_bytes();
        comity_spec::agreement::AgreementSignature {
            protected,
            signature: b64::encode(&signature),
        }
    });
    SignedAgreement {
        signatures: signatures.collect(),
        payload: payload.clone(),
    }
}

/// The `lst` member of a list of two-bit entries.
#[must_use]
pub fn lst(bytes: usize, entries: &[(usize, StatusValue)]) -> String {
    let mut packed = vec![0_u8; bytes];
    for (idx, value) in entries {
        packed[idx / 4] |= value.bits() << (2 * (idx % 4));
    }
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(&packed).expect("memory takes what is written");
    b64::encode(&zlib.finish().expect("memory takes what is written"))
}

/// Puts the members of one object into another, replacing.
pub fn merge(into: &mut Value, members: Value) {
    if let (Value::Object(into), Value::Object(members)) = (into, members) {
        into.extend(members);
    }
}
