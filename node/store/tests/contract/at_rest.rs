//! What lies on the disk: still there after a restart, unreadable without the key, bound to its row, and appended only.

use comity_node_core::ports::agreements::{AgreementReads as _, AgreementState};
use comity_node_core::ports::attestations::AttestationReads as _;
use comity_node_core::ports::officers::OfficerReads as _;
use comity_node_core::ports::permits::PermitReads as _;
use comity_node_core::ports::recognitions::RecognitionReads as _;
use comity_node_core::ports::record::RecordReads as _;
use comity_node_core::ports::replay::ReplayReads as _;
use comity_node_core::ports::store::{Conflict, Row, Store, StoreError, Write};
use comity_node_core::ports::trust::{PeerStatusRow, TrustReads as _};

use crate::fixtures::*;
use crate::harness::{Database, Postgres, Sqlite};
use crate::trust::agreement;
use crate::windows::{answer, officer, recognition};

/// Runs a case on both databases.
macro_rules! on_both {
    ($case:ident) => {
        mod $case {
            #[tokio::test]
            async fn sqlite() {
                super::$case::<crate::harness::Sqlite>().await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$case::<crate::harness::Postgres>().await;
            }
        }
    };
}
pub(crate) use on_both;

/// A store that can be closed, to look at what it left.
pub(crate) trait Closing: Store {
    async fn closed(self);
}

impl Closing for comity_node_store::SqliteStore {
    async fn closed(self) {
        self.close().await;
    }
}

impl Closing for comity_node_store::PostgresStore {
    async fn closed(self) {
        self.close().await;
    }
}

on_both!(everything_is_there_after_a_restart);
async fn everything_is_there_after_a_restart<D: Database<Store: Closing>>() {
    let Some(database) = D::fresh().await else { return };
    let store = database.open().await;
    let (holder, seen) = (permit(1), recognition(1, 1, NOW));
    let attestation = issuance(0, &holder, 1, 3);
    let writes = vec![
        new(holder.clone()),
        list(1),
        issue(attestation.clone()),
        Write::Recognition(Box::new(seen.clone())),
        Write::Officer(officer(1)),
        Write::Answer(answer("j", b"r", NOW)),
    ];
    done(&store, writes).await;
    store.closed().await;
    let store = database.open().await;
    assert_eq!(store.permit(holder.id).await.unwrap(), Some(holder.clone()));
    assert_eq!(
        store.attestations_of(holder.id, now()).await.unwrap(),
        [attestation]
    );
    assert_eq!(store.attestation_count().await.unwrap(), 1);
    assert_eq!(store.status_lists().await.unwrap()[0].seed, [1; 32]);
    assert_eq!(store.recognition(&seen.trace).await.unwrap(), Some(seen));
    assert_eq!(store.officers().await.unwrap(), [officer(1)]);
    let kept = answer("j", b"r", NOW);
    assert_eq!(store.answered(&kept.scope, "j").await.unwrap(), Some(kept));
    store.closed().await;
}

on_both!(ciphertext_moved_to_another_row_or_column_does_not_open);
async fn ciphertext_moved_to_another_row_or_column_does_not_open<D: Database<Store: Closing>>() {
    let Some(database) = D::fresh().await else { return };
    let store = database.open().await;
    let permits = [permit(1), permit(2)];
    let seen = recognition(1, 1, NOW);
    done(&store, permits.iter().cloned().map(new).collect()).await;
    done(&store, vec![Write::Recognition(Box::new(seen.clone()))]).await;
    // Two rows change places; then one value goes into another column of its own row.
    let swap = "CREATE TABLE other AS SELECT id, details_sealed FROM permit; \
                UPDATE permit SET details_sealed = \
                (SELECT other.details_sealed FROM other WHERE other.id <> permit.id); \
                DROP TABLE other";
    database.execute(swap.to_owned()).await;
    for moved in &permits {
        let read = store.permit(moved.id).await;
        assert!(
            matches!(read, Err(StoreError::Corrupt { table: "permit", .. })),
            "{read:?}"
        );
    }
    database
        .execute("UPDATE recognition SET holder_sealed = details_sealed".to_owned())
        .await;
    let read = store.recognition(&seen.trace).await;
    assert!(
        matches!(
            read,
            Err(StoreError::Corrupt {
                table: "recognition",
                ..
            })
        ),
        "{read:?}"
    );
    // Back where it belongs, it opens: the refusal was about the place.
    database.execute(swap.to_owned()).await;
    assert_eq!(
        store.permit(permits[0].id).await.unwrap().as_ref(),
        Some(&permits[0])
    );
    store.closed().await;
}

