//! The stores on disk against the store in memory: the same long series of writes, drawn from a small world so that
//! they collide, must give the same answer at every step and the same content at the end.

use comity_node_core::ports::Rng;
use comity_node_core::ports::attestations::{Decoy, ListId, Publication};
use comity_node_core::ports::permits::{ImportMark, PermitChange, PermitEvent};
use comity_node_core::ports::record::RecordBody;
use comity_node_core::ports::store::{Store, StoreError, Write};
use comity_node_core::ports::trust::{PeerStatusRow, StatementRow, Tombstone};
use comity_node_core::testing::{CountingRng, MemoryStore};
use comity_spec::exchange::{PermitStatus, SubjectNumber};
use comity_spec::ids::Digest;
use comity_spec::status::StatusValue;

use crate::fixtures::*;
use crate::harness::{Database, Postgres, Sqlite};
use crate::windows::answer;

const PERMITS: u32 = 5;
const ENTRIES: u32 = 6;
const LISTS: u32 = 3;

fn draw(rng: &CountingRng, below: u32) -> u32 {
    (rng as &dyn Rng).below(below)
}

fn status(rng: &CountingRng) -> StatusValue {
    StatusValue::from_bits(draw(rng, 4) as u8)
}

fn write(rng: &CountingRng, step: u64) -> Write {
    let n = u64::from(draw(rng, PERMITS));
    let list = i64::from(draw(rng, LISTS)) + 1;
    let soon = NOW + i64::from(draw(rng, 20));
    // Permits change in the order of time; what others sign arrives in any order.
    let passed = NOW + i64::try_from(step / 10).unwrap();
    match draw(rng, 12) {
        0 => self::list(list),
        1 | 2 => {
            let mut permit = permit(n);
            let expected = i64::from(draw(rng, 4));
            permit.version = expected + 1;
            permit.changed_at = at(passed);
            if draw(rng, 5) == 0 {
                permit.details.permit_number = super::fixtures::permit(0).details.permit_number;
            }
            if draw(rng, 3) == 0 {
                permit.status = PermitStatus::Suspended;
            }
            let status = (draw(rng, 3) > 0).then(|| self::status(rng));
            let event = PermitEvent::Reinstated {
                reason: format!("step {step}"),
            };
            Write::Permit(Box::new(PermitChange {
                permit,
                expected,
                event,
                actor: "officer-1".to_owned(),
                status,
            }))
        }
        3 | 4 => {
            let mut permit = permit(n);
            permit.version = i64::from(draw(rng, 3)) + 1;
            let mut issuance = issuance(step, &permit, list, draw(rng, ENTRIES));
            issuance.exp = at(passed + i64::from(draw(rng, 900)) - 90);
            issuance.status = if draw(rng, 4) == 0 {
                status(rng)
            } else {
                StatusValue::Valid
            };
            issue(issuance)
        }
        5 => Write::Decoy(Decoy {
            list: ListId(list),
            index: draw(rng, ENTRIES),
            status: status(rng),
        }),
        // Late, since nothing is issued from a closed list any more.
        6 if step > 2_500 && draw(rng, 8) == 0 => Write::CloseStatusList(ListId(list)),
        6 => Write::Publication(Publication {
            list: ListId(list),
            iat: at(soon),
            token: format!("{step}"),
            changes: i64::from(draw(rng, 3)),
        }),
        7 => Write::Statement(StatementRow {
            iss: "https://province.example".parse().unwrap(),
            sub: format!("https://county-{}.example", draw(rng, 3))
                .parse()
                .unwrap(),
            iat: at(soon),
            exp: at(soon + 10),
            jws: format!("{step}"),
        }),
        8 => Write::PeerStatus(PeerStatusRow {
            uri: format!("https://county.example/{list}"),
            iss: "https://county.example".parse().unwrap(),
            iat: at(soon),
            exp: at(soon + 10),
            etag: None,
            token: format!("{step}"),
        }),
        9 => Write::Tombstone(Tombstone {
            uri: format!("https://county.example/{list}"),
            index: draw(rng, ENTRIES),
            status: if draw(rng, 2) == 0 {
                StatusValue::Cancelled
            } else {
                StatusValue::Superseded
            },
            seen_at: at(soon),
        }),
        10 => Write::Answer(answer(
            &format!("{}", draw(rng, 40)),
            &step.to_be_bytes(),
            NOW + 60,
        )),
        _ => match draw(rng, 4) {
            0 => Write::Record(RecordBody {
                at: at(soon),
                body: format!("{{\"step\":{step}}}"),
            }),
            1 => Write::Raise {
                key: "serial",
                value: u64::from(draw(rng, 30)),
            },
            2 => Write::Setting {
                key: "source_as_of",
                value: format!("{step}"),
            },
            _ => Write::Import(ImportMark {
                digest: Digest::of([u8::try_from(draw(rng, 20)).unwrap()]),
                full: true,
                sequence: u64::from(draw(rng, 30)),
                rows: 1,
                source_as_of: at(soon),
                applied_at: at(soon),
            }),
        },
    }
}

