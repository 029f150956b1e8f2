//! The program against targets of a few lines: honest, lying, silent, crashing, lazy. Each has to get the verdict that it
//! deserves; the vectors are three of our own making, so that nothing here rests on a verifier.
#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// What an honest target answers to the three vectors.
const HONEST: &str = r#"
case "$(cat)" in
  *'"value":"361123"'*) echo '{"accept":{"read":"361123","more":1}}' ;;
  *) echo '{"refuse":"identifier.region"}' ;;
esac"#;

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(bench.path("vectors/identifiers")).unwrap();
        bench.vector(
            "valid",
            &json!("361123"),
            &json!({ "accept": { "read": "361123" } }),
        );
        bench.vector(
            "short",
            &json!("36112"),
            &json!({ "refuse": "identifier.region" }),
        );
        bench.vector(
            "number",
            &json!(361_123),
            &json!({ "refuse": "identifier.region" }),
        );
        bench
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn vector(&self, name: &str, value: &Value, expect: &Value) {
        let mut vector = json!({
            "kind": "identifier",
            "name": format!("identifiers/{name}"),
            "requirements": ["IDN-1"],
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

    /// Runs the suite on an adapter in shell.
    fn run(&self, script: &str, more: &[&str]) -> Run {
        let adapter = self.path("adapter.sh");
        std::fs::write(&adapter, script).unwrap();
        let json = self.path("results.jsonl");
        let output = Command::new(env!("CARGO_BIN_EXE_comity-conformance"))
            .args(["run", "--class", "offline", "--adapter"])
            .arg(format!("sh '{}'", adapter.display()))
            .arg("--vectors")
            .arg(self.path("vectors"))
            .arg("--json")
            .arg(&json)
            .args(more)
            .output()
            .unwrap();
        Run::new(&output, &json)
    }
}

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
    records: Vec<Value>,
}

impl Run {
    fn new(output: &Output, json: &Path) -> Self {
        let lines = std::fs::read_to_string(json).unwrap_or_default();
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
            records: lines
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        }
    }

    /// Verdicts in the order valid, short, number.
    fn verdicts(&self) -> [&str; 3] {
        ["valid", "short", "number"].map(|name| {
            let name = format!("identifiers/{name}");
            let record = self.records.iter().find(|r| r["name"] == name.as_str());
            record.map_or("not asked", |r| r["verdict"].as_str().unwrap())
        })
    }
}

#[test]
fn an_honest_target_passes() {
    let run = Bench::new().run(HONEST, &["--complete"]);
    assert_eq!(
        (run.code, run.verdicts()),
        (0, ["pass"; 3]),
        "{}{}",
        run.stdout,
        run.stderr
    );
    let summary = run.records.last().unwrap();
    assert_eq!((&summary["pass"], &summary["exit"]), (&json!(3), &json!(0)));
    assert_eq!(run.records[0]["cases"], 3);
}

