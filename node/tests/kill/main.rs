//! Durability of the real binary under `kill -9` (chapter 0.1: one entity is one transactional store): whatever moment the process is
//! killed at, no acknowledged import or act is lost, none is doubled and nothing is half done, and its supervisor has it ready again within five
//! seconds of exec. And an exchange that is repeated has one effect, however often and across a kill too ([`replay`]).
//!
//! The supervisor is this test, in the manner of the demonstration's parent and of systemd: it keeps the listening sockets and starts
//! the process again at once. `COMITY_KILLS` sets how often each database is killed (default 24), `COMITY_SEED` repeats the dice of a
//! run. PostgreSQL comes from `COMITY_TEST_POSTGRES`, a throw-away cluster's administrator; without it the test says SKIPPED, except
//! under `CI=true`, where it fails.
//!
//! What a kill cannot show is a power failure: the kernel keeps what the process wrote. Both databases are asked to sync.
#![cfg(test)]
#![allow(
    unreachable_pub,
    reason = "a test program is a crate of its own, and its modules are for each other"
)]

mod clerk;
mod county;
mod judge;
mod ledger;
mod readiness;
mod register;
mod replay;
mod texts;
mod window;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use clerk::{Clerk, Office};
use county::{Call, County, comity, signal};
use ledger::{Dice, Ledger};
use register::Register;
use window::Window;

/// Kills between two looks into the database.
const ROUND: usize = 25;
/// Clerks at once.
const CLERKS: usize = 4;
/// Longest pauses between readiness and the kill, in milliseconds: half of the lives are cut short while the node still catches up
/// with the one before, half are long enough for several calls.
const PAUSES: [usize; 2] = [400, 2_000];

fn sqlite(dir: &Path) -> String {
    format!("sqlite:{}/node.db", dir.display())
}

/// A new PostgreSQL database, where there is a cluster.
fn postgres() -> Option<String> {
    use sqlx::{Connection as _, Executor as _};
    let Ok(admin) = std::env::var("COMITY_TEST_POSTGRES") else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "COMITY_TEST_POSTGRES is not set, and CI must not skip PostgreSQL"
        );
        println!("SKIPPED: COMITY_TEST_POSTGRES is not set");
        return None;
    };
    let name = format!("kill_{}_{:?}", std::process::id(), std::thread::current().id());
    let name: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect::<String>()
        .to_lowercase();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut conn = sqlx::PgConnection::connect(&admin).await.unwrap();
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        conn.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(drop)))
            .await
            .unwrap();
        conn.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "CREATE DATABASE {name}"
        ))))
        .await
        .unwrap();
        conn.close().await.unwrap();
    });
    let mut url = url::Url::parse(&admin).unwrap();
    url.set_path(&name);
    Some(url.into())
}

#[test]
fn nothing_acknowledged_is_lost_on_sqlite() {
    survive("sqlite", &County::found(sqlite));
}

#[test]
fn nothing_acknowledged_is_lost_on_postgresql() {
    let Some(url) = postgres() else { return };
    survive("postgresql", &County::found(|_| url));
}

/// How long starts took.
#[derive(Default)]
struct Starts {
    count: usize,
    total: Duration,
    longest: Duration,
}

impl Starts {
    fn add(&mut self, took: Duration) {
        self.count += 1;
        self.total += took;
        self.longest = self.longest.max(took);
    }

    fn mean(&self) -> Duration {
        self.total / u32::try_from(self.count.max(1)).unwrap()
    }
}

fn survive(database: &str, county: &County) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let kills = usize::try_from(number("COMITY_KILLS").unwrap_or(24)).unwrap();
    let seed = number("COMITY_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("{database}: {kills} kills, COMITY_SEED={seed}");
    let since = Instant::now();
    let mut dice = Dice::new(seed);
    let ledger = Ledger::new(&county.path("acknowledged.jsonl"));
    let mut starts = Starts::default();
    let mut register = Register::new(dice.next());
    let mut clerks: Vec<Clerk> = (0..CLERKS).map(|_| Clerk::new(dice.next())).collect();
    let office = Office::default();

    let mut life = county.start();
    starts.add(life.ready());
    let mut window = Window::open(county);
    assert!(life.terminate().success());

    // Half of the kills while the register is mirrored, half while the county issues by itself.
    for (load, mut left) in [("import", kills.div_ceil(2)), ("issuance", kills / 2)] {
        let issuing = load == "issuance";
        if issuing {
            county.issue_locally(true);
        }
        while left > 0 {
            let round = left.min(ROUND);
            left -= round;
            let stop = AtomicBool::new(false);
            let life = std::thread::scope(|scope| {
                // A check that fails must not leave the loads at work for ever.
                let stop = StopOnDrop(&stop);
                let (told, ledger, office) = (stop.0, &ledger, &office);
                if issuing {
                    for clerk in &mut clerks {
                        scope.spawn(move || clerk.run(county, office, ledger, told));
                    }
                } else {
                    let register = &mut register;
                    scope.spawn(move || register.run(county, ledger, told));
                }
                let window = &mut window;
                scope.spawn(move || window.run(county, ledger, told));
                for _ in 0..round {
                    kill_once(county, &mut dice, &mut starts);
                }
                // Still under load, with nobody to repair anything: what stands in the database is what the last kill left.
                judge::at_once(county, ledger);
                // In the next life the loads follow their last calls to the end.
                let mut life = county.start();
                starts.add(life.ready());
                life
            });
            county.settle();
            county.ask(&json!({ "command": "record_verify" }));
            let status = life.terminate();
            assert!(status.success(), "after SIGTERM: {status}");
            let found = judge::settled(county, &ledger, &register, &clerks, &office, &window);
            println!("{database}: {load}, {round} kills: {found}");
        }
    }
    println!(
        "{database}: {kills} kills survived, {} starts, exec to ready {} ms in the mean, {} ms at most, {} s in all",
        starts.count,
        starts.mean().as_millis(),
        starts.longest.as_millis(),
        since.elapsed().as_secs()
    );
}

