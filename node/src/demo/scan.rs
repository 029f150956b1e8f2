//! Whether anything that the components wrote or were asked names a resident: logs, metrics and URLs are searched for every imported
//! name, number and address of both counties, plain or encoded.
//!
//! What is searched is decoded, not the needles encoded: percent (either case), base64 (both alphabets, every alignment), hexadecimal,
//! the escapes of JSON and of Rust's `Debug`, lists of bytes, and the digits of the printed code, one inside another to a depth of
//! three. So a name is found wherever it stands in the encoded text. A scan that finds nothing proves something only if it can find:
//! first a **canary**, a person who exists nowhere else, is written into a log of its own in each encoding, and each must be found
//! (protocol §11: no personal data in URLs, errors, logs or metrics). What is found is reported by place and kind, never repeated.

use std::path::Path;

use aho_corasick::AhoCorasick;
use comity_node_core::ports::permits::PermitDetails;
use comity_verifier::symbol;

use super::DemoError;
use super::decoded;

/// The name of the canary; nobody in the registers is called so.
const CANARY_NAME: &str = "哨兵金丝雀示例";
/// Its number.
const CANARY_NUMBER: &str = "SHILI-CANARY-18990101";

/// What kind of text a needle is.
const KINDS: [&str; 5] = [
    "姓名 name",
    "证件号码 citizen number",
    "居住证号 permit number",
    "住址 address",
    "曾用证件号 earlier number",
];

/// What a scan found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scanned {
    /// Different texts that were looked for.
    pub(crate) needles: usize,
    /// Bytes that were read, before decoding.
    pub(crate) bytes: u64,
    /// Where something was found and of which kind, without the text itself.
    pub(crate) found: Vec<String>,
    /// Whether every encoding of the canary was found.
    pub(crate) canary_found: bool,
}

impl Scanned {
    /// Whether it found nothing and would have.
    pub(crate) fn is_clean(&self) -> bool {
        self.found.is_empty() && self.canary_found && self.needles > 0 && self.bytes > 0
    }
}

/// Searches for a fixed set of texts.
pub(crate) struct Scan {
    automaton: AhoCorasick,
    /// Kind of each needle, by position; the canary's come last.
    kinds: Vec<&'static str>,
    /// How many needles are residents'.
    residents: usize,
    result: Scanned,
}

