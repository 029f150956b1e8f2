//! The target: one executable, started once for each question. One JSON object on its standard input, one on its standard
//! output, exit code 0 when it answered. The contract is in `README.md`.
//!
//! Nothing that the target does stops the run: a crash, an answer without form, an endless answer and no answer at all are
//! told apart and left to the verdict. Only a program that cannot be started at all ends it.

use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Most bytes of an answer.
const MAX_ANSWER: u64 = 1 << 20;

/// Most bytes kept of what the target writes on standard error.
const MAX_STDERR: u64 = 16 << 10;

/// How often an exit is looked for, once the output has ended.
const EXIT_POLL: Duration = Duration::from_millis(1);

/// The command line of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    text: String,
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// Where it is started, where that is not here.
    folder: Option<PathBuf>,
}

/// Why a command line is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    /// There is no program in it.
    #[error("没有程序 / it names no program")]
    Empty,
    /// A quotation mark is not closed, or nothing follows a backslash.
    #[error("引号未闭合 / a quotation mark is not closed")]
    Open,
}

impl FromStr for Target {
    type Err = TargetError;

    /// Splits at blanks as a shell does, with `'…'`, `"…"` and `\`; nothing is expanded and no shell is started.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let mut words: Vec<String> = Vec::new();
        let mut word: Option<String> = None;
        let mut quote: Option<char> = None;
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            match (quote, c) {
                (Some(open), _) if c == open => quote = None,
                (None | Some('"'), '\\') => {
                    let next = characters.next().ok_or(TargetError::Open)?;
                    word.get_or_insert_default().push(next);
                }
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, c) if c.is_whitespace() => words.extend(word.take()),
                (_, c) => word.get_or_insert_default().push(c),
            }
        }
        if quote.is_some() {
            return Err(TargetError::Open);
        }
        words.extend(word);
        let mut words = words.into_iter();
        Ok(Self {
            text: text.to_owned(),
            program: words.next().filter(|p| !p.is_empty()).ok_or(TargetError::Empty)?,
            arguments: words.collect(),
            environment: Vec::new(),
            folder: None,
        })
    }
}

/// What a target says of a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It accepts, and read this.
    Accept(Map<String, Value>),
    /// It refuses by this rule.
    Refuse(String),
    /// It does not do this, and why.
    Unsupported(String),
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// An answer in its form.
    Answer(Answer),
    /// Something else, and what.
    Broken(String),
    /// Nothing in time.
    Hang,
}

/// What came of asking, with the record of it.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) told: Told,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

/// The target cannot be started.
#[derive(Debug, thiserror::Error)]
#[error(
    "无法启动被测程序 / cannot start the adapter `{program}`: {reason}. {}",
    sought(program)
)]
pub(crate) struct StartError {
    program: String,
    reason: std::io::Error,
}

/// Where a program of this name is looked for.
fn sought(program: &str) -> &'static str {
    if program.contains('/') {
        "该路径上须有可执行文件 / an executable file must stand at that path"
    } else {
        "在 PATH 中查找，其他位置请写带斜杠的路径 / it is looked for on PATH; give a path with a slash otherwise"
    }
}

impl Target {
    /// The command line as it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Program and arguments.
    pub(crate) fn words(&self) -> impl Iterator<Item = String> {
        std::iter::once(&self.program).chain(&self.arguments).cloned()
    }

    /// A target by its words, started in this folder. `None` where there is no word.
    pub(crate) fn in_folder(words: &[String], folder: &Path) -> Option<Self> {
        let (program, arguments) = words.split_first()?;
        Some(Self {
            text: words.join(" "),
            program: program.clone(),
            arguments: arguments.to_vec(),
            environment: Vec::new(),
            folder: Some(folder.to_owned()),
        })
    }

    /// The same target, started with this variable in its environment.
    pub(crate) fn with(&self, variable: &str, value: &str) -> Self {
        let mut target = self.clone();
        target.environment.push((variable.to_owned(), value.to_owned()));
        target
    }

