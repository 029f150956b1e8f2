//! SD-JWT (RFC 9901): an issuer-signed token, the disclosures its holder chose, and perhaps a key binding.
//!
//! Verification follows RFC 9901 §7 to the letter and gives the *processed* claims, in which nobody can tell by accident an
//! open claim from a disclosed one; [`Presentation::disclosed`] says which were which. Refused: a digest that occurs twice, a
//! disclosure that nothing refers to or that refers to nothing, wrong arity, `_sd` or `...` as a name, a name that is already
//! there, a registered claim that was hidden (RFC 9901 §9.7; nobody may withhold `exp` or `status`), another hash than SHA-256.
//! Only the compact form is read. Nothing is fetched and no clock is read: dates of the claims are judged by the caller.

use comity_spec::ids::Thumbprint;
use comity_spec::jose::KeyPurpose;
use comity_spec::mutant;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::budget::{Budget, Resource};
use crate::json;
use crate::jwk::KeySet;
use crate::jws::{self, Header, JwsError, Parts, Profile, Verified};
use crate::octets;

mod binding;
mod disclosure;
mod error;
mod process;
#[cfg(test)]
mod tests;

pub use binding::{Binding, Challenge, HolderProof, MAX_KEY_BINDING_AGE};
pub use error::SdJwtError;

use binding::KeyBindingJwt;
use disclosure::Disclosure;

/// Claims that must stand open in any SD-JWT VC: withholding one would change what the others mean.
pub const OPEN_CLAIMS: [&str; 9] = [
    "iss",
    "nbf",
    "exp",
    "iat",
    "cnf",
    "vct",
    "vct#integrity",
    "status",
    "aud",
];
/// Claims that must stand open besides in Comity's attestations.
pub const OPEN_CLAIMS_COMITY: [&str; 6] = ["sub", "jti", "region", "environment", "source_as_of", "log"];

/// An SD-JWT taken apart, of which nothing is verified yet.
#[derive(Clone, Debug)]
pub struct SdJwt {
    received: Vec<u8>,
    jwt: Parts,
    comity: bool,
    disclosures: Vec<Disclosure>,
    key_binding: Option<KeyBindingJwt>,
    /// How many bytes of `received`, through the last tilde, a key binding must have hashed.
    bound: usize,
}

/// What a verified SD-JWT says.
#[derive(Clone, Debug, PartialEq)]
pub struct Presentation {
    claims: Map<String, Value>,
    disclosed: Vec<String>,
    holder: Option<HolderProof>,
}

impl Presentation {
    /// The processed claims: disclosed ones in place, digests and `_sd_alg` gone.
    #[must_use]
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// JSON Pointers (RFC 6901) to what was disclosed, in order of processing: `/name`, `/residence_periods/0`.
    #[must_use]
    pub fn disclosed(&self) -> &[String] {
        &self.disclosed
    }

    /// Whether the top-level claim `name` came from a disclosure.
    #[must_use]
    pub fn discloses(&self, name: &str) -> bool {
        let pointer = process::pointer("", name);
        self.disclosed.contains(&pointer)
    }

    /// The holder's proof of possession, where one was presented (and then it was verified).
    #[must_use]
    pub const fn holder(&self) -> Option<&HolderProof> {
        self.holder.as_ref()
    }

    /// Claims and proof of possession, for a module that reads them into types.
    pub(crate) fn into_parts(self) -> (Map<String, Value>, Option<HolderProof>) {
        (self.claims, self.holder)
    }

    /// Reads the processed claims as a type.
    ///
    /// # Errors
    /// [`SdJwtError::Claims`], which names members and never quotes values.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, SdJwtError> {
        T::deserialize(&self.claims).map_err(|e| SdJwtError::Claims(json::shape(&e)))
    }

    /// Whether `nbf` and `exp`, where present, allow `now`, with `skew` seconds of tolerance (RFC 7519 §4.1.4 and §4.1.5).
    ///
    /// # Errors
    /// [`SdJwtError::NotYetValid`], [`SdJwtError::Expired`], or [`SdJwtError::Claims`] when one is not an integer.
    pub fn check_dates(&self, now: i64, skew: i64) -> Result<(), SdJwtError> {
        let seconds = |name: &str| match self.claims.get(name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| {
                SdJwtError::Claims(json::JsonError::Shape(format!(
                    "field `{name}` is not integer seconds"
                )))
            }),
        };
        if seconds("nbf")?.is_some_and(|nbf| now.saturating_add(skew) < nbf) {
            return Err(SdJwtError::NotYetValid);
        }
        if seconds("exp")?.is_some_and(|exp| now.saturating_sub(skew) >= exp) {
            return Err(SdJwtError::Expired);
        }
        Ok(())
    }
}

