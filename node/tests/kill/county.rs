//! A county, or two: a folder each, made by the commands an operator would use; the process `comity run`, started with the same
//! listening sockets each time; and the two ways in which the tests speak to it, the admin socket and HTTP on loopback.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt as _, FdMapping};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The county's region.
pub const REGION: &str = "361123";
/// The region of a county beside it.
pub const NEIGHBOUR: &str = "330822";
/// No call takes so long unless the node is stuck.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest time from exec to readiness: a window that asks again has its answer.
pub const READY_WITHIN: Duration = Duration::from_secs(5);
/// First inherited descriptor, by the convention of `LISTEN_FDS`.
const FIRST_FD: i32 = 3;

/// Runs `comity` with these arguments; what it printed.
pub fn comity(arguments: &[&str]) -> Result<String, (Option<i32>, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_comity"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err((output.status.code(), text(&output.stderr)))
    }
}

/// A county on this machine. Its authority runs beside it and is not killed.
pub struct County {
    home: TempDir,
    region: &'static str,
    sockets: Vec<TcpListener>,
    addresses: [SocketAddr; 4],
    database: String,
    /// Of the county that came first.
    authority: Option<Child>,
}

impl Drop for County {
    fn drop(&mut self) {
        if let Some(authority) = &mut self.authority {
            let _ = authority.kill();
            let _ = authority.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", tail(&self.log(), 40));
        }
    }
}

