//! A signed result at an authority's desk: the result of the run that was just played opens the door to the county for which it was
//! played, and to nobody else. Both programs are the real ones; what a result is refused for in detail is tested beside them
//! (`conformance-tests/tests/enrolment.rs`).

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::process;

/// The anchor that is asked.
const ANCHOR: &str = "https://anchor.example";
/// An unsigned token's header, `{"alg":"none","typ":"comity-conformance-result+jwt"}`.
const UNSIGNED: &str = "eyJhbGciOiJub25lIiwidHlwIjoiY29taXR5LWNvbmZvcm1hbmNlLXJlc3VsdCtqd3QifQ";

/// An anchor, two counties that apply to it, two testers of whom it knows one.
pub(super) struct Enrolment {
    comity: PathBuf,
    folder: PathBuf,
}

impl Enrolment {
    /// Founds them in a folder of their own.
    pub(super) fn prepare(judge: &Path, folder: &Path, region: &str) -> Outcome<Self> {
        let this = Self {
            comity: judge.with_file_name("comity"),
            folder: folder.to_owned(),
        };
        let names = ["--name-zh", "示例锚点", "--name-en", "Example Anchor"];
        let founding = ["authority", "init", "--dir", "anchor", "--entity", ANCHOR];
        for county in ["applicant", "another"] {
            std::fs::create_dir_all(folder.join(county)).map_err(|error| this.told(&error))?;
        }
        this.comity(&[&founding[..], &names[..]].concat())?;
        for county in ["applicant", "another"] {
            this.write(&format!("{county}.toml"), &settings(county, region))?;
            let (config, application) = (format!("{county}.toml"), format!("{county}.jwt"));
            this.comity(&["init", "--config", &config, "--application", &application])?;
        }
        for tester in ["tester", "stranger"] {
            let mut keygen = Command::new(judge);
            keygen
                .arg("keygen")
                .arg("--key")
                .arg(folder.join(format!("{tester}.key")));
            let public = process::capture(&mut keygen)?;
            this.write(&format!("{tester}.jwks.json"), &public)?;
        }
        Ok(this)
    }

    /// The options of a run whose result is signed for the applicant.
    pub(super) fn asks(&self, run: &mut Command) {
        run.arg("--result").arg(self.folder.join("result.jwt"));
        run.arg("--key").arg(self.folder.join("tester.key"));
        run.arg("--for").arg(self.folder.join("applicant.jwt"));
    }

    /// The authority refuses what is not that result, that county or a tester it knows, and then enrols by it.
    pub(super) fn judge(&self, classes: &[&str]) -> Outcome<String> {
        let result =
            std::fs::read_to_string(self.folder.join("result.jwt")).map_err(|error| self.told(&error))?;
        self.write("altered.jwt", &altered(&result)?)?;
        self.write("unsigned.jwt", &unsigned(&result)?)?;
        let classes = classes.join(",");
        let asked = |county: &str, result: &str, tester: &str| {
            let (application, keys) = (format!("{county}.jwt"), format!("{tester}.jwks.json"));
            let enrol = ["authority", "enrol", "--dir", "anchor", &application];
            let asks = ["--require-conformance", result, "--conformance-keys", &keys];
            self.comity(&[&enrol[..], &asks[..], &["--conformance-classes", &classes]].concat())
        };
        let refusals = [
            ("applicant", "altered.jwt", "tester"),
            ("applicant", "unsigned.jwt", "tester"),
            ("applicant", "result.jwt", "stranger"),
            ("another", "result.jwt", "tester"),
        ];
        for (county, result, tester) in refusals {
            if asked(county, result, tester).is_ok() {
                return Err(format!(
                    "an authority enrolled {county} by {result}, with the keys of {tester}"
                ));
            }
        }
        asked("applicant", "result.jwt", "tester")?;
        Ok(format!(
            "its signed result enrolled a county, {} others were refused",
            refusals.len()
        ))
    }

    fn comity(&self, arguments: &[&str]) -> Outcome<String> {
        process::capture(
            Command::new(&self.comity)
                .current_dir(&self.folder)
                .args(arguments),
        )
    }

    fn write(&self, name: &str, text: &str) -> Outcome<()> {
        std::fs::write(self.folder.join(name), text).map_err(|error| self.told(&error))
    }

    fn told(&self, error: &dyn std::fmt::Display) -> String {
        format!("{}: {error}", self.folder.display())
    }
}

/// A configuration as far as `comity init` reads one; nothing of it is ever started.
fn settings(county: &str, region: &str) -> String {
    format!(
        r#"[node]
entity = "https://{county}.example"
region = "{region}"
environment = "SANDBOX"
name = {{ zh = "示例县", en = "Example County" }}
contact = {{ zh = "示例窗口 000-0000000", en = "example office 000-0000000" }}
state = "{county}/state"
[database]
url = "sqlite:{county}/node.db"
[keys]
dir = "{county}/keys"
encryption = "{county}/keys/columns.key"
[trust]
anchor = "anchor/anchor.json"
superior = "{ANCHOR}"
[listeners.public]
address = "127.0.0.1:0"
certificate = "{county}/web.crt"
key = "{county}/web.key"
[listeners.federation]
address = "127.0.0.1:0"
base = "https://{county}.example:8444"
certificate = "{county}/keys/tls.crt"
key = "{county}/keys/tls.key"
[listeners.staff]
address = "127.0.0.1:0"
[listeners.ops]
address = "127.0.0.1:0"
"#
    )
}

/// Header, payload and signature of a compact JWS.
fn parts(result: &str) -> Outcome<[&str; 3]> {
    let parts: Vec<&str> = result.trim().split('.').collect();
    <[&str; 3]>::try_from(parts).map_err(|_| "the result is no compact JWS".to_owned())
}

/// The same result with another character in the middle of what it says.
fn altered(result: &str) -> Outcome<String> {
    let [header, payload, signature] = parts(result)?;
    let middle = payload.len() / 2;
    let (before, after) = (payload.get(..middle), payload.get(middle + 1..));
    let (Some(before), Some(after)) = (before, after) else {
        return Err("the result says nothing".to_owned());
    };
    let other = if payload.as_bytes()[middle] == b'A' {
        'B'
    } else {
        'A'
    };
    Ok(format!("{header}.{before}{other}{after}.{signature}"))
}

/// What it says, under no signature.
fn unsigned(result: &str) -> Outcome<String> {
    let [_, payload, _] = parts(result)?;
    Ok(format!("{UNSIGNED}.{payload}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_altered_in_one_character_or_loses_its_signature() {
        assert_eq!(altered("aa.bbbb.cc\n").unwrap(), "aa.bbAb.cc");
        assert_eq!(altered("aa.AAAA.cc").unwrap(), "aa.AABA.cc");
        assert_eq!(unsigned("aa.bbbb.cc").unwrap(), format!("{UNSIGNED}.bbbb."));
        assert!(altered("aa.bb").is_err());
        assert!(altered("aa..cc").is_err());
    }
}
