//! Tokens made with the signing libraries alone, so that nothing under test takes part in making them.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use flate2::{Compression, write::ZlibEncoder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const NOW: i64 = 1_900_000_000;
pub(crate) const AUD: &str = "https://changshan.example";
pub(crate) const NONCE: &str = "window-7-nonce";

/// An issuer and a holder with the same keys in every run.
pub(crate) struct Tokens {
    issuer: SigningKey,
    holder: SigningKey,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn jwk(key: &SigningKey) -> Value {
    json!({"crv": "Ed25519", "kty": "OKP", "x": encode(key.verifying_key().as_bytes())})
}

/// RFC 7638: the digest of the required members in lexicographic order.
fn thumbprint(key: &SigningKey) -> String {
    let x = encode(key.verifying_key().as_bytes());
    encode(Sha256::digest(format!(
        r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#
    )))
}

fn sign(key: &SigningKey, header: &Value, payload: &Value) -> String {
    let input = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
    format!("{input}.{}", encode(key.sign(input.as_bytes()).to_bytes()))
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            issuer: SigningKey::from_bytes(&[41; 32]),
            holder: SigningKey::from_bytes(&[42; 32]),
        }
    }

    pub(crate) fn jwks(&self) -> Value {
        let mut key = jwk(&self.issuer);
        key["kid"] = thumbprint(&self.issuer).into();
        json!({ "keys": [key] })
    }

    fn signed(&self, typ: &str, payload: &Value) -> String {
        let header = json!({"alg": "EdDSA", "kid": thumbprint(&self.issuer), "typ": typ});
        sign(&self.issuer, &header, payload)
    }

    pub(crate) fn hint(&self) -> String {
        self.signed(
            "comity-hint+jwt",
            &json!({"iss": "https://yushan.example", "iat": NOW, "note": "示例"}),
        )
    }

    /// Name and tier disclosed, one claim withheld, one decoy.
    pub(crate) fn permit(&self) -> String {
        let disclosures = [
            json!(["salt-1", "name", "示例一"]),
            json!(["salt-2", "tier", "A"]),
        ]
        .map(|d| encode(d.to_string()));
        let withheld = encode(json!(["salt-3", "basis", "employment"]).to_string());
        let mut digests: Vec<String> = disclosures
            .iter()
            .chain([&withheld])
            .map(|d| encode(Sha256::digest(d)))
            .collect();
        digests.push(encode(Sha256::digest("decoy")));
        digests.sort();
        let payload = json!({
            "iss": "https://yushan.example", "vct": "urn:comity:vct:residence-permit:1", "iat": NOW, "exp": NOW + 86_400,
            "_sd_alg": "sha-256", "_sd": digests, "cnf": {"jwk": jwk(&self.holder)},
        });
        format!(
            "{}~{}~{}~",
            self.signed("dc+sd-jwt", &payload),
            disclosures[0],
            disclosures[1]
        )
    }

    pub(crate) fn permit_claims(&self) -> Value {
        json!({
            "iss": "https://yushan.example", "vct": "urn:comity:vct:residence-permit:1", "iat": NOW, "exp": NOW + 86_400,
            "cnf": {"jwk": jwk(&self.holder)}, "name": "示例一", "tier": "A",
        })
    }

    pub(crate) fn bound_permit(&self) -> String {
        let permit = self.permit();
        let claims =
            json!({"iat": NOW, "aud": AUD, "nonce": NONCE, "sd_hash": encode(Sha256::digest(&permit))});
        format!(
            "{permit}{}",
            sign(&self.holder, &json!({"alg": "EdDSA", "typ": "kb+jwt"}), &claims)
        )
    }

    /// 1,024 entries of two bits of which the first four are 1, 2, 3, 0.
    pub(crate) fn status_list(&self) -> String {
        let mut packed = vec![0_u8; 256];
        packed[0] = 0b00_11_10_01;
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(&packed).unwrap();
        let payload = json!({
            "iss": "https://yushan.example", "sub": "https://yushan.example/status/1", "iat": NOW, "exp": NOW + 3600,
            "ttl": 900, "status_list": {"bits": 2, "lst": encode(zlib.finish().unwrap())},
        });
        self.signed("statuslist+jwt", &payload)
    }

    pub(crate) fn nonzero(&self) -> Value {
        json!({"0": 1, "1": 2, "2": 3})
    }
}
