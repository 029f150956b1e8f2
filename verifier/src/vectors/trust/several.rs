//! Vectors of chapter 3 where several objects speak of one entity: two superiors, statement and list, two words of one second;
//! and the ends of each link and of each list.

use comity_spec::jose::Typ;
use comity_spec::vector::{Federation, Of, TrustInput};
use serde_json::{Value, json};

use super::super::{DAY, Drafts, NOW, YUSHAN_ID, accept, demo, handed_over, raw, refuse, stand};
use super::{
    ANCHOR, JIANGXI, SIGNED, TWIN, ZHEJIANG, draft, input, node, own, stated_by_another_province,
    vouched_by_the_anchor_too, with,
};
use crate::testing::{jwk, key, merge, sign, thumbprint};

const STRANGER: &str = "https://c440103.example";
const NEIGHBOUR: &str = "https://c361124.example";

fn no(name: &str, ids: &str, about: &str, input: TrustInput, rule: &str) -> Of<TrustInput> {
    refuse(
        &format!("trust/{name}"),
        TWIN,
        ids,
        about,
        input,
        &format!("trust.{rule}"),
    )
}

fn active(name: &str, ids: &str, about: &str, input: TrustInput) -> Of<TrustInput> {
    accept(
        &format!("trust/{name}"),
        ids,
        about,
        input,
        json!({ "standing": "trust.active" }),
    )
}

fn of(entity: &str, federation: Federation) -> TrustInput {
    let mut input = input(federation);
    input.entity = entity.into();
    input
}

fn good() -> Federation {
    handed_over(&demo(), |_| {})
}

/// The list of the county's province, changed; it is of the statements' own second unless that is changed too.
fn list(change: impl FnOnce(&mut Value)) -> String {
    let mut before = demo();
    before.now = super::super::now().plus_saturating(-5 * DAY);
    let province = before.provinces[0].clone();
    let mut claims = before.member_list(&province.entity, 2);
    change(&mut claims);
    sign(&province.key, Typ::MemberList, &claims)
}

fn listed(change: impl FnOnce(&mut Value)) -> Federation {
    let mut federation = good();
    federation.member_lists[1] = list(change);
    federation
}

/// The federation with the statements of another one that it does not have.
fn with_those_of(mut federation: Federation, other: &Federation) -> Federation {
    let new = other
        .statements
        .iter()
        .filter(|one| !federation.statements.contains(one));
    let new: Vec<String> = new.cloned().collect();
    federation.statements.extend(new);
    federation
}

fn configuration(more: Value) -> Federation {
    handed_over(&demo(), |d| {
        merge(&mut draft(d, YUSHAN_ID, YUSHAN_ID).claims, more)
    })
}

pub(super) fn all() -> Vec<Of<TrustInput>> {
    let mut all = superiors();
    all.extend(lists());
    all.extend(words());
    all.extend(ends());
    all.extend(keys());
    all
}

fn superiors() -> Vec<Of<TrustInput>> {
    let ours = || json!(jwk(&key("361123/federation")));
    let also = |state: &'static str, hints: Value| {
        with(move |d| {
            stated_by_another_province(d, &[ours()]);
            draft(d, ZHEJIANG, YUSHAN_ID).claims["comity_state"] = json!(state);
            draft(d, YUSHAN_ID, YUSHAN_ID).claims["authority_hints"] = hints;
        })
    };
    let anchor_says = |state: &'static str, hints: Value| {
        with(move |d| {
            vouched_by_the_anchor_too(d);
            draft(d, ANCHOR, YUSHAN_ID).claims["comity_state"] = json!(state);
            draft(d, YUSHAN_ID, YUSHAN_ID).claims["authority_hints"] = hints;
        })
    };
    vec![
        active(
            "suspended-by-another-province-that-it-names",
            "TRU-15",
            "the county names both provinces: the one that vouches outranks the other's word",
            also("suspended", json!([JIANGXI, ZHEJIANG])),
        ),
        active(
            "removed-by-another-province-that-it-names",
            "TRU-15",
            "a county that moved, and the province that it left",
            also("removed", json!([ZHEJIANG, JIANGXI])),
        ),
        active(
            "suspended-by-another-province-that-it-does-not-name",
            "TRU-15",
            "somebody else's word on it",
            also("suspended", json!([JIANGXI])),
        ),
        no(
            "suspended-by-the-anchor-itself",
            "TRU-15",
            "the province vouches, the anchor says suspended",
            anchor_says("suspended", json!([JIANGXI, ANCHOR])),
            "suspended",
        ),
        no(
            "suspended-by-the-anchor-that-it-does-not-name",
            "TRU-15",
            "the anchor's own word counts whether the county names it or not",
            anchor_says("suspended", json!([JIANGXI])),
            "suspended",
        ),
        no(
            "removed-by-the-anchor-itself",
            "TRU-15",
            "the province vouches, the anchor says removed",
            anchor_says("removed", json!([JIANGXI])),
            "removed",
        ),
        active(
            "stated-by-the-anchor-that-it-does-not-name",
            "TRU-5 TRU-15",
            "the anchor vouches too, and the county names its province alone",
            anchor_says("active", json!([JIANGXI])),
        ),
    ]
}

