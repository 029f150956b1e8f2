//! Status lists: the draft's examples, sound and damaged streams, and the claims of tokens.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::budget::Limits;
use crate::fixtures::{budget, header, keys, sign, signing_key};

const TYP: &str = "statuslist+jwt";

fn zlib(packed: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(packed).unwrap();
    encoder.finish().unwrap()
}

fn lst(packed: &[u8]) -> String {
    b64::encode(&zlib(packed))
}

fn read(bits: u64, stream: &[u8]) -> Result<StatusList, StatusListError> {
    StatusList::from_lst(bits, &b64::encode(stream), &mut budget())
}

#[test]
fn the_drafts_one_bit_example() {
    let list = StatusList::from_object(br#"{"bits":1,"lst":"eNrbuRgAAhcBXQ"}"#, &mut budget()).unwrap();
    assert_eq!(list.packed(), [0xb9, 0xa3]);
    let values: Vec<u8> = (0..16).map(|i| list.get(i).unwrap()).collect();
    assert_eq!(values, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
    assert_eq!(
        list.get(16),
        Err(StatusListError::IndexOutOfRange { index: 16, len: 16 })
    );
}

#[test]
fn the_drafts_two_bit_example() {
    let list = StatusList::from_object(br#"{"bits":2,"lst":"eNo76fITAAPfAgc"}"#, &mut budget()).unwrap();
    let values: Vec<u8> = (0..12).map(|i| list.get(i).unwrap()).collect();
    assert_eq!(values, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
    assert_eq!(list.len(), 12);
    assert_eq!(list.get(12).map_err(|e| e.rule()), Err("status-list.index"));
    assert_eq!(list.get(u64::MAX).map_err(|e| e.rule()), Err("status-list.index"));
}

#[test]
fn bits_are_one_two_four_or_eight() {
    let stream = zlib(&[0x1b; 4]);
    for (bits, len) in [(1, 32), (2, 16), (4, 8), (8, 4)] {
        assert_eq!(read(bits, &stream).map(|l| l.len()), Ok(len));
    }
    for bits in [0, 3, 5, 16, 256, 258, u64::MAX] {
        assert_eq!(read(bits, &stream), Err(StatusListError::Bits(bits)));
    }
}

#[test]
fn the_stream_is_whole_and_nothing_follows_it() {
    let good = zlib(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert!(read(2, &good).is_ok());
    for cut in 0..good.len() {
        assert_eq!(
            read(2, &good[..cut]),
            Err(StatusListError::Truncated),
            "cut at {cut}"
        );
    }
    assert_eq!(
        read(2, &[&good[..], &[0]].concat()),
        Err(StatusListError::TrailingData)
    );
    assert_eq!(
        read(2, &[&good[..], &good[..]].concat()),
        Err(StatusListError::TrailingData)
    );
    let mut checksum = good.clone();
    *checksum.last_mut().unwrap() ^= 1;
    assert_eq!(read(2, &checksum), Err(StatusListError::Compression));
    let mut method = good.clone();
    method[0] = 0x79;
    assert_eq!(read(2, &method), Err(StatusListError::Compression));
    assert_eq!(read(2, &zlib(&[])), Err(StatusListError::Empty));
    assert_eq!(
        StatusList::from_lst(2, "eNo76fITAAPfAgc=", &mut budget()),
        Err(StatusListError::Base64)
    );
}

#[test]
fn a_bomb_stops_at_the_cap() {
    let bomb = zlib(&vec![0; 64 << 20]);
    assert!(bomb.len() < 100_000, "small on the wire");
    let mut budget = Budget::new(Limits {
        inflated_bytes: 1 << 20,
        ..Limits::STATUS_LIST
    });
    let refused = StatusList::from_lst(2, &b64::encode(&bomb), &mut budget);
    assert_eq!(refused.map_err(|e| e.rule()), Err("budget"));
    // Exactly the cap is within it, one byte more is not.
    let exact = |size: usize| {
        let mut budget = Budget::new(Limits {
            inflated_bytes: 100_000,
            ..Limits::STATUS_LIST
        });
        StatusList::from_lst(2, &lst(&vec![0; size]), &mut budget).is_ok()
    };
    assert!(exact(100_000));
    assert!(!exact(100_001));
}

#[test]
fn bare_objects_are_strict_json() {
    let read = |text: &str| {
        StatusList::from_object(text.as_bytes(), &mut budget())
            .map(|_| ())
            .map_err(|e| e.rule())
    };
    assert_eq!(
        read(r#"{"bits":1,"lst":"eNrbuRgAAhcBXQ","aggregation_uri":"https://a.example"}"#),
        Ok(())
    );
    assert_eq!(
        read(r#"{"bits":1,"bits":1,"lst":"eNrbuRgAAhcBXQ"}"#),
        Err("json.duplicate-name")
    );
    assert_eq!(read(r#"{"lst":"eNrbuRgAAhcBXQ"}"#), Err("status-list.claims"));
    assert_eq!(read(r#"{"bits":1}"#), Err("status-list.claims"));
    assert_eq!(
        read(r#"{"bits":"1","lst":"eNrbuRgAAhcBXQ"}"#),
        Err("status-list.claims")
    );
    assert_eq!(
        read(r#"{"bits":-1,"lst":"eNrbuRgAAhcBXQ"}"#),
        Err("status-list.claims")
    );
    assert_eq!(read("[]"), Err("status-list.claims"));
}

fn claims() -> Value {
    json!({
        "iss": "https://yushan.example", "sub": "https://yushan.example/status/1", "iat": 1_700_000_000,
        "exp": 1_700_086_400, "ttl": 900, "source_as_of": 1_699_999_000,
        "status_list": {"bits": 2, "lst": lst(&[0b00_01_10_11, 0])},
    })
}

fn verify(claims: &Value, profile: Profile<'_>) -> Result<Verified<StatusListToken>, &'static str> {
    let key = signing_key(1);
    let token = sign(&key, &header(TYP, &key), &claims.to_string());
    let mut budget = budget();
    UnverifiedStatusList::parse(token.as_bytes(), profile, &mut budget)
        .and_then(|t| t.verify(&keys(KeyPurpose::Status, &key), &mut budget))
        .map_err(|e| e.rule())
}

const COMITY: Profile<'static> = Profile::Comity { typ: TYP };
const STANDARD: Profile<'static> = Profile::Standard { typ: Some(TYP) };

#[test]
fn a_token_gives_claims_and_entries() {
    let verified = verify(&claims(), COMITY).unwrap();
    let token = verified.value();
    assert_eq!(token.sub, "https://yushan.example/status/1");
    assert_eq!(
        (token.iat, token.exp, token.ttl),
        (1_700_000_000, Some(1_700_086_400), Some(900))
    );
    assert_eq!(token.list.nonzero().collect::<Vec<_>>(), [(0, 3), (1, 2), (2, 1)]);
    assert!(
        verified
            .received()
            .ends_with(verified.received().rsplit(|b| *b == b'.').next().unwrap())
    );
}

#[test]
fn ours_require_what_a_standard_leaves_open() {
    for name in ["iss", "exp", "ttl", "source_as_of"] {
        let mut less = claims();
        less.as_object_mut().unwrap().remove(name);
        assert_eq!(
            verify(&less, COMITY).map(|_| ()),
            Err("status-list.claims"),
            "{name}"
        );
        assert!(verify(&less, STANDARD).is_ok(), "{name}");
    }
    for name in ["sub", "iat", "status_list"] {
        let mut less = claims();
        less.as_object_mut().unwrap().remove(name);
        assert_eq!(verify(&less, STANDARD).map(|_| ()), Err("jws.claims"), "{name}");
    }
    let mut one_bit = claims();
    one_bit["status_list"]["bits"] = 1.into();
    assert_eq!(verify(&one_bit, COMITY).map(|_| ()), Err("status-list.bits"));
    assert!(verify(&one_bit, STANDARD).is_ok());
}

#[test]
fn times_make_sense() {
    for (name, value) in [("ttl", 0), ("ttl", -900), ("exp", 1_700_000_000), ("exp", 0)] {
        let mut wrong = claims();
        wrong[name] = value.into();
        assert_eq!(
            verify(&wrong, STANDARD).map(|_| ()),
            Err("status-list.times"),
            "{name} {value}"
        );
    }
}

// STA-7
#[test]
fn nothing_is_inflated_before_its_signature_verifies() {
    let token = sign(
        &signing_key(2),
        &header(TYP, &signing_key(1)),
        &claims().to_string(),
    );
    let mut budget = Budget::new(Limits {
        inflated_bytes: 0,
        ..Limits::STATUS_LIST
    });
    let refused = UnverifiedStatusList::parse(token.as_bytes(), COMITY, &mut budget)
        .and_then(|t| t.verify(&keys(KeyPurpose::Status, &signing_key(1)), &mut budget));
    assert_eq!(refused.map(|_| ()).map_err(|e| e.rule()), Err("jws.signature"));
}

#[test]
fn an_attestation_key_cannot_sign_status() {
    let key = signing_key(1);
    let token = sign(&key, &header(TYP, &key), &claims().to_string());
    let mut budget = budget();
    let refused = UnverifiedStatusList::parse(token.as_bytes(), COMITY, &mut budget)
        .and_then(|t| t.verify(&keys(KeyPurpose::Attestation, &key), &mut budget));
    assert_eq!(refused.map(|_| ()).map_err(|e| e.rule()), Err("key.purpose"));
}

proptest! {
    #[test]
    fn entries_come_back_as_they_were_packed(
        bits in prop::sample::select(vec![1_u8, 2, 4, 8]),
        packed in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        let list = StatusList::from_lst(bits.into(), &lst(&packed), &mut budget()).unwrap();
        prop_assert_eq!((list.bits(), list.packed()), (bits, packed.as_slice()));
        let mut repacked = vec![0_u8; packed.len()];
        let mut nonzero = Vec::new();
        for index in 0..list.len() {
            let value = list.get(index).unwrap();
            let bit = usize::try_from(index).unwrap() * usize::from(bits);
            repacked[bit / 8] |= value << (bit % 8);
            if value != 0 {
                nonzero.push((index, value));
            }
        }
        prop_assert_eq!(repacked, packed);
        prop_assert_eq!(list.nonzero().collect::<Vec<_>>(), nonzero);
        prop_assert!(list.get(list.len()).is_err());
    }

    #[test]
    fn reading_is_total(bits in 0_u64..10, stream in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(bits, &stream);
        let _ = StatusList::from_object(&stream, &mut budget());
        let _ = UnverifiedStatusList::parse(&stream, STANDARD, &mut budget());
    }

    #[test]
    fn no_byte_of_the_stream_can_be_changed(at in 0_usize..1000, flip in 1_u8..=255) {
        let packed: Vec<u8> = (0..=255).collect();
        let mut stream = zlib(&packed);
        let at = at % stream.len();
        stream[at] ^= flip;
        // The two header bytes may be changed to another sound header: then the entries are still the same.
        let changed = read(8, &stream);
        prop_assert!(changed.is_err() || changed.unwrap().packed() == packed);
    }
}
