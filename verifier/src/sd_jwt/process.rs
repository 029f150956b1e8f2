//! Putting disclosures in the place of their digests (RFC 9901 §7.1, steps 3 to 6).
//!
//! Walks the issuer's claims once, descending into what is disclosed on the way, so that recursive disclosures are found
//! whatever order they were sent in. Digests without a disclosure are decoys or withheld claims and vanish.

use comity_spec::mutant;
use serde_json::{Map, Value};

use super::disclosure::{Content, Disclosure};
use super::{OPEN_CLAIMS, OPEN_CLAIMS_COMITY, SdJwtError};
use crate::budget::{Budget, Resource};
use crate::json::MAX_DEPTH;

/// The processed claims and the JSON Pointers to what was disclosed.
pub(super) fn process(
    mut claims: Map<String, Value>,
    disclosures: Vec<Disclosure>,
    comity: bool,
    budget: &mut Budget,
) -> Result<(Map<String, Value>, Vec<String>), SdJwtError> {
    let mut given: Vec<([u8; 43], Option<Content>)> = disclosures
        .into_iter()
        .map(|d| (d.digest, Some(d.content)))
        .collect();
    given.sort_unstable_by_key(|(digest, _)| *digest);
    if mutant!("ATT-10/twice") {
        given.dedup_by_key(|(digest, _)| *digest);
    }
    if given.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(SdJwtError::RepeatedDigest);
    }
    let mut walk = Walk {
        given,
        digests: Vec::new(),
        disclosed: Vec::new(),
        path: String::new(),
        comity,
        sealed: None,
        budget,
    };
    walk.object(&mut claims, 0)?;
    walk.digests.sort_unstable();
    if walk.digests.windows(2).any(|pair| pair[0] == pair[1]) && !mutant!("ATT-10/decoy") {
        return Err(SdJwtError::RepeatedDigest);
    }
    if walk.given.iter().any(|(_, content)| content.is_some()) && !mutant!("ATT-10") {
        return Err(SdJwtError::Unreferenced);
    }
    Ok((claims, walk.disclosed))
}

/// RFC 6901: `parent` extended by one member name.
pub(super) fn pointer(parent: &str, name: &str) -> String {
    let mut pointer = String::with_capacity(parent.len() + 1 + name.len());
    pointer.push_str(parent);
    extend(&mut pointer, name);
    pointer
}

fn extend(pointer: &mut String, name: &str) {
    pointer.push('/');
    for part in name.split_inclusive(['~', '/']) {
        match part.strip_suffix('~') {
            Some(plain) => pointer.extend([plain, "~0"]),
            None => match part.strip_suffix('/') {
                Some(plain) => pointer.extend([plain, "~1"]),
                None => pointer.push_str(part),
            },
        }
    }
}

struct Walk<'b> {
    /// Disclosures by digest, sorted; `None` once put in place.
    given: Vec<([u8; 43], Option<Content>)>,
    /// Every digest met, to find repetitions.
    digests: Vec<String>,
    disclosed: Vec<String>,
    path: String,
    comity: bool,
    /// Name of the open claim inside which we are, where nothing may be hidden.
    sealed: Option<String>,
    budget: &'b mut Budget,
}

