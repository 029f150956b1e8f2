//! Storage as one idea: **a write is a named list of [`Write`]s that happens whole or not at all**, and reads are traits per
//! aggregate. Whoever needs two things to be true together puts them into one list; whoever hangs up changes nothing, since the
//! list is carried out by the store's own writer, which also groups lists of several callers into one commit.
//!
//! A write that finds the world other than its author saw it (a version moved on, a status index taken, an older statement)
//! fails with [`StoreError::Conflict`] and nothing of its list is done.

use std::fmt;

use async_trait::async_trait;
use comity_spec::ids::{AgreementId, Digest, OfficerId};
use comity_spec::time::UnixSeconds;

use super::agreements::{AgreementReads, AgreementRow, WithdrawalRow};
use super::attestations::{AttestationReads, Decoy, Issuance, ListId, NewStatusList, Publication};
use super::officers::{Officer, OfficerReads, PendingAct, Session};
use super::outbox::{OutboxItem, OutboxReads};
use super::permits::{ImportMark, PermitChange, PermitReads};
use super::recognitions::{Recognition, RecognitionReads};
use super::record::{RecordBody, RecordHead, RecordReads};
use super::replay::{Answered, ReplayReads};
use super::trust::{MemberListRow, PeerStatusRow, StatementRow, Tombstone, TrustReads};

/// One change of the store.
#[derive(Clone, Debug)]
pub enum Write {
    /// A permit's new state with the event that led to it.
    Permit(Box<PermitChange>),
    /// A register file was applied: refused when its digest or sequence was applied before.
    Import(ImportMark),
    /// An attestation and its status index: refused when the index is taken or the permit moved on.
    Issuance(Box<Issuance>),
    /// A status list of our own is created.
    StatusList(NewStatusList),
    /// Decoy entries of a list are set.
    Decoy(Decoy),
    /// Nothing of a list is handed out any more: every entry that nobody has is a decoy from now on, superseded for good.
    CloseStatusList(ListId),
    /// A list was signed: refused unless `iat` rises.
    Publication(Publication),
    /// An accepted entity statement: refused when older than the newest kept for (`iss`, `sub`).
    Statement(StatementRow),
    /// An accepted member list: refused when its `seq` or `iat` is below the newest kept.
    MemberList(MemberListRow),
    /// A peer's accepted status list: refused when older than the one kept.
    PeerStatus(PeerStatusRow),
    /// A permanent status seen while its list was valid.
    Tombstone(Tombstone),
    /// An agreement version, proposed, signed or adopted: refused when another text of the version was adopted.
    Agreement(Box<AgreementRow>),
    /// A proposal is no longer waited for: refused unless it waits.
    DiscardProposal {
        /// Identifier.
        id: AgreementId,
        /// Version.
        version: u32,
        /// The digest of its text.
        digest: Digest,
    },
    /// A withdrawal.
    Withdrawal(WithdrawalRow),
    /// The answer to a request, by replay key: refused when the key is taken.
    Answer(Answered),
    /// A line of the record of exchanges; the writer links it into the chain.
    Record(RecordBody),
    /// A signed head of the record.
    RecordHead(RecordHead),
    /// A verification at our own windows, new or changed: refused when its version moved on.
    Recognition(Box<Recognition>),
    /// An officer, new or changed: refused when its version moved on.
    Officer(Officer),
    /// What a sign-in leaves behind on an officer and nothing else of the row: refused when the officer's version moved on.
    SignInCount {
        /// Who.
        officer: OfficerId,
        /// The version that the author read.
        expected: i64,
        /// Wrong passwords in a row.
        failures: u32,
        /// No sign-in before this second.
        locked_until: Option<UnixSeconds>,
    },
    /// A session begins.
    Session(Session),
    /// A session's end is moved on, never back: refused when the session has ended, so that a request under way does not bring it
    /// back.
    ExtendSession {
        /// SHA-256 of its token.
        token: [u8; 32],
        /// Its new end.
        expires: UnixSeconds,
    },
    /// A session ends, by the SHA-256 of its token.
    EndSession([u8; 32]),
    /// A two-person act, new or decided: refused when it was decided before, or when another one waits for the same permit.
    PendingAct(Box<PendingAct>),
    /// A message to a peer is queued.
    Queue(OutboxItem),
    /// A queued message was delivered or given up.
    Dequeue(uuid::Uuid),
    /// A queued message is put off.
    Postpone {
        /// Which.
        id: uuid::Uuid,
        /// Not before this second.
        next_at: i64,
    },
    /// A small durable value (`source_as_of`, `clock_floor`…).
    Setting {
        /// Name.
        key: &'static str,
        /// Value.
        value: String,
    },
    /// A small durable number that only rises: a greater one that is stored stays.
    Raise {
        /// Name, of the same kind as a setting's.
        key: &'static str,
        /// At least this, up to `i64::MAX`.
        value: u64,
    },
    /// Replay keys, sessions and lists that ended before this second are forgotten.
    Forget {
        /// Unix seconds.
        before: i64,
    },
}

