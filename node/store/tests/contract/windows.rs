//! Replay memory, the record, verifications at our own windows, officers, and messages that wait.

use comity_node_core::ports::officers::{Officer, PendingAct, Role, Session};
use comity_node_core::ports::outbox::{Message, OutboxItem};
use comity_node_core::ports::recognitions::{Recognition, ShownHolder};
use comity_node_core::ports::record::{RecordBody, RecordHead, link};
use comity_node_core::ports::replay::Answered;
use comity_node_core::ports::store::{Conflict, Row, Store, Write};
use comity_node_core::ports::trust::Tombstone;
use comity_spec::decision::{Channel, Confirmation, Decision};
use comity_spec::ids::{Digest, Jti, OfficerId, TraceNumber};
use comity_spec::outcome::Outcome;
use comity_spec::receipt::EvidenceDigest;
use comity_spec::status::StatusValue;
use comity_spec::text::Bilingual;

use crate::fixtures::*;
use crate::on_every_store;

pub(crate) fn answer(key: &str, request: &[u8], keep_until: i64) -> Answered {
    Answered {
        scope: "https://changshan.example".to_owned(),
        key: key.to_owned(),
        request: Digest::of(request),
        answer: [b"answer to ".as_slice(), request, &[0, 255]].concat(),
        keep_until: at(keep_until),
    }
}

