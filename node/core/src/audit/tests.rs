//! The record: what holds, and every way in which it can be broken, found at the first line that is.

use comity_spec::time::UnixSeconds;

use super::{Broken, Event, Line, sign_head, verify_record};
use crate::audit::sign_head::SignHeadError;
use crate::ports::store::{Store as _, Write};
use crate::testing::Pair;

fn now() -> UnixSeconds {
    UnixSeconds::new(1_795_320_000).unwrap()
}

async fn with_lines(count: usize) -> Pair {
    let pair = Pair::new(now());
    add(&pair, count).await;
    pair
}

async fn add(pair: &Pair, count: usize) {
    for _ in 0..count {
        let line = Line::about(Event::SignedIn, now(), &"clerk-01".parse().unwrap());
        pair.yushan_store
            .commit("a line", vec![line.write().unwrap()])
            .await
            .unwrap();
    }
}

async fn broken(pair: &Pair) -> Option<Broken> {
    verify_record(&pair.yushan).await.unwrap().broken
}

#[tokio::test]
async fn a_record_that_nobody_touched_holds_and_its_head_is_signed_once() {
    let pair = with_lines(0).await;
    assert!(
        sign_head(&pair.yushan).await.unwrap().is_none(),
        "no line, no head"
    );
    add(&pair, 2_100).await;
    let head = sign_head(&pair.yushan).await.unwrap().unwrap();
    assert_eq!(head.seq, 2_100);
    assert!(sign_head(&pair.yushan).await.unwrap().is_none(), "signed already");
    add(&pair, 3).await;
    let report = verify_record(&pair.yushan).await.unwrap();
    assert_eq!(
        (report.lines, report.signed, report.broken),
        (2_103, Some((2_100, now())), None)
    );
}

// REC-2
#[tokio::test]
async fn every_way_of_tampering_is_found_at_its_line() {
    let pair = with_lines(5).await;
    sign_head(&pair.yushan).await.unwrap();
    let change =
        |change: fn(&mut Vec<crate::ports::record::RecordLine>)| pair.yushan_store.tamper_record(change);
    let whole = pair.yushan_store.record();

    change(|lines| lines[2].body = lines[2].body.replace("clerk-01", "clerk-02"));
    assert_eq!(broken(&pair).await, Some(Broken::Link { seq: 3 }));
    pair.yushan_store.restore_record(whole.clone());
    change(|lines| drop(lines.remove(1)));
    assert_eq!(
        broken(&pair).await,
        Some(Broken::Gap {
            expected: 2,
            found: 3
        })
    );
    pair.yushan_store.restore_record(whole.clone());
    change(|lines| lines.swap(0, 1));
    assert!(matches!(
        broken(&pair).await,
        Some(Broken::Gap { expected: 1, .. })
    ));
    pair.yushan_store.restore_record(whole.clone());
    change(|lines| lines.truncate(4));
    assert_eq!(
        broken(&pair).await,
        Some(Broken::Truncated { last: 4, signed: 5 })
    );
    assert!(matches!(
        sign_head(&pair.yushan).await,
        Err(SignHeadError::Shrunk { lines: 4, signed: 5 })
    ));
    pair.yushan_store.restore_record(whole.clone());
    // Somebody with the whole database makes a chain of their own: the signed head gives it away.
    change(|lines| {
        let mut previous = comity_spec::ids::Digest::from_bytes([0; 32]);
        for line in lines {
            line.body = line.body.replace("clerk-01", "clerk-02");
            line.link = crate::ports::record::link(&previous, &line.body);
            previous = line.link;
        }
    });
    assert_eq!(broken(&pair).await, Some(Broken::Head { seq: 5 }));
    pair.yushan_store.restore_record(whole);
    assert_eq!(broken(&pair).await, None);
}

#[tokio::test]
async fn a_head_signed_by_somebody_else_is_no_head() {
    let pair = with_lines(2).await;
    let mut head = sign_head(&pair.yushan).await.unwrap().unwrap();
    let other = pair
        .federation
        .county("330822")
        .key(comity_spec::jose::KeyPurpose::Receipt);
    head.jws = comity_verifier::testing::sign(
        &other,
        comity_spec::jose::Typ::RecordHead,
        &serde_json::json!({
            "iss": pair.yushan.identity.entity, "iat": now(), "seq": 2, "link": head.link, "environment": "SANDBOX",
        }),
    );
    pair.yushan_store
        .commit("a forged head", vec![Write::RecordHead(head)])
        .await
        .unwrap();
    assert_eq!(broken(&pair).await, Some(Broken::HeadSignature { seq: 2 }));
}