fn lists() -> Vec<Of<TrustInput>> {
    let at = |iat: i64| move |l: &mut Value| l["iat"] = json!(iat);
    let says = |state: &'static str, iat: i64| {
        input(listed(move |l| {
            at(iat)(l);
            l["members"][0]["state"] = json!(state);
        }))
    };
    let names_nobody = |iat: i64| {
        input(listed(move |l| {
            at(iat)(l);
            l["members"] = json!([]);
        }))
    };
    let line = |state: &str| json!({ "entity": NEIGHBOUR, "region": "361124", "name": { "zh": "示例", "en": "x" }, "state": state });
    let neighbour = |state: &'static str| {
        of(
            NEIGHBOUR,
            listed(move |l| l["members"].as_array_mut().expect("members").push(line(state))),
        )
    };
    let without = |at: usize, change: fn(&mut Drafts)| {
        let mut federation = handed_over(&demo(), change);
        federation.member_lists.remove(at);
        of(STRANGER, federation)
    };
    let another_province = {
        let mut before = demo();
        before.now = super::super::now().plus_saturating(-5 * DAY);
        let mut claims = before.member_list(&before.anchor.entity, 2);
        claims["members"].as_array_mut().expect("members").push(json!({
            "entity": "https://hunan.example", "region_prefix": "43", "name": { "zh": "示例", "en": "x" },
            "state": "active",
        }));
        let mut federation = good();
        federation.member_lists[0] = sign(&before.anchor.key, Typ::MemberList, &claims);
        of(STRANGER, federation)
    };
    let mut last_second = of(STRANGER, good());
    last_second.now = SIGNED + 10 * DAY - 1;
    let ended = |change: fn(&mut Value)| {
        input(listed(move |l| {
            l["iat"] = json!(SIGNED + 60);
            l["exp"] = json!(NOW);
            change(l);
        }))
    };
    vec![
        no(
            "suspended-by-a-list-of-the-same-second",
            "TRU-18",
            "a list that is not older than the statement",
            says("suspended", SIGNED),
            "suspended",
        ),
        active(
            "suspended-by-an-older-list",
            "TRU-18",
            "a list one second older than the statement, which reinstated the county",
            says("suspended", SIGNED - 1),
        ),
        no(
            "removed-by-a-newer-list",
            "TRU-18",
            "a list one second newer",
            says("removed", SIGNED + 1),
            "removed",
        ),
        active(
            "not-in-a-list-of-the-same-second",
            "TRU-18",
            "only a newer list takes away by silence",
            names_nobody(SIGNED),
        ),
        active(
            "not-in-an-older-list",
            "TRU-18",
            "the list was made before the county came",
            names_nobody(SIGNED - 1),
        ),
        no(
            "active-in-a-newer-list-though-stated-suspended",
            "TRU-18",
            "reinstating takes a new statement",
            {
                let mut federation = handed_over(&demo(), stand(YUSHAN_ID, "suspended"));
                federation.member_lists[1] = list(at(SIGNED + 60));
                input(federation)
            },
            "suspended",
        ),
        no(
            "suspended-by-a-list-that-has-ended",
            "TRU-18",
            "a newer list said suspended and has ended: its end reinstates nobody",
            ended(|l| l["members"][0]["state"] = json!("suspended")),
            "suspended",
        ),
        no(
            "not-in-a-list-that-has-ended",
            "TRU-18",
            "a newer list did not name the county and has ended",
            ended(|l| l["members"] = json!([])),
            "not-listed",
        ),
        active(
            "lists-ended",
            "TRU-22",
            "lists are no links: the chain holds, and the county's list has ended",
            ended(|_| {}),
        ),
        no(
            "nobody-knows-without-the-anchors-list",
            "TRU-17",
            "the anchor's list is not at hand",
            without(0, |_| {}),
            "no-current-member-list",
        ),
        no(
            "nobody-knows-without-the-list-of-a-suspended-province",
            "TRU-17",
            "a suspended province has not left",
            without(2, stand_of(ZHEJIANG, "suspended")),
            "no-current-member-list",
        ),
        no(
            "not-a-member-without-the-list-of-a-province-that-left",
            "TRU-17",
            "a removed province could not name anybody",
            without(2, stand_of(ZHEJIANG, "removed")),
            "not-a-member",
        ),
        no(
            "nobody-knows-of-a-province-that-is-only-listed",
            "TRU-17",
            "the anchor lists a province of which nothing else is at hand",
            another_province,
            "no-current-member-list",
        ),
        no(
            "not-a-member-in-the-lists-last-second",
            "TRU-17",
            "one second before the lists end",
            last_second,
            "not-a-member",
        ),
        no(
            "list-names-its-own-authority",
            "TRU-16",
            "a line of the province itself",
            of(
                STRANGER,
                listed(|l| {
                    let mut line = l["members"][0].clone();
                    line["entity"] = json!(JIANGXI);
                    l["members"].as_array_mut().expect("members").push(line);
                }),
            ),
            "member-line",
        ),
        no(
            "list-60-seconds-ahead",
            "JWS-17 TRU-17",
            "a list issued at the end of the skew says who is no member",
            of(STRANGER, listed(|l| l["iat"] = json!(NOW + 60))),
            "not-a-member",
        ),
        no(
            "list-61-seconds-ahead",
            "JWS-17",
            "a list issued one second beyond it says nothing",
            of(STRANGER, listed(|l| l["iat"] = json!(NOW + 61))),
            "clock-doubt",
        ),
        no(
            "listed-and-not-stated",
            "TRU-17 TRU-22",
            "a list names it, and there is no statement on it",
            neighbour("active"),
            "incomplete",
        ),
        no(
            "listed-as-suspended-and-not-stated",
            "TRU-18",
            "a list names it as suspended, and there is no statement on it",
            neighbour("suspended"),
            "suspended",
        ),
        no(
            "listed-as-removed-and-not-stated",
            "TRU-18",
            "a list names it as removed, and there is no statement on it",
            neighbour("removed"),
            "removed",
        ),
        active(
            "of-two-lists-the-one-of-the-higher-number",
            "TRU-20",
            "list 2 says suspended, list 3 of an earlier second does not",
            {
                let mut federation = good();
                federation.member_lists[1] = list(|l| {
                    l["iat"] = json!(SIGNED + 60);
                    l["members"][0]["state"] = json!("suspended");
                });
                federation.member_lists.push(list(|l| l["seq"] = json!(3)));
                input(federation)
            },
        ),
    ]
}

