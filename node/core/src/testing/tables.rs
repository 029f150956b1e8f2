//! What the store in memory holds and what each write does to it. A write checks before it changes anything that it owns; the
//! caller works on a copy, so a refusal half way through a list leaves no trace.

use std::collections::BTreeMap;
use std::sync::Arc;

use comity_spec::ids::{AgreementId, Digest, EntityId, OfficerId, PermitNumber, TraceNumber};
use comity_spec::status::{ENTRIES, StatusValue};
use comity_spec::time::UnixSeconds;

use crate::ports::agreements::{AgreementRow, AgreementState, WithdrawalRow};
use crate::ports::attestations::{Decoy, Issuance, ListId, NewStatusList, Publication, StatusListRow};
use crate::ports::officers::{Officer, PendingAct, Session};
use crate::ports::outbox::OutboxItem;
use crate::ports::permits::{ImportMark, Permit, PermitChange, PermitId, StoredEvent};
use crate::ports::recognitions::Recognition;
use crate::ports::record::{RecordBody, RecordHead, RecordLine, link};
use crate::ports::replay::Answered;
use crate::ports::store::{Conflict, Row, Write};
use crate::ports::trust::{MemberListRow, PeerStatusRow, StatementRow, Tombstone};

/// The tables. Each is shared until written to, so that copying the whole for a commit costs little.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) permits: Arc<BTreeMap<PermitId, Arc<Permit>>>,
    pub(super) numbers: Arc<BTreeMap<PermitNumber, PermitId>>,
    pub(super) events: Arc<BTreeMap<PermitId, Vec<StoredEvent>>>,
    pub(super) imports: Arc<Vec<ImportMark>>,
    pub(super) issuances: Arc<BTreeMap<(ListId, u32), Issuance>>,
    pub(super) issued: Arc<BTreeMap<PermitId, Vec<(ListId, u32)>>>,
    pub(super) lists: Arc<BTreeMap<ListId, StatusListRow>>,
    pub(super) decoys: Arc<BTreeMap<(ListId, u32), StatusValue>>,
    pub(super) statements: Arc<BTreeMap<(EntityId, EntityId), StatementRow>>,
    pub(super) member_lists: Arc<BTreeMap<EntityId, MemberListRow>>,
    pub(super) peer_status: Arc<BTreeMap<String, PeerStatusRow>>,
    pub(super) tombstones: Arc<BTreeMap<(String, u32), Tombstone>>,
    pub(super) agreements: Arc<BTreeMap<(AgreementId, u32, Digest), AgreementRow>>,
    pub(super) withdrawals: Arc<BTreeMap<(AgreementId, EntityId, UnixSeconds), WithdrawalRow>>,
    pub(super) answers: Arc<BTreeMap<(String, String), Answered>>,
    pub(super) record: Arc<Vec<RecordLine>>,
    pub(super) heads: Arc<Vec<RecordHead>>,
    pub(super) recognitions: Arc<BTreeMap<TraceNumber, Recognition>>,
    pub(super) officers: Arc<BTreeMap<OfficerId, Officer>>,
    pub(super) sessions: Arc<BTreeMap<[u8; 32], Session>>,
    pub(super) acts: Arc<BTreeMap<uuid::Uuid, PendingAct>>,
    pub(super) outbox: Arc<BTreeMap<uuid::Uuid, OutboxItem>>,
    pub(super) settings: Arc<BTreeMap<String, String>>,
}

type Done = Result<(), Conflict>;

