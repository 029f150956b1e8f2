//! What must hold in the database after any number of kills, read through the node's own store while no node runs.
//!
//! `at_once` is judged straight after a kill, before anything could have been repaired: what was acknowledged is there, and nothing
//! is half there. `settled` is judged after a node was started again and stopped in order: nothing is missing any more either.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_node_core::ports::Rng;
use comity_node_core::ports::attestations::{Form, Issuance};
use comity_node_core::ports::permits::{Permit, PermitEvent, PermitId, StoredEvent};
use comity_node_core::ports::store::Store;
use comity_node_store::{OpenError, PostgresStore, SqliteStore, StoreKeys};
use comity_spec::exchange::PermitStatus;
use comity_spec::ids::Digest;
use comity_spec::status::StatusValue;
use comity_spec::time::LocalDate;
use flate2::read::ZlibDecoder;
use serde_json::Value;

use crate::clerk::{Clerk, Office};
use crate::county::County;
use crate::ledger::{Entry, Ledger};
use crate::register::{Register, now};
use crate::window::Window;

/// Everything that stands in the database about permits.
struct Books {
    permits: Vec<(Permit, Vec<StoredEvent>, Vec<Issuance>)>,
    by_number: HashMap<String, usize>,
}

/// Straight after a kill.
pub fn at_once(county: &County, ledger: &Ledger) {
    with_store(county, async |store| {
        let books = Books::read(store).await;
        books.acknowledged(store, &ledger.read()).await;
        books.whole(store).await;
    });
    integrity(county);
}

/// After a node ran again, caught up, and stopped in order.
pub fn settled(
    county: &County,
    ledger: &Ledger,
    register: &Register,
    clerks: &[Clerk],
    office: &Office,
    window: &Window,
) -> String {
    let entries = ledger.read();
    let mut summary = String::new();
    with_store(county, async |store| {
        let books = Books::read(store).await;
        books.acknowledged(store, &entries).await;
        books.whole(store).await;
        books.as_the_register_has_them(register, clerks);
        for clerk in clerks {
            books.as_the_clerk_knows_them(clerk);
        }
        books.one_permit_each(office);
        books.attested();
        books.published(store).await;
        let lines = verifications(store, &entries, window).await;
        summary = format!(
            "{} acknowledged, {} permits, {} events, {} attestations, {} files, {lines} lines of record",
            entries.len(),
            books.permits.len(),
            books
                .permits
                .iter()
                .map(|(_, events, _)| events.len())
                .sum::<usize>(),
            books
                .permits
                .iter()
                .map(|(.., issued)| issued.len())
                .sum::<usize>(),
            register.files.len(),
        );
    });
    integrity(county);
    summary
}

impl Books {
    async fn read(store: &dyn Store) -> Self {
        let now = now();
        let mut permits = Vec::new();
        let mut after: Option<PermitId> = None;
        loop {
            let page = store.permits_after(after, 500).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for permit in page {
                let events = store.events(permit.id).await.unwrap();
                let issued = store.attestations_of(permit.id, now).await.unwrap();
                permits.push((permit, events, issued));
            }
        }
        let mut by_number = HashMap::new();
        for (at, (permit, ..)) in permits.iter().enumerate() {
            let number = permit.details.permit_number.to_string();
            assert!(
                by_number.insert(number.clone(), at).is_none(),
                "two permits with number {number}"
            );
        }
        Self { permits, by_number }
    }

    fn of(&self, number: &str) -> &(Permit, Vec<StoredEvent>, Vec<Issuance>) {
        let at = self
            .by_number
            .get(number)
            .unwrap_or_else(|| panic!("LOST: permit {number}"));
        &self.permits[*at]
    }

    /// Nothing that was acknowledged is missing, and nothing stands twice.
    async fn acknowledged(&self, store: &dyn Store, entries: &[Entry]) {
        let last = store.last_import().await.unwrap();
        let mut applied_by: HashSet<u64> = HashSet::new();
        for entry in entries {
            match entry {
                Entry::Import {
                    sequence,
                    rows,
                    fresh,
                } => {
                    let last = last.as_ref().unwrap_or_else(|| panic!("LOST: {entry:?}"));
                    assert!(
                        last.sequence >= *sequence,
                        "LOST: {entry:?}, the last is {}",
                        last.sequence
                    );
                    assert_eq!(self.rows_of(*sequence), *rows, "LOST or half: {entry:?}");
                    assert!(!fresh || applied_by.insert(*sequence), "DOUBLED: {entry:?}");
                }
                Entry::Act {
                    number,
                    version,
                    kind,
                } => {
                    let (_, events, _) = self.of(number);
                    let at = usize::try_from(*version).unwrap() - 1;
                    let event = events.get(at).unwrap_or_else(|| panic!("LOST: {entry:?}"));
                    assert_eq!(kind_of(&event.event), kind, "LOST: {entry:?}");
                }
                Entry::Verification { .. } => {}
            }
        }
    }

