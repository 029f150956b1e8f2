//! The store in memory: the same refusals as the stores on disk, without a disk. For tests of use cases; durable for nobody.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use comity_spec::exchange::{PermitStatus, SubjectNumber};
use comity_spec::ids::{Digest, OfficerId, TraceNumber};
use comity_spec::status::StatusValue;
use comity_spec::time::UnixSeconds;

use super::tables::Tables;
use crate::ports::agreements::{AgreementReads, AgreementRow, WithdrawalRow};
use crate::ports::attestations::{AttestationReads, Decoy, Issuance, ListId, StatusListRow};
use crate::ports::officers::{Officer, OfficerReads, PendingAct, Session};
use crate::ports::outbox::{OutboxItem, OutboxReads};
use crate::ports::permits::{ImportMark, Permit, PermitId, PermitReads, StoredEvent};
use crate::ports::recognitions::{Recognition, RecognitionReads};
use crate::ports::record::{RecordHead, RecordLine, RecordReads};
use crate::ports::replay::{Answered, ReplayReads};
use crate::ports::store::{Store, StoreError, Write};
use crate::ports::trust::{MemberListRow, PeerStatusRow, StatementRow, Tombstone, TrustReads};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
    commits: Mutex<Vec<&'static str>>,
    failing: Mutex<Option<Failing>>,
    disturbed: Mutex<Option<u64>>,
    meanwhile: Mutex<Vec<(&'static str, Vec<Write>)>>,
}

/// How every commit fails for now.
#[derive(Clone, Debug)]
enum Failing {
    /// Not done, and said so.
    Unavailable(String),
    /// Not done, and the author hears only that nobody knows.
    Unknown(String),
}

type Read<T> = Result<T, StoreError>;

impl MemoryStore {
    /// Makes every commit fail with this reason until [`MemoryStore::recover`].
    pub fn fail(&self, reason: &str) {
        *lock(&self.failing) = Some(Failing::Unavailable(reason.to_owned()));
    }

    /// Loses the answer of every commit for this reason until [`MemoryStore::recover`].
    pub fn lose_answers(&self, reason: &str) {
        *lock(&self.failing) = Some(Failing::Unknown(reason.to_owned()));
    }

    /// From now on commits overtake each other and about every third fails, the same ones for the same seed.
    pub fn disturb(&self, seed: u64) {
        *lock(&self.disturbed) = Some(seed);
    }

    /// Ends what [`MemoryStore::fail`], [`MemoryStore::lose_answers`] or [`MemoryStore::disturb`] began.
    pub fn recover(&self) {
        *lock(&self.failing) = None;
        *lock(&self.disturbed) = None;
    }

    /// How long this commit takes, and whether it fails.
    fn disturbance(&self) -> (u64, bool) {
        let mut state = lock(&self.disturbed);
        let Some(state) = state.as_mut() else {
            return (0, false);
        };
        // Knuth's MMIX generator; its upper bits are the good ones.
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((*state >> 33) % 9, (*state >> 40).is_multiple_of(3))
    }

    /// Commits these writes right before the next commit of this name: what somebody else did at the same moment.
    pub fn meanwhile(&self, name: &'static str, writes: Vec<Write>) {
        lock(&self.meanwhile).push((name, writes));
    }

    /// What a backup made now would hold.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            tables: Mutex::new(self.tables()),
            ..Self::default()
        }
    }

    /// Puts an officer there without a commit, as one who was added long before.
    #[must_use]
    pub fn with_officer(self, officer: Officer) -> Self {
        let mut tables = self.tables();
        std::sync::Arc::make_mut(&mut tables.officers).insert(officer.id.clone(), officer);
        *lock(&self.tables) = tables;
        self
    }

    /// Names of the commits that were carried out, oldest first.
    pub fn commits(&self) -> Vec<&'static str> {
        lock(&self.commits).clone()
    }

    /// Every queued message, due or not, in the order of ids.
    pub fn queued(&self) -> Vec<OutboxItem> {
        self.tables().outbox.values().cloned().collect()
    }

    /// The lines of the record as they are stored.
    pub fn record(&self) -> Vec<RecordLine> {
        self.tables().record.to_vec()
    }

    /// Changes stored lines behind the node's back, as somebody with the database could.
    pub fn tamper_record(&self, change: impl FnOnce(&mut Vec<RecordLine>)) {
        change(std::sync::Arc::make_mut(&mut lock(&self.tables).record));
    }

    /// Puts lines back as they were.
    pub fn restore_record(&self, lines: Vec<RecordLine>) {
        lock(&self.tables).record = std::sync::Arc::new(lines);
    }

    fn tables(&self) -> Tables {
        lock(&self.tables).clone()
    }
}