impl Tables {
    pub(super) fn apply(&mut self, write: Write) -> Done {
        match write {
            Write::Permit(change) => self.permit(*change),
            Write::Import(mark) => self.import(mark),
            Write::Issuance(issuance) => self.issuance(*issuance),
            Write::StatusList(list) => self.status_list(list),
            Write::Decoy(decoy) => self.decoy(decoy),
            Write::CloseStatusList(list) => self.close_status_list(list),
            Write::Publication(publication) => self.publication(publication),
            Write::Statement(row) => self.statement(row),
            Write::MemberList(row) => self.member_list(row),
            Write::PeerStatus(row) => self.peer_status(row),
            Write::Tombstone(tombstone) => self.tombstone(tombstone),
            Write::Agreement(row) => self.agreement(*row),
            Write::DiscardProposal { id, version, digest } => {
                let key = (id, version, digest);
                let waits = |row: &AgreementRow| row.state == AgreementState::Proposed;
                if !self.agreements.get(&key).is_some_and(waits) {
                    return Err(Conflict::Missing(Row::Proposal));
                }
                Arc::make_mut(&mut self.agreements).remove(&key);
                Ok(())
            }
            Write::Withdrawal(row) => {
                let key = (row.id.clone(), row.iss.clone(), row.iat);
                match self.withdrawals.get(&key) {
                    // The same one again: when it was first seen stands.
                    Some(kept) if kept.jws == row.jws => {}
                    Some(_) => return Err(Conflict::Exists(Row::Withdrawal)),
                    None => {
                        Arc::make_mut(&mut self.withdrawals).insert(key, row);
                    }
                }
                Ok(())
            }
            Write::Answer(answer) => self.answer(answer),
            Write::Record(body) => self.record(body),
            Write::RecordHead(head) => {
                Arc::make_mut(&mut self.heads).push(head);
                Ok(())
            }
            Write::Recognition(recognition) => self.recognition(*recognition),
            Write::Officer(officer) => self.officer(officer),
            Write::SignInCount {
                officer,
                expected,
                failures,
                locked_until,
            } => {
                let known = self.officers.get(&officer).cloned();
                self.officer(Officer {
                    version: expected + 1,
                    failures,
                    locked_until,
                    ..known.ok_or(Conflict::Version(Row::Officer))?
                })
            }
            Write::Session(session) => {
                Arc::make_mut(&mut self.sessions).insert(session.token, session);
                Ok(())
            }
            Write::ExtendSession { token, expires } => self.extend_session(token, expires),
            Write::EndSession(token) => {
                Arc::make_mut(&mut self.sessions).remove(&token);
                Ok(())
            }
            Write::PendingAct(act) => self.pending_act(*act),
            Write::Queue(item) => self.queue(item),
            Write::Dequeue(id) => {
                Arc::make_mut(&mut self.outbox).remove(&id);
                Ok(())
            }
            Write::Postpone { id, next_at } => self.postpone(id, next_at),
            Write::Setting { key, value } => {
                Arc::make_mut(&mut self.settings).insert(key.to_owned(), value);
                Ok(())
            }
            Write::Raise { key, value } => {
                let stored = self.settings.get(key).and_then(|text| text.parse::<u64>().ok());
                if stored.is_none_or(|stored| stored < value) {
                    Arc::make_mut(&mut self.settings).insert(key.to_owned(), value.to_string());
                }
                Ok(())
            }
            Write::Forget { before } => {
                self.forget(before);
                Ok(())
            }
        }
    }

    fn permit(&mut self, change: PermitChange) -> Done {
        let PermitChange {
            permit,
            expected,
            event,
            actor,
            status,
        } = change;
        match (self.permits.get(&permit.id), expected) {
            (Some(_), 0) => return Err(Conflict::Exists(Row::Permit)),
            (None, 0) => {}
            (None, _) => return Err(Conflict::Missing(Row::Permit)),
            (Some(stored), _) if stored.version != expected => return Err(Conflict::Version(Row::Permit)),
            (Some(_), _) => {}
        }
        if permit.version != expected + 1 {
            return Err(Conflict::Version(Row::Permit));
        }
        let number = &permit.details.permit_number;
        if self.numbers.get(number).is_some_and(|owner| *owner != permit.id) {
            return Err(Conflict::Exists(Row::PermitNumber));
        }
        Arc::make_mut(&mut self.numbers).insert(number.clone(), permit.id);
        Arc::make_mut(&mut self.events)
            .entry(permit.id)
            .or_default()
            .push(StoredEvent {
                version: permit.version,
                at: permit.changed_at,
                event,
                actor,
            });
        if let Some(status) = status {
            self.set_status(permit.id, status, permit.changed_at);
        }
        Arc::make_mut(&mut self.permits).insert(permit.id, Arc::new(permit));
        Ok(())
    }

    /// Sets every unexpired index of a permit, save those that may not become `status` (a superseded one stays superseded).
    fn set_status(&mut self, permit: PermitId, status: StatusValue, now: UnixSeconds) {
        let Some(places) = self.issued.get(&permit) else {
            return;
        };
        let issuances = Arc::make_mut(&mut self.issuances);
        let lists = Arc::make_mut(&mut self.lists);
        for place in places {
            if let Some(issuance) = issuances.get_mut(place)
                && issuance.exp > now
                && issuance.status != status
                && issuance.status.may_become(status)
            {
                issuance.status = status;
                if let Some(list) = lists.get_mut(&place.0) {
                    list.changes += 1;
                }
            }
        }
    }

    fn import(&mut self, mark: ImportMark) -> Done {
        if self.imports.iter().any(|known| known.digest == mark.digest) {
            return Err(Conflict::Exists(Row::RegisterFile));
        }
        if self
            .imports
            .last()
            .is_some_and(|last| last.sequence >= mark.sequence)
        {
            return Err(Conflict::Older(Row::RegisterFile));
        }
        Arc::make_mut(&mut self.imports).push(mark);
        Ok(())
    }