impl Scan {
    /// For the data of these residents, and the canary.
    pub(crate) fn new<'a>(residents: impl Iterator<Item = &'a PermitDetails>) -> Result<Self, DemoError> {
        let mut needles: Vec<(String, &'static str)> = Vec::new();
        for one in residents {
            needles.push((one.name.clone(), KINDS[0]));
            needles.push((one.id_number.to_string(), KINDS[1]));
            needles.push((one.permit_number.to_string(), KINDS[2]));
            needles.push((one.hukou_address.clone(), KINDS[3]));
            needles.push((one.residence_address.clone(), KINDS[3]));
            needles.extend(one.previous_ids.iter().map(|id| (id.clone(), KINDS[4])));
        }
        needles.sort_unstable();
        needles.dedup();
        let residents = needles.len();
        needles.extend([CANARY_NAME, CANARY_NUMBER].map(|canary| (canary.to_owned(), "canary")));
        let automaton =
            AhoCorasick::new(needles.iter().map(|(needle, _)| needle)).map_err(DemoError::other)?;
        Ok(Self {
            automaton,
            kinds: needles.into_iter().map(|(_, kind)| kind).collect(),
            residents,
            result: Scanned {
                needles: residents,
                ..Scanned::default()
            },
        })
    }

    /// Writes the canary in every encoding to a log in `folder`, reads it as any other log, and removes it.
    pub(crate) fn prove(&mut self, folder: &Path) -> Result<(), DemoError> {
        let path = folder.join("canary.log");
        let lines: Vec<String> = [CANARY_NAME, CANARY_NUMBER]
            .into_iter()
            .flat_map(encodings)
            .collect();
        std::fs::write(&path, lines.join("\n"))?;
        let written = std::fs::read(&path)?;
        std::fs::remove_file(&path)?;
        let mut read = 0;
        let all = written.split(|byte| *byte == b'\n').all(|line| {
            read += 1;
            self.matches(line).iter().any(|needle| *needle >= self.residents)
        });
        self.result.canary_found = all && read == lines.len();
        Ok(())
    }

    /// Searches one text; `place` says where it comes from.
    pub(crate) fn read(&mut self, place: &str, text: &[u8]) {
        self.result.bytes = self
            .result
            .bytes
            .saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            for needle in self.matches(line) {
                let kind = self.kinds.get(needle).copied().unwrap_or_default();
                self.result
                    .found
                    .push(format!("{place}, 第 line {} 行: {kind}", at + 1));
            }
        }
    }

    /// Searches every log in a folder.
    pub(crate) fn read_logs(&mut self, folder: &Path) -> Result<(), DemoError> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            self.read(&path.display().to_string(), &std::fs::read(&path)?);
        }
        Ok(())
    }

    /// What was found.
    pub(crate) fn finish(self) -> Scanned {
        self.result
    }

    /// The needles in a text and in everything that it decodes to, each once.
    fn matches(&self, text: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        decoded::for_each(text, &mut |view| {
            found.extend(self.automaton.find_iter(view).map(|one| one.pattern().as_usize()));
        });
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// A line for each way in which a text may come to stand in a log.
fn encodings(text: &str) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    let bytes = text.as_bytes();
    let each = |shown: fn(&u8) -> String| bytes.iter().map(shown).collect::<String>();
    let mut lines = vec![
        format!("a clerk typed {text} here"),
        format!("GET /permits?q={} HTTP/1.1", each(|byte| format!("%{byte:02X}"))),
        format!(
            "GET /permits/{}/card HTTP/1.1",
            each(|byte| format!("%{byte:02x}"))
        ),
        format!("hex={}", each(|byte| format!("{byte:02x}"))),
        format!("body=b\"{}\"", each(|byte| format!("\\x{byte:02x}"))),
        format!(
            "{{\"body\":\"{}\"}}",
            text.encode_utf16()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect::<String>()
        ),
        format!("body={bytes:?}"),
    ];
    // What stands before a text shifts it against the groups of three bytes: each of the three shifts reads differently.
    for before in ["", "x", "xy"] {
        let shifted = format!("{before}{text} and so on");
        lines.push(format!("value={} end", STANDARD.encode(&shifted)));
        lines.push(format!("value=/jwt/{} end", URL_SAFE_NO_PAD.encode(&shifted)));
        let disclosed = URL_SAFE_NO_PAD.encode(format!("[\"{before}\",\"name\",\"{text}\"]"));
        lines.extend(symbol::encode(&format!("a.b.c~{disclosed}~")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use comity_node_core::permits::synthetic;

    use super::*;

    fn residents() -> Vec<PermitDetails> {
        synthetic::residents("361123".parse().unwrap(), "2026-11-22".parse().unwrap(), 50)
    }

    fn scanned(text: &str) -> Vec<String> {
        let mut scan = Scan::new(residents().iter()).unwrap();
        scan.read("log", text.as_bytes());
        scan.finish().found
    }

    #[test]
    fn a_resident_is_found_in_every_encoding_and_not_repeated() {
        let one = &residents()[7];
        for text in [
            one.name.as_str(),
            &one.id_number.to_string(),
            &one.permit_number.to_string(),
        ] {
            for line in encodings(text) {
                let found = scanned(&line);
                assert_eq!(found.len(), 1, "{line}");
                assert!(!found[0].contains(text), "{found:?}");
            }
        }
    }

    #[test]
    fn what_names_nobody_is_left_alone() {
        let lines = encodings("平安无事");
        assert_eq!(scanned(&lines.join("\n")), Vec::<String>::new());
        assert_eq!(
            scanned("trace=261122-361123-00000001 outcome=RECOGNISED"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_canary_proves_the_scan_and_is_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let mut scan = Scan::new(residents().iter()).unwrap();
        scan.prove(folder.path()).unwrap();
        std::fs::write(folder.path().join("node.log"), "started\n").unwrap();
        scan.read_logs(folder.path()).unwrap();
        let scanned = scan.finish();
        assert!(scanned.is_clean(), "{scanned:?}");
        assert_eq!(scanned.bytes, 8);
    }

    #[test]
    fn a_scan_of_nothing_or_that_proved_nothing_is_not_clean() {
        let mut unproven = Scan::new(residents().iter()).unwrap();
        unproven.read("log", b"started");
        assert!(!unproven.finish().is_clean());
        let folder = tempfile::tempdir().unwrap();
        let mut unread = Scan::new(residents().iter()).unwrap();
        unread.prove(folder.path()).unwrap();
        assert!(!unread.finish().is_clean());
        let mut leaked = Scan::new(residents().iter()).unwrap();
        leaked.prove(folder.path()).unwrap();
        leaked.read("log", residents()[3].name.as_bytes());
        assert!(!leaked.finish().is_clean());
    }
}
