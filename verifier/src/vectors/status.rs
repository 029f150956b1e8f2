//! Vectors of chapter 6: status list tokens, against given keys and under a federation.

use std::io::Write as _;

use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::status::{LIST_BYTES, StatusValue};
use comity_spec::vector::{Keys, Of, StatusListInput, StatusTokenInput, Vector};
use serde_json::{Value, json};

use super::{CHANGSHAN_ID, HOUR, NOW, YUSHAN, YUSHAN_ID, accept, demo, refuse};
use crate::b64;
use crate::testing::{jwk, key, lst, merge, sign};

mod bounds;

const TWIN: &str = "status-list/valid";
const UNDER: &str = "status-list/valid-token";
const ENTRIES: [(usize, StatusValue); 3] = [
    (7, StatusValue::Cancelled),
    (8, StatusValue::Suspended),
    (9, StatusValue::Superseded),
];

fn claims() -> Value {
    demo().status_claims(demo().county(YUSHAN), &ENTRIES)
}

fn signed(claims: &Value) -> String {
    sign(
        &demo().county(YUSHAN).key(KeyPurpose::Status),
        Typ::StatusList,
        claims,
    )
}

fn with(more: Value) -> String {
    let mut claims = claims();
    merge(&mut claims, more);
    signed(&claims)
}

fn without(member: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().expect("object").shift_remove(member);
    signed(&claims)
}

pub(super) fn all() -> Vec<Vector> {
    let mut all: Vec<Vector> = by_keys().into_iter().map(Vector::StatusList).collect();
    let under = under_a_federation().into_iter().chain(bounds::all());
    all.extend(under.map(Vector::StatusToken));
    all
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(bytes).expect("memory takes what is written");
    zlib.finish().expect("memory takes what is written")
}

fn by_keys() -> Vec<Of<StatusListInput>> {
    let county = demo();
    let county = county.county(YUSHAN);
    let keys: Keys = [KeyPurpose::Status, KeyPurpose::Attestation]
        .into_iter()
        .map(|purpose| (purpose, vec![json!(jwk(&county.key(purpose)))]))
        .collect();
    let at = |token: String, index: u64| StatusListInput {
        token,
        keys: keys.clone(),
        index,
    };
    let no = |name: &str, ids: &str, about: &str, token: String, rule: &str| {
        refuse(
            &format!("status-list/{name}"),
            TWIN,
            ids,
            about,
            at(token, 7),
            rule,
        )
    };
    let read = |value: u8| json!({ "value": value, "bits": 2, "entries": 131_072 });
    let list = |lst: String| with(json!({ "status_list": { "bits": 2, "lst": lst } }));
    let whole = zlib(&vec![0; LIST_BYTES]);
    let mut damaged = whole.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let mut followed = whole.clone();
    followed.push(0);
    let mut all = vec![
        accept(
            TWIN,
            "STA-4 STA-5 STA-7",
            "entry 7 is cancelled",
            at(with(json!({})), 7),
            read(1),
        ),
        accept(
            "status-list/valid-entry",
            "STA-4",
            "entry 6 is valid",
            at(with(json!({})), 6),
            read(0),
        ),
        accept(
            "status-list/valid-entry-suspended",
            "STA-4",
            "entry 8 is suspended",
            at(with(json!({})), 8),
            read(2),
        ),
        accept(
            "status-list/valid-entry-superseded",
            "STA-4",
            "entry 9 is superseded",
            at(with(json!({})), 9),
            read(3),
        ),
        accept(
            "status-list/valid-last-entry",
            "STA-5",
            "the last of 131,072 entries",
            at(with(json!({})), 131_071),
            read(0),
        ),
        accept(
            "status-list/valid-unknown-member",
            "JWS-14",
            "a standard owns the type: what is not known is ignored",
            at(with(json!({ "aggregation_uri": "https://c361123.example/x" })), 7),
            read(1),
        ),
        refuse(
            "status-list/index-after-the-last",
            TWIN,
            "STA-8",
            "index 131,072",
            at(with(json!({})), 131_072),
            "status-list.index",
        ),
        no(
            "bits-1",
            "STA-4",
            "one bit an entry",
            with(json!({ "status_list": { "bits": 1, "lst": lst(LIST_BYTES, &[]) } })),
            "status-list.bits",
        ),
        no(
            "bits-3",
            "STA-4",
            "three bits an entry",
            with(json!({ "status_list": { "bits": 3, "lst": lst(LIST_BYTES, &[]) } })),
            "status-list.bits",
        ),
        no(
            "ttl-zero",
            "STA-4",
            "ttl is 0",
            with(json!({ "ttl": 0 })),
            "status-list.times",
        ),
        no(
            "exp-not-after-iat",
            "STA-4",
            "exp is iat",
            with(json!({ "exp": NOW })),
            "status-list.times",
        ),
        no(
            "iat-with-fraction",
            "JWS-12 TIM-1",
            "iat is 1.5",
            signed_text(
                &claims()
                    .to_string()
                    .replace(&format!("\"iat\":{NOW}"), "\"iat\":1.5"),
            ),
            "jws.number",
        ),
        no(
            "lst-padded",
            "JWS-10",
            "lst is padded",
            list(format!("{}=", b64::encode(&whole))),
            "status-list.base64url",
        ),
        no(
            "lst-no-zlib",
            "STA-7",
            "lst is no zlib stream",
            list(b64::encode(b"not compressed at all")),
            "status-list.compression",
        ),
        no(
            "lst-checksum",
            "STA-7",
            "the checksum is wrong",
            list(b64::encode(&damaged)),
            "status-list.compression",
        ),
        no(
            "lst-cut-short",
            "STA-7",
            "the stream ends too early",
            list(b64::encode(&whole[..whole.len() - 5])),
            "status-list.truncated",
        ),
        no(
            "lst-followed-by-an-octet",
            "STA-7",
            "an octet follows the stream",
            list(b64::encode(&followed)),
            "status-list.trailing-data",
        ),
        no(
            "lst-of-nothing",
            "STA-7",
            "the stream holds nothing",
            list(b64::encode(&zlib(&[]))),
            "status-list.empty",
        ),
        no(
            "lst-a-bomb",
            "STA-7 SEC-1 JWS-19",
            "inflates to 8 MiB",
            list(b64::encode(&zlib(&vec![0; 8 << 20]))),
            "budget",
        ),
        no(
            "signed-by-attestation-key",
            "JWS-5",
            "the issuer's attestation key signed it",
            sign(&county.key(KeyPurpose::Attestation), Typ::StatusList, &claims()),
            "key.purpose",
        ),
        no(
            "typ-of-an-attestation",
            "JWS-3",
            "typ is dc+sd-jwt",
            sign(&county.key(KeyPurpose::Status), Typ::Attestation, &claims()),
            "jws.typ",
        ),
        no(
            "forged-bomb-is-not-inflated",
            "STA-7",
            "unsigned, and would inflate to 8 MiB",
            {
                let bomb = list(b64::encode(&zlib(&vec![0; 8 << 20])));
                let (signed, _) = bomb.rsplit_once('.').expect("three parts");
                format!("{signed}.{}", b64::encode(&[0; 64]))
            },
            "jws.signature",
        ),
    ];
    for member in ["iss", "exp", "ttl", "source_as_of"] {
        all.push(no(
            &format!("without-{}", member.replace('_', "-")),
            "STA-4 JWS-16",
            "a required member is missing",
            without(member),
            "status-list.claims",
        ));
    }
    for member in ["sub", "iat", "status_list"] {
        all.push(no(
            &format!("without-{}", member.replace('_', "-")),
            "STA-4 JWS-16",
            "a required member is missing",
            without(member),
            "jws.claims",
        ));
    }
    all
}