/// Tells the loads to finish when the round is over, or has failed.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// One life and its end at a random moment: mostly at work, now and then before it was ready.
fn kill_once(county: &County, dice: &mut Dice, starts: &mut Starts) {
    let mut life = county.start();
    if dice.one_in(5) {
        pause(dice.below(1 + usize::try_from(starts.mean().as_millis()).unwrap()));
    } else {
        starts.add(life.ready());
        let longest = PAUSES[dice.below(PAUSES.len())];
        pause(dice.below(longest));
    }
    life.kill();
}

/// The random moment itself; nothing waits on it.
fn pause(milliseconds: usize) {
    std::thread::sleep(Duration::from_millis(milliseconds as u64));
}

/// A second start while the first runs, and while it is frozen: refused at once, in words, and the first is none the worse.
fn second_start(county: &County, lock: &str) {
    let mut first = county.start();
    first.ready();
    for frozen in [false, true] {
        if frozen {
            signal(first.pid(), "-STOP");
        }
        let since = Instant::now();
        let (code, error) = comity(&["run", "--config", &county.config()]).unwrap_err();
        assert_eq!(code, Some(1), "{error}");
        assert!(
            error.contains("存储正被另一个进程使用") && error.contains("stop that one first"),
            "{error}"
        );
        assert!(error.contains(lock), "{error}");
        assert!(since.elapsed() < county::READY_WITHIN);
        if frozen {
            signal(first.pid(), "-CONT");
        }
    }
    // The first has neither lost its store nor its admin socket.
    county.ask(&json!({ "command": "status" }));
    county.ask(&json!({
        "command": "officer_add", "id": "example-clerk", "name": "示例经办人", "roles": ["clerk"],
        "password": "comity-kill-2026",
    }));
    assert!(first.terminate().success());
    // And its place is free again.
    let mut next = county.start();
    next.ready();
    assert!(next.terminate().success());
}

#[test]
fn a_second_start_on_sqlite_is_refused() {
    second_start(&County::found(sqlite), "node.db.lock");
}

#[test]
fn a_second_start_on_postgresql_is_refused() {
    let Some(url) = postgres() else { return };
    let name = url::Url::parse(&url)
        .unwrap()
        .path()
        .trim_start_matches('/')
        .to_owned();
    second_start(&County::found(|_| url), &name);
}

/// SIGTERM in the middle of the work: every call that was taken is answered, and the process ends with 0.
#[test]
fn sigterm_answers_what_was_taken_and_ends_with_0() {
    let county = County::found(sqlite);
    let mut life = county.start();
    life.ready();
    assert!(matches!(
        county.call(&json!({ "command": "status" })),
        Call::Done(_)
    ));
    // Passwords take their time by design: these calls are under way when the signal comes.
    let pid = life.pid();
    let acknowledged = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|at| {
                let county = &county;
                scope.spawn(move || {
                    let add = json!({
                        "command": "officer_add", "id": format!("example-{at}"), "name": "示例经办人",
                        "roles": ["clerk"], "password": "comity-kill-2026",
                    });
                    county.call(&add)
                })
            })
            .collect();
        while !calls.iter().any(|call| call.is_finished()) {
            std::thread::yield_now();
        }
        signal(pid, "-TERM");
        let calls = calls.into_iter().map(|call| call.join().unwrap());
        calls
            .filter(|call| match call {
                Call::Done(_) => true,
                Call::NotSent => false,
                Call::Refused(error) => panic!("{error}"),
                Call::Lost => panic!("a call that was taken was not answered"),
            })
            .count()
    });
    let status = life.wait();
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(!county.path("state/admin.sock").exists());
    let mut life = county.start();
    life.ready();
    let officers = county.ask(&json!({ "command": "officer_list" }));
    assert_eq!(officers.as_array().unwrap().len(), acknowledged);
    assert!(life.terminate().success());
}

/// What an operator reads when a node's folder is gone or not readable: which path it is, and what to do.
#[test]
fn a_folder_that_is_gone_is_named() {
    let county = County::found(|dir| format!("sqlite:{}/data/node.db", dir.display()));
    let said = |what: &[&str]| {
        let (code, error) = comity(&["run", "--config", &county.config()]).unwrap_err();
        assert_eq!(code, Some(1), "{error}");
        for word in what {
            assert!(error.contains(word), "{word}: {error}");
        }
    };
    // The database's folder was never there.
    said(&["data/node.db", "No such file"]);
    std::fs::write(county.path("data"), "").unwrap();
    said(&["data/node.db", "Not a directory"]);
    std::fs::remove_file(county.path("data")).unwrap();
    std::fs::create_dir(county.path("data")).unwrap();
    let mut life = county.start();
    life.ready();
    assert!(life.terminate().success());
    // A file that is no database is not overwritten.
    std::fs::write(
        county.path("data/node.db"),
        "这不是数据库 / no database at all".repeat(500),
    )
    .unwrap();
    for leftover in ["data/node.db-wal", "data/node.db-shm"] {
        let _ = std::fs::remove_file(county.path(leftover));
    }
    said(&["data/node.db", "not a database"]);
    assert!(
        std::fs::read_to_string(county.path("data/node.db"))
            .unwrap()
            .starts_with("这不是数据库")
    );
    // Keys are never made anew by a start: what they sealed and signed could not be opened or followed by others.
    std::fs::remove_dir_all(county.path("keys")).unwrap();
    said(&["keys/columns.key", "comity init"]);
}