#[test]
fn one_that_accepts_everything_fails() {
    let run = Bench::new().run(r#"cat >&2; echo '{"accept":{"read":"361123"}}'"#, &[]);
    assert_eq!((run.code, run.verdicts()), (1, ["pass", "fail", "fail"]));
    for part in [
        "FAIL identifiers/short",
        "[IDN-1] ",
        r#"{"refuse":"identifier.region"}"#,
        r#"{"accept":{"read":"361123"}}"#,
        "short.json",
        "--only identifiers/short",
    ] {
        assert!(run.stdout.contains(part), "{part} is not shown:\n{}", run.stdout);
    }
}

#[test]
fn one_that_refuses_everything_proves_nothing_by_it() {
    let run = Bench::new().run(r#"cat >/dev/null; echo '{"refuse":"identifier.region"}'"#, &[]);
    assert_eq!((run.code, run.verdicts()), (1, ["fail", "unknown", "unknown"]));
    // The twin decides also where it was not selected.
    let run = Bench::new().run(
        r#"cat >/dev/null; echo '{"refuse":"identifier.region"}'"#,
        &["--only", "*/short"],
    );
    assert_eq!(
        (run.code, run.verdicts()),
        (2, ["not asked", "unknown", "not asked"])
    );
}

#[test]
fn one_that_refuses_for_another_reason_fails() {
    let run = Bench::new().run(&HONEST.replace("identifier.region", "identifier.date"), &[]);
    assert_eq!((run.code, run.verdicts()), (1, ["pass", "fail", "fail"]));
}

#[test]
fn one_that_crashes_is_unknown() {
    let crash = HONEST.replace(
        r#"echo '{"refuse""#,
        r#"echo 'no such luck' >&2; exit 3; echo '{"refuse""#,
    );
    let run = Bench::new().run(&crash, &[]);
    assert_eq!((run.code, run.verdicts()), (2, ["pass", "unknown", "unknown"]));
    assert!(run.stdout.contains("no such luck"), "{}", run.stdout);
}

#[test]
fn one_that_does_not_answer_hangs() {
    let hang = HONEST.replace(r#"echo '{"refuse""#, r#"sleep 600; echo '{"refuse""#);
    let run = Bench::new().run(&hang, &["--timeout", "2", "--only", "*/short"]);
    assert_eq!(
        (run.code, run.verdicts()),
        (1, ["not asked", "hang", "not asked"])
    );
}

#[test]
fn unsupported_is_honest_only_throughout_and_is_never_a_pass() {
    let none = r#"cat >/dev/null; echo '{"unsupported":"not our trade"}'"#;
    let run = Bench::new().run(none, &[]);
    assert_eq!((run.code, run.verdicts()), (2, ["skip"; 3]), "nothing passed");
    let run = Bench::new().run(none, &["--complete"]);
    assert_eq!(run.code, 1);
    let valid_only = HONEST.replace(
        r#"{"refuse":"identifier.region"}"#,
        r#"{"unsupported":"why not"}"#,
    );
    let run = Bench::new().run(&valid_only, &[]);
    assert_eq!((run.code, run.verdicts()), (0, ["pass", "skip", "skip"]));
    // It cannot know what is wrong with the one when it does not know the other.
    let lazy = HONEST.replace(
        r#"{"accept":{"read":"361123","more":1}}"#,
        r#"{"unsupported":"why not"}"#,
    );
    let run = Bench::new().run(&lazy, &[]);
    assert_eq!((run.code, run.verdicts()), (2, ["skip", "unknown", "unknown"]));
}

#[test]
fn the_question_tells_neither_name_nor_expectation() {
    let bench = Bench::new();
    let kept = bench.path("questions");
    let run = bench.run(
        &format!(
            "question=$(cat); echo \"$question\" >>'{}'\necho \"$question\" | {{{HONEST}\n}}",
            kept.display()
        ),
        &["--jobs", "1", "--seed", "7"],
    );
    assert_eq!(run.code, 0, "{}", run.stdout);
    let questions = std::fs::read_to_string(kept).unwrap();
    assert_eq!(questions.lines().count(), 3);
    for line in questions.lines() {
        let question: Value = serde_json::from_str(line).unwrap();
        let members: Vec<&String> = question.as_object().unwrap().keys().collect();
        assert_eq!(members.len(), 4, "{members:?}");
        for word in ["identifiers/", "twin", "refuse", "expect", "IDN-1", "a region"] {
            assert!(!line.contains(word), "{word} is told: {line}");
        }
        let token = &question["case"];
        assert_eq!(run.records.iter().filter(|r| r["case"] == *token).count(), 1);
    }
}

#[test]
fn bail_stops_and_the_order_is_that_of_the_seed() {
    let liar = r#"cat >/dev/null; echo '{"accept":{"read":"361123"}}'"#;
    let run = Bench::new().run(liar, &["--bail", "--jobs", "1"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.verdicts().iter().filter(|v| **v == "not asked").count(), 1);
    let order = |seed: &str| {
        let run = Bench::new().run(HONEST, &["--jobs", "1", "--seed", seed]);
        run.records
            .iter()
            .map(|r| r["name"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(order("3"), order("3"));
    assert!((0..16).any(|seed| order(&seed.to_string()) != order("3")));
}

#[test]
fn junit_has_the_failures() {
    let bench = Bench::new();
    let junit = bench.path("junit.xml");
    let path = junit.to_str().unwrap();
    bench.run(
        r#"cat >/dev/null; echo '{"accept":{"read":"361123"}}'"#,
        &["--junit", path],
    );
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(
        xml.contains(r#"tests="3" failures="2" errors="0" skipped="0""#),
        "{xml}"
    );
    assert!(
        xml.contains("&quot;refuse&quot;") && xml.ends_with("</testsuites>\n"),
        "{xml}"
    );
}

#[test]
fn what_cannot_be_run_says_so_with_its_own_code() {
    let bench = Bench::new();
    assert_eq!(bench.run(HONEST, &["--only", "nothing/*"]).code, 2);
    let suite = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_comity-conformance"))
            .args(arguments)
            .current_dir(bench.0.path())
            .output()
            .unwrap();
        Run::new(&output, Path::new(""))
    };
    let run = suite(&["run", "--vectors", "none", "--adapter", "true"]);
    assert!(
        run.code == 64 && run.stderr.contains("no vectors in none"),
        "{}",
        run.stderr
    );
    let run = suite(&["run", "--vectors", "vectors", "--adapter", "/no/such/program"]);
    assert!(
        run.code == 64 && run.stderr.contains("/no/such/program"),
        "{}",
        run.stderr
    );
    assert_eq!(suite(&["run", "--vectors", "vectors"]).code, 64);
    let run = suite(&["explain", "identifiers/none", "--vectors", "vectors"]);
    assert_eq!(run.code, 2);
    let run = suite(&["explain", "IDN-1", "--vectors", "vectors"]);
    assert!(
        run.code == 0 && run.stdout.contains("identifiers/short"),
        "{}",
        run.stdout
    );
}

#[test]
fn broken_vectors_are_the_suites_fault() {
    for (name, expect) in [
        ("other", json!({ "perhaps": "a" })),
        ("twin", json!({ "refuse": "a" })),
    ] {
        let bench = Bench::new();
        // The second is its twin's double: nothing is wrong with it that could be refused.
        bench.vector(name, &json!("361123"), &expect);
        let run = bench.run(HONEST, &[]);
        assert!(run.code == 70 && run.stderr.contains(name), "{}", run.stderr);
    }
}

#[test]
fn the_vectors_of_the_specification_are_sound() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors");
    let output = Command::new(env!("CARGO_BIN_EXE_comity-conformance"))
        .args(["list", "--vectors"])
        .arg(vectors)
        .output()
        .unwrap();
    let run = Run::new(&output, Path::new(""));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.lines().count() > 500 && !run.stdout.contains("\trequest\t"));
}

#[test]
fn the_program_alone_has_every_vector() {
    let bench = Bench::new();
    let suite = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_comity-conformance"))
            .args(arguments)
            .current_dir(bench.0.path())
            .output()
            .unwrap();
        Run::new(&output, Path::new(""))
    };
    let run = suite(&["vectors", "--out", "given"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors");
    for name in ["jws/valid.json", "federations/demo.json"] {
        let same =
            std::fs::read(tree.join(name)).unwrap() == std::fs::read(bench.path("given").join(name)).unwrap();
        assert!(same, "{name}");
    }
    let carried = suite(&["list"]);
    assert_eq!(carried.code, 0, "{}", carried.stderr);
    let names = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let in_tree = suite(&["list", "--vectors", &tree.to_string_lossy()]);
    assert_eq!(names(&carried.stdout), names(&in_tree.stdout));
    assert!(names(&carried.stdout).len() > 500);
    let adapter = "sh -c 'cat >/dev/null; echo {}'";
    let one = suite(&["run", "--adapter", adapter, "--only", "jws/valid"]);
    let of_the_class = format!("1 of {} cases", names(&carried.stdout).len());
    assert!(one.stderr.contains(&of_the_class), "{}", one.stderr);
    let coverage = suite(&["coverage", "--gaps"]);
    assert_eq!(coverage.code, 0, "{} {}", coverage.stdout, coverage.stderr);
    assert!(
        coverage.stdout.contains(" 0 open; 0 wrong"),
        "{}",
        coverage.stdout
    );
    assert_eq!(suite(&["coverage", "--excused", "no-such-file"]).code, 64);
    // Again: nothing to do. A file of somebody else: left as it is.
    assert_eq!(suite(&["vectors", "--out", "given"]).code, 0);
    std::fs::write(bench.path("given/jws/valid.json"), "mine").unwrap();
    let run = suite(&["vectors", "--out", "given"]);
    assert!(
        run.code == 64 && run.stderr.contains("valid.json"),
        "{}",
        run.stderr
    );
    assert_eq!(
        std::fs::read(bench.path("given/jws/valid.json")).unwrap(),
        b"mine"
    );
}
