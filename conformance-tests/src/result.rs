//! The signed result of a run, and the keys that sign results. What a result proves and what not stands in `README.md`.
//!
//! The signer's key is of nobody's node: it speaks for whoever ran the suite. Its file is a 32-octet seed in base64url, readable by its
//! owner alone, and is never written over. A run of some cases only, or one that was broken off, is signed as incomplete.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use comity_spec::conformance::{ConformanceResult, Counts, Identity, RESULT_TYP, Software};
use comity_spec::entity::EntityStatement;
use comity_spec::ids::{Digest, EntityId, Region, Thumbprint};
use comity_spec::jose::Jwk;
use comity_spec::time::UnixSeconds;
use serde_json::{Value, json};

use crate::recorded::{Recorded, create};
use crate::scene::Target;
use crate::world::ambient::{b64, random, unb64};
use crate::world::draft::claims_of;
use crate::world::keys::{Key, thumbprint, verifies};
use crate::{Failure, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Keygen {
    /// Where to write the key; a file that is there is not written over
    #[arg(long, value_name = "KEYFILE")]
    key: PathBuf,
}

/// Makes a key, and prints its public half as a JWK set.
pub(crate) fn keygen(args: &Keygen) -> Result<(), Failure> {
    let seed: [u8; 32] = random();
    let told = |e: std::io::Error| {
        Failure::Usage(format!(
            "无法写入密钥文件，已有的文件不会被覆盖 / cannot write the key, and writes over none: {}: {e}",
            args.key.display()
        ))
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&args.key)
        .map_err(told)?;
    writeln!(file, "{}", b64(seed)).map_err(told)?;
    file.sync_all().map_err(told)?;
    say(&Key::from_seed(&seed).jwks().to_string())
}

/// What a run is asked to sign, and by whom.
#[derive(Debug)]
pub(crate) struct Wish {
    file: File,
    key: Key,
    pub(crate) applicant: Option<Identity>,
}

impl Wish {
    /// Reads key and application, and opens the file, so that nothing is missing when the run is over.
    pub(crate) fn read(path: &PathBuf, key: &Path, applicant: Option<&Path>) -> Result<Self, Failure> {
        let key = read_key(key)?;
        let applicant = applicant.map(read_application).transpose()?;
        Ok(Self {
            file: create(path)?,
            key,
            applicant,
        })
    }

    /// Signs and writes.
    pub(crate) fn sign(&self, result: &ConformanceResult) -> Result<(), Failure> {
        let payload = serde_json::to_value(result).map_err(|e| Failure::Internal(e.to_string()))?;
        writeln!(&self.file, "{}", signed(&self.key, &payload))?;
        Ok(self.file.sync_all()?)
    }
}

fn signed(key: &Key, payload: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "kid": key.kid(), "typ": RESULT_TYP });
    let input = format!("{}.{}", b64(header.to_string()), b64(payload.to_string()));
    let signature = b64(key.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

fn read_key(path: &Path) -> Result<Key, Failure> {
    let told = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
    let mode = std::fs::metadata(path)
        .map_err(|e| told(e.to_string()))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(told(
            "密钥文件可被他人读取，请 chmod 600 / others can read this key: chmod 600, and consider a new one".into(),
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|e| told(e.to_string()))?;
    let seed = unb64(text.trim_end()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let seed = seed.ok_or_else(|| {
        told("不是 keygen 写出的密钥 / is no key as `comity-conformance keygen` writes it".into())
    })?;
    Ok(Key::from_seed(&seed))
}

/// Reads a county's application as far as a result needs it. Whether an authority takes it is the authority's to say.
fn read_application(path: &Path) -> Result<Identity, Failure> {
    let told = |what: &str| Failure::Usage(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| told(&e.to_string()))?;
    let text = text.trim();
    let claims = claims_of(text).ok_or_else(|| told("不是申请书 / is no application: not a compact JWS"))?;
    if verifies(text, &claims["jwks"]) != Some(true) {
        return Err(told(
            "申请书签名不成立 / is not signed by a federation key that it lists",
        ));
    }
    let claims: EntityStatement = serde_json::from_value(claims).map_err(|e| told(&e.to_string()))?;
    let node = claims
        .metadata
        .and_then(|all| all.comity_node)
        .ok_or_else(|| told("不是县的申请书 / is no county's application: comity_node is missing"))?;
    Ok(Identity {
        federation_keys: thumbprints(&claims.jwks.keys)
            .ok_or_else(|| told("联邦密钥有误 / a federation key is broken"))?,
        entity: claims.sub,
        region: node.region,
    })
}

fn thumbprints(keys: &[Jwk]) -> Option<Vec<Thumbprint>> {
    keys.iter().map(|key| thumbprint(&key.x).parse().ok()).collect()
}

/// Which county the target was in the run, by its application there.
pub(crate) fn played(target: &Target) -> Option<Identity> {
    let keys: Vec<Jwk> = serde_json::from_value(target.jwks["keys"].clone()).ok()?;
    Some(Identity {
        entity: target.entity.parse::<EntityId>().ok()?,
        region: target.region.parse::<Region>().ok()?,
        federation_keys: thumbprints(&keys)?,
    })
}

/// What a result says beside the record.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) applicant: Option<Identity>,
    pub(crate) played: Option<Identity>,
    /// All cases were asked for, and the vectors were those of this program.
    pub(crate) whole: bool,
    /// Fingerprint of the vectors.
    pub(crate) vectors: String,
    /// When the run ended.
    pub(crate) ended: i64,
    /// SHA-256 of the record.
    pub(crate) record: [u8; 32],
}

/// The result of a recorded run.
pub(crate) fn result(run: &Recorded, beside: Beside) -> Result<ConformanceResult, Failure> {
    let second = |at: i64| UnixSeconds::new(at).map_err(|e| Failure::Internal(e.to_string()));
    let summary = run.summary();
    let mut classes: BTreeMap<String, Counts> = BTreeMap::new();
    let (mut unsupported, mut expected_failures) = (Vec::new(), Vec::new());
    for case in &run.cases {
        let counts = classes.entry(case.class.clone()).or_default();
        let one = match case.verdict.as_str() {
            _ if case.expected_failure.is_some() => {
                expected_failures.push(case.name.clone());
                &mut counts.expected_failures
            }
            "pass" => &mut counts.pass,
            "fail" | "hang" => &mut counts.fail,
            "skip" => {
                unsupported.push(case.name.clone());
                &mut counts.skip
            }
            _ => &mut counts.unknown,
        };
        *one += 1;
    }
    let target = run.head.target.as_ref();
    Ok(ConformanceResult {
        target: Software {
            name: target.map(|one| one.name.clone()).unwrap_or_default(),
            version: target.and_then(|one| one.version.clone()),
        },
        applicant: beside.applicant,
        played: beside.played,
        classes,
        complete: beside.whole && summary.not_run == 0 && run.summary.is_some(),
        unsupported,
        expected_failures,
        faults: summary.stale,
        suite: run.head.suite.clone(),
        specification: run.head.specification.clone(),
        vectors: beside.vectors,
        started: second(run.head.started)?,
        ended: second(beside.ended)?,
        record: b64(beside.record)
            .parse::<Digest>()
            .map_err(|e| Failure::Internal(e.to_string()))?,
    })
}

#[cfg(test)]
mod tests;
