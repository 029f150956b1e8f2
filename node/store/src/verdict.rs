//! How the writer reads a database's answer: what an error means for the transaction it arrived in.

use crate::Fault;

/// What an error of the driver means for the open transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The statement was refused; the fault lies with the transaction that sent it.
    Refused,
    /// The database rolled back for reasons of its own (busy, serialisation, deadlock): try the same again.
    Again,
    /// The connection is gone, and with it everything not committed.
    Lost,
    /// The database cannot write for now (disk or memory full).
    Unable,
    /// The database failed to make something durable, or found itself damaged: do not write again.
    Broken,
}

/// What became of a commit whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is there.
    Committed,
    /// It is not there and never will be.
    NotCommitted,
    /// The database cannot say.
    Unknown,
}

/// Why a session cannot open a transaction.
#[derive(Debug)]
pub(crate) enum BeginError {
    /// The driver's error.
    Driver(sqlx::Error),
    /// Another instance has taken over.
    Fenced,
}

impl From<sqlx::Error> for BeginError {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

/// Why a writer has stopped for good.
#[derive(Clone, Debug)]
pub enum Stopped {
    /// It was closed, as asked.
    Closed,
    /// Another instance has taken over this store.
    Fenced,
    /// The database failed to make a commit durable; only a new start, which replays its log, may go on.
    Broken(Fault),
}