impl SdJwt {
    /// Takes the combined format `jwt~disclosure~…~[kb-jwt]` apart. `profile` governs the issuer's token.
    ///
    /// # Errors
    /// [`SdJwtError`], for the first rule broken.
    pub fn parse(presented: &[u8], profile: Profile<'_>, budget: &mut Budget) -> Result<Self, SdJwtError> {
        if presented.len() > jws::MAX_TOKEN {
            return Err(SdJwtError::TooLong);
        }
        let last_tilde = presented
            .iter()
            .rposition(|b| *b == b'~')
            .ok_or(SdJwtError::Structure)?;
        let (combined, after) = presented.split_at(last_tilde + 1);
        let mut parts = octets::split(&combined[..last_tilde], b'~');
        // A split yields at least one part, even of nothing.
        let jwt = Parts::parse(
            parts.next().unwrap_or_default(),
            profile,
            profile.max_token(),
            budget,
        )?;
        let mut disclosures = Vec::new();
        for encoded in parts {
            budget.spend(Resource::Disclosures, 1)?;
            disclosures.push(Disclosure::parse(encoded, profile.numbers(), budget)?);
        }
        let key_binding = if after.is_empty() {
            None
        } else {
            Some(KeyBindingJwt::parse(after, budget)?)
        };
        Ok(Self {
            received: presented.to_vec(),
            jwt,
            comity: matches!(profile, Profile::Comity { .. }),
            disclosures,
            key_binding,
            bound: combined.len(),
        })
    }

    /// The issuer's header, inspected and not verified.
    #[must_use]
    pub const fn header(&self) -> &Header {
        self.jwt.header()
    }

    /// Unverified open claims, to choose whose keys to ask.
    ///
    /// # Errors
    /// A shape error when they are not a `T`.
    pub fn open_claims<T: DeserializeOwned>(&self) -> Result<T, SdJwtError> {
        Ok(self.jwt.claims()?)
    }

    /// The object as received.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Verifies the issuer's signature, processes the disclosures, and verifies the key binding.
    ///
    /// A key binding that was presented is always verified as far as can be: under [`Binding::Optional`] its signature and
    /// `sd_hash`, under [`Binding::Required`] also its audience, nonce and age.
    ///
    /// # Errors
    /// [`SdJwtError`], for the first rule broken; the issuer's signature is judged first.
    pub fn verify(
        self,
        keys: &KeySet,
        purpose: KeyPurpose,
        binding: Binding<'_>,
        budget: &mut Budget,
    ) -> Result<Verified<Presentation>, SdJwtError> {
        let signer = self.jwt.authenticate(&self.received, keys, purpose, budget)?;
        let claims = self.jwt.claims()?;
        self.finish(claims, signer, binding, budget)
    }

    /// Reads the open claims, once for all that is to come: whose keys to ask, and what they say after that.
    pub(crate) fn read(self) -> Result<Opened, SdJwtError> {
        Ok(Opened {
            claims: self.jwt.claims()?,
            sd_jwt: self,
        })
    }

    /// Behind the signature by `signer`: the disclosures and the key binding.
    fn finish(
        self,
        mut claims: Map<String, Value>,
        signer: Thumbprint,
        binding: Binding<'_>,
        budget: &mut Budget,
    ) -> Result<Verified<Presentation>, SdJwtError> {
        match claims.remove("_sd_alg") {
            Some(Value::String(name)) if name == "sha-256" => {}
            None if !self.comity || mutant!("ATT-11") => {}
            Some(_) if mutant!("ATT-11/any") => {}
            _ => return Err(SdJwtError::HashAlgorithm),
        }
        let holder_key = claims.get("cnf").cloned();
        let (claims, disclosed) = process::process(claims, self.disclosures, self.comity, budget)?;
        let holder = binding::check(
            self.key_binding,
            holder_key.as_ref(),
            &self.received[..self.bound],
            binding,
            budget,
        )?;
        let presentation = Presentation {
            claims,
            disclosed,
            holder,
        };
        let (header, payload) = self.jwt.into_signed();
        Ok(Verified::new(
            presentation,
            header,
            signer,
            self.received,
            payload,
        ))
    }
}

/// An SD-JWT of which nothing is verified yet, with its open claims.
pub(crate) struct Opened {
    sd_jwt: SdJwt,
    claims: Map<String, Value>,
}

impl Opened {
    /// Unverified open claims, to choose whose keys to ask.
    pub(crate) fn open_claims<T: DeserializeOwned>(&self) -> Result<T, SdJwtError> {
        Ok(T::deserialize(&self.claims).map_err(|e| JwsError::Json(json::shape(&e)))?)
    }

    /// As [`SdJwt::verify`].
    pub(crate) fn verify(
        self,
        keys: &KeySet,
        purpose: KeyPurpose,
        binding: Binding<'_>,
        budget: &mut Budget,
    ) -> Result<Verified<Presentation>, SdJwtError> {
        let Self { sd_jwt, claims } = self;
        let signer = sd_jwt.jwt.authenticate(&sd_jwt.received, keys, purpose, budget)?;
        sd_jwt.finish(claims, signer, binding, budget)
    }
}

impl From<JwsError> for SdJwtError {
    fn from(error: JwsError) -> Self {
        Self::Issuer(error)
    }
}