impl County {
    /// Founds an authority and settles the county under it. `database` gives the URL, from the folder in which a file could stand.
    pub fn found(database: impl FnOnce(&Path) -> String) -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        let path = |name: &str| dir.join(name).display().to_string();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        certificates(dir);
        let anchor = format!("https://localhost:{}", address.port());
        let names = ["--name-zh", "示例锚点", "--name-en", "Example anchor"];
        let founding = ["authority", "init", "--dir", &path("anchor"), "--entity", &anchor];
        comity(&[&founding[..], &names[..]].concat()).unwrap();
        let serve = format!(
            "address = \"{address}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
            path("web.crt"),
            path("web.key")
        );
        std::fs::write(dir.join("anchor/serve.toml"), serve).unwrap();
        let authority = spawn(
            &["authority", "serve", "--dir", &path("anchor")],
            std::slice::from_ref(&socket),
            &dir.join("authority.log"),
        );
        let database = database(dir);
        let mut county = Self::place(home, REGION, database);
        county.authority = Some(authority);
        let (anchor, web) = (county.path("anchor"), county.home.path());
        county.apply(&anchor, web);
        county.be_enrolled(&anchor);
        county
    }

    /// Settles another county under the same authority, on SQLite.
    pub fn beside(&self) -> Self {
        let county = self.applicant();
        self.enrol(&county);
        county
    }

    /// Settles another county, on SQLite, which the same authority is still to enrol.
    pub fn applicant(&self) -> Self {
        let home = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}/node.db", home.path().display());
        let county = Self::place(home, NEIGHBOUR, database);
        county.apply(&self.path("anchor"), self.home.path());
        county
    }

    /// Has an applicant enrolled.
    pub fn enrol(&self, applicant: &Self) {
        applicant.be_enrolled(&self.path("anchor"));
    }

    fn place(home: TempDir, region: &'static str, database: String) -> Self {
        let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
        let sockets = vec![bind(), bind(), bind(), bind()];
        let addresses = [0, 1, 2, 3].map(|at: usize| sockets[at].local_addr().unwrap());
        Self {
            home,
            region,
            sockets,
            addresses,
            database,
            authority: None,
        }
    }

    /// Writes the configuration, creates the keys and applies to the authority in `anchor`; `web` has the certificates of the
    /// public listeners.
    fn apply(&self, anchor: &Path, web: &Path) {
        self.configure(false, anchor, web);
        let (config, application) = (self.config(), self.application());
        comity(&["init", "--config", &config, "--application", &application]).unwrap();
    }

    fn be_enrolled(&self, anchor: &Path) {
        let anchor = anchor.to_str().unwrap();
        comity(&["authority", "enrol", "--dir", anchor, &self.application()]).unwrap();
    }

    fn application(&self) -> String {
        self.path("application.jwt").display().to_string()
    }

    /// Switches local issuing on or off; counts from the next start.
    pub fn issue_locally(&self, on: bool) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        let set = |on: bool| format!("local_issuing = {on}\n");
        assert!(text.contains(&set(!on)));
        std::fs::write(self.config(), text.replace(&set(!on), &set(on))).unwrap();
    }

    fn configure(&self, local_issuing: bool, anchor: &Path, web: &Path) {
        let [public, federation, staff, ops] = self.addresses;
        let home = self.home.path().display();
        let state: Value =
            serde_json::from_slice(&std::fs::read(anchor.join("anchor.json")).unwrap()).unwrap();
        let superior = state["entity"].as_str().unwrap();
        let (anchor, web, region) = (anchor.display(), web.display(), self.region);
        let text = format!(
            r#"[node]
entity = "https://localhost:{public_port}"
region = "{region}"
environment = "SANDBOX"
name = {{ zh = "玉山县（示例）", en = "Yushan county (example)" }}
state = "{home}/state"

[database]
url = "{database}"

[keys]
dir = "{home}/keys"
encryption = "{home}/keys/columns.key"

[trust]
anchor = "{anchor}/anchor.json"
superior = "{superior}"
roots = ["{web}/web-root.pem"]
refresh_seconds = 60

[network]
allow = ["127.0.0.0/8", "::1/128"]

[listeners.public]
address = "{public}"
certificate = "{web}/web.crt"
key = "{web}/web.key"

[listeners.federation]
address = "{federation}"
base = "https://localhost:{federation_port}"
certificate = "{home}/keys/tls.crt"
key = "{home}/keys/tls.key"

[listeners.staff]
address = "{staff}"

[listeners.ops]
address = "{ops}"

[policy]
local_issuing = {local_issuing}

[log]
format = "human"
level = "info"
"#,
            public_port = public.port(),
            federation_port = federation.port(),
            database = self.database,
        );
        std::fs::write(self.config(), text).unwrap();
    }

    /// A file of the county's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Its configuration file.
    pub fn config(&self) -> String {
        self.path("node.toml").display().to_string()
    }

    /// Its entity id.
    pub fn entity(&self) -> String {
        format!("https://localhost:{}", self.addresses[0].port())
    }

    /// Where peers reach it.
    pub fn federation(&self) -> SocketAddr {
        self.addresses[1]
    }

    /// Its metrics page.
    pub fn metrics(&self) -> String {
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        http(self.addresses[3], request, PATIENCE).unwrap()
    }

    /// Its database's URL.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// What the node logged, all its lives together.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path("node.log")).unwrap_or_default()).into_owned()
    }

    /// Starts the node on the sockets of every start.
    pub fn start(&self) -> Life<'_> {
        let started = Instant::now();
        let child = spawn(
            &["run", "--config", &self.config()],
            &self.sockets,
            &self.path("node.log"),
        );
        Life {
            county: self,
            child,
            started,
        }
    }

    /// Sends a command over the admin socket.
    pub fn call(&self, command: &Value) -> Call {
        let Ok(mut stream) = UnixStream::connect(self.path("state/admin.sock")) else {
            return Call::NotSent;
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // Whether a line that could not be written whole was read is not known here.
        if stream.write_all(format!("{command}\n").as_bytes()).is_err() {
            return Call::Lost;
        }
        let mut line = String::new();
        match BufReader::new(stream).read_line(&mut line) {
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                panic!("no answer within {PATIENCE:?} to {command}")
            }
            Ok(_) if line.ends_with('\n') => {
                let reply: Value = serde_json::from_str(&line).unwrap();
                match reply["result"].as_str() {
                    // A county that is being killed cannot always be asked.
                    Some("done" | "incomplete") => Call::Done(reply["data"].clone()),
                    Some("refused") => Call::Refused(reply["error"].as_str().unwrap().to_owned()),
                    _ => panic!("{line}"),
                }
            }
            _ => Call::Lost,
        }
    }

    /// Sends a command that changes nothing until it is answered.
    pub fn ask(&self, command: &Value) -> Value {
        let since = Instant::now();
        loop {
            match self.call(command) {
                Call::Done(data) => return data,
                Call::Refused(error) => panic!("{command}: {error}"),
                Call::NotSent | Call::Lost => self.wait_for_it(since),
            }
        }
    }

    /// A moment for the node to come back.
    pub fn wait_for_it(&self, since: Instant) {
        assert!(
            since.elapsed() < PATIENCE,
            "the node did not come back within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }

    /// Posts JSON to the staff API: status and body, or nothing when no whole answer came.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Option<(u16, Value)> {
        let mut text = String::new();
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{text}\r\n",
            body.len()
        );
        let answer = http(self.addresses[2], &format!("{head}{body}"), PATIENCE)?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(body).ok()?))
    }

    /// Whether it says that it is ready, and what it gives as reasons against it; nothing while nobody answers.
    pub fn readiness(&self) -> Option<(bool, Vec<String>)> {
        let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answer = http(self.addresses[3], request, Duration::from_secs(2))?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let said: Value = serde_json::from_str(body).ok()?;
        let reasons = serde_json::from_value(said["reasons"].clone()).ok()?;
        Some((head.starts_with("HTTP/1.1 200"), reasons))
    }

    /// Waits until every attestation is issued and every change published.
    pub fn settle(&self) {
        let since = Instant::now();
        let mut before = Value::Null;
        loop {
            let status = self.ask(&json!({ "command": "status" }));
            let quiet = status["status_pending"] == json!(false) && status["attestations"] == before;
            if quiet {
                return;
            }
            before = status["attestations"].clone();
            assert!(since.elapsed() < PATIENCE, "not settled: {status}");
            // Longer than the pause of the node's own work loop: twice the same count means that nothing was missing.
            std::thread::sleep(Duration::from_millis(1_200));
        }
    }
}

