//! The target program: started once a run, asked a line at a time, stopped by the end of its input.
//!
//! What it does wrong is its own fault and makes cases unknown: a line that does not read, none in time, an end before its time. Of the
//! target's own refusals it says nothing; cases judge those.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::contract::{Act, Answer, Ask, Refused};

/// Longest line that is read.
const LONGEST: u64 = 8 << 20;
/// How long the program may take to stop once its input has ended.
const STOPPING: Duration = Duration::from_secs(30);
/// Most bytes kept of standard error.
const MOST_STDERR: usize = 64 << 20;

/// Why there is no answer to judge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProgramFault {
    /// It cannot be started.
    #[error(
        "无法启动被测程序 / cannot start the target program `{program}`: {reason}. Correct target.program in target.toml; a relative path counts from the working folder"
    )]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        reason: String,
    },
    /// It ended.
    #[error("被测程序已退出 / the target program ended: {0}")]
    Ended(String),
    /// No line in time.
    #[error("被测程序 {1} 秒内没有应答 / the target program did not answer `{0}` within {1} s")]
    Silent(&'static str, u64),
    /// Not an answer.
    #[error("被测程序应答不合约定 / the target program's answer to `{asked}` is not in its form: {reason}")]
    Form {
        /// To what.
        asked: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// It did not answer a line before, so that nothing that it says can be matched to a line any more.
    #[error("被测程序此前已失序 / the target program failed earlier: {0}")]
    Lost(String),
}

/// Why there is nothing to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The target refused.
    Refused(Refused),
    /// The target does not do this.
    Unsupported(String),
    /// The program failed.
    Fault(ProgramFault),
}

/// A running program.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
    next: u64,
    limit: Duration,
    lost: Option<String>,
    /// Lines of this case: what was asked and answered.
    pub(crate) transcript: Vec<String>,
}

impl Program {
    /// Starts it in the working folder.
    pub(crate) fn start(command: &[String], folder: &Path, limit: Duration) -> Result<Self, ProgramFault> {
        let (program, arguments) = command
            .split_first()
            .map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
        let failed = |reason: String| ProgramFault::Start {
            program: program.to_owned(),
            reason,
        };
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|reason| failed(reason.to_string()))?;
        let (Some(stdin), Some(stdout), Some(mut errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("its pipes were not opened".to_owned()));
        };
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&stderr);
        let reading = tokio::spawn(async move {
            let mut piece = vec![0; 16 << 10];
            while let Ok(read @ 1..) = errors.read(&mut piece).await {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MOST_STDERR.saturating_sub(kept.len()).min(read);
                kept.extend_from_slice(&piece[..room]);
            }
        });
        Ok(Self {
            child,
            stdin: Some(stdin),
            stdout: BufReader::new(stdout),
            stderr,
            reading,
            next: 1,
            limit,
            lost: None,
            transcript: Vec::new(),
        })
    }

    /// Asks for an act and reads what was asked for.
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, act: Act) -> Result<T, Stopped> {
        let asked = act.name();
        match self.line(act).await.map_err(Stopped::Fault)? {
            Answer::Ok(members) => serde_json::from_value(Value::Object(members)).map_err(|error| {
                Stopped::Fault(ProgramFault::Form {
                    asked,
                    reason: error.to_string(),
                })
            }),
            Answer::Refused(refused) => Err(Stopped::Refused(refused)),
            Answer::Unsupported(why) => Err(Stopped::Unsupported(why)),
        }
    }

    async fn line(&mut self, act: Act) -> Result<Answer, ProgramFault> {
        if let Some(lost) = &self.lost {
            return Err(ProgramFault::Lost(lost.clone()));
        }
        let name = act.name();
        let limit = match act {
            Act::Start(_) | Act::Restart { .. } => self.limit * 4,
            _ => self.limit,
        };
        let ask = Ask { id: self.next, act };
        self.next += 1;
        let started = Instant::now();
        let exchange = tokio::time::timeout(limit, self.exchange(&ask)).await;
        let answered = match exchange {
            Ok(answered) => answered,
            Err(_) => Err(ProgramFault::Silent(name, limit.as_secs())),
        };
        if let Err(fault) = &answered {
            self.lost = Some(fault.to_string());
        }
        self.transcript
            .push(format!("  ({} ms)", started.elapsed().as_millis()));
        answered
    }

    async fn exchange(&mut self, ask: &Ask) -> Result<Answer, ProgramFault> {
        let form = |reason: String| ProgramFault::Form {
            asked: ask.act.name(),
            reason,
        };
        let mut line = serde_json::to_string(ask).map_err(|error| form(error.to_string()))?;
        self.transcript.push(format!("program ← {line}"));
        line.push('\n');
        let written = match &mut self.stdin {
            Some(stdin) => stdin.write_all(line.as_bytes()).await,
            None => Ok(()),
        };
        let mut answer = String::new();
        let read = (&mut self.stdout).take(LONGEST).read_line(&mut answer).await;
        match (written, read) {
            (Ok(()), Ok(1..)) if answer.ends_with('\n') => {}
            (Ok(()), Err(error)) => return Err(form(error.to_string())),
            (Ok(()), Ok(1..)) => return Err(form("the line has no end, or is longer than 8 MiB".to_owned())),
            _ => return Err(ProgramFault::Ended(self.how_it_ended().await)),
        }
        let answer = answer.trim_end();
        self.transcript.push(format!("program → {answer}"));
        Answer::read(answer, ask.id).map_err(|error| form(error.to_string()))
    }

    async fn how_it_ended(&mut self) -> String {
        match tokio::time::timeout(Duration::from_secs(2), self.child.wait()).await {
            Ok(Ok(status)) => {
                // Its last words may still be in the pipe; a child that outlives it may hold the pipe for ever.
                if !self.reading.is_finished() {
                    let _ = tokio::time::timeout(Duration::from_secs(1), &mut self.reading).await;
                }
                format!("{status}; it last wrote: {}", self.last_words())
            }
            _ => "it closed its output".to_owned(),
        }
    }

    /// Whether it failed to answer a line: nothing that it says can be matched to a line any more.
    pub(crate) const fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// The end of what it wrote on standard error.
    pub(crate) fn last_words(&self) -> String {
        let all = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let from = all.len().saturating_sub(4_096);
        String::from_utf8_lossy(&all[from..]).into_owned()
    }

    /// Everything that it wrote on standard error so far.
    pub(crate) fn stderr(&self) -> Vec<u8> {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends its input and waits for it.
    pub(crate) async fn stop(mut self) -> Result<(), ProgramFault> {
        self.stdin = None;
        match tokio::time::timeout(STOPPING, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(ProgramFault::Ended(format!(
                "{status} at its end, not exit code 0; it last wrote: {}",
                self.last_words()
            ))),
            Ok(Err(error)) => Err(ProgramFault::Ended(error.to_string())),
            Err(_) => {
                // The handle kills it when it is dropped; its children have its group.
                Err(ProgramFault::Silent("end of input", STOPPING.as_secs()))
            }
        }
    }
}