    /// Asks one question and waits for the answer, no longer than `limit`.
    pub(crate) fn ask(&self, question: &Value, limit: Duration) -> Result<Reply, StartError> {
        let started = Instant::now();
        let mut command = Command::new(&self.program);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let mut child = command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: what the target started ends with it.
            .process_group(0)
            .spawn()
            .map_err(|reason| StartError {
                program: self.program.clone(),
                reason,
            })?;
        let text = question.to_string();
        let stdin = child.stdin.take();
        std::thread::spawn(move || {
            // A target that answers without reading everything closes the pipe: its good right.
            let _ = stdin.map(|mut pipe| pipe.write_all(text.as_bytes()));
        });
        let stdout = drained(child.stdout.take(), MAX_ANSWER + 1);
        let stderr = drained(child.stderr.take(), MAX_STDERR);

        let rest = |limit: Duration| limit.saturating_sub(started.elapsed());
        let output = stdout.recv_timeout(rest(limit)).ok();
        let status = output.as_ref().and_then(|_| exit(&mut child, started, limit));
        if status.is_none() {
            end(&mut child);
        }
        let stderr = stderr
            .recv_timeout(Duration::from_millis(200))
            .unwrap_or_default();
        Ok(Reply {
            told: match (output, status) {
                (Some(output), Some(status)) => read(&output, status),
                _ => Told::Hang,
            },
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            took: started.elapsed(),
        })
    }
}

/// Reads a pipe to its end on a thread of its own and hands over its first bytes.
fn drained(pipe: Option<impl Read + Send + 'static>, most: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What cannot be read was not answered: the bytes so far are judged.
            let _ = pipe.by_ref().take(most).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
        // Nobody waits any more when the time was up.
        let _ = sender.send(bytes);
    });
    receiver
}

/// How it ended, or `None` when the time is up.
fn exit(child: &mut Child, started: Instant, limit: Duration) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if started.elapsed() < limit => std::thread::sleep(EXIT_POLL),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Ends the target and everything that it started.
fn end(child: &mut Child) {
    let group = format!("-{}", child.id());
    let quiet = Command::new("kill")
        .args(["-KILL", "--", &group])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // Without the program `kill` the target itself still ends.
    if !quiet.is_ok_and(|status| status.success()) {
        let _ = child.kill();
    }
    let _ = child.wait();
}

