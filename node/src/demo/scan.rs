//! Whether anything that the components wrote or were asked names a resident: logs to their last line, metrics, URLs and the files of
//! the databases are searched for every imported name, number and address of both counties, plain or encoded.
//!
//! In text, what is searched is decoded, not the needles encoded: percent (either case), base64 (both alphabets, every alignment),
//! hexadecimal, the escapes of JSON and of Rust's `Debug`, lists of bytes, and the digits of the printed code, one inside another to a
//! depth of three. So a name is found wherever it stands in the encoded text. Database files are tens of megabytes and no text: they
//! are streamed once, main file, write-ahead log and its index, past needles in plain, percent and base64 (columns that hold personal
//! data are encrypted: ARCHITECTURE.md, rule 10).
//!
//! A scan that finds nothing proves something only if it can find: first a **canary**, a person who exists nowhere else, is put into a
//! place of each class in each encoding, and each must be found by the same code (PRV-1: no personal data in URLs, errors, logs
//! or metrics). What is found is reported by place and kind, never repeated.

use std::io::Read;
use std::path::Path;

use aho_corasick::AhoCorasick;
use comity_node_core::ports::permits::PermitDetails;
use comity_verifier::symbol;

use super::DemoError;
use super::decoded;
use super::http::Urls;

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

/// Most needles whose encodings are looked for in database files; everybody's, at the default number of residents. More would need more
/// memory than the demonstration of a large register should take.
const IN_DATABASES: usize = 60_000;

/// Where a component's last line is: what it logs when everything else has ended.
const LAST_LINE: &[u8] = b"\"stopped\"";

/// What a scan found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scanned {
    /// Different texts that were looked for.
    pub(crate) needles: usize,
    /// Bytes that were read, before decoding.
    pub(crate) bytes: u64,
    /// Where something was found and of which kind, without the text itself.
    pub(crate) found: Vec<String>,
    /// Bytes of database files among them.
    pub(crate) database_bytes: u64,
    /// Classes of places in which every encoding of the canary was found.
    pub(crate) proven: Vec<&'static str>,
    /// Whether every encoding of the canary was found in every class.
    pub(crate) canary_found: bool,
    /// Logs that were read to the line that a component writes last of all.
    pub(crate) ended_logs: usize,
}

impl Scanned {
    /// Whether it found nothing and would have.
    pub(crate) fn is_clean(&self) -> bool {
        self.found.is_empty()
            && self.canary_found
            && self.needles > 0
            && self.bytes > self.database_bytes
            && self.database_bytes > 0
    }
}

