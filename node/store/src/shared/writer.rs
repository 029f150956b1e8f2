//! The one writer: takes transactions from a queue, commits them in groups, and answers after the commit.
//!
//! A durable commit costs a sync of the disk whatever it holds, so transactions that arrive while one sync runs
//! share the next. Each transaction in a group still stands alone: the first attempt runs them one after the
//! other without savepoints, which is the usual case and the cheap one; when any of them is refused, everything
//! is rolled back and the group runs again with a savepoint around each, so that a refusal undoes its own
//! writes only. That is why a transaction is a function that can be run more than once.
//!
//! It runs in the writer's task, never in the caller's: a client that hangs up in the middle of a request leaves
//! neither a half-done transaction nor, as sqlx 0.9.0's pool does (launchbadge/sqlx#4393), an open one for the
//! next borrower whose writes are then lost after being acknowledged. There is no autocommit write anywhere.
//!
//! What it refuses: to answer before the commit, to repeat a commit whose outcome is not known, and to write again
//! after the disk failed to sync (the kernel reports such a failure once and may have dropped the pages).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::{Session, Tx};
use crate::Fault;
use crate::verdict::{BeginError, Meaning, Settled, Stopped};

/// Most transactions in one commit: beyond this the sync is no longer what costs, and the first would wait for
/// the last.
const GROUP: usize = 256;

/// Transactions that may wait. Callers beyond it wait for a place, holding nothing.
const QUEUE: usize = 1024;

/// Times a group is tried again when the database, not a transaction, is in the way.
const RETRIES: u32 = 5;

/// The handle by which transactions reach the writer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    close: Arc<Notify>,
    stopped: watch::Receiver<Option<Stopped>>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the writer's task on the current runtime. It owns `session`, and closes it when it ends.
    pub(crate) fn start(session: Session) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let close = Arc::new(Notify::new());
        let commits = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = watch::channel(None);
        let work = Work {
            session,
            commits: Arc::clone(&commits),
        };
        tokio::spawn(work.run(jobs, Arc::clone(&close), stop));
        Self {
            queue,
            close,
            stopped,
            commits,
        }
    }

    /// Runs `work` as the transaction `name` and returns its result once it is durable.
    ///
    /// `work` may run more than once and must have no effect outside the transaction. Dropping the returned future
    /// before the transaction is queued means it never runs; after that, it runs to its end unheard.
    pub(crate) async fn run<I, T, F>(&self, name: &'static str, input: I, work: F) -> Result<T, Fault>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'c> Fn(&'c mut Tx, &'c I) -> BoxFuture<'c, Result<T, Fault>> + Send + Sync + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Transaction {
            name,
            input,
            work,
            done: None,
            reply,
        });
        if self.queue.send(job).await.is_err() {
            return Err(self.why_stopped());
        }
        // The writer answers every job it took; a missing answer means its task itself was aborted.
        answer.await.unwrap_or_else(|_| Err(self.why_stopped()))
    }

    /// Commits made so far.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Lets what is queued finish, then closes the connection. Returns when that has happened.
    pub(crate) async fn close(&self) {
        self.close.notify_one();
        self.stopped().await;
    }

    /// Waits until the writer has stopped for good, and says why.
    pub(crate) async fn stopped(&self) -> Stopped {
        let mut stopped = self.stopped.clone();
        match stopped
            .wait_for(Option::is_some)
            .await
            .map(|reason| reason.clone())
        {
            Ok(Some(reason)) => reason,
            // The runtime dropped the task, which happens only while it shuts down.
            Ok(None) | Err(_) => Stopped::Closed,
        }
    }

    fn why_stopped(&self) -> Fault {
        match &*self.stopped.borrow() {
            Some(Stopped::Fenced) => Fault::Fenced,
            _ => Fault::Closed,
        }
    }
}

/// A queued transaction, its type forgotten.
trait Job: Send {
    fn name(&self) -> &'static str;
    fn attempt<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Result<(), Fault>>;
    fn answer(self: Box<Self>, outcome: Result<(), Fault>);
}

