//! The networked classes from outside, as far as no target is needed: the working folder, what `preflight` says to correct, and that
//! nothing which did not happen passes. Targets that answer are real ones; none is imitated here.
#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let drawn = suite(&["init", "--dir", bench.work(), "--region", "361123"]);
        assert_eq!(code(&drawn), 0, "{drawn:?}");
        bench
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join("work").join(below)
    }

    fn work(&self) -> &str {
        // The folder below the temporary one is made by `init` itself.
        Box::leak(self.path("").to_string_lossy().into_owned().into_boxed_str())
    }

    /// Puts another line in place of one of `target.toml`.
    fn with(self, old: &str, new: &str) -> Self {
        let path = self.path("target.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        std::fs::write(&path, text.replace(old, new)).unwrap();
        self
    }

    /// A target program in shell.
    fn program(self, script: &str) -> Self {
        let line = format!("program = [\"sh\", \"-c\", {script:?}]");
        self.with("program = [\"my-target\"]", &line)
    }
}

fn suite(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_comity-conformance"))
        .args(arguments)
        .output()
        .unwrap()
}

fn code(run: &Output) -> i32 {
    run.status.code().unwrap()
}

fn said(run: &Output) -> String {
    String::from_utf8_lossy(&[run.stdout.as_slice(), &run.stderr].concat()).into_owned()
}

fn is_there(path: &Path) -> bool {
    path.exists()
}

#[test]
fn a_working_folder_has_all_that_a_target_needs_and_is_not_drawn_twice() {
    let bench = Bench::new();
    for name in [
        "world.json",
        "anchor.json",
        "roots.pem",
        "residents.csv",
        "residents.csv.manifest.json",
        "target.toml",
        "README.txt",
    ] {
        assert!(is_there(&bench.path(name)), "{name}");
    }
    let again = suite(&["init", "--dir", bench.work()]);
    assert_eq!(code(&again), 64);
    assert!(said(&again).contains("world.json"), "{}", said(&again));
}