    fn issuance(&mut self, issuance: Issuance) -> Done {
        let place = (issuance.list, issuance.index);
        let permit = self
            .permits
            .get(&issuance.permit)
            .ok_or(Conflict::Missing(Row::Permit))?;
        if permit.version != issuance.permit_version {
            return Err(Conflict::Version(Row::Permit));
        }
        if self.issuances.contains_key(&place) || self.decoys.contains_key(&place) {
            return Err(Conflict::Exists(Row::StatusIndex));
        }
        let list = Arc::make_mut(&mut self.lists)
            .get_mut(&issuance.list)
            .ok_or(Conflict::Missing(Row::StatusList))?;
        // Commits come in any order; what is kept is beyond the highest position.
        list.next_position = list.next_position.max(issuance.position + 1);
        if issuance.status != StatusValue::Valid {
            list.changes += 1;
        }
        Arc::make_mut(&mut self.issued)
            .entry(issuance.permit)
            .or_default()
            .push(place);
        Arc::make_mut(&mut self.issuances).insert(place, issuance);
        Ok(())
    }

    fn status_list(&mut self, new: NewStatusList) -> Done {
        if self.lists.contains_key(&new.id) {
            return Err(Conflict::Exists(Row::StatusList));
        }
        let row = StatusListRow {
            id: new.id,
            uri: new.uri,
            seed: new.seed,
            next_position: 0,
            changes: 0,
            published_changes: 0,
            published_iat: None,
            token: None,
        };
        Arc::make_mut(&mut self.lists).insert(new.id, row);
        Ok(())
    }

    fn decoy(&mut self, decoy: Decoy) -> Done {
        let place = (decoy.list, decoy.index);
        if self.issuances.contains_key(&place) {
            return Err(Conflict::Exists(Row::StatusIndex));
        }
        let shown = self.decoys.get(&place).copied().unwrap_or_default();
        if !shown.may_become(decoy.status) {
            return Err(Conflict::Version(Row::Decoy));
        }
        let list = Arc::make_mut(&mut self.lists)
            .get_mut(&decoy.list)
            .ok_or(Conflict::Missing(Row::StatusList))?;
        if shown != decoy.status {
            list.changes += 1;
        }
        Arc::make_mut(&mut self.decoys).insert(place, decoy.status);
        Ok(())
    }

    fn close_status_list(&mut self, id: ListId) -> Done {
        let list = Arc::make_mut(&mut self.lists)
            .get_mut(&id)
            .ok_or(Conflict::Missing(Row::StatusList))?;
        let length = u32::try_from(ENTRIES).unwrap_or(u32::MAX);
        list.next_position = length;
        let decoys = Arc::make_mut(&mut self.decoys);
        for place in (0..length).map(|index| (id, index)) {
            if !self.issuances.contains_key(&place) && !decoys.contains_key(&place) {
                decoys.insert(place, StatusValue::Superseded);
                list.changes += 1;
            }
        }
        Ok(())
    }

    fn publication(&mut self, publication: Publication) -> Done {
        let list = Arc::make_mut(&mut self.lists)
            .get_mut(&publication.list)
            .ok_or(Conflict::Missing(Row::StatusList))?;
        if list.published_iat.is_some_and(|iat| iat >= publication.iat) {
            return Err(Conflict::Older(Row::StatusList));
        }
        list.published_iat = Some(publication.iat);
        list.published_changes = publication.changes;
        list.token = Some(publication.token);
        Ok(())
    }

    fn statement(&mut self, row: StatementRow) -> Done {
        let key = (row.iss.clone(), row.sub.clone());
        if self.statements.get(&key).is_some_and(|kept| kept.iat > row.iat) {
            return Err(Conflict::Older(Row::EntityStatement));
        }
        Arc::make_mut(&mut self.statements).insert(key, row);
        Ok(())
    }

    fn member_list(&mut self, row: MemberListRow) -> Done {
        let older = |kept: &MemberListRow| kept.seq > row.seq || kept.iat > row.iat;
        if self.member_lists.get(&row.iss).is_some_and(older) {
            return Err(Conflict::Older(Row::MemberList));
        }
        Arc::make_mut(&mut self.member_lists).insert(row.iss.clone(), row);
        Ok(())
    }

    fn peer_status(&mut self, row: PeerStatusRow) -> Done {
        if self
            .peer_status
            .get(&row.uri)
            .is_some_and(|kept| kept.iat > row.iat)
        {
            return Err(Conflict::Older(Row::StatusList));
        }
        Arc::make_mut(&mut self.peer_status).insert(row.uri.clone(), row);
        Ok(())
    }

