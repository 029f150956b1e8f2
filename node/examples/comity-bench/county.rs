//! The two counties of the tests' federation on SQLite: Yushan issued the permits, Changshan recognises them.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use comity_node_core::ports::Rng;
use comity_node_core::ports::store::Store;
use comity_node_core::testing::Pair;
use comity_node_core::{Node, Policy};
use comity_node_store::{SqliteStore, StoreKeys};
use comity_spec::agreement::Condition;
use comity_spec::time::UnixSeconds;

use crate::Failure;

/// The moment at which the whole measurement takes place: 2026-11-22 in UTC+8.
pub(crate) fn now() -> Result<UnixSeconds, Failure> {
    Ok(UnixSeconds::new(1_795_320_000)?)
}

/// The service that everybody asks for.
pub(crate) const SERVICE: &str = "BPS-2";

/// Months of residence that it asks for.
pub(crate) const MONTHS: u32 = 6;

/// The counties in memory; the agreement has one condition.
pub(crate) fn pair() -> Result<Pair, Failure> {
    Ok(Pair::under(now()?, |agreement| {
        for service in &mut agreement.services {
            service.conditions = vec![Condition::MinResidenceMonths(MONTHS)];
        }
    }))
}

/// The keys of every database here.
pub(crate) fn store_keys() -> StoreKeys {
    StoreKeys::new(1, [0x11; 32])
}

/// The system's randomness: two processes use one database, so what the tests' counter gives would come twice.
pub(crate) struct SystemRng;

impl Rng for SystemRng {
    #[allow(
        clippy::disallowed_methods,
        reason = "a program: this is where the port is implemented"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("without system randomness there is nothing to measure");
    }
}

/// Opens the database of a county.
pub(crate) async fn sqlite(directory: &Path, county: &str) -> Result<SqliteStore, Failure> {
    let path = directory.join(format!("{county}.db"));
    Ok(SqliteStore::open(&path, &store_keys(), Arc::new(SystemRng)).await?)
}

/// A county's node on another store; it mirrors a register.
pub(crate) fn on_store(node: &Node, store: Arc<dyn Store>) -> Node {
    Node {
        identity: node.identity.clone(),
        anchor: node.anchor.clone(),
        clock: Arc::clone(&node.clock),
        rng: Arc::new(SystemRng),
        signers: node.signers.clone(),
        store,
        peers: Arc::clone(&node.peers),
        view: ArcSwap::from_pointee((*node.view()).clone()),
        rebuilding: tokio::sync::Mutex::default(),
        allocator: comity_node_core::attestations::StatusAllocator::default(),
        counter: comity_node_core::permits::numbering::Counter::default(),
        policy: Policy::default(),
        live: comity_node_core::live::Live::default(),
    }
}
