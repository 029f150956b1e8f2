//! The program `comity-verify` as a person runs it: files in, text and exit code out.
//!
//! The tokens are made here with the signing library alone, and are also left in a directory for the other implementation
//! (`tests/interop/run.py --emitted`).
#![cfg(test)]

mod bundle;
mod tokens;
mod verdicts;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tokens::{AUD, NONCE, NOW, Tokens};

/// A directory that is this test's own and goes away with it.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("jwks.json", &Tokens::new().jwks().to_string());
        files
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_comity-verify"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn code(&self, arguments: &[&str]) -> Option<i32> {
        self.run(arguments).status.code()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refused(&self, rule: &str, arguments: &[&str]) {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("[{rule}]")), "{said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("拒绝 / refused"),
            "Chinese first, then English: {said}"
        );
        assert!(
            output.stdout.is_empty(),
            "nothing is printed as if it were verified"
        );
    }
}

/// The deliberate mistakes that the conformance suite is tested with are not in the program that people get.
#[cfg(not(feature = "mutants"))]
#[test]
fn an_ordinary_build_makes_no_mistake_on_request() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_comity-verify")).unwrap();
    let program = String::from_utf8_lossy(&program);
    assert!(program.contains("jws.unknown-key"), "texts can be found at all");
    assert!(!program.contains("COMITY_MUTANT") && !program.contains("JWS-1/es256"));
    let version = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_comity-verify"));
        program
            .env("COMITY_MUTANT", "no-such-mutant")
            .arg("--version")
            .status()
    };
    assert!(version().unwrap().success());
}

/// A slip of the pen would look like a mutant that nobody notices.
#[cfg(feature = "mutants")]
#[test]
fn an_unknown_mistake_is_no_start() {
    let version = |mutant: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_comity-verify"));
        let output = program.env("COMITY_MUTANT", mutant).arg("--version").output();
        output.unwrap().status.code()
    };
    assert_eq!(version("JWS-1"), Some(0));
    assert_eq!(version("JWS-1 "), Some(64));
    assert_eq!(version(""), Some(64));
}