on_both!(older_state_put_back_under_a_newer_version_does_not_open);
async fn older_state_put_back_under_a_newer_version_does_not_open<D: Database<Store: Closing>>() {
    let Some(database) = D::fresh().await else { return };
    let store = database.open().await;
    let first = permit(1);
    done(&store, vec![new(first.clone())]).await;
    database.execute("UPDATE permit SET version = 2".to_owned()).await;
    let read = store.permit(first.id).await;
    assert!(
        matches!(read, Err(StoreError::Corrupt { table: "permit", .. })),
        "{read:?}"
    );
    store.closed().await;
}

on_both!(events_record_and_tombstones_cannot_be_changed);
async fn events_record_and_tombstones_cannot_be_changed<D: Database<Store: Closing>>() {
    let Some(database) = D::fresh().await else { return };
    let store = database.open().await;
    let line = comity_node_core::ports::record::RecordBody {
        at: now(),
        body: "{}".to_owned(),
    };
    done(&store, vec![new(permit(1)), Write::Record(line)]).await;
    for statement in [
        "UPDATE permit_event SET actor = 'x'",
        "DELETE FROM permit_event",
        "UPDATE record_line SET body = 'x'",
        "DELETE FROM record_line",
    ] {
        let refused = database.try_execute(statement.to_owned()).await.unwrap_err();
        assert!(
            refused.to_string().contains("append-only"),
            "{statement}: {refused}"
        );
    }
    assert_eq!(store.events(permit_id(1)).await.unwrap().len(), 1);
    store.closed().await;
}

on_both!(head_of_another_chain_is_refused);
async fn head_of_another_chain_is_refused<D: Database<Store: Closing>>() {
    use comity_node_core::ports::record::{RecordBody, RecordHead};
    let Some(database) = D::fresh().await else { return };
    let store = database.open().await;
    done(
        &store,
        vec![Write::Record(RecordBody {
            at: now(),
            body: "{}".to_owned(),
        })],
    )
    .await;
    let line = store.last_line().await.unwrap().unwrap();
    let head = |seq, link| {
        Write::RecordHead(RecordHead {
            seq,
            link,
            jws: "jws".to_owned(),
        })
    };
    let other = comity_spec::ids::Digest::from_bytes([9; 32]);
    for (seq, link) in [(1, other), (2, line.link)] {
        assert_eq!(
            conflict(&store, vec![head(seq, link)]).await,
            Conflict::Missing(Row::RecordLine)
        );
    }
    done(&store, vec![head(1, line.link)]).await;
    assert_eq!(
        conflict(&store, vec![head(1, line.link)]).await,
        Conflict::Exists(Row::RecordHead)
    );
    store.closed().await;
}

on_both!(agreement_loses_neither_text_nor_signatures_nor_standing);
async fn agreement_loses_neither_text_nor_signatures_nor_standing<D: Database<Store: Closing>>() {
    let Some(database) = D::fresh().await else { return };
    let store = database.open().await;
    let write = |row| vec![Write::Agreement(Box::new(row))];
    let (both, adopted) = (["yushan", "changshan"], AgreementState::Adopted);
    done(&store, write(agreement(1, &both, adopted))).await;
    let fewer = conflict(&store, write(agreement(1, &["yushan"], adopted))).await;
    assert_eq!(fewer, Conflict::Version(Row::Agreement));
    let back = conflict(&store, write(agreement(1, &both, AgreementState::Proposed))).await;
    assert_eq!(back, Conflict::Version(Row::Agreement));
    let mut other = agreement(1, &both, adopted);
    other.digest = comity_spec::ids::Digest::of(b"another text");
    assert_eq!(
        conflict(&store, write(other)).await,
        Conflict::Exists(Row::AgreementVersion)
    );
    done(&store, write(agreement(1, &both, AgreementState::Void))).await;
    assert_eq!(
        store.agreements().await.unwrap(),
        [agreement(1, &both, AgreementState::Void)]
    );
    store.closed().await;
}

