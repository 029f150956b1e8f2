//! What was accepted from others, and agreements.

use comity_node_core::ports::agreements::{AgreementRow, AgreementState, WithdrawalRow};
use comity_node_core::ports::store::{Conflict, Row, Store, Write};
use comity_node_core::ports::trust::{MemberListRow, PeerStatusRow, StatementRow, Tombstone};
use comity_spec::agreement::{AgreementSignature, SignedAgreement};
use comity_spec::ids::{Digest, EntityId};
use comity_spec::status::StatusValue;

use crate::fixtures::*;
use crate::on_every_store;

fn entity(name: &str) -> EntityId {
    format!("https://{name}.example").parse().unwrap()
}

fn statement(iss: &str, sub: &str, iat: i64, jws: &str) -> StatementRow {
    StatementRow {
        iss: entity(iss),
        sub: entity(sub),
        iat: at(iat),
        exp: at(iat + 100),
        jws: jws.to_owned(),
    }
}

on_every_store!(newest_statement_of_each_pair_is_kept);
async fn newest_statement_of_each_pair_is_kept(store: &dyn Store) {
    let first = statement("province", "yushan", NOW, "a");
    let own = statement("yushan", "yushan", NOW - 50, "b");
    done(
        store,
        vec![Write::Statement(own.clone()), Write::Statement(first)],
    )
    .await;
    let second = statement("province", "yushan", NOW + 1, "c");
    done(store, vec![Write::Statement(second.clone())]).await;
    let older = vec![Write::Statement(statement("province", "yushan", NOW, "a"))];
    assert_eq!(
        conflict(store, older).await,
        Conflict::Older(Row::EntityStatement)
    );
    done(store, vec![Write::Statement(second.clone())]).await;
    assert_eq!(store.statements().await.unwrap(), [second, own]);
}

on_every_store!(member_list_falls_back_neither_in_number_nor_in_time);
async fn member_list_falls_back_neither_in_number_nor_in_time(store: &dyn Store) {
    let row = |seq, iat| MemberListRow {
        iss: entity("province"),
        seq,
        iat: at(iat),
        exp: at(iat + 9),
        jws: format!("{seq}"),
    };
    done(store, vec![Write::MemberList(row(3, NOW))]).await;
    for (seq, iat) in [(2, NOW + 5), (4, NOW - 5)] {
        let older = conflict(store, vec![Write::MemberList(row(seq, iat))]).await;
        assert_eq!(older, Conflict::Older(Row::MemberList));
    }
    done(store, vec![Write::MemberList(row(4, NOW + 5))]).await;
    assert_eq!(store.member_lists().await.unwrap(), [row(4, NOW + 5)]);
}

on_every_store!(peer_list_does_not_roll_back);
async fn peer_list_does_not_roll_back(store: &dyn Store) {
    let row = |uri: &str, iat: i64, etag: Option<&str>| PeerStatusRow {
        uri: uri.to_owned(),
        iss: entity("changshan"),
        iat: at(iat),
        exp: at(iat + 900),
        etag: etag.map(str::to_owned),
        token: format!("{uri} {iat}"),
    };
    done(
        store,
        vec![
            Write::PeerStatus(row("u/1", NOW, None)),
            Write::PeerStatus(row("u/2", NOW, None)),
        ],
    )
    .await;
    done(store, vec![Write::PeerStatus(row("u/1", NOW + 2, Some("e")))]).await;
    let older = conflict(store, vec![Write::PeerStatus(row("u/1", NOW + 1, None))]).await;
    assert_eq!(older, Conflict::Older(Row::StatusList));
    let kept = [row("u/1", NOW + 2, Some("e")), row("u/2", NOW, None)];
    assert_eq!(store.peer_status().await.unwrap(), kept);
}