    fn rows_of(&self, file: u64) -> usize {
        let of_file = |event: &&StoredEvent| matches!(&event.event, PermitEvent::Mirrored { sequence, .. } if *sequence == file);
        self.permits
            .iter()
            .map(|(_, events, _)| events.iter().filter(of_file).count())
            .sum()
    }

    /// Nothing is half there.
    async fn whole(&self, store: &dyn Store) {
        let last = store.last_import().await.unwrap();
        let mut rows: BTreeMap<u64, usize> = BTreeMap::new();
        let mut entries = HashSet::new();
        let mut positions = HashSet::new();
        let mut decoys = HashSet::new();
        let lists = store.status_lists().await.unwrap();
        for list in &lists {
            decoys.extend(
                store
                    .decoys(list.id)
                    .await
                    .unwrap()
                    .into_iter()
                    .map(|decoy| (list.id, decoy.index)),
            );
        }
        let mut local = 0;
        for (permit, events, issued) in &self.permits {
            let number = &permit.details.permit_number;
            let versions: Vec<i64> = events.iter().map(|event| event.version).collect();
            assert_eq!(
                versions,
                (1..=permit.version).collect::<Vec<_>>(),
                "events of {number}"
            );
            for event in events {
                if let PermitEvent::Mirrored { sequence, .. } = event.event {
                    *rows.entry(sequence).or_default() += 1;
                }
            }
            local += usize::from(matches!(events[0].event, PermitEvent::Issued { .. }));
            if let Some(by) = permit.replaced_by {
                let successor = self.permits.iter().find(|(other, ..)| other.id == by);
                assert!(
                    successor.is_some(),
                    "HALF: {number} was replaced by a permit that does not exist"
                );
            }
            // The act of a clerk and its attestations are one commit.
            let attested_in_the_act = |event: &StoredEvent| {
                matches!(
                    event.event,
                    PermitEvent::Issued { .. } | PermitEvent::Endorsed { .. }
                )
            };
            for event in events.iter().filter(|event| attested_in_the_act(event)) {
                let forms = issued.iter().filter(|one| one.permit_version == event.version);
                let forms: Vec<Form> = forms.map(|one| one.form).collect();
                assert!(
                    forms.len() == 2 && forms.contains(&Form::Full) && forms.contains(&Form::Card),
                    "HALF: {number} version {} has {forms:?}",
                    event.version
                );
            }
            for one in issued {
                assert!(
                    (1..=permit.version).contains(&one.permit_version),
                    "{number} attested in version {}",
                    one.permit_version
                );
                assert!(
                    entries.insert((one.list, one.index)),
                    "index {} of {:?} is used twice",
                    one.index,
                    one.list
                );
                assert!(
                    positions.insert((one.list, one.position)),
                    "position {} is used twice",
                    one.position
                );
                assert!(
                    !decoys.contains(&(one.list, one.index)),
                    "index {} is a decoy's",
                    one.index
                );
                let list = lists.iter().find(|list| list.id == one.list).unwrap();
                assert!(
                    one.position < list.next_position,
                    "position {} would be handed out again",
                    one.position
                );
                assert_eq!(one.digest, Digest::of(&one.token), "{number}");
            }
            bits_follow_state(permit, issued);
        }
        let counted: usize = self.permits.iter().map(|(.., issued)| issued.len()).sum();
        assert_eq!(
            store.attestation_count().await.unwrap(),
            counted as u64,
            "attestations without a permit"
        );
        if let Some(last) = last {
            let files: Vec<u64> = rows.keys().copied().collect();
            assert_eq!(
                files,
                (1..=last.sequence).collect::<Vec<_>>(),
                "rows of a file that was not applied, or the reverse"
            );
            assert_eq!(
                rows[&last.sequence] as u64, last.rows,
                "HALF: file {}",
                last.sequence
            );
        } else {
            assert!(rows.is_empty(), "HALF: rows of {rows:?} without a file");
        }
        let serial = store
            .setting("permit_serial")
            .await
            .unwrap()
            .map_or(0, |text| text.parse::<usize>().unwrap());
        assert_eq!(serial, local, "numbers given out and permits issued");
    }