fn signed_text(payload: &str) -> String {
    let county = demo();
    let county = county.county(YUSHAN);
    let key = county.key(KeyPurpose::Status);
    let header = json!({ "alg": "EdDSA", "kid": crate::testing::thumbprint(&key), "typ": "statuslist+jwt" });
    super::raw(&key, &header.to_string(), payload.as_bytes())
}

fn under_a_federation() -> Vec<Of<StatusTokenInput>> {
    let at = |token: String| StatusTokenInput {
        federation: "demo".into(),
        token,
        held: None,
        tombstones: Vec::new(),
        index: 7,
        received_at: NOW,
        now: NOW,
    };
    let no = |name: &str, ids: &str, about: &str, more: Value, rule: &str| {
        refuse(
            &format!("status-list/{name}"),
            UNDER,
            ids,
            about,
            at(with(more)),
            rule,
        )
    };
    let older = |seconds: i64| {
        with(json!({ "iat": NOW - seconds, "exp": NOW - seconds + 72 * HOUR, "source_as_of": NOW - seconds }))
    };
    let zeros = |iat: i64| {
        let mut claims = demo().status_claims(demo().county(YUSHAN), &[]);
        merge(
            &mut claims,
            json!({ "iat": iat, "exp": iat + 72 * HOUR, "source_as_of": iat }),
        );
        signed(&claims)
    };
    let mut later = at(older(0));
    later.now = NOW + 72 * HOUR;
    let mut before_its_end = at(older(0));
    before_its_end.now = NOW + 72 * HOUR - 1;
    let mut rolled_back = at(zeros(NOW - 1));
    rolled_back.held = Some(older(0));
    let mut forked = at(zeros(NOW));
    forked.held = Some(older(0));
    let mut again = at(older(0));
    again.held = Some(older(0));
    let mut revived = at(zeros(NOW));
    revived.tombstones = vec![(7, 1)];
    let mut cancelled_later = at(older(0));
    cancelled_later.tombstones = vec![(7, 3)];
    let mut outlived = at(older(0));
    outlived.tombstones = vec![(7, 3)];
    outlived.now = NOW + 100 * HOUR;
    let mut elsewhere = at(older(0));
    elsewhere.index = 1 << 40;
    vec![
        accept(
            UNDER,
            "STA-6 STA-9 STA-11",
            "a list of an active county, read at once",
            at(with(json!({}))),
            json!({ "value": 1, "as_of": NOW, "tombstone": false }),
        ),
        accept(
            "status-list/valid-token-of-an-old-register",
            "STA-11",
            "signed now, from a register of yesterday",
            at(with(json!({ "source_as_of": NOW - 24 * HOUR }))),
            json!({ "value": 1, "as_of": NOW - 24 * HOUR, "tombstone": false }),
        ),
        accept(
            "status-list/valid-token-in-its-last-second",
            "STA-10",
            "read one second before exp",
            before_its_end,
            json!({ "value": 1, "as_of": NOW, "tombstone": false }),
        ),
        accept(
            "status-list/valid-token-again",
            "STA-9",
            "the same list once more",
            again,
            json!({ "value": 1 }),
        ),
        accept(
            "status-list/tombstone-outranks-a-list-that-says-valid",
            "STA-12 STA-1",
            "cancelled before, valid in a newer list",
            revived,
            json!({ "value": 1, "tombstone": true }),
        ),
        accept(
            "status-list/tombstone-becomes-cancelled",
            "STA-12 STA-1",
            "superseded before, cancelled now",
            cancelled_later,
            json!({ "value": 1, "tombstone": false }),
        ),
        accept(
            "status-list/tombstone-outlives-its-list",
            "STA-12",
            "the list has ended, what was seen in it holds",
            outlived,
            json!({ "value": 3, "tombstone": true }),
        ),
        refuse(
            "status-list/read-at-its-end",
            UNDER,
            "STA-10",
            "read in the second that is exp",
            later,
            "status.ended",
        ),
        refuse(
            "status-list/rolled-back",
            UNDER,
            "STA-9",
            "older than the list held",
            rolled_back,
            "status.older",
        ),
        refuse(
            "status-list/forked",
            UNDER,
            "STA-9",
            "another content under the iat of the list held",
            forked,
            "status.fork",
        ),
        refuse(
            "status-list/index-far-outside",
            UNDER,
            "STA-8",
            "an index that no list has",
            elsewhere,
            "status-list.index",
        ),
        no(
            "expired",
            "STA-10",
            "exp is now",
            json!({ "iat": NOW - 10, "exp": NOW, "source_as_of": NOW - 10 }),
            "status.expired",
        ),
        no(
            "life-over-72-hours",
            "STA-4",
            "exp is 72 hours and a second after iat",
            json!({ "exp": NOW + 72 * HOUR + 1 }),
            "status.lifetime",
        ),
        no(
            "from-the-future",
            "JWS-17",
            "iat is 61 seconds ahead",
            json!({ "iat": NOW + 61 }),
            "status.clock-doubt",
        ),
        no(
            "register-after-the-list",
            "STA-4",
            "source_as_of is 61 seconds after iat",
            json!({ "source_as_of": NOW + 61 }),
            "status.times",
        ),
        no(
            "address-of-another-county",
            "STA-6",
            "sub lies under another county",
            json!({ "sub": format!("{CHANGSHAN_ID}/status/v1/1") }),
            "status.address",
        ),
        no(
            "address-of-a-longer-host",
            "STA-6",
            "sub begins with the county's address and goes on",
            json!({ "sub": format!("{YUSHAN_ID}.evil.example/status/v1/1") }),
            "status.address",
        ),
        no(
            "address-with-dots",
            "STA-6",
            "sub climbs up",
            json!({ "sub": format!("{YUSHAN_ID}/../status") }),
            "status.address",
        ),
        no(
            "address-with-query",
            "STA-6",
            "sub has a query",
            json!({ "sub": format!("{YUSHAN_ID}/status?x=1") }),
            "status.address",
        ),
        no(
            "too-few-entries",
            "STA-5",
            "131,068 entries",
            json!({ "status_list": { "bits": 2, "lst": lst(LIST_BYTES - 1, &[]) } }),
            "status.entries",
        ),
        no(
            "too-many-entries",
            "STA-5",
            "131,076 entries",
            json!({ "status_list": { "bits": 2, "lst": lst(LIST_BYTES + 1, &[]) } }),
            "status.entries",
        ),
        no(
            "issuer-not-a-member",
            "STA-6",
            "iss is nobody here",
            json!({ "iss": "https://c440103.example" }),
            "status.issuer-not-active",
        ),
        no(
            "issuer-another-county",
            "STA-6 JWS-4",
            "iss is another county, the key is not its",
            json!({ "iss": CHANGSHAN_ID }),
            "jws.unknown-key",
        ),
        refuse(
            "status-list/signed-by-a-stranger",
            UNDER,
            "STA-6",
            "a key that no chain gives",
            at(sign(&key("stranger"), Typ::StatusList, &claims())),
            "jws.unknown-key",
        ),
    ]
}