fn said(answer: &Result<(), StoreError>) -> String {
    match answer {
        Ok(()) => "done".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Everything that can be read.
async fn content(store: &dyn Store, end: i64) -> Vec<String> {
    let mut all = Vec::new();
    for n in 0..u64::from(PERMITS) {
        all.push(format!("{:?}", store.permit(permit_id(n)).await.unwrap()));
        all.push(format!("{:?}", store.events(permit_id(n)).await.unwrap()));
        let number = SubjectNumber::IdNumber(permit(n).details.id_number);
        all.push(format!("{:?}", store.permits_by_number(&number).await.unwrap()));
        let mut attestations = store.attestations_of(permit_id(n), at(end)).await.unwrap();
        attestations.sort_by_key(|attestation| attestation.id);
        all.push(format!("{attestations:?}"));
    }
    for time in [end, end + 200, end + 900] {
        all.push(format!(
            "{:?}",
            store.permits_without_attestation(at(time), 99).await.unwrap()
        ));
    }
    all.push(format!("{:?}", store.status_lists().await.unwrap()));
    for list in 1..=i64::from(LISTS) {
        all.push(format!("{:?}", store.nonzero(ListId(list)).await.unwrap()));
        all.push(format!("{:?}", store.decoys(ListId(list)).await.unwrap()));
    }
    all.push(format!("{:?}", store.statements().await.unwrap()));
    all.push(format!("{:?}", store.peer_status().await.unwrap()));
    all.push(format!("{:?}", store.tombstones().await.unwrap()));
    all.push(format!("{:?}", store.lines_after(0, 1000).await.unwrap()));
    all.push(format!("{:?}", store.last_import().await.unwrap()));
    for name in ["source_as_of", "serial"] {
        all.push(format!("{:?}", store.setting(name).await.unwrap()));
    }
    for key in 0..40 {
        let key = format!("{key}");
        all.push(format!(
            "{:?}",
            store.answered("https://changshan.example", &key).await.unwrap()
        ));
    }
    all
}

async fn agrees<D: Database<Store: Store>>(seed: u64, steps: u64) {
    let Some(database) = D::fresh().await else { return };
    let store = database.open().await;
    let memory = MemoryStore::default();
    let rng = CountingRng::from(seed);
    let (mut done, mut refused) = (0, 0);
    for step in 0..steps {
        let writes: Vec<Write> = (0..=draw(&rng, 3))
            .map(|part| write(&rng, step * 10 + u64::from(part)))
            .collect();
        let ours = store.commit("model", writes.clone()).await;
        let expected = memory.commit("model", writes.clone()).await;
        assert_eq!(
            said(&ours),
            said(&expected),
            "seed {seed}, step {step}: {writes:#?}"
        );
        *(if ours.is_ok() { &mut done } else { &mut refused }) += 1;
    }
    assert!(
        done > steps / 10 && refused > steps / 10,
        "{done} done, {refused} refused: the world is too easy"
    );
    let end = NOW + i64::try_from(steps).unwrap();
    for (ours, expected) in content(&store, end).await.iter().zip(content(&memory, end).await) {
        assert_eq!(*ours, expected, "seed {seed}");
    }
}

#[tokio::test]
async fn sqlite_agrees_with_memory() {
    for seed in 1..=4 {
        agrees::<Sqlite>(seed, 300).await;
    }
}

#[tokio::test]
async fn postgres_agrees_with_memory() {
    for seed in 1..=4 {
        agrees::<Postgres>(seed, 300).await;
    }
}