    /// Every permit is as the files of the register left it, and every file was counted once.
    fn as_the_register_has_them(&self, register: &Register, clerks: &[Clerk]) {
        for (at, rows) in register.files.iter().enumerate() {
            assert_eq!(self.rows_of(at as u64 + 1), *rows, "file {}", at + 1);
        }
        let since: HashSet<&str> = clerks
            .iter()
            .flat_map(|clerk| &clerk.held)
            .map(|held| held.number.as_str())
            .collect();
        for mirrored in &register.permits {
            let number = mirrored.details.permit_number.as_str();
            let (permit, events, _) = self.of(number);
            let files = events.iter().filter_map(|event| match event.event {
                PermitEvent::Mirrored { sequence, .. } => Some(sequence),
                _ => None,
            });
            assert_eq!(
                files.collect::<Vec<_>>(),
                mirrored.files,
                "files that changed {number}"
            );
            if events.len() == mirrored.files.len() {
                assert_eq!(permit.status, mirrored.status, "{number}");
                assert_eq!(
                    permit.details.residence_address, mirrored.details.residence_address,
                    "{number}"
                );
            } else {
                // A clerk went on with it; where the clerk let go of it half-known, its own history was judged before.
                assert!(!since.is_empty(), "{number} was changed by nobody");
            }
        }
    }

    fn as_the_clerk_knows_them(&self, clerk: &Clerk) {
        for held in &clerk.held {
            let (permit, events, _) = self.of(&held.number);
            let kinds: Vec<&str> = events.iter().map(|event| kind_of(&event.event)).collect();
            assert_eq!(kinds, held.events, "history of {}", held.number);
            assert_eq!(permit.status, held.status, "{}", held.number);
        }
    }

    /// Whoever was issued a permit holds exactly one chain of them, however often the application was handed in.
    fn one_permit_each(&self, office: &Office) {
        let replaced: HashSet<PermitId> = self
            .permits
            .iter()
            .filter_map(|(permit, ..)| permit.replaced_by)
            .collect();
        let mut first: HashMap<String, usize> = HashMap::new();
        for (permit, events, _) in &self.permits {
            if matches!(events[0].event, PermitEvent::Issued { .. }) && !replaced.contains(&permit.id) {
                *first.entry(permit.details.id_number.to_string()).or_default() += 1;
            }
        }
        let people = office.people.lock().unwrap();
        assert_eq!(
            first.len(),
            people.len(),
            "people with permits and people whose issue was carried out"
        );
        for person in people.iter() {
            assert_eq!(first.get(person), Some(&1), "permits of one person");
        }
    }

    /// Every permit in function has both forms of what it says now, each once.
    fn attested(&self) {
        let today = LocalDate::of(now());
        for (permit, _, issued) in &self.permits {
            if permit.status == PermitStatus::Valid && permit.endorsed_until >= today {
                let valid: Vec<Form> = issued
                    .iter()
                    .filter(|one| one.status == StatusValue::Valid)
                    .map(|one| one.form)
                    .collect();
                assert!(
                    valid.len() == 2 && valid.contains(&Form::Full) && valid.contains(&Form::Card),
                    "{} has {valid:?}",
                    permit.details.permit_number
                );
            }
        }
    }

    /// The signed lists show every entry as it is, and nothing waits to be published.
    async fn published(&self, store: &dyn Store) {
        let mut expected: HashMap<i64, HashMap<u32, u8>> = HashMap::new();
        for one in self.permits.iter().flat_map(|(.., issued)| issued) {
            expected
                .entry(one.list.0)
                .or_default()
                .insert(one.index, one.status.bits());
        }
        for list in store.status_lists().await.unwrap() {
            assert_eq!(list.changes, list.published_changes, "unpublished changes");
            let mut entries = expected.remove(&list.id.0).unwrap_or_default();
            for decoy in store.decoys(list.id).await.unwrap() {
                entries.insert(decoy.index, decoy.status.bits());
            }
            let token = list.token.unwrap();
            let payload = token.split('.').nth(1).unwrap();
            let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
            assert_eq!(claims["sub"], list.uri.as_str());
            let packed = URL_SAFE_NO_PAD
                .decode(claims["status_list"]["lst"].as_str().unwrap())
                .unwrap();
            let mut bits = Vec::new();
            ZlibDecoder::new(packed.as_slice())
                .read_to_end(&mut bits)
                .unwrap();
            for (at, byte) in bits.iter().enumerate() {
                for part in 0..4 {
                    let index = u32::try_from(at * 4 + part).unwrap();
                    let shown = byte >> (2 * part) & 3;
                    let is = entries.get(&index).copied().unwrap_or(0);
                    assert_eq!(shown, is, "entry {index} of {}", list.uri);
                }
            }
        }
        assert!(expected.is_empty(), "attestations on a list that does not exist");
    }
}