/// Searches for a fixed set of texts.
pub(crate) struct Scan {
    automaton: AhoCorasick,
    /// Needles as they could stand in a file that is not decoded, with their positions.
    encoded: AhoCorasick,
    encoded_needles: Vec<usize>,
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
        let (encoded, encoded_needles) = encoded(&needles)?;
        Ok(Self {
            automaton,
            encoded,
            encoded_needles,
            kinds: needles.into_iter().map(|(_, kind)| kind).collect(),
            residents,
            result: Scanned {
                needles: residents,
                ..Scanned::default()
            },
        })
    }

    /// Puts the canary into a place of each class under `folder`, in every encoding that the class is searched for, has each searched as
    /// the real ones are, and removes them.
    pub(crate) fn prove(&mut self, folder: &Path) -> Result<(), DemoError> {
        let folder = tempfile::Builder::new().prefix("canary-").tempdir_in(folder)?;
        let canary = [CANARY_NAME, CANARY_NUMBER];
        let lines: Vec<String> = canary.into_iter().flat_map(encodings).collect();
        let mut proven = Vec::new();
        let mut prove = |class, is_found: bool| {
            if is_found {
                proven.push(class);
            }
        };

        let log = folder.path().join("canary.log");
        std::fs::write(&log, lines.join("\n"))?;
        prove("日志 logs", self.finds_each(&std::fs::read(&log)?, lines.len()));

        // After the line with which a component ends, and without a line break at its end.
        let mut ended = b"{\"message\":\"stopped\"}\n".to_vec();
        ended.extend(lines.join("\n").as_bytes());
        std::fs::write(&log, ended)?;
        let read = std::fs::read(&log)?;
        let after = last_lines(&read).unwrap_or_default();
        prove("停机日志 shutdown lines", self.finds_each(after, lines.len()));

        let metrics: Vec<String> = lines
            .iter()
            .map(|line| format!("comity_canary{{q=\"{line}\"}} 1"))
            .collect();
        prove(
            "指标 metrics",
            self.finds_each(metrics.join("\n").as_bytes(), lines.len()),
        );

        let urls = Urls::default();
        lines
            .iter()
            .for_each(|line| urls.keep(&format!("https://localhost/?q={line}")));
        let all = urls.all();
        prove(
            "网址 URLs",
            self.finds_each(all.trim_end().as_bytes(), lines.len()),
        );

        let mut databases = true;
        for name in DATABASE_FILES {
            for form in canary.into_iter().flat_map(forms) {
                // Where a buffer of the stream ends, a needle may be cut in two.
                let mut bytes: Vec<u8> = (0..u32::from(u16::MAX) + 1).map(filler).collect();
                bytes.truncate(bytes.len() - form.len() / 2);
                bytes.extend(&form);
                bytes.extend((0..5_000).map(filler));
                let path = folder.path().join(name);
                std::fs::write(&path, bytes)?;
                let found = self.stream(std::fs::File::open(&path)?)?;
                databases &= found.iter().any(|needle| *needle >= self.residents);
            }
        }
        prove("数据库文件 database files", databases);

        self.result.canary_found = proven.len() == 5;
        self.result.proven = proven;
        folder.close()?;
        Ok(())
    }

    /// Whether there are so many lines and the canary is found in each.
    fn finds_each(&self, text: &[u8], lines: usize) -> bool {
        let found = text
            .split(|byte| *byte == b'\n')
            .map(|line| self.matches(line).iter().any(|needle| *needle >= self.residents));
        let found: Vec<bool> = found.collect();
        found.len() == lines && found.into_iter().all(|found| found)
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
            let log = std::fs::read(&path)?;
            self.read(&path.display().to_string(), &log);
            self.result.ended_logs += usize::from(last_lines(&log).is_some());
        }
        Ok(())
    }

    /// Searches the database of a node as it lies in its folder: main file, write-ahead log and its index, those that are there.
    pub(crate) fn read_database(&mut self, folder: &Path) -> Result<(), DemoError> {
        for name in DATABASE_FILES {
            let path = folder.join(name);
            let file = match std::fs::File::open(&path) {
                Ok(file) => file,
                // An orderly end leaves the main file alone.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && name != DATABASE_FILES[0] => {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let bytes = file.metadata()?.len();
            self.result.bytes = self.result.bytes.saturating_add(bytes);
            self.result.database_bytes = self.result.database_bytes.saturating_add(bytes);
            for needle in self.stream(file)? {
                let kind = self.kinds.get(needle).copied().unwrap_or_default();
                self.result.found.push(format!("{}: {kind}", path.display()));
            }
        }
        Ok(())
    }

    /// The needles in a stream of bytes that are not decoded, each once.
    fn stream(&self, bytes: impl Read) -> Result<Vec<usize>, DemoError> {
        let mut found = Vec::new();
        for one in self.encoded.stream_find_iter(bytes) {
            found.extend(self.encoded_needles.get(one?.pattern().as_usize()));
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
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

/// Files of a node's SQLite database; the first is always there.
const DATABASE_FILES: [&str; 3] = ["node.db", "node.db-wal", "node.db-shm"];

/// From the line with which a component ends, that one not counted.
fn last_lines(log: &[u8]) -> Option<&[u8]> {
    let at = log
        .windows(LAST_LINE.len())
        .rposition(|window| window == LAST_LINE)?;
    let line = log[at..].iter().position(|byte| *byte == b'\n')?;
    Some(&log[at + line + 1..])
}

/// Bytes that are no text.
fn filler(at: u32) -> u8 {
    at.wrapping_mul(2_654_435_761).to_be_bytes()[0] | 0x80
}

/// The forms of a text that are looked for in bytes that nobody decodes.
fn forms(text: &str) -> Vec<Vec<u8>> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

    let percent =
        |shown: fn(&u8) -> String| text.as_bytes().iter().map(shown).collect::<String>().into_bytes();
    let mut forms = vec![
        text.as_bytes().to_vec(),
        percent(|byte| format!("%{byte:02X}")),
        percent(|byte| format!("%{byte:02x}")),
    ];
    for shift in 0..3 {
        // Characters at both ends hold bits of what stands beside the text.
        let shifted = [&b"\0\0"[..shift], text.as_bytes()].concat();
        let whole = shifted.len() / 3 * 4;
        let from = [0, 2, 3][shift];
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            forms.push(encoded.as_bytes()[from..whole].to_vec());
        }
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// An automaton for the forms of these needles, and which needle each of its patterns is of. The canary's come last and are always in.
fn encoded(needles: &[(String, &'static str)]) -> Result<(AhoCorasick, Vec<usize>), DemoError> {
    let canary = needles.len().saturating_sub(2);
    let chosen = (0..canary.min(IN_DATABASES)).chain(canary..needles.len());
    let mut patterns = Vec::new();
    let mut of = Vec::new();
    for at in chosen {
        for form in forms(&needles[at].0) {
            patterns.push(form);
            of.push(at);
        }
    }
    Ok((AhoCorasick::new(patterns).map_err(DemoError::other)?, of))
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

    /// A folder with a database that holds these bytes.
    fn database(bytes: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("node.db"), bytes).unwrap();
        folder
    }

    fn scanned_database(folder: &Path) -> Vec<String> {
        let mut scan = Scan::new(residents().iter()).unwrap();
        scan.read_database(folder).unwrap();
        scan.finish().found
    }

    #[test]
    fn a_resident_is_found_in_each_file_of_a_database_in_every_form() {
        let one = &residents()[7];
        for text in [
            one.name.as_str(),
            &one.id_number.to_string(),
            &one.residence_address,
        ] {
            for form in forms(text) {
                for file in DATABASE_FILES {
                    let folder = database(b"SQLite format 3\0");
                    let bytes = [&[0xfe; 4_090][..], &form, &[0xfe; 100]].concat();
                    std::fs::write(folder.path().join(file), bytes).unwrap();
                    let found = scanned_database(folder.path());
                    assert_eq!(found.len(), 1, "{file} {form:?}");
                    assert!(found[0].contains(file) && !found[0].contains(text), "{found:?}");
                }
            }
        }
    }

    #[test]
    fn base64_is_found_whatever_stands_beside_it() {
        use base64::Engine as _;
        let name = &residents()[7].name;
        for before in ["", "a", "ab", "abc"] {
            for after in ["", "x", "xy"] {
                let text = format!("{before}{name}{after}");
                let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
                let folder = database(text.as_bytes());
                assert_eq!(scanned_database(folder.path()).len(), 1, "{before}…{after}");
            }
        }
    }

    #[test]
    fn a_database_that_names_nobody_is_left_alone_and_one_that_is_not_there_is_an_error() {
        let bytes: Vec<u8> = (0..200_000).map(filler).collect();
        assert_eq!(scanned_database(database(&bytes).path()), Vec::<String>::new());
        let mut scan = Scan::new(residents().iter()).unwrap();
        assert!(scan.read_database(tempfile::tempdir().unwrap().path()).is_err());
    }

    #[test]
    fn lines_after_the_last_are_read_and_an_end_is_told_from_a_cut() {
        let one = &residents()[3].name;
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("node.log");
        let mut scan = Scan::new(residents().iter()).unwrap();
        std::fs::write(&log, "{\"message\":\"ready\"}\n").unwrap();
        scan.read_logs(folder.path()).unwrap();
        assert_eq!(scan.result.ended_logs, 0);
        std::fs::write(&log, format!("{{\"message\":\"stopped\"}}\n{one}")).unwrap();
        scan.read_logs(folder.path()).unwrap();
        assert_eq!((scan.result.ended_logs, scan.result.found.len()), (1, 1));
    }

    #[test]
    fn the_canary_proves_the_scan_and_is_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let mut scan = Scan::new(residents().iter()).unwrap();
        scan.prove(folder.path()).unwrap();
        std::fs::write(folder.path().join("node.log"), "started\n").unwrap();
        scan.read_logs(folder.path()).unwrap();
        let database = database(b"SQLite format 3\0");
        scan.read_database(database.path()).unwrap();
        let scanned = scan.finish();
        assert!(scanned.is_clean(), "{scanned:?}");
        assert_eq!((scanned.bytes, scanned.database_bytes), (24, 16));
        assert_eq!(scanned.proven.len(), 5);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_scan_of_nothing_or_that_proved_nothing_is_not_clean() {
        let database = database(b"SQLite format 3\0");
        let mut unproven = Scan::new(residents().iter()).unwrap();
        unproven.read("log", b"started");
        unproven.read_database(database.path()).unwrap();
        assert!(!unproven.finish().is_clean());
        let folder = tempfile::tempdir().unwrap();
        let mut without_database = Scan::new(residents().iter()).unwrap();
        without_database.prove(folder.path()).unwrap();
        without_database.read("log", b"started");
        assert!(!without_database.finish().is_clean());
        let mut unread = Scan::new(residents().iter()).unwrap();
        unread.prove(folder.path()).unwrap();
        assert!(!unread.finish().is_clean());
        let mut leaked = Scan::new(residents().iter()).unwrap();
        leaked.prove(folder.path()).unwrap();
        leaked.read_database(database.path()).unwrap();
        leaked.read("log", residents()[3].name.as_bytes());
        assert!(!leaked.finish().is_clean());
    }
}
