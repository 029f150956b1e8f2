//! Fills the issuer's database, in a process of its own, so that what an import needs is not counted as the server's memory.

use std::path::Path;
use std::sync::Arc;

use comity_node_core::attestations::issue_missing::issue_missing;
use comity_node_core::attestations::status_publication::publish;
use comity_node_core::permits::import_register::{RegisterFile, import_register};
use comity_node_core::permits::register_file::Kind;
use comity_node_core::permits::synthetic::{register_file, residents};
use comity_spec::time::LocalDate;

use crate::Failure;
use crate::county::{on_store, pair, sqlite};

/// Mirrors a register of `permits` synthetic residents, issues both attestations of each and publishes the status lists.
pub(crate) fn prepare(directory: &Path, permits: &str) -> Result<(), Failure> {
    let permits = permits.parse()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let pair = pair()?;
            let store = Arc::new(sqlite(directory, "yushan").await?);
            let node = on_store(&pair.yushan, Arc::clone(&store) as _);
            let people = residents(node.identity.region, LocalDate::of(node.now()), permits);
            let (file, manifest) = register_file(&people, Kind::Full, 1, node.now(), |_| "")?;
            let input = RegisterFile {
                file: &file,
                manifest: &manifest,
                leaving_confirmed: false,
            };
            import_register(&node.bureau(), input).await?;
            while issue_missing(&node.issuer()).await? > 0 {}
            publish(&node.issuer(), &[]).await?;
            store.close().await;
            Ok(())
        })
}
