//! A signed result from the run that makes it to the desk that asks for it (README, "A signed result"): the suite plays, signs, and the
//! real `comity authority enrol --require-conformance` takes a county in by that file, and by nothing that differs from it.
//!
//! `COMITY_TEST_PROGRAMS` names the folder with `comity` and `comity-verify` as they are built from this tree; `cargo xtask test` sets it,
//! since cargo builds no other package's programs for a test, and old ones prove nothing. Without it the test says SKIPPED, except under
//! `CI=true`, where it fails. Results that no honest run writes are signed here with the tester's own
//! key, so that nothing but what is changed can be the reason of a refusal.
#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

const SUITE: &str = env!("CARGO_BIN_EXE_comity-conformance");
const ANCHOR: &str = "https://anchor.example";
const DAY: i64 = 86_400;

/// A folder with an anchor, two counties of one region that apply to it, and two testers.
struct Desk {
    folder: tempfile::TempDir,
    comity: PathBuf,
    verify: PathBuf,
}

impl Desk {
    /// `None` where nobody says where the node's programs are.
    fn new() -> Option<Self> {
        let Some(programs) = std::env::var_os("COMITY_TEST_PROGRAMS").map(PathBuf::from) else {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "COMITY_TEST_PROGRAMS is not set, and CI must not skip this"
            );
            println!("SKIPPED: COMITY_TEST_PROGRAMS is not set");
            return None;
        };
        let built = |name: &str| {
            let program = std::path::absolute(programs.join(name)).unwrap();
            assert!(program.is_file(), "{} is not built", program.display());
            program
        };
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
            comity: built("comity"),
            verify: built("comity-verify"),
        };
        let names = ["--name-zh", "示例锚点", "--name-en", "Example Anchor"];
        let founding = ["authority", "init", "--dir", "anchor", "--entity", ANCHOR];
        good(&desk.comity(&[&founding[..], &names].concat()));
        for county in ["applicant", "another"] {
            std::fs::create_dir(desk.path(county)).unwrap();
            std::fs::write(desk.path(&format!("{county}.toml")), configuration(county)).unwrap();
            let (config, application) = (format!("{county}.toml"), format!("{county}.jwt"));
            good(&desk.comity(&["init", "--config", &config, "--application", &application]));
        }
        for tester in ["tester", "stranger"] {
            let made = desk.suite(&["keygen", "--key", &format!("{tester}.key")]);
            good(&made);
            std::fs::write(desk.path(&format!("{tester}.jwks.json")), made.stdout).unwrap();
        }
        good(&desk.suite(&["init", "--dir", "work", "--region", "361123"]));
        desk.judges(&[desk.verify.display().to_string().as_str(), "adapter"]);
        Some(desk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The adapter that the target file names.
    fn judges(&self, adapter: &[&str]) {
        let target = format!(
            "[target]\nname = \"示例\"\nclasses = [\"offline\"]\nregion = \"361123\"\nadapter = {adapter:?}\n"
        );
        std::fs::write(self.path("work/target.toml"), target).unwrap();
    }

    fn comity(&self, arguments: &[&str]) -> Output {
        in_folder(&self.comity, self.folder.path(), arguments)
    }

    fn suite(&self, arguments: &[&str]) -> Output {
        in_folder(Path::new(SUITE), self.folder.path(), arguments)
    }

    /// A run whose result is signed by this tester for this county.
    fn run(&self, county: &str, tester: &str, result: &str, more: &[&str]) -> Output {
        let (key, application) = (format!("{tester}.key"), format!("{county}.jwt"));
        let run = [
            "run",
            "--dir",
            "work",
            "--json",
            "record.jsonl",
            "--timeout",
            "60",
        ];
        let signed = ["--result", result, "--key", &key, "--for", &application];
        self.suite(&[&run[..], &signed, more].concat())
    }

    fn enrol(&self, county: &str, result: &str, more: &[&str]) -> Output {
        let application = format!("{county}.jwt");
        let enrol = ["authority", "enrol", "--dir", "anchor", &application];
        let asked = [
            "--require-conformance",
            result,
            "--conformance-keys",
            "tester.jwks.json",
        ];
        self.comity(&[&enrol[..], &asked, &["--conformance-classes", "offline"], more].concat())
    }

    /// The desk refuses, says this, and has taken nobody in.
    fn refuses(&self, county: &str, result: &str, more: &[&str], says: &str) {
        let refused = self.enrol(county, result, more);
        assert_eq!(refused.status.code(), Some(1), "{result}: {}", said(&refused));
        assert!(said(&refused).contains(says), "{result}: {}", said(&refused));
        let state = std::fs::read_to_string(self.path("anchor/authority.json")).unwrap();
        assert!(!state.contains(&format!("{county}.example")), "{result}: {state}");
    }

    /// A result that differs from this one in what it says, signed by its own tester.
    fn forge(&self, from: &str, to: &str, change: impl FnOnce(&mut Value)) {
        let token = std::fs::read_to_string(self.path(from)).unwrap();
        let [header, payload, _] = parts(&token);
        let mut says: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        change(&mut says);
        let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(says.to_string()));
        let seed = std::fs::read_to_string(self.path("tester.key")).unwrap();
        let seed: [u8; 32] = URL_SAFE_NO_PAD.decode(seed.trim()).unwrap().try_into().unwrap();
        let signature = SigningKey::from_bytes(&seed).sign(input.as_bytes()).to_bytes();
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
        std::fs::write(self.path(to), token).unwrap();
    }
}

fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.trim().split('.').collect();
    parts.try_into().unwrap()
}

fn in_folder(program: &Path, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).output().unwrap()
}

fn good(run: &Output) {
    assert!(run.status.success(), "{}", said(run));
}

fn said(run: &Output) -> String {
    String::from_utf8_lossy(&[run.stdout.as_slice(), &run.stderr].concat()).into_owned()
}

/// A configuration as far as `comity init` reads one; nothing of it is ever started.
fn configuration(county: &str) -> String {
    format!(
        r#"[node]
entity = "https://{county}.example"
region = "361123"
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

#[test]
fn a_county_is_enrolled_by_the_result_of_a_whole_run_and_by_nothing_less() {
    let Some(desk) = Desk::new() else { return };
    // The whole class, judged by the real verifier.
    good(&desk.run("applicant", "tester", "result.jwt", &[]));

    // Runs that were played otherwise.
    good(&desk.run("applicant", "tester", "partial.jwt", &["--only", "identifiers/*"]));
    desk.refuses("applicant", "partial.jwt", &[], "--only");
    good(&desk.run(
        "applicant",
        "stranger",
        "strangers.jwt",
        &["--only", "identifiers/*"],
    ));
    desk.refuses("applicant", "strangers.jwt", &[], "--conformance-keys");
    good(&desk.suite(&["vectors", "--out", "few"]));
    for entry in std::fs::read_dir(desk.path("few")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() && folder.file_name().is_some_and(|name| name != "identifiers") {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
    good(&desk.run("applicant", "tester", "few.jwt", &["--vectors", "few"]));
    desk.refuses("applicant", "few.jwt", &[], "incomplete");

    // The same run for another county, or asked for more than it played.
    desk.refuses("another", "result.jwt", &[], "another's");
    let all = ["--conformance-classes", "offline,issuer"];
    let enrol = ["authority", "enrol", "--dir", "anchor", "applicant.jwt"];
    let asked = [
        "--require-conformance",
        "result.jwt",
        "--conformance-keys",
        "tester.jwks.json",
    ];
    let refused = desk.comity(&[&enrol[..], &asked, &all].concat());
    assert!(
        !refused.status.success() && said(&refused).contains("issuer"),
        "{}",
        said(&refused)
    );

    // What was not signed, and what was changed after it was signed.
    let token = std::fs::read_to_string(desk.path("result.jwt")).unwrap();
    let [header, payload, signature] = parts(&token);
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"comity-conformance-result+jwt"}"#);
    let says = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let better = URL_SAFE_NO_PAD.encode(says.replace("\"skip\":0", "\"skip\":1"));
    assert_ne!(better, payload);
    for (name, altered) in [
        ("unsigned.jwt", format!("{none}.{payload}.")),
        ("stripped.jwt", format!("{header}.{payload}.")),
        ("altered.jwt", format!("{header}.{better}.{signature}")),
    ] {
        std::fs::write(desk.path(name), altered).unwrap();
        desk.refuses("applicant", name, &[], "original");
    }

    // What the tester itself says otherwise.
    let now = |says: &Value, member: &str| says[member].as_i64().unwrap();
    desk.forge("result.jwt", "old.jwt", |says| {
        says["started"] = json!(now(says, "started") - 8 * DAY);
        says["ended"] = json!(now(says, "ended") - 8 * DAY);
    });
    desk.refuses("applicant", "old.jwt", &["--conformance-days", "7"], "too old");
    desk.forge("result.jwt", "ahead.jwt", |says| {
        says["ended"] = json!(now(says, "ended") + DAY)
    });
    desk.refuses("applicant", "ahead.jwt", &[], "clocks");
    desk.forge("result.jwt", "text.jwt", |says| {
        says["specification"] = json!("0123456789abcdef")
    });
    desk.refuses("applicant", "text.jwt", &[], "revision");
    desk.forge("result.jwt", "failed.jwt", |says| {
        says["classes"]["offline"]["fail"] = json!(1)
    });
    desk.refuses("applicant", "failed.jwt", &[], "failed");
    desk.forge("result.jwt", "excused.jwt", |says| {
        says["classes"]["offline"]["expected_failures"] = json!(1);
    });
    desk.refuses("applicant", "excused.jwt", &[], "excused");
    desk.forge("result.jwt", "faulty.jwt", |says| {
        says["faults"] = json!(["PRV-1"])
    });
    desk.refuses("applicant", "faulty.jwt", &[], "PRV-1");

    // And the honest one opens the door, also when it is a week old and two are allowed.
    desk.forge("old.jwt", "week.jwt", |_| {});
    let enrolled = desk.enrol("applicant", "week.jwt", &["--conformance-days", "14"]);
    good(&enrolled);
    assert!(
        said(&enrolled).contains("示例") && said(&enrolled).contains("offline"),
        "{}",
        said(&enrolled)
    );
    good(&desk.enrol("applicant", "result.jwt", &[]));
    let state = std::fs::read_to_string(desk.path("anchor/authority.json")).unwrap();
    assert!(state.contains("applicant.example"), "{state}");
}

#[test]
fn a_run_with_failures_signs_them_and_opens_no_door() {
    let Some(desk) = Desk::new() else { return };
    std::fs::write(
        desk.path("work/refuses.sh"),
        "cat >/dev/null; echo '{\"refuse\":\"jws.alg\"}'",
    )
    .unwrap();
    desk.judges(&["sh", "refuses.sh"]);
    let run = desk.run("applicant", "tester", "result.jwt", &[]);
    assert_ne!(run.status.code(), Some(0), "{}", said(&run));
    desk.refuses("applicant", "result.jwt", &[], "mend");

    // An adapter that cannot be started is the tester's mistake; nothing is signed.
    desk.judges(&["/no/such/adapter"]);
    let run = desk.run("applicant", "tester", "none.jwt", &[]);
    assert_eq!(run.status.code(), Some(3), "{}", said(&run));
    assert_eq!(std::fs::read_to_string(desk.path("none.jwt")).unwrap(), "");
    desk.refuses("applicant", "none.jwt", &[], "original");
}