/// A panic of another test thread leaves the tables whole: they are replaced in one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, name: &'static str, writes: Vec<Write>) -> Result<(), StoreError> {
        match lock(&self.failing).clone() {
            Some(Failing::Unavailable(reason)) => return Err(StoreError::Unavailable(reason)),
            Some(Failing::Unknown(reason)) => return Err(StoreError::Unknown(reason)),
            None => {}
        }
        let (turns, fails) = self.disturbance();
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        if fails {
            return Err(StoreError::Unavailable("disturbed".to_owned()));
        }
        let mut tables = lock(&self.tables);
        for (_, others) in lock(&self.meanwhile).extract_if(.., |(before, _)| *before == name) {
            for write in others {
                tables.apply(write).map_err(StoreError::Conflict)?;
            }
        }
        let mut next = tables.clone();
        for write in writes {
            next.apply(write).map_err(StoreError::Conflict)?;
        }
        *tables = next;
        lock(&self.commits).push(name);
        Ok(())
    }

    async fn setting(&self, key: &str) -> Read<Option<String>> {
        Ok(self.tables().settings.get(key).cloned())
    }
}

#[async_trait]
impl PermitReads for MemoryStore {
    async fn permit(&self, id: PermitId) -> Read<Option<Permit>> {
        Ok(self.tables().permits.get(&id).map(|permit| (**permit).clone()))
    }

    async fn permits_by_number(&self, number: &SubjectNumber) -> Read<Vec<Permit>> {
        let tables = self.tables();
        let bears = |permit: &Permit| match number {
            SubjectNumber::IdNumber(id) => permit.details.id_number == *id,
            SubjectNumber::PermitNumber(own) => permit.details.permit_number == *own,
        };
        Ok(tables
            .permits
            .values()
            .rev()
            .filter(|permit| bears(permit))
            .map(|permit| (**permit).clone())
            .collect())
    }

    async fn events(&self, id: PermitId) -> Read<Vec<StoredEvent>> {
        Ok(self.tables().events.get(&id).cloned().unwrap_or_default())
    }

    async fn permits_after(&self, after: Option<PermitId>, limit: u32) -> Read<Vec<Permit>> {
        let tables = self.tables();
        Ok(tables
            .permits
            .values()
            .filter(|permit| after.is_none_or(|after| permit.id > after))
            .take(limit as usize)
            .map(|permit| (**permit).clone())
            .collect())
    }

    async fn permits_without_attestation(&self, now: UnixSeconds, limit: u32) -> Read<Vec<Permit>> {
        let tables = self.tables();
        let live = |permit: &Permit| {
            tables.issued.get(&permit.id).is_some_and(|places| {
                places
                    .iter()
                    .filter_map(|place| tables.issuances.get(place))
                    .any(|i| i.exp > now && !i.status.is_permanent())
            })
        };
        Ok(tables
            .permits
            .values()
            .filter(|permit| permit.status == PermitStatus::Valid)
            .filter(|permit| permit.endorsed_until.end_of_day() > now && !live(permit))
            .take(limit as usize)
            .map(|permit| (**permit).clone())
            .collect())
    }

    async fn permit_count(&self) -> Read<u64> {
        Ok(self.tables().permits.len() as u64)
    }

    async fn last_import(&self) -> Read<Option<ImportMark>> {
        Ok(self.tables().imports.last().cloned())
    }

    async fn import_by_digest(&self, digest: &Digest) -> Read<Option<ImportMark>> {
        Ok(self
            .tables()
            .imports
            .iter()
            .find(|mark| mark.digest == *digest)
            .cloned())
    }
}

#[async_trait]
impl AttestationReads for MemoryStore {
    async fn attestations_of(&self, permit: PermitId, now: UnixSeconds) -> Read<Vec<Issuance>> {
        let tables = self.tables();
        let mut found: Vec<_> = tables
            .issued
            .get(&permit)
            .into_iter()
            .flatten()
            .filter_map(|place| tables.issuances.get(place))
            .filter(|issuance| issuance.exp > now)
            .cloned()
            .collect();
        found.reverse();
        Ok(found)
    }

    async fn attestation_count(&self) -> Read<u64> {
        Ok(self.tables().issuances.len() as u64)
    }

    async fn status_lists(&self) -> Read<Vec<StatusListRow>> {
        Ok(self.tables().lists.values().cloned().collect())
    }

    async fn nonzero(&self, list: ListId) -> Read<Vec<(u32, StatusValue)>> {
        let tables = self.tables();
        let range = (list, 0)..=(list, u32::MAX);
        let issued = tables
            .issuances
            .range(range.clone())
            .map(|(place, issuance)| (place.1, issuance.status));
        let decoys = tables
            .decoys
            .range(range)
            .map(|(place, status)| (place.1, *status));
        let mut entries: Vec<_> = issued
            .chain(decoys)
            .filter(|(_, status)| *status != StatusValue::Valid)
            .collect();
        entries.sort_unstable();
        Ok(entries)
    }

    async fn decoys(&self, list: ListId) -> Read<Vec<Decoy>> {
        let tables = self.tables();
        let decoys = tables.decoys.range((list, 0)..=(list, u32::MAX));
        Ok(decoys
            .map(|(place, status)| Decoy {
                list,
                index: place.1,
                status: *status,
            })
            .collect())
    }
}