/// `stand`, of an entity that is named here.
fn stand_of(entity: &'static str, state: &'static str) -> fn(&mut Drafts) {
    match (entity, state) {
        (ZHEJIANG, "suspended") => |d| stand(ZHEJIANG, "suspended")(d),
        (ZHEJIANG, "removed") => |d| stand(ZHEJIANG, "removed")(d),
        _ => unreachable!("no vector has {entity} {state}"),
    }
}

/// Several words of one issuer on one subject.
fn words() -> Vec<Of<TrustInput>> {
    let another = || configuration(json!({ "note": "another" }));
    let newer = || configuration(json!({ "iat": SIGNED + 60 }));
    let older = || configuration(json!({ "iat": SIGNED - 60, "exp": SIGNED + DAY }));
    let by_a_stranger = handed_over(&demo(), |d| {
        let own = draft(d, YUSHAN_ID, YUSHAN_ID);
        own.claims["note"] = json!("another");
        own.key = key("stranger");
    });
    let stated_otherwise = handed_over(&demo(), |d| {
        draft(d, JIANGXI, YUSHAN_ID).claims["note"] = json!("another");
    });
    let signed_twice = {
        let mut federation = good();
        let key = key("361123/federation");
        let own = handed_over(&demo(), |d| {
            d.retain(|(iss, sub), _| iss.as_str() == YUSHAN_ID && sub.as_str() == YUSHAN_ID);
        });
        let payload = own.statements[0].split('.').nth(1).expect("a payload").to_owned();
        let payload = crate::b64::decode(payload.as_bytes()).expect("base64url");
        let header =
            json!({ "alg": "Ed25519", "kid": thumbprint(&key), "typ": "entity-statement+jwt" }).to_string();
        federation.statements.push(raw(&key, &header, &payload));
        input(federation)
    };
    let lists_of_one_number = |entity: &str| {
        let mut federation = good();
        federation.member_lists[1] = list(|_| {});
        federation
            .member_lists
            .push(list(|l| l["ext"] = json!({ "another": 1 })));
        of(entity, federation)
    };
    vec![
        no(
            "statement-forked",
            "TRU-21",
            "two statements of the superior, of one second",
            input(with_those_of(good(), &stated_otherwise)),
            "fork",
        ),
        no(
            "list-forked",
            "TRU-21 TRU-17",
            "two lists of one number: neither says who is no member",
            lists_of_one_number(STRANGER),
            "fork",
        ),
        active(
            "list-forked-below-a-chain-that-holds",
            "TRU-21 TRU-22",
            "two lists of one number: a county's chain does not rest on them",
            lists_of_one_number(YUSHAN_ID),
        ),
        no(
            "fork-brings-nothing-older-back",
            "TRU-21",
            "two configurations of one second, and an older one",
            input(with_those_of(with_those_of(good(), &another()), &older())),
            "fork",
        ),
        active(
            "fork-ended-by-a-newer-word",
            "TRU-20 TRU-21",
            "two configurations of one second, and a newer one",
            input(with_those_of(with_those_of(good(), &another()), &newer())),
        ),
        active(
            "forked-by-a-stranger",
            "TRU-21",
            "another configuration of the same second, which the county did not sign",
            input(with_those_of(good(), &by_a_stranger)),
        ),
        active(
            "one-word-signed-twice",
            "TRU-21",
            "the same payload under another header is no other word",
            signed_twice,
        ),
        accept(
            "trust/newest-of-two-configurations",
            "TRU-20 TRU-28",
            "the newer one lists no attestation key any more",
            {
                let dropped = handed_over(&demo(), |d| {
                    let own = draft(d, YUSHAN_ID, YUSHAN_ID);
                    own.claims["iat"] = json!(SIGNED + 60);
                    own.claims["metadata"]["comity_node"]["keys"] = json!({});
                });
                input(with_those_of(good(), &dropped))
            },
            json!({ "standing": "trust.active", "attestation_keys": 0 }),
        ),
    ]
}