/// Why the store did not do it. Nothing of the list was done, except after [`StoreError::Unknown`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The world is other than the author of the write saw it.
    #[error("conflict: {0}")]
    Conflict(Conflict),
    /// The store is not reachable or full; try again later.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The commit's answer was lost: look before trying again.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(String),
    /// A row does not read: wrong key, moved ciphertext or a damaged file.
    #[error("a stored row does not read ({table}): {reason}")]
    Corrupt {
        /// Where.
        table: &'static str,
        /// How.
        reason: String,
    },
}

/// What had changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A row's version moved on; read it and decide anew.
    #[error("{0} was changed in the meantime")]
    Version(Row),
    /// A key is taken.
    #[error("{0} exists already")]
    Exists(Row),
    /// Something newer is kept.
    #[error("a newer {0} is kept")]
    Older(Row),
    /// A row that the write refers to is not there.
    #[error("{0} does not exist")]
    Missing(Row),
}

/// What a conflict is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// An agreement as one version of it stands.
    Agreement,
    /// A text of one version.
    AgreementVersion,
    /// A stored answer to a look-up.
    Answer,
    /// A status index that nobody has.
    Decoy,
    /// What one entity states of another.
    EntityStatement,
    /// An authority's members.
    MemberList,
    /// What waits for a peer.
    Message,
    /// An officer.
    Officer,
    /// An act that waits for a second person.
    PendingAct,
    /// A permit.
    Permit,
    /// What happened to a permit.
    PermitEvent,
    /// The number of a permit.
    PermitNumber,
    /// A text that waits for signatures.
    Proposal,
    /// A verification at our window.
    Recognition,
    /// A signed head of the record.
    RecordHead,
    /// A line of the record.
    RecordLine,
    /// An imported register file.
    RegisterFile,
    /// An officer's session.
    Session,
    /// A place in a status list.
    StatusIndex,
    /// A status list, ours or a peer's.
    StatusList,
    /// The number of a verification.
    TraceNumber,
    /// A party's withdrawal.
    Withdrawal,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agreement => "agreement",
            Self::AgreementVersion => "agreement version",
            Self::Answer => "answer",
            Self::Decoy => "decoy",
            Self::EntityStatement => "entity statement",
            Self::MemberList => "member list",
            Self::Message => "message",
            Self::Officer => "officer",
            Self::PendingAct => "pending act",
            Self::Permit => "permit",
            Self::PermitEvent => "permit event",
            Self::PermitNumber => "permit number",
            Self::Proposal => "proposal",
            Self::Recognition => "recognition",
            Self::RecordHead => "record head",
            Self::RecordLine => "record line",
            Self::RegisterFile => "register file",
            Self::Session => "session",
            Self::StatusIndex => "status index",
            Self::StatusList => "status list",
            Self::TraceNumber => "trace number",
            Self::Withdrawal => "withdrawal",
        })
    }
}

/// Everything a node stores.
#[async_trait]
pub trait Store:
    PermitReads
    + AttestationReads
    + TrustReads
    + AgreementReads
    + ReplayReads
    + RecordReads
    + RecognitionReads
    + OfficerReads
    + OutboxReads
    + Send
    + Sync
{
    /// Does the whole list durably, or nothing of it. `name` is for logs and metrics. Returns after the commit is on disk.
    async fn commit(&self, name: &'static str, writes: Vec<Write>) -> Result<(), StoreError>;

    /// A small durable value.
    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError>;
}