    fn tombstone(&mut self, tombstone: Tombstone) -> Done {
        let key = (tombstone.uri.clone(), tombstone.index);
        let replaces = match self.tombstones.get(&key) {
            None => true,
            Some(kept) => kept.status != tombstone.status && kept.status.may_become(tombstone.status),
        };
        if replaces {
            Arc::make_mut(&mut self.tombstones).insert(key, tombstone);
        }
        Ok(())
    }

    fn answer(&mut self, answer: Answered) -> Done {
        let key = (answer.scope.clone(), answer.key.clone());
        if self.answers.contains_key(&key) {
            return Err(Conflict::Exists(Row::Answer));
        }
        Arc::make_mut(&mut self.answers).insert(key, answer);
        Ok(())
    }

    fn record(&mut self, line: RecordBody) -> Done {
        let (seq, previous) = self
            .record
            .last()
            .map_or((0, Digest::from_bytes([0; 32])), |last| (last.seq, last.link));
        let linked = RecordLine {
            seq: seq + 1,
            at: line.at,
            link: link(&previous, &line.body),
            body: line.body,
        };
        Arc::make_mut(&mut self.record).push(linked);
        Ok(())
    }

    fn recognition(&mut self, recognition: Recognition) -> Done {
        let stored = self.recognitions.get(&recognition.trace).map_or(0, |r| r.version);
        if recognition.version != stored + 1 {
            return Err(Conflict::Version(Row::Recognition));
        }
        Arc::make_mut(&mut self.recognitions).insert(recognition.trace, recognition);
        Ok(())
    }

    fn agreement(&mut self, row: AgreementRow) -> Done {
        let rival = |other: &AgreementRow| {
            (&other.id, other.version) == (&row.id, row.version)
                && other.digest != row.digest
                && other.state != AgreementState::Proposed
        };
        if self.agreements.values().any(rival) {
            return Err(Conflict::Exists(Row::AgreementVersion));
        }
        let key = (row.id.clone(), row.version, row.digest);
        Arc::make_mut(&mut self.agreements).insert(key, row);
        Ok(())
    }

    fn officer(&mut self, officer: Officer) -> Done {
        let stored = self.officers.get(&officer.id).map_or(0, |known| known.version);
        if officer.version != stored + 1 {
            return Err(Conflict::Version(Row::Officer));
        }
        Arc::make_mut(&mut self.officers).insert(officer.id.clone(), officer);
        Ok(())
    }

    fn extend_session(&mut self, token: [u8; 32], expires: UnixSeconds) -> Done {
        let session = Arc::make_mut(&mut self.sessions)
            .get_mut(&token)
            .ok_or(Conflict::Missing(Row::Session))?;
        session.expires = session.expires.max(expires);
        Ok(())
    }

    fn pending_act(&mut self, act: PendingAct) -> Done {
        match self.acts.get(&act.id) {
            Some(stored) if stored.decided.is_some() => return Err(Conflict::Version(Row::PendingAct)),
            Some(_) if act.decided.is_none() => return Err(Conflict::Exists(Row::PendingAct)),
            _ => {}
        }
        let waits =
            |other: &PendingAct| other.decided.is_none() && other.permit == act.permit && other.id != act.id;
        if act.decided.is_none() && self.acts.values().any(waits) {
            return Err(Conflict::Exists(Row::PendingAct));
        }
        Arc::make_mut(&mut self.acts).insert(act.id, act);
        Ok(())
    }

    fn queue(&mut self, item: OutboxItem) -> Done {
        if self.outbox.contains_key(&item.id) {
            return Err(Conflict::Exists(Row::Message));
        }
        Arc::make_mut(&mut self.outbox).insert(item.id, item);
        Ok(())
    }

    fn postpone(&mut self, id: uuid::Uuid, next_at: i64) -> Done {
        let item = Arc::make_mut(&mut self.outbox)
            .get_mut(&id)
            .ok_or(Conflict::Missing(Row::Message))?;
        item.next_at = UnixSeconds::MIN.plus_saturating(next_at);
        item.attempts += 1;
        Ok(())
    }

    fn forget(&mut self, before: i64) {
        Arc::make_mut(&mut self.answers).retain(|_, answer| answer.keep_until.get() >= before);
        Arc::make_mut(&mut self.sessions).retain(|_, session| session.expires.get() >= before);
        Arc::make_mut(&mut self.peer_status).retain(|_, list| list.exp.get() >= before);
    }
}
