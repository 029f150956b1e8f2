//! One contract, three stores: SQLite, PostgreSQL, and the store in memory on which use cases are tested. A case that
//! one of them fails is a difference that a use case would meet in production only.
#![cfg(test)]

#[path = "../harness/mod.rs"]
mod harness;

mod at_rest;
mod attestations;
mod commit;
mod fixtures;
mod model;
mod permits;
mod restored;
mod trust;
mod use_cases;
mod windows;

/// Runs an `async fn case(store: &dyn Store)` on a fresh store of each kind.
macro_rules! on_every_store {
    ($case:ident) => {
        mod $case {
            crate::on_every_store!(@on sqlite, Sqlite, $case);
            crate::on_every_store!(@on postgres, Postgres, $case);
            crate::on_every_store!(@on memory, Memory, $case);
        }
    };
    (@on $name:ident, $kind:ident, $case:ident) => {
        #[tokio::test]
        async fn $name() {
            use crate::harness::{Database as _, $kind};
            let Some(database) = $kind::fresh().await else { return };
            let store = database.open().await;
            super::$case(&store).await;
        }
    };
}
use on_every_store;