#[test]
fn a_configuration_error_has_a_code_of_its_own_and_says_what_to_correct() {
    let answers = |answer: &'static str| move || Bench::new().program(&format!("read a; echo '{answer}'"));
    let cases: [(&dyn Fn() -> Bench, &str); 8] = [
        (&Bench::new, "my-target"),
        (&|| Bench::new().with("name =", "nmae ="), "nmae"),
        (&|| Bench::new().with("\"361123\"", "\"330822\""), "330822"),
        (&|| Bench::new().program("exit 3"), "exit status: 3"),
        (&answers("nonsense"), "start"),
        (
            &answers(r#"{"id":1,"refused":{"text":"out of paper"}}"#),
            "out of paper",
        ),
        (
            &answers(r#"{"id":1,"unsupported":"no such thing"}"#),
            "no such thing",
        ),
        (
            &answers(r#"{"id":1,"ok":{"application":"a.b.c"}}"#),
            "application",
        ),
    ];
    for (make, says) in cases {
        for command in ["preflight", "run"] {
            let run = undisturbed(make, &[command]);
            assert_eq!(code(&run), 3, "{command} {says}: {}", said(&run));
            assert!(said(&run).contains(says), "{command} {says}: {}", said(&run));
        }
    }
}

/// Asks with a bench whose ports nobody takes meanwhile: tests run beside each other, and each folder draws ports of its own.
fn undisturbed(make: &dyn Fn() -> Bench, arguments: &[&str]) -> Output {
    for _ in 0..20 {
        let bench = make();
        let run = suite(&[&arguments[..1], &["--dir", bench.work()], &arguments[1..]].concat());
        if !said(&run).contains("Address already in use") {
            return run;
        }
    }
    panic!("a port was taken twenty times");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let bench = Bench::new();
    let world: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(bench.path("world.json")).unwrap()).unwrap();
    let port = u16::try_from(world["ports"][0].as_u64().unwrap()).unwrap();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let run = suite(&["preflight", "--dir", bench.work()]);
    assert_eq!(code(&run), 3);
    assert!(said(&run).contains(&port.to_string()), "{}", said(&run));
}

#[test]
fn a_limit_of_open_files_is_not_taken_for_a_taken_port() {
    let bench = Bench::new();
    let script = "ulimit -n 64; exec \"$0\" preflight --dir \"$1\"";
    let run = Command::new("sh")
        .args([
            "-c",
            script,
            env!("CARGO_BIN_EXE_comity-conformance"),
            bench.work(),
        ])
        .output()
        .unwrap();
    assert_eq!(code(&run), 3, "{}", said(&run));
    assert!(said(&run).contains("ulimit -n"), "{}", said(&run));
}

#[test]
fn the_result_of_several_targets_is_of_none_of_them() {
    let bench = Bench::new().with("# instances = 4", "instances = 4");
    let key = bench.at("tester.key");
    assert_eq!(code(&suite(&["keygen", "--key", &key])), 0);
    let (json, result) = (bench.at("record"), bench.at("result.jwt"));
    let signed = ["--json", &json, "--result", &result, "--key", &key];
    let head = ["run", "--dir", bench.work()];
    let run = suite(&[&head[..], &signed].concat());
    assert_eq!(code(&run), 64, "{}", said(&run));
    assert!(said(&run).contains("--for"), "{}", said(&run));
    // With one of them it is that one's, and the run goes on to start it.
    let one = [&["run"][..], &signed, &["--jobs", "1"]].concat();
    let run = undisturbed(&|| Bench::new().with("# instances = 4", "instances = 4"), &one);
    assert_eq!(code(&run), 3, "{}", said(&run));
    assert!(said(&run).contains("my-target"), "{}", said(&run));
}

#[test]
fn nothing_that_matched_is_no_pass() {
    let bench = Bench::new();
    let run = suite(&["run", "--dir", bench.work(), "--only", "nothing-matches"]);
    assert_eq!(code(&run), 2, "{}", said(&run));
    let run = suite(&["replay", "--dir", bench.work(), "issuer/nothing-is-called-so"]);
    assert_eq!(code(&run), 2, "{}", said(&run));
    let run = suite(&["replay", "--dir", bench.work(), "jws/valid"]);
    assert_eq!(code(&run), 64, "{}", said(&run));
    let instead = format!("run --dir {} --class offline --only jws/valid", bench.work());
    assert!(said(&run).contains(&instead), "{}", said(&run));
    let run = suite(&["list", "--class", "issuer", "--only", "nothing-matches"]);
    assert_eq!(code(&run), 2, "{}", said(&run));
}

#[test]
fn an_adapter_and_a_folder_are_two_kinds_of_target() {
    let bench = Bench::new();
    assert_eq!(
        code(&suite(&["run", "--dir", bench.work(), "--adapter", "true"])),
        64
    );
    assert_eq!(
        code(&suite(&["run", "--class", "issuer", "--adapter", "true"])),
        64
    );
    let none = suite(&["run"]);
    assert_eq!(code(&none), 64);
    assert!(
        said(&none).contains("--dir") && said(&none).contains("--adapter"),
        "{}",
        said(&none)
    );
}

#[test]
fn a_case_and_a_requirement_are_explained_whoever_is_asked_them() {
    let case = said(&suite(&["explain", "issuer/wrong-audience"]));
    for told in [
        "[VER-4]",
        "issuer/look-up-match",
        "replay --dir DIR issuer/wrong-audience",
    ] {
        assert!(case.contains(told), "{told}: {case}");
    }
    let requirement = said(&suite(&["explain", "VER-4"]));
    assert!(requirement.contains("issuer/wrong-audience"), "{requirement}");
    let vector = said(&suite(&["explain", "jws/alg-none"]));
    assert!(vector.contains("--adapter CMD"), "{vector}");
    let rule = said(&suite(&["explain", "sd-jwt.arity"]));
    for told in ["16.5", "[ATT-10]", "sd-jwt/"] {
        assert!(rule.contains(told), "{told}: {rule}");
    }
    let nothing = suite(&["explain", "issuer/nothing-is-called-so"]);
    assert_eq!(code(&nothing), 2);
    assert!(said(&nothing).contains("list --class"), "{}", said(&nothing));
}

#[test]
fn every_class_has_cases_and_says_what_they_prove() {
    for class in ["issuer", "recogniser", "node", "authority"] {
        let list = suite(&["list", "--class", class]);
        assert_eq!(code(&list), 0, "{class}");
        let text = said(&list);
        assert!(text.lines().count() >= 1, "{class}");
        assert!(text.lines().all(|line| line.split('\t').count() >= 4), "{text}");
    }
}

/// What an honest verifier answers to the two vectors of the bench.
const HONEST: &str = r#"case "$(cat)" in
  *'"value":"361123"'*) echo '{"accept":{"read":"361123"}}' ;;
  *) echo '{"refuse":"identifier.region"}' ;;