struct Transaction<I, T, F> {
    name: &'static str,
    input: I,
    work: F,
    done: Option<T>,
    reply: oneshot::Sender<Result<T, Fault>>,
}

impl<I, T, F> Job for Transaction<I, T, F>
where
    I: Send + Sync,
    T: Send,
    F: for<'c> Fn(&'c mut Tx, &'c I) -> BoxFuture<'c, Result<T, Fault>> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn attempt<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            self.done = None;
            let work = async { (self.work)(tx, &self.input).await };
            // A panic is contained to its transaction: the other callers of this node did nothing wrong.
            let done = AssertUnwindSafe(work).catch_unwind().await;
            self.done = Some(done.unwrap_or(Err(Fault::Defect(self.name)))?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, outcome: Result<(), Fault>) {
        let answer = match (outcome, self.done) {
            (Ok(()), Some(done)) => Ok(done),
            (Ok(()), None) => Err(Fault::Defect(self.name)),
            (Err(fault), _) => Err(fault),
        };
        // A caller who hung up does not hear it; what was committed stays committed.
        let _ = self.reply.send(answer);
    }
}

/// How one attempt at a group ended.
enum Attempt {
    /// Committed; one result per transaction, in order.
    Committed(Vec<Result<(), Fault>>),
    /// One transaction was refused and all are rolled back: run again with savepoints.
    Isolate,
    /// The database was in the way; nothing is written.
    Again(Fault),
    /// As `Again`, and the connection has to be made anew.
    Reconnect(Fault),
    /// Every transaction of the group has this result.
    Failed(Fault),
    /// As `Failed`, and the writer must not go on.
    Stop(Fault, Stopped),
}

struct Work {
    session: Session,
    commits: Arc<AtomicU64>,
}

impl Work {
    async fn run(
        mut self,
        mut jobs: mpsc::Receiver<Box<dyn Job>>,
        close: Arc<Notify>,
        stop: watch::Sender<Option<Stopped>>,
    ) {
        let mut group = Vec::with_capacity(GROUP);
        let reason = loop {
            tokio::select! {
                taken = jobs.recv_many(&mut group, GROUP) => if taken == 0 { break Stopped::Closed; },
                // Closing the queue refuses newcomers; what is in it is still received and committed.
                () = close.notified() => { jobs.close(); continue; }
            }
            if let Some(reason) = self.commit_and_answer(&mut group).await {
                break reason;
            }
        };
        let fault = match &reason {
            Stopped::Fenced => Fault::Fenced,
            Stopped::Closed | Stopped::Broken(_) => Fault::Closed,
        };
        jobs.close();
        while let Some(job) = jobs.recv().await {
            job.answer(Err(fault.clone()));
        }
        self.session.close().await;
        // Last, so that whoever waits for it finds the lock free.
        stop.send_replace(Some(reason));
    }

    async fn commit_and_answer(&mut self, group: &mut Vec<Box<dyn Job>>) -> Option<Stopped> {
        let (results, stopped) = self.commit(group).await;
        for (job, result) in group.drain(..).zip(results) {
            if let Err(fault) = &result
                && !matches!(fault, Fault::Conflict(_))
            {
                let error: &dyn std::error::Error = fault;
                tracing::warn!(transaction = job.name(), error, "transaction not committed");
            }
            job.answer(result);
        }
        stopped
    }

    async fn commit(&mut self, group: &mut [Box<dyn Job>]) -> (Vec<Result<(), Fault>>, Option<Stopped>) {
        let count = group.len();
        let mut isolated = false;
        let mut tries = 0;
        loop {
            let fault = match self.attempt(group, isolated).await {
                Attempt::Committed(results) => return (results, None),
                Attempt::Isolate => {
                    isolated = true;
                    continue;
                }
                Attempt::Failed(fault) => return (vec![Err(fault); count], None),
                Attempt::Stop(fault, reason) => return (vec![Err(fault); count], Some(reason)),
                Attempt::Again(fault) => fault,
                Attempt::Reconnect(fault) => match self.session.reconnect().await {
                    Ok(()) => fault,
                    Err(BeginError::Fenced) => {
                        return (vec![Err(Fault::Fenced); count], Some(Stopped::Fenced));
                    }
                    Err(BeginError::Driver(error)) => Fault::Unavailable(error.into()),
                },
            };
            tries += 1;
            if tries > RETRIES {
                return (vec![Err(fault); count], None);
            }
            tokio::time::sleep(Duration::from_millis(10 << tries)).await;
        }
    }