#[async_trait]
impl TrustReads for MemoryStore {
    async fn statements(&self) -> Read<Vec<StatementRow>> {
        Ok(self.tables().statements.values().cloned().collect())
    }

    async fn member_lists(&self) -> Read<Vec<MemberListRow>> {
        Ok(self.tables().member_lists.values().cloned().collect())
    }

    async fn peer_status(&self) -> Read<Vec<PeerStatusRow>> {
        Ok(self.tables().peer_status.values().cloned().collect())
    }

    async fn tombstones(&self) -> Read<Vec<Tombstone>> {
        Ok(self.tables().tombstones.values().cloned().collect())
    }
}

#[async_trait]
impl AgreementReads for MemoryStore {
    async fn agreements(&self) -> Read<Vec<AgreementRow>> {
        Ok(self.tables().agreements.values().cloned().collect())
    }

    async fn withdrawals(&self) -> Read<Vec<WithdrawalRow>> {
        Ok(self.tables().withdrawals.values().cloned().collect())
    }
}

#[async_trait]
impl ReplayReads for MemoryStore {
    async fn answered(&self, scope: &str, key: &str) -> Read<Option<Answered>> {
        Ok(self
            .tables()
            .answers
            .get(&(scope.to_owned(), key.to_owned()))
            .cloned())
    }
}

#[async_trait]
impl RecordReads for MemoryStore {
    async fn last_line(&self) -> Read<Option<RecordLine>> {
        Ok(self.tables().record.last().cloned())
    }

    async fn lines_after(&self, seq: u64, limit: u32) -> Read<Vec<RecordLine>> {
        let tables = self.tables();
        let after = tables.record.iter().filter(|line| line.seq > seq);
        Ok(after.take(limit as usize).cloned().collect())
    }

    async fn last_head(&self) -> Read<Option<RecordHead>> {
        Ok(self.tables().heads.last().cloned())
    }
}

#[async_trait]
impl RecognitionReads for MemoryStore {
    async fn recognition(&self, trace: &TraceNumber) -> Read<Option<Recognition>> {
        Ok(self.tables().recognitions.get(trace).cloned())
    }

    async fn recognitions_of(&self, officer: &OfficerId, limit: u32) -> Read<Vec<Recognition>> {
        let tables = self.tables();
        let mut own: Vec<_> = tables
            .recognitions
            .values()
            .filter(|one| one.officer == *officer || one.settled_by.as_ref() == Some(officer))
            .cloned()
            .collect();
        own.sort_by_key(|recognition| std::cmp::Reverse(recognition.at));
        own.truncate(limit as usize);
        Ok(own)
    }

    async fn recognitions_by_status(&self, uri: &str, index: u32) -> Read<Vec<Recognition>> {
        let tables = self.tables();
        let rests = |recognition: &&Recognition| {
            recognition
                .status_ref
                .as_ref()
                .is_some_and(|(list, at)| list == uri && *at == index)
        };
        Ok(tables.recognitions.values().filter(rests).cloned().collect())
    }

    async fn recognitions_cancelled(&self) -> Read<Vec<(Recognition, UnixSeconds)>> {
        let stones = self.tombstones().await?;
        let seen = |(uri, index): &(String, u32)| {
            stones
                .iter()
                .find(|stone| {
                    stone.uri == *uri && stone.index == *index && stone.status == StatusValue::Cancelled
                })
                .map(|stone| stone.seen_at)
        };
        let tables = self.tables();
        let mut rows: Vec<_> = tables
            .recognitions
            .values()
            .filter_map(|one| Some((one.clone(), seen(one.status_ref.as_ref()?)?)))
            .collect();
        rows.sort_by_key(|(one, _)| (one.at, one.trace));
        Ok(rows)
    }
}

#[async_trait]
impl OfficerReads for MemoryStore {
    async fn officer(&self, id: &OfficerId) -> Read<Option<Officer>> {
        Ok(self.tables().officers.get(id).cloned())
    }

    async fn officers(&self) -> Read<Vec<Officer>> {
        Ok(self.tables().officers.values().cloned().collect())
    }

    async fn session(&self, token: &[u8; 32]) -> Read<Option<Session>> {
        Ok(self.tables().sessions.get(token).cloned())
    }

    async fn pending_acts(&self) -> Read<Vec<PendingAct>> {
        let tables = self.tables();
        Ok(tables
            .acts
            .values()
            .filter(|act| act.decided.is_none())
            .cloned()
            .collect())
    }

    async fn pending_act(&self, id: uuid::Uuid) -> Read<Option<PendingAct>> {
        Ok(self.tables().acts.get(&id).cloned())
    }
}

#[async_trait]
impl OutboxReads for MemoryStore {
    async fn due(&self, now: UnixSeconds, limit: u32) -> Read<Vec<OutboxItem>> {
        let tables = self.tables();
        let mut due: Vec<_> = tables
            .outbox
            .values()
            .filter(|item| item.next_at <= now)
            .cloned()
            .collect();
        due.sort_by_key(|item| (item.next_at, item.id));
        due.truncate(limit as usize);
        Ok(due)
    }
}