esac"#;

/// A working folder whose target is an off-line verifier alone, with two vectors of our own making.
fn offline_bench(script: &str, more: &str) -> Bench {
    let bench = Bench::new();
    std::fs::write(bench.path("adapter.sh"), script).unwrap();
    let target = format!(
        "[target]\nname = \"a\"\nclasses = [\"offline\"]\nregion = \"361123\"\nadapter = [\"sh\", \"adapter.sh\"]\n{more}"
    );
    std::fs::write(bench.path("target.toml"), target).unwrap();
    std::fs::create_dir_all(bench.path("vectors/identifiers")).unwrap();
    for (name, value, rest) in [
        ("valid", "361123", r#""expect":{"accept":{"read":"361123"}}"#),
        (
            "short",
            "36112",
            r#""twin":"identifiers/valid","expect":{"refuse":"identifier.region"}"#,
        ),
    ] {
        let vector = format!(
            r#"{{"kind":"identifier","name":"identifiers/{name}","requirements":["IDN-1"],"about":"a region","input":{{"of":"region","value":"{value}"}},{rest}}}"#
        );
        let path = bench.path(&format!("vectors/identifiers/{name}.json"));
        std::fs::write(path, vector).unwrap();
    }
    bench
}

impl Bench {
    fn at(&self, below: &str) -> String {
        self.path(below).to_string_lossy().into_owned()
    }

    /// One command for every class of the target file, with all that can be told of it.
    fn judged(&self, more: &[&str]) -> Output {
        let (vectors, json) = (self.at("vectors"), self.at("record"));
        let (html, junit) = (self.at("page.html"), self.at("junit.xml"));
        let head = ["run", "--dir", self.work(), "--vectors", &vectors];
        let files = ["--json", &json, "--html", &html, "--junit", &junit];
        suite(&[&head[..], &files, more].concat())
    }
}

#[test]
fn the_class_offline_of_a_target_file_is_judged_with_the_others_in_one_record() {
    let bench = offline_bench(HONEST, "");
    let run = bench.judged(&[]);
    assert_eq!(code(&run), 0, "{}", said(&run));
    assert!(said(&run).contains("2 pass"), "{}", said(&run));
    let told = |name| std::fs::read_to_string(bench.path(name)).unwrap();
    let (page, junit) = (told("page.html"), told("junit.xml"));
    assert!(
        page.contains("通过 / passed") && page.contains("identifiers/short"),
        "{page}"
    );
    assert!(junit.contains(r#"tests="2" failures="0""#), "{junit}");
    // The same from the record afterwards.
    let (record, html, xml) = (bench.at("record"), bench.at("again.html"), bench.at("again.xml"));
    let again = suite(&["report", &record, "--html", &html, "--junit", &xml]);
    assert_eq!(code(&again), 0, "{}", said(&again));
    assert_eq!((told("again.html"), told("again.xml")), (page, junit));
    assert_eq!(
        code(&suite(&["report", &bench.at("target.toml"), "--html", &html])),
        64
    );
    assert_eq!(code(&suite(&["report", &record])), 64, "to no file");

    let wrong = offline_bench("cat >/dev/null; echo '{\"accept\":{\"read\":\"361123\"}}'", "");
    assert_eq!(code(&wrong.judged(&[])), 1);
    let excused = "[unsupported]\n\"identifiers/short\" = \"known\"\n";
    let excused = offline_bench(
        "cat >/dev/null; echo '{\"accept\":{\"read\":\"361123\"}}'",
        excused,
    );
    assert_eq!(code(&excused.judged(&[])), 0);
    assert_eq!(code(&excused.judged(&["--complete"])), 1);
}

#[test]
fn an_adapter_that_cannot_answer_is_found_before_the_run() {
    let ready = offline_bench(HONEST, "");
    let preflight = suite(&["preflight", "--dir", ready.work()]);
    assert_eq!(code(&preflight), 0, "{}", said(&preflight));
    assert!(
        said(&preflight).contains(&format!("run --dir {}", ready.work())),
        "{}",
        said(&preflight)
    );
    for script in ["cat >/dev/null; echo nonsense", "cat >/dev/null; exit 3"] {
        let bench = offline_bench(script, "");
        let preflight = suite(&["preflight", "--dir", bench.work()]);
        assert_eq!(code(&preflight), 3, "{}", said(&preflight));
        assert!(
            said(&preflight).contains("target.adapter"),
            "{}",
            said(&preflight)
        );
        assert_eq!(code(&bench.judged(&[])), 2, "what it would answer is unknown");
    }
    let bench = offline_bench("", "").with("\"sh\"", "\"/no/such/adapter\"");
    for run in [suite(&["preflight", "--dir", bench.work()]), bench.judged(&[])] {
        assert_eq!(code(&run), 3, "{}", said(&run));
        assert!(said(&run).contains("target.adapter"), "{}", said(&run));
    }
}

/// Accepts whatever it is asked.
const CREDULOUS: &str = "cat >/dev/null; echo '{\"accept\":{\"read\":\"361123\"}}'";

fn expects(case: &str, until: &str) -> String {
    format!("[[expected_failure]]\ncase = \"{case}\"\nreason = \"known\"\nuntil = \"{until}\"\n")
}

#[test]
fn an_expected_failure_that_is_none_or_none_any_more_fails_the_run() {
    let short = "identifiers/short";
    let known = offline_bench(CREDULOUS, &expects(short, "9999-12-31"));
    let run = known.judged(&[]);
    assert_eq!(code(&run), 0, "{}", said(&run));
    assert!(said(&run).contains("1 expected to fail"), "{}", said(&run));
    for (bench, says) in [
        (
            offline_bench(HONEST, &expects(short, "9999-12-31")),
            "take it off the list",
        ),
        (
            offline_bench(CREDULOUS, &expects(short, "2020-12-31")),
            "2020-12-31",
        ),
        (
            offline_bench(HONEST, &expects("identifiers/shrt", "9999-12-31")),
            "identifiers/shrt",
        ),
    ] {
        let run = bench.judged(&[]);
        assert_eq!(code(&run), 1, "{says}: {}", said(&run));
        assert!(said(&run).contains(says), "{says}: {}", said(&run));
    }
    // What is no case is said before the run, too.
    for exception in [
        expects("issuer/slwo", "9999-12-31"),
        "[unsupported]\n\"isuer/*\" = \"why\"\n".to_owned(),
    ] {
        let bench = offline_bench(HONEST, &exception);
        let preflight = suite(&["preflight", "--dir", bench.work()]);
        assert_eq!(code(&preflight), 3, "{}", said(&preflight));
        assert!(said(&preflight).contains("target.toml"), "{}", said(&preflight));
    }
}

#[test]
fn a_run_that_is_to_stop_stops_and_says_what_was_not_played() {
    let wrong = offline_bench("cat >/dev/null; echo '{\"refuse\":\"jws.alg\"}'", "");
    let all = wrong.judged(&["--jobs", "1"]);
    assert!(!said(&all).contains("not played"), "{}", said(&all));
    let first = wrong.judged(&["--jobs", "1", "--bail", "--seed", "7"]);
    assert_ne!(code(&first), 0);
    assert!(said(&first).contains("1 were not played"), "{}", said(&first));
}

#[test]
fn a_result_is_signed_by_a_key_that_stays_secret_and_belongs_to_some_county() {
    let bench = offline_bench(HONEST, "");
    let key = bench.at("tester.key");
    let made = suite(&["keygen", "--key", &key]);
    assert_eq!(code(&made), 0);
    let public = said(&made);
    let secret = std::fs::read_to_string(&key).unwrap();
    assert!(
        public.contains("\"kid\"") && !public.contains(secret.trim()),
        "{public}"
    );
    assert_eq!(
        code(&suite(&["keygen", "--key", &key])),
        64,
        "is not written over"
    );
    assert_eq!(std::fs::read_to_string(&key).unwrap(), secret);

    let result = bench.at("result.jwt");
    let nobodys = bench.judged(&["--result", &result, "--key", &key]);
    assert_eq!(code(&nobodys), 64);
    assert!(said(&nobodys).contains("--for"), "{}", said(&nobodys));
    let wrong = bench.judged(&["--result", &result, "--key", &bench.at("world.json")]);
    assert_eq!(code(&wrong), 64);
    let wrong = bench.judged(&[
        "--result",
        &result,
        "--key",
        &key,
        "--for",
        &bench.at("world.json"),
    ]);
    assert_eq!(code(&wrong), 64);
    assert_eq!(code(&bench.judged(&["--result", &result])), 64, "by no key");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&key, open).unwrap();
    let wrong = bench.judged(&["--result", &result, "--key", &key]);
    assert!(
        code(&wrong) == 64 && said(&wrong).contains("chmod 600"),
        "{}",
        said(&wrong)
    );
}