/// What became of a call.
pub enum Call {
    /// Carried out: this is the acknowledgement.
    Done(Value),
    /// Refused; nothing was changed.
    Refused(String),
    /// Nobody was there: nothing was sent.
    NotSent,
    /// Sent, and no answer came.
    Lost,
}

/// One life of the node's process.
pub struct Life<'a> {
    county: &'a County,
    child: Child,
    started: Instant,
}

impl Life<'_> {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for readiness and says how long it took from exec on. A start that ends by itself, or takes too long, fails the test.
    pub fn ready(&mut self) -> Duration {
        loop {
            let ready = self.county.readiness().is_some_and(|(ready, _)| ready);
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!(
                    "the node ended by itself: {status}\n{}",
                    tail(&self.county.log(), 5)
                );
            }
            let took = self.started.elapsed();
            assert!(took <= READY_WITHIN, "not ready {took:?} after exec");
            if ready {
                return took;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// `kill -9`, and the end of the process waited for, as a supervisor does.
    pub fn kill(mut self) {
        assert!(
            self.child.try_wait().unwrap().is_none(),
            "the node ended by itself"
        );
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
    }

    /// Waits for its end, which something else brings about.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// SIGTERM; the exit status.
    pub fn terminate(self) -> ExitStatus {
        signal(self.pid(), "-TERM");
        self.wait()
    }
}

/// Sends a signal.
pub fn signal(pid: u32, signal: &str) {
    assert!(
        Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

fn spawn(arguments: &[&str], sockets: &[TcpListener], log: &Path) -> Child {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    command
        .env("LISTEN_FDS", sockets.len().to_string())
        .env_remove("LISTEN_PID");
    let mappings = (FIRST_FD..).zip(sockets).map(|(child_fd, socket)| {
        let parent_fd: OwnedFd = socket.try_clone().unwrap().into();
        FdMapping { parent_fd, child_fd }
    });
    command.fd_mappings(mappings.collect()).unwrap();
    command.spawn().unwrap()
}

fn http(address: SocketAddr, request: &str, patience: Duration) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    String::from_utf8(answer).ok()
}

/// A certificate authority of the test's own and a certificate for `localhost`.
fn certificates(dir: &Path) {
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    root.distinguished_name
        .push(DnType::CommonName, "Comity test root");
    let issuer = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let pair = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&pair, &issuer).unwrap();
    std::fs::write(dir.join("web-root.pem"), issuer.pem()).unwrap();
    std::fs::write(dir.join("web.crt"), leaf.pem()).unwrap();
    std::fs::write(dir.join("web.key"), pair.serialize_pem()).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir.join("web.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
