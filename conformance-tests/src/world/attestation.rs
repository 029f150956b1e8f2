//! Attestations of the world's counties (chapter 5): an SD-JWT written from its parts, each of which a case may change.

use serde_json::{Value, json};

use super::ambient::{b64, random};
use super::draft::Draft;
use super::keys::digest;

/// An attestation before its signature.
#[derive(Clone, Debug)]
pub(crate) struct Attestation {
    /// The issuer's part, without `_sd`.
    pub(crate) draft: Draft,
    /// Claims to disclose, in order.
    pub(crate) claims: Vec<(String, Value)>,
    /// Digests of nothing.
    pub(crate) decoys: usize,
    /// Disclosures added as they stand, with their digests.
    pub(crate) raw: Vec<String>,
    /// Disclosures added without a digest.
    pub(crate) loose: Vec<String>,
    /// Claims whose digests are there and whose disclosures are held back.
    pub(crate) withheld: Vec<String>,
}

impl Attestation {
    /// An attestation of this issuer's part with these claims, padded to `digests` digests.
    pub(crate) fn new(draft: Draft, claims: Vec<(String, Value)>, digests: usize) -> Self {
        let decoys = digests.saturating_sub(claims.len());
        Self {
            draft,
            claims,
            decoys,
            raw: Vec::new(),
            loose: Vec::new(),
            withheld: Vec::new(),
        }
    }

    /// Another value of a claim.
    pub(crate) fn claim(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        match self.claims.iter_mut().find(|(known, _)| known == name) {
            Some(slot) => slot.1 = value,
            None => self.claims.push((name.to_owned(), value)),
        }
        self
    }

    /// The token with its disclosures, ending in `~`.
    pub(crate) fn token(&self) -> String {
        let written: Vec<(bool, String)> = self
            .claims
            .iter()
            .map(|(name, value)| {
                (
                    !self.withheld.contains(name),
                    disclosure(&json!([salt(), name, value])),
                )
            })
            .chain(self.raw.iter().map(|raw| (true, raw.clone())))
            .collect();
        let mut digests: Vec<String> = written.iter().map(|(_, one)| digest(one)).collect();
        digests.extend((0..self.decoys).map(|_| b64(random::<32>())));
        digests.sort();
        let mut draft = self.draft.clone();
        if !draft.claims.contains_key("_sd") {
            draft.set("_sd", digests);
        }
        let shown = written
            .into_iter()
            .filter(|(shown, _)| *shown)
            .map(|(_, one)| one);
        let mut parts = vec![draft.sign()];
        parts.extend(shown);
        parts.extend(self.loose.iter().cloned());
        parts.push(String::new());
        parts.join("~")
    }
}

/// A disclosure of this array.
pub(crate) fn disclosure(array: &Value) -> String {
    b64(array.to_string())
}

/// A salt (ATT-7).
pub(crate) fn salt() -> String {
    b64(random::<16>())
}

/// The digits of a printed code (SYM-1).
pub(crate) fn digits(token: &str) -> String {
    token
        .bytes()
        .map(|byte| format!("{:02}", byte.saturating_sub(45)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::draft::claims_of;
    use super::super::keys::Key;
    use super::*;

    #[test]
    fn a_token_has_its_digests_and_what_it_shows() {
        let draft = Draft::new("dc+sd-jwt", json!({ "vct": "x" }), &Key::stranger());
        let mut attestation = Attestation::new(
            draft,
            vec![("name".into(), json!("示例")), ("tier".into(), json!("A"))],
            6,
        );
        attestation.claim("tier", "B").withheld.push("name".into());
        let token = attestation.token();
        let parts: Vec<&str> = token.split('~').collect();
        assert_eq!(parts.len(), 3, "{token}");
        let listed = claims_of(&token).unwrap()["_sd"].clone();
        assert_eq!(listed.as_array().unwrap().len(), 6);
        assert!(listed.as_array().unwrap().contains(&json!(digest(parts[1]))));
        assert_eq!(digits("-.~"), "000181");
    }
}