    async fn attempt(&mut self, group: &mut [Box<dyn Job>], isolated: bool) -> Attempt {
        match self.session.begin().await {
            Ok(()) => {}
            Err(BeginError::Fenced) => {
                self.session.rollback().await;
                return Attempt::Stop(Fault::Fenced, Stopped::Fenced);
            }
            Err(BeginError::Driver(error)) => return self.give_up(error).await,
        }
        let alone = group.len() == 1;
        let mut results = Vec::with_capacity(group.len());
        for job in group {
            if isolated && let Err(error) = self.session.savepoint().await {
                return self.give_up(error).await;
            }
            let result = job.attempt(&mut self.session.tx).await;
            let result = match result {
                Err(Fault::Refused { source, .. } | Fault::Unavailable(source)) => {
                    match self.session.meaning(source.sqlx()) {
                        Meaning::Refused => Err(Fault::Refused {
                            name: job.name(),
                            source,
                        }),
                        meaning => return self.undo(meaning, Fault::Unavailable(source)).await,
                    }
                }
                other => other,
            };
            if result.is_err() && !isolated {
                self.session.rollback().await;
                return if alone {
                    Attempt::Committed(vec![result])
                } else {
                    Attempt::Isolate
                };
            }
            if isolated {
                let ended = match &result {
                    Ok(()) => self.session.release().await,
                    Err(_) => self.session.rollback_to_savepoint().await,
                };
                if let Err(error) = ended {
                    return self.give_up(error).await;
                }
            }
            results.push(result);
        }
        match self.session.commit().await {
            Ok(()) => self.committed(results),
            Err(error) => self.after_failed_commit(error, results).await,
        }
    }

    fn committed(&self, results: Vec<Result<(), Fault>>) -> Attempt {
        self.commits.fetch_add(1, Ordering::Relaxed);
        Attempt::Committed(results)
    }

    async fn after_failed_commit(&mut self, error: sqlx::Error, results: Vec<Result<(), Fault>>) -> Attempt {
        match self.session.meaning(&error) {
            // The database answered, and its answer is no.
            meaning @ (Meaning::Refused | Meaning::Again | Meaning::Unable) => {
                self.undo(meaning, Fault::Unavailable(error.into())).await
            }
            Meaning::Broken => {
                let fault = Fault::OutcomeUnknown(error.into());
                Attempt::Stop(fault.clone(), Stopped::Broken(fault))
            }
            Meaning::Lost => match self.session.settle().await {
                Ok(Settled::Committed) => self.committed(results),
                Ok(Settled::NotCommitted) => Attempt::Again(Fault::Unavailable(error.into())),
                Ok(Settled::Unknown) | Err(BeginError::Driver(_)) => {
                    Attempt::Failed(Fault::OutcomeUnknown(error.into()))
                }
                Err(BeginError::Fenced) => {
                    Attempt::Stop(Fault::OutcomeUnknown(error.into()), Stopped::Fenced)
                }
            },
        }
    }

    async fn give_up(&mut self, error: sqlx::Error) -> Attempt {
        let meaning = self.session.meaning(&error);
        self.undo(meaning, Fault::Unavailable(error.into())).await
    }

    /// Rolls back what has not been committed, and says how to go on.
    async fn undo(&mut self, meaning: Meaning, fault: Fault) -> Attempt {
        if meaning == Meaning::Lost {
            return Attempt::Reconnect(fault);
        }
        self.session.rollback().await;
        match meaning {
            Meaning::Again | Meaning::Lost => Attempt::Again(fault),
            Meaning::Refused | Meaning::Unable => Attempt::Failed(fault),
            Meaning::Broken => Attempt::Stop(fault.clone(), Stopped::Broken(fault)),
        }
    }
}