on_every_store!(tombstone_only_ever_becomes_cancelled);
// STA-12
async fn tombstone_only_ever_becomes_cancelled(store: &dyn Store) {
    let stone = |status, seen| Tombstone {
        uri: "https://c.example/s/1".to_owned(),
        index: 9,
        status,
        seen_at: at(seen),
    };
    done(store, vec![Write::Tombstone(stone(StatusValue::Superseded, NOW))]).await;
    done(
        store,
        vec![Write::Tombstone(stone(StatusValue::Superseded, NOW + 1))],
    )
    .await;
    assert_eq!(
        store.tombstones().await.unwrap(),
        [stone(StatusValue::Superseded, NOW)]
    );
    done(
        store,
        vec![Write::Tombstone(stone(StatusValue::Cancelled, NOW + 2))],
    )
    .await;
    done(
        store,
        vec![Write::Tombstone(stone(StatusValue::Superseded, NOW + 3))],
    )
    .await;
    assert_eq!(
        store.tombstones().await.unwrap(),
        [stone(StatusValue::Cancelled, NOW + 2)]
    );
}

pub(crate) fn agreement(version: u32, signers: &[&str], state: AgreementState) -> AgreementRow {
    let signature = |signer: &&str| AgreementSignature {
        protected: format!("p-{signer}"),
        signature: format!("s-{signer}"),
    };
    AgreementRow {
        id: "AGR-2020-08-DEMO".parse().unwrap(),
        version,
        digest: Digest::of(version.to_be_bytes()),
        signed: SignedAgreement {
            payload: format!("payload-{version}"),
            signatures: signers.iter().map(signature).collect(),
        },
        state,
        changed_at: now(),
    }
}

on_every_store!(agreement_versions_gather_signatures);
async fn agreement_versions_gather_signatures(store: &dyn Store) {
    let write = |row: &AgreementRow| vec![Write::Agreement(Box::new(row.clone()))];
    let proposed = agreement(1, &["yushan"], AgreementState::Proposed);
    let adopted = agreement(1, &["yushan", "changshan"], AgreementState::Adopted);
    let next = agreement(2, &["changshan"], AgreementState::Proposed);
    done(store, write(&next)).await;
    done(store, write(&proposed)).await;
    done(store, write(&adopted)).await;
    assert_eq!(store.agreements().await.unwrap(), [adopted.clone(), next.clone()]);
    // Another text of a version may wait beside it, and goes when it is discarded; an adopted one is neither joined nor discarded.
    let other = AgreementRow {
        digest: Digest::of("another text"),
        ..next.clone()
    };
    done(store, write(&other)).await;
    let mut waiting = vec![next.clone(), other.clone()];
    waiting.sort_by_key(|row| row.digest);
    assert_eq!(store.agreements().await.unwrap()[1..], waiting);
    let discard = |row: &AgreementRow| {
        vec![Write::DiscardProposal {
            id: row.id.clone(),
            version: row.version,
            digest: row.digest,
        }]
    };
    done(store, discard(&next)).await;
    assert_eq!(store.agreements().await.unwrap(), [adopted.clone(), other]);
    for gone in [&next, &adopted] {
        assert_eq!(
            conflict(store, discard(gone)).await,
            Conflict::Missing(Row::Proposal)
        );
    }
    let rival = AgreementRow {
        digest: Digest::of("a rival"),
        ..adopted
    };
    assert_eq!(
        conflict(store, write(&rival)).await,
        Conflict::Exists(Row::AgreementVersion)
    );
}

on_every_store!(withdrawal_is_kept_as_signed);
async fn withdrawal_is_kept_as_signed(store: &dyn Store) {
    let row = |iss: &str| WithdrawalRow {
        id: "AGR-2020-08-DEMO".parse().unwrap(),
        iss: entity(iss),
        iat: now(),
        seen_at: now(),
        jws: format!("jws-{iss}"),
    };
    for iss in ["yushan", "changshan", "yushan"] {
        done(store, vec![Write::Withdrawal(row(iss))]).await;
    }
    let again = WithdrawalRow {
        seen_at: at(NOW + 9),
        ..row("yushan")
    };
    done(store, vec![Write::Withdrawal(again)]).await;
    assert_eq!(
        store.withdrawals().await.unwrap(),
        [row("changshan"), row("yushan")]
    );
}