#[test]
fn jws_prints_header_and_payload() {
    let (files, tokens) = (Files::new(), Tokens::new());
    files.write("good", &format!("{}\n", tokens.hint()));
    let printed = files.json(&["jws", "--jwks", "jwks.json", "good"]);
    assert_eq!(printed["header"]["typ"], "comity-hint+jwt");
    assert_eq!(printed["payload"]["iat"], NOW);
    let strict = [
        "jws",
        "--jwks",
        "jwks.json",
        "--profile",
        "comity",
        "--typ",
        "comity-hint+jwt",
        "good",
    ];
    assert_eq!(files.json(&strict), printed);
    files.write("bad", &tokens.hint().replace('.', "..").replacen("..", ".", 1));
    files.refused("jws.structure", &["jws", "--jwks", "jwks.json", "bad"]);
    files.refused("jws.typ", &["jws", "--jwks", "jwks.json", "--typ", "JWT", "good"]);
    files.write("empty.json", r#"{"keys":[]}"#);
    files.refused("key.malformed", &["jws", "--jwks", "empty.json", "good"]);
}

#[test]
fn sd_jwt_prints_processed_claims() {
    let (files, tokens) = (Files::new(), Tokens::new());
    files.write("bound", &tokens.bound_permit());
    let at = NOW.to_string();
    let start = ["sd-jwt", "--jwks", "jwks.json", "--at", &at];
    let with = |more: &[&str]| files.run(&[&start[..], more, &["bound"]].concat());
    let challenged = with(&["--aud", AUD, "--nonce", NONCE]);
    assert_eq!(
        serde_json::from_slice::<Value>(&challenged.stdout).unwrap(),
        tokens.permit_claims()
    );
    assert!(
        with(&[]).status.success(),
        "whether a binding is needed is the asker's to say"
    );
    files.refused(
        "kb.nonce",
        &[&start[..], &["--aud", AUD, "--nonce", "other", "bound"]].concat(),
    );
    files.refused(
        "sd-jwt.expired",
        &["sd-jwt", "--jwks", "jwks.json", "--at", "4000000000", "bound"],
    );
    files.write("unbound", &tokens.permit());
    files.refused(
        "kb.missing",
        &[&start[..], &["--aud", AUD, "--nonce", NONCE, "unbound"]].concat(),
    );
}

#[test]
fn status_list_prints_entries() {
    let (files, tokens) = (Files::new(), Tokens::new());
    files.write("draft", r#"{"bits":2,"lst":"eNo76fITAAPfAgc"}"#);
    let printed = files.json(&["status-list", "draft", "--all", "--json"]);
    assert_eq!((&printed["bits"], &printed["entries"]), (&json!(2), &json!(12)));
    let nonzero = json!({"0":1,"1":2,"3":3,"5":1,"7":1,"8":1,"9":2,"10":3,"11":3});
    assert_eq!(printed["nonzero"], nonzero);
    assert_eq!(
        files.run(&["status-list", "draft", "--index", "3"]).stdout,
        b"3\n"
    );
    files.refused("status-list.index", &["status-list", "draft", "--index", "12"]);
    files.refused(
        "status-list.unsigned",
        &["status-list", "draft", "--jwks", "jwks.json", "--all"],
    );

    files.write("token", &tokens.status_list());
    let at = NOW.to_string();
    let token = files.json(&[
        "status-list",
        "token",
        "--jwks",
        "jwks.json",
        "--at",
        &at,
        "--all",
        "--json",
    ]);
    assert_eq!(
        (&token["signature"], &token["nonzero"]),
        (&json!("verified"), &tokens.nonzero())
    );
    let late = (NOW + 86_400).to_string();
    files.refused(
        "status-list.expired",
        &[
            "status-list",
            "token",
            "--jwks",
            "jwks.json",
            "--at",
            &late,
            "--all",
        ],
    );
    let unchecked = files.run(&["status-list", "token", "--all", "--json"]);
    assert!(
        String::from_utf8_lossy(&unchecked.stderr).contains("签名未核验"),
        "an unverified list says so"
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&unchecked.stdout).unwrap()["signature"],
        "unchecked"
    );
}

#[test]
fn exit_codes_tell_usage_from_refusal_from_nothing_checked() {
    let files = Files::new();
    files.write("good", &Tokens::new().hint());
    assert_eq!(files.code(&["--help"]), Some(0));
    assert_eq!(files.code(&["--version"]), Some(0));
    assert_eq!(files.code(&[]), Some(64));
    assert_eq!(files.code(&["nonsense"]), Some(64));
    assert_eq!(files.code(&["jws", "good"]), Some(64), "--jwks is required");
    assert_eq!(
        files.code(&["jws", "--jwks", "jwks.json", "--profile", "comity", "good"]),
        Some(64)
    );
    assert_eq!(
        files.code(&["sd-jwt", "--jwks", "jwks.json", "--aud", "x", "good"]),
        Some(64),
        "--aud needs --nonce"
    );
    assert_eq!(
        files.code(&["status-list", "good", "--index", "1", "--all"]),
        Some(64)
    );
    assert_eq!(files.code(&["jws", "--jwks", "jwks.json", "missing"]), Some(2));
    assert_eq!(files.code(&["jws", "--jwks", "missing", "good"]), Some(2));
    assert_eq!(
        files.code(&["jws", "--jwks", "good", "good"]),
        Some(1),
        "a key file that is none is refused"
    );
}

/// Leaves one of each kind of token where `run.py --emitted` can find them, after our own program has accepted them.
#[test]
fn leaves_tokens_for_the_other_implementation() {
    let tokens = Tokens::new();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emitted");
    std::fs::create_dir_all(&directory).unwrap();
    let (bound, claims) = (tokens.bound_permit(), tokens.permit_claims());
    for (name, content) in [
        ("jwks.json", tokens.jwks().to_string()),
        ("hint.jws", tokens.hint()),
        ("permit.sd-jwt", tokens.permit()),
        ("permit.claims.json", claims.to_string()),
        ("bound.sd-jwt", bound),
        ("bound.kb.json", json!({"aud": AUD, "nonce": NONCE}).to_string()),
        ("bound.claims.json", claims.to_string()),
        ("list.status.jwt", tokens.status_list()),
        ("list.nonzero.json", tokens.nonzero().to_string()),
    ] {
        std::fs::write(directory.join(name), content).unwrap();
    }
    let accepts = |arguments: &[&str]| {
        let at = NOW.to_string();
        let timed = if arguments[0] == "jws" {
            Vec::new()
        } else {
            vec!["--at", at.as_str()]
        };
        let status = Command::new(env!("CARGO_BIN_EXE_comity-verify"))
            .args(arguments)
            .args(timed)
            .args(["--jwks", "jwks.json"])
            .current_dir(&directory)
            .output()
            .unwrap()
            .status;
        assert!(status.success(), "{arguments:?}");
    };
    accepts(&["jws", "hint.jws"]);
    accepts(&["sd-jwt", "permit.sd-jwt"]);
    accepts(&["sd-jwt", "bound.sd-jwt", "--aud", AUD, "--nonce", NONCE]);
    accepts(&["status-list", "list.status.jwt"]);
}
