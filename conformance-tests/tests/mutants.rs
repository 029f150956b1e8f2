//! `comity-conformance mutants` with targets in shell: what counts as noticed, and what only looks like it.
#![cfg(test)]

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

/// Vectors and a register in a folder of their own: a region, and one of five digits that is refused.
struct Bench(tempfile::TempDir);

/// Mutants that are chosen by name are asked without asking whether they are all.
const EACH: &[&str] = &["--only", "*"];

/// Reads regions right; `IDN-2` and `IDN-2/…` name what it gets wrong.
const TARGET: &str = r#"
case "$COMITY_MUTANT" in ''|IDN-2|IDN-2/crash|IDN-2/hang|IDN-2/lazy|IDN-2/everything|IDN-2/reason) ;; *) exit 64 ;; esac
question=$(cat)
case $question in *'"36112"'*) short=yes ;; *) short= ;; esac
case "$short $COMITY_MUTANT" in
  'yes IDN-2'|*' IDN-2/lazy') echo '{"accept":{"read":"361123"}}' ;;
  *' IDN-2/crash') echo '{"accept":{"read":"361123"}}'; exit 3 ;;
  'yes IDN-2/hang') sleep 600 ;;
  'yes IDN-2/reason') echo '{"refuse":"identifier.date"}' ;;
  *' IDN-2/everything') echo '{"refuse":"identifier.date"}' ;;
  yes*) echo '{"refuse":"identifier.region"}' ;;
  *) echo '{"accept":{"read":"361123"}}' ;;
esac
"#;

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(bench.path("vectors/identifiers")).unwrap();
        bench.vector("valid", "361123", &json!({ "accept": { "read": "361123" } }));
        bench.vector("short", "36112", &json!({ "refuse": "identifier.region" }));
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn vector(&self, name: &str, value: &str, expect: &Value) {
        let mut vector = json!({
            "kind": "identifier",
            "name": format!("identifiers/{name}"),
            "requirements": ["IDN-2"],
            "about": "a region",
            "input": { "of": "region", "value": value },
            "expect": expect,
        });
        if expect.get("refuse").is_some() {
            vector["twin"] = json!("identifiers/valid");
        }
        let path = self.path("vectors/identifiers").join(format!("{name}.json"));
        std::fs::write(path, vector.to_string()).unwrap();
    }

    fn run(&self, target: &str, register: &str, more: &[&str]) -> (i32, String, Vec<Value>) {
        std::fs::write(self.path("adapter.sh"), target).unwrap();
        std::fs::write(self.path("mutants.toml"), register).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_comity-conformance"))
            .current_dir(self.0.path())
            .args(["mutants", "--adapter", "sh adapter.sh", "--vectors", "vectors"])
            .args(["--register", "mutants.toml", "--json", "fates.jsonl"])
            .args(more)
            .output()
            .unwrap();
        let lines = std::fs::read_to_string(self.path("fates.jsonl")).unwrap_or_default();
        (
            output.status.code().unwrap(),
            format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ),
            lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect(),
        )
    }
}

fn register(names: &[&str]) -> String {
    let one = |name: &&str| {
        format!("[[mutant]]\nname = \"{name}\"\nclass = \"offline\"\nkilled_by = \"identifiers/short\"\n")
    };
    names.iter().map(one).collect()
}

#[test]
fn a_mutant_whose_case_fails_is_killed() {
    let (code, said, fates) = Bench::new().run(TARGET, &register(&["IDN-2", "IDN-2/reason"]), EACH);
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        (&fates[0]["fate"], &fates[1]["fate"]),
        (&json!("killed"), &json!("killed"))
    );
    assert_eq!(fates[2]["killed"], 2);
}

#[test]
fn crash_silence_and_a_twin_that_falls_first_are_no_kills() {
    for name in ["IDN-2/crash", "IDN-2/hang", "IDN-2/everything"] {
        let (code, said, fates) =
            Bench::new().run(TARGET, &register(&[name]), &["--timeout", "2", "--only", "*"]);
        assert_eq!(
            (code, &fates[0]["fate"]),
            (1, &json!("survived")),
            "{name}: {said}"
        );
    }
}

#[test]
fn a_mutant_that_changes_nothing_survives() {
    let unchanged = TARGET.replace("'yes IDN-2'|", "");
    let (code, said, fates) = Bench::new().run(&unchanged, &register(&["IDN-2"]), EACH);
    assert_eq!((code, &fates[0]["fate"]), (1, &json!("survived")), "{said}");
}

#[test]
fn a_target_that_is_wrong_without_any_mistake_kills_nothing() {
    let wrong = TARGET.replace("yes*) echo '{\"refuse\":\"identifier.region\"}' ;;", "");
    let (code, said, _) = Bench::new().run(&wrong, &register(&["IDN-2"]), EACH);
    assert!(code == 1 && said.contains("without any mistake"), "{said}");
}

#[test]
fn a_target_that_knows_no_mistakes_is_found_out() {
    let ordinary = TARGET.replace("*) exit 64 ;;", "*) COMITY_MUTANT= ;;");
    let (code, said, _) = Bench::new().run(&ordinary, &register(&["IDN-2"]), EACH);
    assert!(code == 64 && said.contains("no-such-mutant"), "{said}");
}

#[test]
fn the_register_is_judged_too() {
    for (text, complaint) in [
        (register(&["IDN-2", "IDN-2"]), "twice"),
        (register(&["IDN-2", "IDX-1"]), "no requirement of the text"),
        (register(&["IDN-2", "IDN-3"]), "does not say that it proves IDN-3"),
        (
            register(&["IDN-2"]).replace("/short", "/shorter"),
            "there is no case",
        ),
        (
            format!(
                "{}[[equivalent]]\nname = \"IDN-2/other\"\nreason = \"masked\"\nbecause = \"no\"\n",
                register(&["IDN-2"])
            ),
            "says what stands in its way",
        ),
        (
            format!(
                "{}[[equivalent]]\nname = \"IDN-2/other\"\nreason = \"takes-days\"\nbecause = \"{}\"\n",
                register(&["IDN-2"]),
                "it shows only after more days than a run has"
            ),
            "are said to be equivalent",
        ),
    ] {
        let (code, said, _) = Bench::new().run(TARGET, &text, EACH);
        assert!(code == 1 && said.contains(complaint), "{complaint}: {said}");
    }
    let (code, said, _) = Bench::new().run(TARGET, &format!("{}more = 1\n", register(&["IDN-2"])), &[]);
    assert_eq!(code, 70, "{said}");
    let (code, said, _) = Bench::new().run(TARGET, &register(&["IDN-2"]), &["--only", "JWS-*"]);
    assert_eq!(code, 2, "{said}");
}

#[test]
fn a_requirement_that_nothing_breaks_fails_the_run_whichever_class_its_cases_are_of() {
    let (code, said, fates) = Bench::new().run(TARGET, &register(&["IDN-2"]), &[]);
    assert_eq!(code, 1, "{said}");
    // Of the vectors of this bench nothing is left open, of the cases that need a running target everything.
    assert!(!said.contains("REGISTER  IDN-2 "), "{said}");
    assert!(
        said.contains("REGISTER  TRN-6 is proved by recogniser/look-up-"),
        "{said}"
    );
    assert_eq!(fates[1]["exit"], 1);
    let (code, said, _) = Bench::new().run(TARGET, &register(&["TRN-6"]), &[]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("REGISTER  IDN-2 is proved by identifiers/"),
        "{said}"
    );
    assert!(!said.contains("REGISTER  TRN-6 is proved"), "{said}");
}
