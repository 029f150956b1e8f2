//! A throw-away PostgreSQL for the tests: a fresh cluster in a temporary directory, on a Unix socket only.
//!
//! Durability stays on (`fsync`): a test of what survives must not run on a database that forgets. The cluster belongs
//! to an unprivileged user, because PostgreSQL refuses to run as root. It is held by a guard that reads from a pipe: when
//! this program ends for whatever reason, Ctrl-C and `kill -9` included, the pipe closes, and the guard stops the
//! server and removes the directory. Nothing has to be remembered on the way out.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::machine;
use crate::Outcome;
use crate::process;

/// Arguments: the directory of the server's binaries. Says `ready DIRECTORY` or what went wrong, then waits.
const GUARD: &str = r#"
trap '' INT TERM HUP
cd / && umask 077
# Not TMPDIR: the path of a socket has at most 107 bytes.
directory=$(mktemp -d /tmp/comity-postgres-XXXXXX) || exit 1
complain() { echo "$1 failed:"; cat "$directory/$1.log"; rm -rf "$directory"; exit 1; }
"$1/initdb" --pgdata="$directory/data" --username=comity --auth=trust --encoding=UTF8 --locale=C --no-sync \
    >"$directory/initdb.log" 2>&1 || complain initdb
"$1/pg_ctl" start --wait --timeout=60 --pgdata="$directory/data" --log="$directory/server.log" \
    --options="-c listen_addresses='' -c unix_socket_directories='$directory' -c max_connections=300 -c log_connections=on" \
    >"$directory/pg_ctl.log" 2>&1 || { cat "$directory/pg_ctl.log"; complain server; }
echo "ready $directory"
read -r _
"$1/pg_ctl" stop --wait --mode=immediate --pgdata="$directory/data" >/dev/null 2>&1
rm -rf "$directory"
"#;

/// A running cluster; it ends when this value is dropped.
pub(crate) struct Postgres {
    guard: Child,
    /// Closing it is the sign to stop.
    leash: Option<ChildStdin>,
    directory: PathBuf,
    version: String,
}

impl Postgres {
    /// Where a server is installed: Debian's newest version, or `PATH`.
    pub(crate) fn binaries() -> Option<PathBuf> {
        let versions = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten();
        let mut installed: Vec<(u32, PathBuf)> = versions
            .map(|version| {
                (
                    version.file_name().to_string_lossy().parse().unwrap_or(0),
                    version.path().join("bin"),
                )
            })
            .filter(|(_, bin)| bin.join("initdb").is_file() && bin.join("pg_ctl").is_file())
            .collect();
        installed.sort();
        let newest = installed.pop().map(|(_, bin)| bin);
        newest.or_else(|| process::find("initdb").and_then(|initdb| Some(initdb.parent()?.to_path_buf())))
    }

    /// Makes and starts a cluster with the binaries of that directory.
    pub(crate) fn start(binaries: &Path) -> Outcome<Self> {
        let version = process::capture(Command::new(binaries.join("postgres")).arg("--version"))?;
        let mut guard = unprivileged("sh")?;
        guard.args(["-c", GUARD, "comity-postgres"]).arg(binaries);
        let mut guard = guard
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start PostgreSQL: {error}"))?;
        let leash = guard.stdin.take();
        let mut said = Vec::new();
        for line in guard
            .stdout
            .take()
            .into_iter()
            .flat_map(|out| BufReader::new(out).lines())
            .map_while(Result::ok)
        {
            if let Some(directory) = line.strip_prefix("ready ") {
                let directory = PathBuf::from(directory);
                return Ok(Self {
                    guard,
                    leash,
                    directory,
                    version: version.trim().to_owned(),
                });
            }
            said.push(line);
        }
        drop(leash);
        let ended = guard
            .wait()
            .map_or_else(|error| error.to_string(), |status| status.to_string());
        Err(format!("PostgreSQL did not start ({ended}): {}", said.join("\n")))
    }

    /// For `COMITY_TEST_POSTGRES`.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgres://comity@localhost/postgres?host={}",
            self.directory.display()
        )
    }

    /// As the server says it.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// How often somebody logged in. Nothing here does: it is the proof that the tests used the database.
    pub(super) fn sessions(&self) -> Outcome<usize> {
        let log = self.directory.join("server.log");
        let text = std::fs::read(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        Ok(String::from_utf8_lossy(&text)
            .matches("connection authorized: user=")
            .count())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.leash.take());
        if let Err(error) = self.guard.wait() {
            eprintln!("PostgreSQL in {}: {error}", self.directory.display());
        }
    }
}

/// The program as a user who may run PostgreSQL: ourselves, or when we are root the server's user, else `nobody`.
fn unprivileged(program: &str) -> Outcome<Command> {
    if !machine::is_root() {
        return Ok(Command::new(program));
    }
    let id = |kind: &str, user: &str| process::capture(Command::new("id").args([kind, user]));
    let user = ["postgres", "nobody"]
        .into_iter()
        .find(|user| id("-u", user).is_ok());
    let user =
        user.ok_or("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")?;
    if process::find("setpriv").is_none() {
        let mut runuser = Command::new("runuser");
        runuser.args(["-u", user, "--", program]);
        return Ok(runuser);
    }
    let mut setpriv = Command::new("setpriv");
    setpriv.arg(format!("--reuid={}", id("-u", user)?.trim()));
    setpriv.arg(format!("--regid={}", id("-g", user)?.trim()));
    setpriv.args(["--clear-groups", "--", program]);
    Ok(setpriv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_start_is_an_error_that_says_so() {
        let empty = tempfile::tempdir().unwrap();
        let missing = Postgres::start(empty.path()).err().unwrap();
        assert!(missing.contains("postgres"), "{missing}");
    }

    #[test]
    fn the_cluster_is_gone_after_the_drop() {
        // The xtask run that started this test has made sure of the binaries; by hand they may be missing.
        let Some(binaries) = Postgres::binaries() else {
            return;
        };
        let cluster = Postgres::start(&binaries).unwrap();
        let directory = cluster.directory.clone();
        assert!(cluster.url().ends_with(&directory.display().to_string()));
        assert!(directory.join(".s.PGSQL.5432").exists());
        assert_eq!(cluster.sessions().unwrap(), 0);
        let psql = binaries.join("psql");
        let two =
            process::capture(Command::new(psql).args([&cluster.url(), "-Atc", "select 1 + 1"])).unwrap();
        assert_eq!(two.trim(), "2");
        assert_eq!(cluster.sessions().unwrap(), 1);
        drop(cluster);
        assert!(!directory.exists());
    }
}