/// What the attestations of a permit show is never better than its state, at any moment.
fn bits_follow_state(permit: &Permit, issued: &[Issuance]) {
    let number = &permit.details.permit_number;
    let valid = issued
        .iter()
        .filter(|one| one.status == StatusValue::Valid)
        .count();
    let suspended = issued
        .iter()
        .filter(|one| one.status == StatusValue::Suspended)
        .count();
    let superseded = issued
        .iter()
        .filter(|one| one.status == StatusValue::Superseded)
        .count();
    match permit.status {
        PermitStatus::Valid => assert!(
            suspended == 0 && valid <= 2,
            "{number}: {valid} valid, {suspended} suspended"
        ),
        PermitStatus::Suspended | PermitStatus::ReportedLost => {
            assert!(
                valid == 0 && suspended <= 2,
                "{number}: {valid} valid, {suspended} suspended"
            );
        }
        PermitStatus::Cancelled => assert_eq!(valid + suspended + superseded, 0, "{number} is cancelled"),
        PermitStatus::Superseded => assert_eq!(valid + suspended, 0, "{number} is superseded"),
    }
}

/// Each key of the window led to one line of the record with one trace number, and to the one that was answered.
async fn verifications(store: &dyn Store, entries: &[Entry], window: &Window) -> u64 {
    let mut traces: HashMap<String, usize> = HashMap::new();
    let mut seq = 0;
    loop {
        let page = store.lines_after(seq, 1_000).await.unwrap();
        let Some(last) = page.last() else { break };
        seq = last.seq;
        for line in page {
            let body: Value = serde_json::from_str(&line.body).unwrap();
            if body["event"] == "verified" {
                *traces
                    .entry(body["trace"].as_str().unwrap().to_owned())
                    .or_default() += 1;
            }
        }
    }
    let mut keys = HashSet::new();
    for entry in entries {
        if let Entry::Verification { key, trace } = entry {
            assert!(keys.insert(key), "DOUBLED: {entry:?}");
            assert_eq!(traces.get(trace), Some(&1), "LOST or doubled: {entry:?}");
        }
    }
    assert_eq!(keys.len(), window.keys.len());
    assert_eq!(
        traces.len(),
        keys.len(),
        "verifications recorded and verifications asked for"
    );
    seq
}

/// The word that JSON has for an event.
fn kind_of(event: &PermitEvent) -> &'static str {
    match event {
        PermitEvent::Mirrored { .. } => "mirrored",
        PermitEvent::LeftRegister { .. } => "left_register",
        PermitEvent::Issued { .. } => "issued",
        PermitEvent::Endorsed { .. } => "endorsed",
        PermitEvent::ReportedLost => "reported_lost",
        PermitEvent::Found => "found",
        PermitEvent::Suspended { .. } => "suspended",
        PermitEvent::Reinstated { .. } => "reinstated",
        PermitEvent::Cancelled { .. } => "cancelled",
        PermitEvent::Replaced { .. } => "replaced",
    }
}

/// Looks into the database that a node left behind.
pub fn with_store(county: &County, look: impl AsyncFnOnce(&dyn Store)) {
    let key = std::fs::read_to_string(county.path("keys/columns.key")).unwrap();
    let key: [u8; 32] = URL_SAFE_NO_PAD
        .decode(key.trim_end())
        .unwrap()
        .try_into()
        .unwrap();
    let keys = StoreKeys::new(1, key);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match county.database().strip_prefix("sqlite:") {
            Some(path) => {
                let store = SqliteStore::open(Path::new(path), &keys, rng()).await.unwrap();
                look(&store).await;
                store.close().await;
            }
            None => {
                // The server may still be ending the transaction of the process that was killed a moment ago.
                let since = Instant::now();
                let store = loop {
                    match PostgresStore::open(county.database(), &keys, rng()).await {
                        Err(OpenError::InUse { .. }) if since.elapsed() < Duration::from_secs(5) => {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                        opened => break opened.unwrap(),
                    }
                };
                look(&store).await;
                store.close().await;
            }
        }
    });
}

/// SQLite's own opinion of the file.
fn integrity(county: &County) {
    use sqlx::Connection as _;
    let Some(path) = county.database().strip_prefix("sqlite:") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        let answer: String = sqlx::query_scalar("PRAGMA integrity_check")
            .fetch_one(&mut conn)
            .await
            .unwrap();
        assert_eq!(answer, "ok");
        let orphans = sqlx::query("PRAGMA foreign_key_check")
            .fetch_all(&mut conn)
            .await
            .unwrap();
        assert!(orphans.is_empty(), "{} rows refer to nothing", orphans.len());
        conn.close().await.unwrap();
    });
}

fn rng() -> Arc<dyn Rng> {
    Arc::new(HashedCounter {
        state: RandomState::new(),
        next: AtomicU64::new(0),
    })
}

/// Unpredictable enough for a store that is only read: a counter through the process's random hash keys.
struct HashedCounter {
    state: RandomState,
    next: AtomicU64,
}

impl Rng for HashedCounter {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let mut hasher = self.state.build_hasher();
            hasher.write_u64(self.next.fetch_add(1, Ordering::Relaxed));
            chunk.copy_from_slice(&hasher.finish().to_le_bytes()[..chunk.len()]);
        }
    }
}
