//! Durable issuances: both attestations of a permit signed and committed, answered after the sync of the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use comity_node_core::Node;
use comity_node_core::attestations::issue_for_permit::issue_for_permit;
use comity_node_core::permits::import_register::{RegisterFile, import_register};
use comity_node_core::permits::register_file::Kind;
use comity_node_core::permits::synthetic::{register_file, residents};
use comity_node_core::ports::permits::Permit;
use comity_node_core::ports::store::Store;
use comity_node_store::{PostgresStore, SqliteStore};
use comity_spec::exchange::SubjectNumber;
use comity_spec::time::LocalDate;

use crate::Failure;
use crate::county::{on_store, pair};
use crate::meter::Report;

/// Permits that are issued for in turn.
const PERMITS: usize = 256;
/// Clients at once.
const CLIENTS: usize = 32;

/// A database whose commits can be counted.
pub(crate) trait Counted: Store {
    /// Commits since it was opened.
    fn commits(&self) -> u64;
}

impl Counted for SqliteStore {
    fn commits(&self) -> u64 {
        Self::commits(self)
    }
}

impl Counted for PostgresStore {
    fn commits(&self) -> u64 {
        Self::commits(self)
    }
}

/// An office on one database.
pub(crate) struct Office<S> {
    name: &'static str,
    store: Arc<S>,
    node: Arc<Node>,
    permits: Arc<Vec<Permit>>,
}

impl<S: Counted + 'static> Office<S> {
    /// Mirrors a few permits, for which attestations are then issued again and again.
    pub(crate) async fn open(name: &'static str, store: S) -> Result<Self, Failure> {
        let store = Arc::new(store);
        let node = on_store(&pair()?.yushan, Arc::clone(&store) as _);
        let people = residents(node.identity.region, LocalDate::of(node.now()), PERMITS);
        let (file, manifest) = register_file(&people, Kind::Full, 1, node.now(), |_| "")?;
        let input = RegisterFile {
            file: &file,
            manifest: &manifest,
            leaving_confirmed: false,
        };
        import_register(&node.bureau(), input).await?;
        let mut permits = Vec::new();
        for person in people {
            let number = SubjectNumber::PermitNumber(person.permit_number);
            permits.extend(store.permits_by_number(&number).await?);
        }
        Ok(Self {
            name,
            store,
            node: Arc::new(node),
            permits: Arc::new(permits),
        })
    }

    /// Measures one client, then many.
    pub(crate) async fn measure(&self, lasting: Duration, report: &mut Report) -> Result<(), Failure> {
        let name = self.name;
        let (alone, _) = self.rate(1, lasting).await?;
        let (together, grouped) = self.rate(CLIENTS, lasting).await?;
        report.add(&format!("issuance.{name}.1"), "/s", alone);
        report.add(&format!("issuance.{name}.32"), "/s", together);
        report.add(&format!("issuance.{name}.per-commit"), "", grouped);
        report.add(&format!("issuance.{name}.grouping"), "x", together / alone);
        Ok(())
    }

    /// Issuances a second, and how many shared a commit.
    async fn rate(&self, clients: usize, lasting: Duration) -> Result<(f64, f64), Failure> {
        let before = self.store.commits();
        let started = Instant::now();
        let turn = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for _ in 0..clients {
            let (node, permits, turn) = (
                Arc::clone(&self.node),
                Arc::clone(&self.permits),
                Arc::clone(&turn),
            );
            tasks.push(tokio::spawn(async move {
                let mut done = 0_u64;
                while started.elapsed() < lasting {
                    let at = turn.fetch_add(1, Ordering::Relaxed) % permits.len();
                    let issued = issue_for_permit(&node.issuer(), &permits[at]).await?;
                    done += u64::from(issued.is_some());
                }
                Ok::<_, Failure>(done)
            }));
        }
        let mut issued = 0;
        for task in tasks {
            issued += task.await??;
        }
        let elapsed = started.elapsed().as_secs_f64();
        let commits = self.store.commits() - before;
        Ok((issued as f64 / elapsed, issued as f64 / commits.max(1) as f64))
    }
}