on_both!(forgetting_erases_the_holder_and_keeps_the_floor_of_lists);
async fn forgetting_erases_the_holder_and_keeps_the_floor_of_lists<D: Database<Store: Closing>>() {
    let Some(database) = D::fresh().await else { return };
    let store = database.open().await;
    let (old, new) = (recognition(1, 1, NOW - 5000), recognition(2, 1, NOW));
    let list = |uri: &str, exp: i64| PeerStatusRow {
        uri: uri.to_owned(),
        iss: "https://changshan.example".parse().unwrap(),
        iat: at(exp - 900),
        exp: at(exp),
        etag: None,
        token: "token".to_owned(),
    };
    let (recent, ancient) = (list("recent", NOW - 60), list("ancient", NOW - 73 * 3600));
    let writes = [&old, &new].map(|each| Write::Recognition(Box::new(each.clone())));
    done(&store, writes.into()).await;
    done(
        &store,
        vec![Write::PeerStatus(recent.clone()), Write::PeerStatus(ancient)],
    )
    .await;
    done(&store, vec![Write::Forget { before: NOW }]).await;
    let kept = store.recognition(&old.trace).await.unwrap().unwrap();
    assert_eq!(
        kept,
        comity_node_core::ports::recognitions::Recognition { holder: None, ..old }
    );
    assert_eq!(store.recognition(&new.trace).await.unwrap(), Some(new));
    // A list that ended lately still bars older ones that might not have ended.
    assert_eq!(store.peer_status().await.unwrap(), [recent]);
    store.closed().await;
}

// PRV-4
#[tokio::test]
async fn sqlite_files_hold_no_name_number_or_token() {
    let database = Sqlite::fresh().await.unwrap();
    let store = database.open().await;
    let holder = permit(1);
    let mut attestation = issuance(0, &holder, 1, 3);
    attestation.token = "eyJ-a-token-to-look-for".to_owned();
    let seen = recognition(1, 1, NOW);
    let writes = vec![
        new(holder.clone()),
        list(1),
        issue(attestation),
        Write::Recognition(Box::new(seen)),
        Write::Officer(officer(1)),
        Write::Answer(answer("j", b"what-was-asked", NOW)),
    ];
    done(&store, writes).await;
    let mut files = 0;
    for when in ["open", "closed"] {
        if when == "closed" {
            store.close().await;
        }
        for file in std::fs::read_dir(database.path().parent().unwrap()).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            files += 1;
            for secret in [
                holder.details.name.as_bytes(),
                holder.details.id_number.as_str().as_bytes(),
                holder.details.permit_number.as_str().as_bytes(),
                holder.details.residence_address.as_bytes(),
                "赵平平示例".as_bytes(),
                "钱安安示例".as_bytes(),
                b"eyJ-a-token-to-look-for",
                b"what-was-asked",
            ] {
                let found = bytes.windows(secret.len()).any(|window| window == secret);
                assert!(
                    !found,
                    "{} in {} ({when})",
                    String::from_utf8_lossy(secret),
                    path.display()
                );
            }
        }
    }
    assert!(
        files >= 4,
        "database, log and lock while open, database and lock after"
    );
    // The search itself works: what is not secret is found.
    let bytes = std::fs::read(database.path()).unwrap();
    assert!(
        bytes
            .windows(22)
            .any(|window| window == b"https://yushan.example")
    );
}

#[cfg(unix)]
#[tokio::test]
async fn sqlite_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = Sqlite::fresh().await.unwrap();
    let store = database.open().await;
    done(&store, vec![new(permit(1))]).await;
    for file in std::fs::read_dir(database.path().parent().unwrap()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
    store.close().await;
}

#[tokio::test]
async fn postgres_store_beside_another_schema_is_its_own() {
    let Some(database) = Postgres::fresh().await else {
        return;
    };
    let first = database.open().await;
    database.execute("CREATE SCHEMA other".to_owned()).await;
    let separator = if database.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}options[search_path]=other", database.url);
    let other = Postgres { url };
    let second = other.open().await;
    done(&second, vec![new(permit(1))]).await;
    assert_eq!(first.permit_count().await.unwrap(), 0);
    first.close().await;
    second.close().await;
}