on_every_store!(request_is_answered_once);
// VER-9
async fn request_is_answered_once(store: &dyn Store) {
    let first = answer("j1", b"request", NOW + 60);
    done(store, vec![Write::Answer(first.clone())]).await;
    for request in [b"request".as_slice(), b"another"] {
        let again = conflict(store, vec![Write::Answer(answer("j1", request, NOW + 60))]).await;
        assert_eq!(again, Conflict::Exists(Row::Answer));
    }
    assert_eq!(
        store.answered(&first.scope, "j1").await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(store.answered("https://other.example", "j1").await.unwrap(), None);
    let elsewhere = Answered {
        scope: "staff:officer-1".to_owned(),
        ..first
    };
    done(store, vec![Write::Answer(elsewhere)]).await;
}

fn line(body: &str) -> Write {
    Write::Record(RecordBody {
        at: now(),
        body: body.to_owned(),
    })
}

on_every_store!(record_is_one_chain_without_gaps);
// REC-2
async fn record_is_one_chain_without_gaps(store: &dyn Store) {
    assert_eq!(store.last_line().await.unwrap(), None);
    done(store, vec![line("{\"n\":1}"), line("{\"n\":2}")]).await;
    let refused = vec![line("{}"), Write::Statement(statement_of_the_past(store).await)];
    assert_eq!(
        conflict(store, refused).await,
        Conflict::Older(Row::EntityStatement)
    );
    done(store, vec![line("{\"n\":3}")]).await;
    let lines = store.lines_after(0, 10).await.unwrap();
    let mut previous = Digest::from_bytes([0; 32]);
    for (line, n) in lines.iter().zip(1..) {
        assert_eq!((line.seq, &*line.body), (n, &*format!("{{\"n\":{n}}}")));
        assert_eq!(line.link, link(&previous, &line.body));
        previous = line.link;
    }
    assert_eq!(lines.len(), 3);
    assert_eq!(store.lines_after(1, 1).await.unwrap(), lines[1..2]);
    assert_eq!(store.lines_after(u64::MAX, 1).await.unwrap(), []);
    assert_eq!(store.last_line().await.unwrap().as_ref(), lines.last());
}

async fn statement_of_the_past(store: &dyn Store) -> comity_node_core::ports::trust::StatementRow {
    let mut row = comity_node_core::ports::trust::StatementRow {
        iss: "https://province.example".parse().unwrap(),
        sub: "https://yushan.example".parse().unwrap(),
        iat: now(),
        exp: at(NOW + 9),
        jws: "jws".to_owned(),
    };
    done(store, vec![Write::Statement(row.clone())]).await;
    row.iat = at(NOW - 1);
    row
}

on_every_store!(record_heads_follow_the_lines);
async fn record_heads_follow_the_lines(store: &dyn Store) {
    done(store, vec![line("{}"), line("{}")]).await;
    assert_eq!(store.last_head().await.unwrap(), None);
    let mut head = None;
    for line in store.lines_after(0, 2).await.unwrap() {
        let next = RecordHead {
            seq: line.seq,
            link: line.link,
            jws: format!("head-{}", line.seq),
        };
        done(store, vec![Write::RecordHead(next.clone())]).await;
        head = Some(next);
    }
    assert_eq!(store.last_head().await.unwrap(), head);
}

fn officer_id(n: u32) -> OfficerId {
    format!("officer-{n}").parse().unwrap()
}

pub(crate) fn recognition(n: u8, officer: u32, seconds: i64) -> Recognition {
    let said = || Bilingual {
        zh: "示例".to_owned(),
        en: "example".to_owned(),
    };
    Recognition {
        trace: TraceNumber::new(today(), "330822".parse().unwrap(), [n; 5]),
        version: 1,
        officer: officer_id(officer),
        settled_by: None,
        at: at(seconds),
        decision: Decision {
            outcome: Outcome::ALL[0],
            confirmation: Confirmation::Pending,
            channel: Channel::Presented,
            decided_at: at(seconds),
            service: "BPS-1".parse().unwrap(),
            provider: None,
            recogniser: "330822".parse().unwrap(),
            issuer: Some("https://yushan.example".parse().unwrap()),
            issuer_region: None,
            agreement: None,
            tier: None,
            endorsed_until: Some(today()),
            date: None,
            status_age_seconds: Some(5),
            cause: None,
            missing: Vec::new(),
            advisories: Vec::new(),
            text: said(),
            next_step: said(),
        },
        evidence: vec![EvidenceDigest {
            kind: "attestation".to_owned(),
            digest: Digest::of([n]),
        }],
        salt: Jti::from_bytes([n; 16]),
        holder: Some(ShownHolder {
            name: "赵平平示例".to_owned(),
            number: "SHILI-361123-0000000".to_owned(),
        }),
        status_ref: Some(("https://yushan.example/status/1".to_owned(), u32::from(n))),
        receipt: None,
        erase_at: at(seconds + 1000),
    }
}

fn recognise(recognition: &Recognition) -> Vec<Write> {
    vec![Write::Recognition(Box::new(recognition.clone()))]
}

on_every_store!(verification_moves_version_by_version);
async fn verification_moves_version_by_version(store: &dyn Store) {
    let first = recognition(1, 1, NOW);
    done(store, recognise(&first)).await;
    assert_eq!(
        store.recognition(&first.trace).await.unwrap().as_ref(),
        Some(&first)
    );
    assert_eq!(
        conflict(store, recognise(&first)).await,
        Conflict::Version(Row::Recognition)
    );
    let mut second = Recognition {
        version: 2,
        receipt: Some("receipt".to_owned()),
        settled_by: Some(officer_id(9)),
        holder: None,
        ..first.clone()
    };
    second.decision.confirmation = Confirmation::Confirmed;
    done(store, recognise(&second)).await;
    assert_eq!(
        conflict(store, recognise(&second)).await,
        Conflict::Version(Row::Recognition)
    );
    let skipped = Recognition {
        version: 4,
        ..first.clone()
    };
    assert_eq!(
        conflict(store, recognise(&skipped)).await,
        Conflict::Version(Row::Recognition)
    );
    for who in [1, 9] {
        let own = store.recognitions_of(&officer_id(who), 5).await.unwrap();
        assert_eq!(own, std::slice::from_ref(&second), "who began and who settled it");
    }
    assert_eq!(store.recognition(&first.trace).await.unwrap(), Some(second));
    assert_eq!(
        store.recognition(&recognition(2, 1, NOW).trace).await.unwrap(),
        None
    );
}

on_every_store!(verifications_are_found_by_officer_and_by_status);
async fn verifications_are_found_by_officer_and_by_status(store: &dyn Store) {
    let [one, two, three] = [
        recognition(1, 1, NOW),
        recognition(2, 1, NOW + 5),
        recognition(3, 2, NOW + 9),
    ];
    for each in [&one, &two, &three] {
        done(store, recognise(each)).await;
    }
    assert_eq!(
        store.recognitions_of(&officer_id(1), 9).await.unwrap(),
        [two.clone(), one]
    );
    assert_eq!(
        store.recognitions_of(&officer_id(1), 1).await.unwrap(),
        std::slice::from_ref(&two)
    );
    let found = store
        .recognitions_by_status("https://yushan.example/status/1", 2)
        .await
        .unwrap();
    assert_eq!(found, [two]);
    assert_eq!(
        store
            .recognitions_by_status("https://yushan.example/status/2", 2)
            .await
            .unwrap(),
        []
    );
}

on_every_store!(a_cancellation_finds_the_verifications_that_rest_on_it);
async fn a_cancellation_finds_the_verifications_that_rest_on_it(store: &dyn Store) {
    let [one, two] = [recognition(1, 1, NOW), recognition(2, 1, NOW + 5)];
    for each in [&one, &two] {
        done(store, recognise(each)).await;
    }
    let stone = |of: &Recognition, status| {
        let (uri, index) = of.status_ref.clone().unwrap();
        Write::Tombstone(Tombstone {
            uri,
            index,
            status,
            seen_at: at(NOW + 9),
        })
    };
    done(store, vec![stone(&one, StatusValue::Superseded)]).await;
    assert_eq!(store.recognitions_cancelled().await.unwrap(), []);
    done(store, vec![stone(&two, StatusValue::Cancelled)]).await;
    assert_eq!(
        store.recognitions_cancelled().await.unwrap(),
        [(two.clone(), at(NOW + 9))]
    );
    done(store, vec![stone(&one, StatusValue::Cancelled)]).await;
    assert_eq!(
        store.recognitions_cancelled().await.unwrap(),
        [(one, at(NOW + 9)), (two, at(NOW + 9))]
    );
}

pub(crate) fn officer(n: u32) -> Officer {
    Officer {
        id: officer_id(n),
        version: 1,
        name: format!("钱安安示例{n}"),
        roles: vec![Role::Clerk, Role::Supervisor],
        password: "$argon2id$example".to_owned(),
        active: true,
        failures: 0,
        locked_until: None,
    }
}

on_every_store!(officer_and_session_come_and_go);
async fn officer_and_session_come_and_go(store: &dyn Store) {
    let mut one = officer(1);
    done(
        store,
        vec![Write::Officer(officer(2)), Write::Officer(one.clone())],
    )
    .await;
    one.version = 2;
    one.failures = 3;
    one.active = false;
    one.locked_until = Some(at(NOW + 60));
    done(store, vec![Write::Officer(one.clone())]).await;
    assert_eq!(store.officer(&one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(store.officers().await.unwrap(), [one.clone(), officer(2)]);
    assert_eq!(store.officer(&officer_id(3)).await.unwrap(), None);
    let stale = [1, 2, 4].map(|version| Officer {
        version,
        active: true,
        ..one.clone()
    });
    for stale in stale {
        let refused = conflict(store, vec![Write::Officer(stale)]).await;
        assert_eq!(refused, Conflict::Version(Row::Officer));
    }
    let count = |expected| Write::SignInCount {
        officer: officer_id(1),
        expected,
        failures: 0,
        locked_until: None,
    };
    assert_eq!(
        conflict(store, vec![count(1)]).await,
        Conflict::Version(Row::Officer)
    );
    done(store, vec![count(2)]).await;
    let counted = Officer {
        version: 3,
        failures: 0,
        locked_until: None,
        ..one.clone()
    };
    assert_eq!(
        store.officer(&one.id).await.unwrap(),
        Some(counted),
        "and nothing else"
    );
    let nobody = Write::SignInCount {
        officer: officer_id(3),
        expected: 0,
        failures: 1,
        locked_until: None,
    };
    assert_eq!(
        conflict(store, vec![nobody]).await,
        Conflict::Version(Row::Officer)
    );
    let session = Session {
        token: [5; 32],
        officer: one.id,
        csrf: "csrf".to_owned(),
        expires: at(NOW + 600),
    };
    done(store, vec![Write::Session(session.clone())]).await;
    assert_eq!(store.session(&[5; 32]).await.unwrap().as_ref(), Some(&session));
    assert_eq!(store.session(&[6; 32]).await.unwrap(), None);
    let extend = |expires| {
        vec![Write::ExtendSession {
            token: [5; 32],
            expires: at(expires),
        }]
    };
    for expires in [NOW + 900, NOW + 700] {
        done(store, extend(expires)).await;
        let moved = Session {
            expires: at(NOW + 900),
            ..session.clone()
        };
        assert_eq!(
            store.session(&[5; 32]).await.unwrap(),
            Some(moved),
            "on, never back"
        );
    }
    done(store, vec![Write::EndSession([5; 32])]).await;
    assert_eq!(
        conflict(store, extend(NOW + 1_000)).await,
        Conflict::Missing(Row::Session)
    );
    assert_eq!(store.session(&[5; 32]).await.unwrap(), None);
}

on_every_store!(two_person_act_is_decided_once);
async fn two_person_act_is_decided_once(store: &dyn Store) {
    done(store, vec![new(permit(1))]).await;
    let write = |act: &PendingAct| vec![Write::PendingAct(Box::new(act.clone()))];
    let mut act = PendingAct {
        id: id(50),
        permit: permit_id(1),
        reason: "C3".to_owned(),
        proposed_by: officer_id(1),
        at: now(),
        decided: None,
    };
    done(store, write(&act)).await;
    assert_eq!(
        conflict(store, write(&act)).await,
        Conflict::Exists(Row::PendingAct)
    );
    assert_eq!(store.pending_acts().await.unwrap(), [act.clone()]);
    let beside = PendingAct {
        id: id(52),
        ..act.clone()
    };
    assert_eq!(
        conflict(store, write(&beside)).await,
        Conflict::Exists(Row::PendingAct),
        "one act waits for a permit"
    );
    act.decided = Some((officer_id(2), false));
    done(store, write(&act)).await;
    assert_eq!(store.pending_acts().await.unwrap(), []);
    done(store, write(&beside)).await;
    assert_eq!(store.pending_acts().await.unwrap(), [beside]);
    assert_eq!(store.pending_act(act.id).await.unwrap(), Some(act.clone()));
    act.decided = Some((officer_id(3), true));
    assert_eq!(
        conflict(store, write(&act)).await,
        Conflict::Version(Row::PendingAct)
    );
    assert_eq!(store.pending_act(id(51)).await.unwrap(), None);
}

on_every_store!(messages_wait_are_put_off_and_go);
async fn messages_wait_are_put_off_and_go(store: &dyn Store) {
    let item = |n: u64, next_at: i64, message: Message| OutboxItem {
        id: id(n),
        peer: "https://changshan.example".parse().unwrap(),
        message,
        next_at: at(next_at),
        attempts: 0,
    };
    let one = item(
        1,
        NOW,
        Message::StatusChanged {
            lists: vec!["https://yushan.example/status/1".to_owned()],
        },
    );
    let two = item(
        2,
        NOW - 5,
        Message::Proposal {
            id: "AGR-2020-08-DEMO".to_owned(),
            version: 2,
            digest: Some(Digest::of("text")),
        },
    );
    let three = item(3, NOW + 5, Message::ConfigurationChanged);
    done(
        store,
        [&one, &two, &three]
            .into_iter()
            .cloned()
            .map(Write::Queue)
            .collect(),
    )
    .await;
    assert_eq!(store.due(now(), 9).await.unwrap(), [two.clone(), one.clone()]);
    assert_eq!(store.due(now(), 1).await.unwrap(), std::slice::from_ref(&two));
    assert_eq!(
        conflict(store, vec![Write::Queue(one.clone())]).await,
        Conflict::Exists(Row::Message)
    );
    done(
        store,
        vec![
            Write::Postpone {
                id: two.id,
                next_at: NOW + 9,
            },
            Write::Dequeue(one.id),
        ],
    )
    .await;
    assert_eq!(store.due(now(), 9).await.unwrap(), []);
    let put_off = OutboxItem {
        next_at: at(NOW + 9),
        attempts: 1,
        ..two
    };
    assert_eq!(store.due(at(NOW + 9), 9).await.unwrap(), [three, put_off]);
    let gone = conflict(
        store,
        vec![Write::Postpone {
            id: one.id,
            next_at: NOW,
        }],
    )
    .await;
    assert_eq!(gone, Conflict::Missing(Row::Message));
    done(store, vec![Write::Dequeue(one.id)]).await;
}