impl Drop for Program {
    /// Whatever the program started ends with it.
    fn drop(&mut self) {
        if let Some(id) = self.child.id() {
            let group = format!("-{id}");
            let mut kill = std::process::Command::new("kill");
            let kill = kill
                .args(["-KILL", "--", &group])
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            // Without the program `kill` its own process still ends, by `kill_on_drop`.
            let _ = kill.status();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::{Done, Token};
    use super::*;

    fn program(script: &str) -> Program {
        let command: Vec<String> = ["sh", "-c", script].map(str::to_owned).to_vec();
        Program::start(&command, Path::new("."), Duration::from_secs(5)).unwrap()
    }

    #[tokio::test]
    async fn lines_are_answered_in_order_and_the_end_is_an_end() {
        let mut one = program(
            r#"read a; echo '{"id":1,"ok":{"token":"t~","more":1}}'; read b; echo '{"id":2,"ok":{}}'; read c; exit 0"#,
        );
        let token: Token = one.ask(Act::Publish).await.unwrap();
        assert_eq!(token.token, "t~");
        let _: Done = one.ask(Act::Publish).await.unwrap();
        assert!(
            one.transcript[0].contains(r#"{"id":1,"do":"publish"}"#),
            "{:?}",
            one.transcript
        );
        one.stop().await.unwrap();
    }

    #[tokio::test]
    async fn what_the_target_refuses_and_what_the_program_breaks_are_told_apart() {
        let mut one = program(
            r#"read a; echo '{"id":1,"refused":{"text":"no"}}'; read a; echo '{"id":2,"unsupported":"why"}'; read a; echo 'out of luck' >&2; exit 3"#,
        );
        assert!(matches!(
            one.ask::<Done>(Act::Publish).await,
            Err(Stopped::Refused(_))
        ));
        assert!(matches!(
            one.ask::<Done>(Act::Publish).await,
            Err(Stopped::Unsupported(_))
        ));
        let crash = one.ask::<Done>(Act::Publish).await;
        assert!(
            matches!(&crash, Err(Stopped::Fault(ProgramFault::Ended(how))) if how.contains("out of luck")),
            "{crash:?}"
        );
        assert!(matches!(
            one.ask::<Done>(Act::Publish).await,
            Err(Stopped::Fault(ProgramFault::Lost(_)))
        ));
    }

    #[tokio::test]
    async fn an_answer_to_another_line_or_of_another_form_is_a_fault() {
        for line in [r#"{"id":9,"ok":{}}"#, "done", r#"{"id":1,"ok":{"token":7}}"#] {
            let mut one = program(&format!("read a; echo '{line}'; read b"));
            let answer = one.ask::<Token>(Act::Publish).await;
            assert!(
                matches!(answer, Err(Stopped::Fault(ProgramFault::Form { .. }))),
                "{line}: {answer:?}"
            );
        }
    }

    #[tokio::test]
    async fn silence_and_a_missing_program_are_faults() {
        let command = ["sh", "-c", "sleep 600"].map(str::to_owned);
        let mut one = Program::start(&command, Path::new("."), Duration::from_millis(50)).unwrap();
        let silent = one.ask::<Done>(Act::Publish).await;
        assert!(matches!(
            silent,
            Err(Stopped::Fault(ProgramFault::Silent("publish", _)))
        ));
        let missing = Program::start(
            &["/no/such/program".to_owned()],
            Path::new("."),
            Duration::from_secs(1),
        );
        assert!(matches!(missing, Err(ProgramFault::Start { .. })));
    }
}
