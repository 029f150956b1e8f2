//! The manifest beside a register file: `FILE.manifest.json`.
//!
//! ```json
//! {
//!   "comity_register": 1,
//!   "kind": "full",
//!   "sequence": 12,
//!   "rows": 1003,
//!   "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
//!   "source_as_of": "2026-11-22T08:00:00+08:00"
//! }
//! ```
//!
//! `kind`: `full` (the whole register) or `delta` (changes since the file before). `sequence`: rises by one with every file,
//! full or delta. `rows`: rows without the header. `sha256`: of the file's bytes, in hexadecimal, as `sha256sum` prints it.
//! `source_as_of`: when the register was read out, RFC 3339 with its offset. A sidecar and not a line in the file, because the
//! file then stays plain CSV that any register can export and any spreadsheet can open, and its digest covers all of it.

use comity_spec::ids::Digest;
use comity_spec::time::UnixSeconds;
use serde::Deserialize;

/// Largest manifest, in bytes.
pub const MAX_BYTES: usize = 4_096;

/// Whole register or changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The whole register: a permit that is absent has left it.
    Full,
    /// Changes since the file before.
    Delta,
}

/// What the manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Whole register or changes.
    pub kind: Kind,
    /// Sequence number, from 1.
    pub sequence: u64,
    /// Rows without the header.
    pub rows: u64,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// When the register was read out.
    pub source_as_of: UnixSeconds,
}

/// Why a manifest was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Too long.
    #[error("清单超过 {MAX_BYTES} 字节 / the manifest is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Not the JSON object that it should be.
    #[error("清单无法读取，请对照说明补正 / the manifest does not read: {0}")]
    Form(String),
    /// Another version.
    #[error("清单版本 {0} 不支持，应为 1 / manifest version {0} is not supported, expected 1")]
    Version(u64),
    /// Not a number from 1.
    #[error("sequence 应从 1 起 / sequence counts from 1")]
    Sequence,
    /// Not 64 hexadecimal digits.
    #[error("sha256 应为 64 位十六进制 / sha256 must be 64 hexadecimal digits")]
    Digest,
    /// Not an instant.
    #[error(
        "source_as_of 应为带时区的时间，如 2026-11-22T08:00:00+08:00 / source_as_of must be RFC 3339 with an offset"
    )]
    Time,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    comity_register: u64,
    kind: Kind,
    sequence: u64,
    rows: u64,
    sha256: String,
    source_as_of: String,
}

impl Manifest {
    /// What a file is known by once it was applied: digest and sequence number together. The digest alone would not do, since a
    /// register without changes exports the same bytes day after day, and each such file says that nothing changed until then.
    #[must_use]
    pub fn key(&self) -> Digest {
        let mut bytes = b"comity register file 1".to_vec();
        bytes.extend_from_slice(self.digest.as_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        Digest::of(&bytes)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        if json.len() > MAX_BYTES {
            return Err(ManifestError::TooLong);
        }
        let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
        let wire: Wire =
            serde_json::from_slice(json).map_err(|error| ManifestError::Form(error.to_string()))?;
        if wire.comity_register != 1 {
            return Err(ManifestError::Version(wire.comity_register));
        }
        if wire.sequence == 0 {
            return Err(ManifestError::Sequence);
        }
        let instant: jiff::Timestamp = wire.source_as_of.parse().map_err(|_| ManifestError::Time)?;
        Ok(Self {
            kind: wire.kind,
            sequence: wire.sequence,
            rows: wire.rows,
            digest: hexadecimal(&wire.sha256).ok_or(ManifestError::Digest)?,
            source_as_of: UnixSeconds::new(instant.as_second()).map_err(|_| ManifestError::Time)?,
        })
    }
}

fn hexadecimal(text: &str) -> Option<Digest> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(Digest::from_bytes(bytes))
}
