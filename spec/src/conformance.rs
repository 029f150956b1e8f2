//! The signed result of a run of the conformance suite: what its signer says was judged, and how it came out. No message of the
//! protocol: no node sends or answers it, its `typ` is none of chapter 12, and no rule of the text knows it. It stands here
//! because two programs must read one form, the suite that writes it and the desk of an authority that asks for it.
//!
//! Nothing here checks a signature or says what a result is worth; `conformance-tests/README.md` says what it proves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::{Digest, EntityId, Region, Thumbprint};
use crate::time::UnixSeconds;

/// `typ` of the compact JWS, algorithm EdDSA, `kid` the thumbprint of the key of whoever ran the suite.
pub const RESULT_TYP: &str = "comity-conformance-result+jwt";

/// Payload of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConformanceResult {
    /// What was judged, as its operator calls it.
    pub target: Software,
    /// The county for which the signer ran the suite, by the application that it was given; the signer's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicant: Option<Identity>,
    /// Which county the target was in the run, by its own application there; seen by the suite. The first, where several ran side by
    /// side. None where no county was played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub played: Option<Identity>,
    /// Each class of which cases were played: how they came out.
    pub classes: BTreeMap<String, Counts>,
    /// Every case of the named classes was asked for and judged.
    pub complete: bool,
    /// Cases that the target's operator declared unsupported, by name.
    pub unsupported: Vec<String>,
    /// Cases that failed as the target's operator said beforehand, by name.
    pub expected_failures: Vec<String>,
    /// What was wrong beside the cases: exceptions that no longer hold, residents named in the target's log.
    pub faults: Vec<String>,
    /// Version of the suite.
    pub suite: String,
    /// Revision of the text, as [`text_revision`].
    pub specification: String,
    /// Fingerprint of the vectors.
    pub vectors: String,
    /// When the run began.
    pub started: UnixSeconds,
    /// When it ended.
    pub ended: UnixSeconds,
    /// SHA-256 of the record, the JSON lines of the run.
    pub record: Digest,
}

/// Software, as its operator calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Software {
    /// Name.
    pub name: String,
    /// Version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A county, by what its application states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Entity id.
    pub entity: EntityId,
    /// Region code.
    pub region: Region,
    /// Thumbprints of its federation keys.
    pub federation_keys: Vec<Thumbprint>,
}

/// How the cases of a class came out; every judged case counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// As the text says.
    pub pass: u32,
    /// Otherwise, or no answer in time.
    pub fail: u32,
    /// Declared unsupported.
    pub skip: u32,
    /// It could not be told.
    pub unknown: u32,
    /// Failed, as the target's operator said beforehand.
    pub expected_failures: u32,
}

macro_rules! chapters {
    ($($file:literal),+ $(,)?) => {
        /// Every chapter of the text with which this program was built: file name and contents.
        pub const CHAPTERS: &[(&str, &str)] = &[$(($file, include_str!(concat!("../protocol/", $file)))),+];
    };
}

chapters!(
    "00-overview.md",
    "01-identifiers.md",
    "02-jws.md",
    "03-trust.md",
    "04-agreement.md",
    "05-attestation.md",
    "06-status.md",
    "07-verification.md",
    "08-decision.md",
    "09-receipt-and-record.md",
    "10-errors.md",
    "11-transport.md",
    "12-versions-and-registry.md",
    "13-privacy.md",
    "14-security.md",
    "15-examples.md",
    "16-rules.md",
);

/// The revision of a text: the first 16 hexadecimal digits of a SHA-256 over names, lengths and texts of its chapters, in order.
pub fn revision_of<'t>(chapters: impl Iterator<Item = (&'t str, &'t str)>) -> String {
    let mut hash = Sha256::new();
    for (file, text) in chapters {
        hash.update(format!("{file} {}\n", text.len()));
        hash.update(text);
    }
    hash.finalize()
        .iter()
        .take(8)
        .fold(String::new(), |mut hex, byte| {
            // A String takes every write.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// The revision of [`CHAPTERS`].
#[must_use]
pub fn text_revision() -> &'static str {
    static REVISION: LazyLock<String> = LazyLock::new(|| revision_of(CHAPTERS.iter().copied()));
    &REVISION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_the_one_on_the_page_of_the_specification() {
        // The same answer is known to `cargo xtask spec`, which computes it for itself.
        let files = [
            ("jws/a-b", "[]"),
            ("jws/a", "{\"a\": \"示例\"}"),
            ("jws-a/z", "{}"),
        ];
        assert_eq!(revision_of(files.into_iter()), "928ccfeaccc90c8a");
    }

    #[test]
    fn the_revision_covers_every_chapter_that_there_is() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".md"))
            .collect();
        there.sort();
        let carried: Vec<&str> = CHAPTERS.iter().map(|(file, _)| *file).collect();
        assert_eq!(carried, there);
        assert_eq!(text_revision().len(), 16);
    }
}
