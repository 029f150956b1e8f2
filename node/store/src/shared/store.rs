//! The open store: one writer, a pool of readers, one cipher.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::Pool;
use sqlx::pool::PoolConnection;

use super::{Db, Session, Tx, Writer};
use crate::verdict::Stopped;
use crate::{Cipher, Fault};

/// An open store. Cheap to clone; the last clone to go does not close it: call [`Store::close`].
#[derive(Clone)]
pub struct Store {
    writer: Writer,
    readers: Pool<Db>,
    cipher: Arc<Cipher>,
}

impl Store {
    pub(in super::super) fn start(session: Session, readers: Pool<Db>) -> Self {
        let cipher = Arc::clone(&session.tx.cipher);
        Self {
            writer: Writer::start(session),
            readers,
            cipher,
        }
    }

    /// Lets queued transactions finish, closes every connection and gives up the lock.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Waits until the store has stopped writing for good, and says why. A process that sees anything but
    /// [`Stopped::Closed`] must end: a new start recovers from the database's log.
    pub async fn stopped(&self) -> Stopped {
        self.writer.stopped().await
    }

    /// Commits made since the store was opened, for metrics and for tests of grouping.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// Runs a named transaction on the writer.
    pub(crate) async fn write<I, T, F>(&self, name: &'static str, input: I, work: F) -> Result<T, Fault>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'c> Fn(&'c mut Tx, &'c I) -> BoxFuture<'c, Result<T, Fault>> + Send + Sync + 'static,
    {
        self.writer.run(name, input, work).await
    }

    /// A connection for one statement that reads what is committed.
    pub(crate) async fn reader(&self) -> Result<PoolConnection<Db>, Fault> {
        Ok(self.readers.acquire().await?)
    }

    /// Opens and indexes columns outside transactions.
    pub(crate) fn cipher(&self) -> &Cipher {
        &self.cipher
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("commits", &self.commits())
            .finish_non_exhaustive()
    }
}
