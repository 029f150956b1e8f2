//! Files, standard input and the clock: the only places where this program looks outside its arguments.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use comity_spec::jose::KeyPurpose;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::jwk::KeySet;

use crate::failure::Failure;

/// Largest file read, in bytes: a bundle's limit. Each kind of object has a smaller one of its own.
const MAX_FILE: u64 = 64 << 20;

/// Reads a file, or standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| Failure::Unreadable {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(unreadable)?)
    };
    source
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Failure::Unreadable {
            path: path.display().to_string(),
            reason: "over 64 MiB".into(),
        });
    }
    Ok(bytes)
}

/// Reads a token: as [`read`], without the line end that editors and shells put behind it.
pub(crate) fn read_token(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = read(path)?;
    bytes.truncate(bytes.trim_ascii_end().len());
    Ok(bytes)
}

/// Reads a JWK Set. The person who gives the file says with it what its keys may sign.
pub(crate) fn read_keys(path: &Path, purpose: KeyPurpose) -> Result<KeySet, Failure> {
    let mut budget = Budget::new(Limits::TRUST_CHAIN);
    Ok(KeySet::from_jwks_json(&read(path)?, purpose, &mut budget)?)
}

/// Seconds since 1970: `--at` where given, else the system clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a command line program has no caller to be given the time by"
)]
pub(crate) fn now(at: Option<i64>) -> Result<i64, Failure> {
    if let Some(at) = at {
        return Ok(at);
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|d| i64::try_from(d.as_secs()).ok())
        .ok_or_else(|| Failure::Internal("the system clock stands before 1970".into()))
}

/// JSON for people and programs.
pub(crate) fn pretty(value: &serde_json::Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|e| Failure::Internal(e.to_string()))
}