impl Walk<'_> {
    /// `depth` is the number of containers around the object.
    fn object(&mut self, object: &mut Map<String, Value>, depth: usize) -> Result<(), SdJwtError> {
        self.enter(depth)?;
        if object.contains_key("...") {
            return Err(SdJwtError::ReservedName);
        }
        let digests = object.remove("_sd");
        // In any other value nothing can be hidden.
        for (name, value) in object.iter_mut().filter(|(_, value)| is_container(value)) {
            let sealing = depth == 0 && self.must_be_open(name);
            if sealing {
                self.sealed = Some(name.clone());
            }
            self.below(name, |walk| walk.value(value, depth + 1))?;
            if sealing {
                self.sealed = None;
            }
        }
        match digests {
            None => Ok(()),
            Some(Value::Array(digests)) => self.insert(object, digests, depth),
            Some(_) => Err(SdJwtError::MalformedDigest),
        }
    }

    /// Adds the claims whose digests stand in `_sd`.
    fn insert(
        &mut self,
        object: &mut Map<String, Value>,
        digests: Vec<Value>,
        depth: usize,
    ) -> Result<(), SdJwtError> {
        for digest in digests {
            if !digest.is_string() && mutant!("ATT-10/digest") {
                continue;
            }
            let Value::String(digest) = digest else {
                return Err(SdJwtError::MalformedDigest);
            };
            let Some(content) = self.take(digest)? else {
                continue;
            };
            let Content::Property { name, mut value } = content else {
                return Err(SdJwtError::Arity);
            };
            if (name == "_sd" || name == "...") && !mutant!("ATT-10/reserved") {
                return Err(SdJwtError::ReservedName);
            }
            if depth == 0 && (name == "_sd_alg" || self.must_be_open(&name)) {
                return Err(SdJwtError::HiddenClaim { claim: name });
            }
            if object.contains_key(&name) && !mutant!("ATT-10/collision") {
                return Err(SdJwtError::Collision);
            }
            self.disclosed.push(pointer(&self.path, &name));
            if is_container(&value) {
                self.below(&name, |walk| walk.value(&mut value, depth + 1))?;
            }
            object.insert(name, value);
        }
        Ok(())
    }

    fn array(&mut self, array: &mut Vec<Value>, depth: usize) -> Result<(), SdJwtError> {
        self.enter(depth)?;
        let mut kept = Vec::with_capacity(array.len());
        for mut element in array.drain(..) {
            let index = kept.len().to_string();
            if let Some(digest) = array_digest(&mut element)? {
                let Some(content) = self.take(digest)? else {
                    continue;
                };
                let Content::Element(value) = content else {
                    return Err(SdJwtError::Arity);
                };
                element = value;
                self.disclosed.push(pointer(&self.path, &index));
            }
            if is_container(&element) {
                self.below(&index, |walk| walk.value(&mut element, depth + 1))?;
            }
            kept.push(element);
        }
        *array = kept;
        Ok(())
    }

    fn value(&mut self, value: &mut Value, depth: usize) -> Result<(), SdJwtError> {
        match value {
            Value::Object(object) => self.object(object, depth),
            Value::Array(array) => self.array(array, depth),
            _ => Ok(()),
        }
    }

    /// Disclosures nested in disclosures could go deeper than any one document: the limit holds for the whole.
    fn enter(&mut self, depth: usize) -> Result<(), SdJwtError> {
        self.budget.spend(Resource::Steps, 1)?;
        if depth < MAX_DEPTH {
            Ok(())
        } else {
            Err(SdJwtError::Depth)
        }
    }

    fn below<T>(&mut self, name: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        extend(&mut self.path, name);
        let done = work(self);
        self.path.truncate(length);
        done
    }

    fn must_be_open(&self, name: &str) -> bool {
        (OPEN_CLAIMS.contains(&name) && !mutant!("ATT-3"))
            || (self.comity && OPEN_CLAIMS_COMITY.contains(&name) && !mutant!("ATT-3/comity"))
    }

    /// Notes a digest and takes what it refers to, where that was disclosed.
    fn take(&mut self, digest: String) -> Result<Option<Content>, SdJwtError> {
        self.budget.spend(Resource::Steps, 1)?;
        if let Some(claim) = self.sealed.as_ref().filter(|_| !mutant!("ATT-3/inside")) {
            return Err(SdJwtError::HiddenClaim { claim: claim.clone() });
        }
        let found = self
            .given
            .binary_search_by(|(own, _)| own.as_slice().cmp(digest.as_bytes()));
        let taken = match found {
            // Taken before: the same digest has been met earlier.
            Ok(at) => Some(self.given[at].1.take().ok_or(SdJwtError::RepeatedDigest)?),
            Err(_) => None,
        };
        self.digests.push(digest);
        Ok(taken)
    }
}

const fn is_container(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_))
}

/// The digest in `{"...": digest}`; `None` for any other element.
fn array_digest(element: &mut Value) -> Result<Option<String>, SdJwtError> {
    let Value::Object(object) = element else {
        return Ok(None);
    };
    match (object.remove("..."), object.len()) {
        (None, _) => Ok(None),
        (Some(Value::String(digest)), 0) => Ok(Some(digest)),
        (Some(_), _) => Err(SdJwtError::MalformedDigest),
    }
}