fn read(output: &[u8], status: ExitStatus) -> Told {
    if !status.success() {
        return Told::Broken(format!("it ended with {status} and not with exit code 0"));
    }
    if output.len() as u64 > MAX_ANSWER {
        return Told::Broken("its answer is over 1 MiB".to_owned());
    }
    match serde_json::from_slice(output) {
        Ok(Answer::Unsupported(why)) if why.trim().is_empty() => {
            Told::Broken("it says `unsupported` and not why".to_owned())
        }
        Ok(answer) => Told::Answer(answer),
        Err(error) => Told::Broken(format!(
            "its answer is not one object {{\"accept\": {{…}}}}, {{\"refuse\": \"rule\"}} or {{\"unsupported\": \"why\"}}: {error}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn told(script: &str, limit: Duration) -> Reply {
        let target = Target {
            text: String::new(),
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: Vec::new(),
            folder: None,
        };
        target.ask(&json!({ "case": "x" }), limit).unwrap()
    }

    #[test]
    fn a_command_line_is_split_as_a_shell_does() {
        let words = |text: &str| {
            let target: Target = text.parse()?;
            Ok::<_, TargetError>((target.program, target.arguments))
        };
        let two = |a: &str, b: &str| Ok((a.to_owned(), vec![b.to_owned()]));
        assert_eq!(words(" a  b "), two("a", "b"));
        assert_eq!(words(r#"'a b' "c 'd' \" $e""#), two("a b", "c 'd' \" $e"));
        assert_eq!(words(r"a\ b ''"), two("a b", ""));
        assert_eq!(words("  "), Err(TargetError::Empty));
        assert_eq!(words("''"), Err(TargetError::Empty));
        assert_eq!(words("a 'b"), Err(TargetError::Open));
        assert_eq!(words("a \\"), Err(TargetError::Open));
    }

    #[test]
    fn answers_have_one_form() {
        for (text, answer) in [
            (
                r#"{"accept":{"a":1}}"#,
                Answer::Accept(json!({ "a": 1 }).as_object().unwrap().clone()),
            ),
            (r#"{"refuse":"jws.alg"}"#, Answer::Refuse("jws.alg".into())),
            (
                r#"{"unsupported":"no cards"}"#,
                Answer::Unsupported("no cards".into()),
            ),
        ] {
            assert_eq!(told(&format!("echo '{text}'"), LONG).told, Told::Answer(answer));
        }
        for text in [
            "",
            "{}",
            "null",
            r#""accept""#,
            r#"{"accept":null}"#,
            r#"{"refuse":"a","accept":{}}"#,
            r#"{"refuse":"a"}{"refuse":"a"}"#,
            r#"{"refuse":"a","because":"b"}"#,
            r#"{"unsupported":" "}"#,
            r#"{"perhaps":"a"}"#,
        ] {
            let reply = told(&format!("echo '{text}'"), LONG);
            assert!(matches!(reply.told, Told::Broken(_)), "{text}: {reply:?}");
        }
    }

    #[test]
    fn a_crash_is_no_answer_whatever_was_said_before() {
        let reply = told(r#"echo '{"refuse":"a"}'; echo 'out of luck' >&2; exit 3"#, LONG);
        assert!(
            matches!(&reply.told, Told::Broken(why) if why.contains('3')),
            "{reply:?}"
        );
        assert_eq!(reply.stderr, "out of luck\n");
        let reply = told(r#"echo '{"refuse":"a"}'; kill -9 $$"#, LONG);
        assert!(matches!(reply.told, Told::Broken(_)), "{reply:?}");
    }

    #[test]
    fn an_answer_longer_than_may_be_is_none() {
        let reply = told(
            r#"printf '{"refuse":"'; head -c 1100000 /dev/zero | tr '\0' a; printf '"}'"#,
            LONG,
        );
        assert!(
            matches!(&reply.told, Told::Broken(why) if why.contains("1 MiB")),
            "{:?}",
            reply.told
        );
    }

    #[test]
    fn a_target_that_does_not_answer_or_does_not_end_hangs() {
        let short = Duration::from_millis(200);
        assert_eq!(told("sleep 600", short).told, Told::Hang);
        assert_eq!(
            told(r#"sleep 600 & echo '{"refuse":"a"}'"#, short).told,
            Told::Hang
        );
        assert_eq!(
            told(r#"echo '{"refuse":"a"}'; exec >&-; sleep 600"#, short).told,
            Told::Hang
        );
    }

    #[test]
    fn a_question_that_nobody_reads_does_no_harm() {
        let target: Target = r#"sh -c "echo '{\"refuse\":\"a\"}'""#.parse().unwrap();
        let question = json!({ "case": "x".repeat(1 << 20) });
        let reply = target.ask(&question, LONG).unwrap();
        assert_eq!(reply.told, Told::Answer(Answer::Refuse("a".into())));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_of_its_own() {
        let target: Target = "/no/such/adapter --fast".parse().unwrap();
        let error = target.ask(&json!({}), LONG).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("/no/such/adapter") && !error.contains("PATH"),
            "{error}"
        );
        let target: Target = "no-such-adapter".parse().unwrap();
        let error = target.ask(&json!({}), LONG).unwrap_err().to_string();
        assert!(error.contains("PATH"), "{error}");
    }
}