/// When each link ends, and how long each may live.
fn ends() -> Vec<Of<TrustInput>> {
    let until = |iss: &'static str, sub: &'static str, exp: i64| {
        with(move |d| draft(d, iss, sub).claims["exp"] = json!(exp))
    };
    let holds = |name: &str, about: &str, iss: &'static str, sub: &'static str| {
        accept(
            &format!("trust/{name}"),
            "TRU-22",
            about,
            until(iss, sub, NOW + 1),
            json!({ "standing": "trust.active", "valid_until": NOW + 1 }),
        )
    };
    let ended = |name: &str, about: &str, iss: &'static str, sub: &'static str| {
        no(name, "TRU-22", about, until(iss, sub, NOW), "chain-expired")
    };
    let mut suspended = with(stand(YUSHAN_ID, "suspended"));
    suspended.now = NOW + 5 * DAY;
    vec![
        holds(
            "anchor-in-its-last-second",
            "the anchor's configuration ends next",
            ANCHOR,
            ANCHOR,
        ),
        holds(
            "province-in-its-last-second",
            "the anchor's word on the province ends next",
            ANCHOR,
            JIANGXI,
        ),
        holds(
            "province-configuration-in-its-last-second",
            "the province's configuration ends next",
            JIANGXI,
            JIANGXI,
        ),
        holds(
            "statement-in-its-last-second",
            "the superior's statement ends next",
            JIANGXI,
            YUSHAN_ID,
        ),
        ended(
            "anchor-ended",
            "the anchor's configuration ends now",
            ANCHOR,
            ANCHOR,
        ),
        ended(
            "province-ended",
            "the anchor's word on the province ends now",
            ANCHOR,
            JIANGXI,
        ),
        ended(
            "province-configuration-ended",
            "the province's configuration ends now",
            JIANGXI,
            JIANGXI,
        ),
        ended(
            "statement-ended",
            "the superior's statement ends now",
            JIANGXI,
            YUSHAN_ID,
        ),
        ended(
            "configuration-ended",
            "the county's configuration ends now",
            YUSHAN_ID,
            YUSHAN_ID,
        ),
        no(
            "suspended-until-its-chain-ends",
            "TRU-18 TRU-22",
            "the statement that said suspended has ended",
            suspended,
            "chain-expired",
        ),
        active(
            "configuration-60-seconds-ahead",
            "JWS-17",
            "issued at the end of the skew",
            own(json!({ "iat": NOW + 60, "exp": NOW + DAY })),
        ),
        no(
            "province-statement-lives-too-long",
            "TRU-6",
            "the anchor's word on the province of 35 days and a second",
            until(ANCHOR, JIANGXI, SIGNED + 35 * DAY + 1),
            "lifetime",
        ),
        no(
            "province-configuration-lives-too-long",
            "TRU-6",
            "the province's configuration of 35 days and a second",
            until(JIANGXI, JIANGXI, SIGNED + 35 * DAY + 1),
            "lifetime",
        ),
        active(
            "anchor-lives-400-days",
            "TRU-6",
            "the anchor's configuration of 400 days",
            until(ANCHOR, ANCHOR, SIGNED + 400 * DAY),
        ),
        no(
            "anchor-lives-too-long",
            "TRU-6",
            "the anchor's configuration of 400 days and a second",
            until(ANCHOR, ANCHOR, SIGNED + 400 * DAY + 1),
            "lifetime",
        ),
    ]
}

/// Which keys are judged: those that count.
fn keys() -> Vec<Of<TrustInput>> {
    let two = json!({ "keys": [jwk(&key("361123/status"))] });
    let federation = json!({ "keys": [jwk(&key("361123/federation"))] });
    vec![
        active(
            "key-under-two-purposes-in-one-half",
            "TRU-12 TRU-8",
            "the county alone lists its status key for exchanges too: it does not count there",
            node(YUSHAN_ID, json!({ "keys": { "status": two, "exchange": two } })),
        ),
        active(
            "federation-key-among-the-others-in-one-half",
            "TRU-12 TRU-8",
            "the superior alone has a federation set among the others",
            node(
                JIANGXI,
                json!({ "keys": { "status": two, "federation": federation } }),
            ),
        ),
        no(
            "province-with-a-standing-of-its-own",
            "TRU-9",
            "the province states its own standing",
            with(|d| draft(d, JIANGXI, JIANGXI).claims["comity_state"] = json!("active")),
            "own-standing",
        ),
        no(
            "province-hints-missing",
            "TRU-5",
            "the province names no superior",
            with(|d| draft(d, JIANGXI, JIANGXI).claims["authority_hints"] = json!([ZHEJIANG])),
            "authority-hints",
        ),
    ]
}
