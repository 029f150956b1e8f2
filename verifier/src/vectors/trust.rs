//! Vectors of chapter 3: a whole federation with exactly one defect.

use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::vector::{Federation, Floor, Of, TrustInput, Vector};
use serde_json::{Value, json};

use super::{
    CHANGSHAN, CHANGSHAN_ID, DAY, Drafts, NOW, YUSHAN, YUSHAN_ID, accept, demo, handed_over, refuse, stand,
};
use crate::testing::{Draft, jwk, key, merge, sign};

mod several;

const TWIN: &str = "trust/valid";
const JIANGXI: &str = "https://jiangxi.example";
const ZHEJIANG: &str = "https://zhejiang.example";
const ANCHOR: &str = "https://anchor.example";
/// The statements' `iat`.
const SIGNED: i64 = NOW - 5 * DAY;

fn draft<'d>(drafts: &'d mut Drafts, iss: &str, sub: &str) -> &'d mut Draft {
    let pair = (
        iss.parse().expect("an entity id"),
        sub.parse().expect("an entity id"),
    );
    drafts.get_mut(&pair).expect("a statement of the demo")
}

fn input(federation: Federation) -> TrustInput {
    TrustInput {
        federation,
        floors: Vec::new(),
        newest_iat: None,
        entity: YUSHAN_ID.into(),
        now: NOW,
    }
}

fn with(change: impl FnOnce(&mut Drafts)) -> TrustInput {
    input(handed_over(&demo(), change))
}

/// Changes in the county's own configuration.
fn own(more: Value) -> TrustInput {
    with(|d| merge(&mut draft(d, YUSHAN_ID, YUSHAN_ID).claims, more))
}

/// Changes in the superior's statement.
fn above(more: Value) -> TrustInput {
    with(|d| merge(&mut draft(d, JIANGXI, YUSHAN_ID).claims, more))
}

fn node(iss: &str, more: Value) -> TrustInput {
    with(|d| {
        merge(
            &mut draft(d, iss, YUSHAN_ID).claims["metadata"]["comity_node"],
            more,
        )
    })
}

fn both(more: &Value) -> TrustInput {
    with(|d| {
        for iss in [JIANGXI, YUSHAN_ID] {
            merge(
                &mut draft(d, iss, YUSHAN_ID).claims["metadata"]["comity_node"],
                more.clone(),
            );
        }
    })
}

pub(super) fn all() -> Vec<Vector> {
    let mut all = valid();
    all.extend(statements());
    all.extend(signers());
    all.extend(lists());
    all.extend(time());
    all.extend(several::all());
    all.into_iter().map(Vector::Trust).collect()
}

fn read() -> Value {
    json!({ "standing": "trust.active", "region": YUSHAN, "valid_until": NOW + 5 * DAY, "client_pins": 1 })
}

fn valid() -> Vec<Of<TrustInput>> {
    let planted =
        json!({ "keys": [jwk(&demo().county(YUSHAN).key(KeyPurpose::Attestation)), jwk(&key("planted"))] });
    let plant = |iss: &'static str| {
        let planted = planted.clone();
        with(move |d| {
            draft(d, iss, YUSHAN_ID).claims["metadata"]["comity_node"]["keys"]["attestation"] = planted
        })
    };
    let mut ext = both(&json!({ "ext": { "anything": [1] } }));
    ext.now = NOW;
    let mut last_second = with(|_| {});
    last_second.now = NOW + 5 * DAY - 1;
    vec![
        accept(
            TWIN,
            "TRU-1 TRU-7 TRU-8",
            "anchor, two provinces, two counties",
            with(|_| {}),
            read(),
        ),
        accept(
            "trust/valid-unknown-members",
            "JWS-14",
            "OpenID Federation owns the type: what is not known is ignored",
            own(json!({ "trust_marks": [], "somebody_elses": 1 })),
            read(),
        ),
        accept(
            "trust/valid-extension",
            "VSN-1",
            "members in ext mean nothing here",
            ext,
            read(),
        ),
        accept(
            "trust/valid-in-its-last-second",
            "TRU-22",
            "one second before the first link ends",
            last_second,
            read(),
        ),
        accept(
            "trust/another-province-states-sixty-four-keys",
            "TRU-1",
            "another province, which the county does not name, states it with as many keys as a set may hold",
            with(|d| {
                let many: Vec<Value> = (0..64).map(|n| json!(jwk(&key(&format!("crowd {n}"))))).collect();
                stated_by_another_province(d, &many);
            }),
            read(),
        ),
        accept(
            "trust/pin-twice",
            "TRU-14",
            "two active counties with one TLS key: it says of no client who it is, and both are recognised",
            two_of_one(|d| {
                let pins = draft(d, JIANGXI, YUSHAN_ID).claims["metadata"]["comity_node"]["tls_pins"].clone();
                for iss in [JIANGXI, "https://c361124.example"] {
                    draft(d, iss, "https://c361124.example").claims["metadata"]["comity_node"]["tls_pins"] =
                        pins.clone();
                }
            }),
            json!({ "standing": "trust.active", "client_pins": 0 }),
        ),
        accept(
            "trust/key-planted-by-the-superior-does-not-count",
            "TRU-8",
            "a second attestation key in the superior's statement alone",
            plant(JIANGXI),
            json!({ "standing": "trust.active", "attestation_keys": 1 }),
        ),
        accept(
            "trust/key-claimed-by-the-county-does-not-count",
            "TRU-8",
            "a second attestation key in the county's configuration alone",
            plant(YUSHAN_ID),
            json!({ "standing": "trust.active", "attestation_keys": 1 }),
        ),
        accept(
            "trust/key-dropped-by-the-county-does-not-count",
            "TRU-8 TRU-28",
            "the county lists no attestation key any more",
            node(YUSHAN_ID, json!({ "keys": {} })),
            json!({ "standing": "trust.active", "attestation_keys": 0 }),
        ),
        accept(
            "trust/second-superior-whose-statement-has-ended",
            "TRU-15 TRU-22",
            "the county names both, and the anchor's word on it has ended",
            with(|d| {
                vouched_by_the_anchor_too(d);
                let ended = draft(d, ANCHOR, YUSHAN_ID);
                ended.claims["iat"] = json!(NOW - 4 * DAY);
                ended.claims["exp"] = json!(NOW - 1);
            }),
            read(),
        ),
        accept(
            "trust/county-under-the-anchor",
            "TRU-4",
            "no province between",
            {
                let mut federation = demo();
                federation.counties[0].superior = federation.anchor.entity.clone();
                input(handed_over(&federation, |_| {}))
            },
            json!({ "standing": "trust.active", "region": YUSHAN }),
        ),
    ]
}

fn statements() -> Vec<Of<TrustInput>> {
    let no = |name: &str, ids: &str, about: &str, input: TrustInput, rule: &str| {
        refuse(&format!("trust/{name}"), TWIN, ids, about, input, rule)
    };
    let two = json!({ "keys": [jwk(&key("361123/status"))] });
    vec![
        no(
            "crit-unknown",
            "TRU-2",
            "crit names somebody else's claim",
            above(json!({ "crit": ["somebody_elses_claim"] })),
            "trust.crit",
        ),
        no(
            "crit-of-a-claim-that-is-absent",
            "TRU-2",
            "crit names the prefix, which is not there",
            own(json!({ "crit": ["comity_region_prefix"] })),
            "trust.crit",
        ),
        no(
            "crit-empty",
            "TRU-2",
            "crit names nothing",
            own(json!({ "crit": [] })),
            "trust.crit",
        ),
        no(
            "prefix-not-critical",
            "TRU-2",
            "a prefix that crit does not name",
            own(json!({ "comity_region_prefix": "36" })),
            "trust.prefix-not-critical",
        ),
        no(
            "metadata-policy",
            "TRU-3",
            "a metadata policy in the superior's statement",
            above(json!({ "metadata_policy": {} })),
            "trust.metadata-policy",
        ),
        no(
            "metadata-policy-in-configuration",
            "TRU-3",
            "a metadata policy in the county's configuration",
            own(json!({ "metadata_policy": {} })),
            "trust.metadata-policy",
        ),
        no(
            "constraints",
            "TRU-3",
            "constraints in the superior's statement",
            above(json!({ "constraints": { "max_path_length": 1 } })),
            "trust.constraints",
        ),
        no(
            "province-below-a-province",
            "TRU-4",
            "a province states a prefix",
            above(
                json!({ "metadata": null, "comity_region_prefix": "3611", "crit": ["comity_region_prefix"] }),
            ),
            "trust.depth",
        ),
        no(
            "neither-county-nor-province",
            "TRU-4 JWS-16",
            "the superior's statement has no metadata",
            above(json!({ "metadata": null })),
            "trust.role",
        ),
        no(
            "hints-name-another-superior",
            "TRU-5",
            "authority_hints name somebody else",
            own(json!({ "authority_hints": ["https://other.example"] })),
            "trust.authority-hints",
        ),
        no(
            "hints-missing",
            "TRU-5",
            "there are no authority_hints",
            own(json!({ "authority_hints": null })),
            "trust.authority-hints",
        ),
        no(
            "statement-lives-too-long",
            "TRU-6",
            "a county's statement of ten days and a second",
            above(json!({ "exp": SIGNED + 10 * DAY + 1 })),
            "trust.lifetime",
        ),
        no(
            "configuration-lives-too-long",
            "TRU-6",
            "a county's configuration of ten days and a second",
            own(json!({ "exp": SIGNED + 10 * DAY + 1 })),
            "trust.lifetime",
        ),
        no(
            "configuration-ends-before-it-begins",
            "TRU-6",
            "exp is iat",
            own(json!({ "exp": SIGNED })),
            "trust.lifetime",
        ),
        no(
            "region-differs-in-configuration",
            "TRU-7",
            "the county claims another region",
            node(YUSHAN_ID, json!({ "region": "361124" })),
            "trust.double-assertion",
        ),
        no(
            "region-differs-in-statement",
            "TRU-7",
            "the superior states another region",
            node(JIANGXI, json!({ "region": "361124" })),
            "trust.double-assertion",
        ),
        no(
            "environment-differs",
            "TRU-7",
            "the county claims another environment",
            node(YUSHAN_ID, json!({ "environment": "PRODUCTION" })),
            "trust.double-assertion",
        ),
        no(
            "endpoints-differ",
            "TRU-7",
            "the county claims another federation endpoint",
            node(
                YUSHAN_ID,
                json!({ "endpoints": { "public": YUSHAN_ID, "federation": "https://x.example" } }),
            ),
            "trust.double-assertion",
        ),
        no(
            "no-common-key",
            "TRU-8",
            "the county lists a federation key that its superior does not state",
            own(json!({ "jwks": { "keys": [jwk(&key("new"))] } })),
            "trust.no-common-key",
        ),
        no(
            "signed-by-a-key-that-was-dropped",
            "TRU-8 TRU-28",
            "the configuration is signed by a key that it no longer lists",
            with(|d| {
                let next = jwk(&key("next"));
                merge(
                    &mut draft(d, JIANGXI, YUSHAN_ID).claims,
                    json!({ "jwks": { "keys": [jwk(&key("361123/federation")), next] } }),
                );
                merge(
                    &mut draft(d, YUSHAN_ID, YUSHAN_ID).claims,
                    json!({ "jwks": { "keys": [next] } }),
                );
            }),
            "trust.signer-dropped",
        ),
        no(
            "state-missing",
            "TRU-9",
            "the superior states no standing",
            above(json!({ "comity_state": null })),
            "trust.state-missing",
        ),
        no(
            "state-of-its-own",
            "TRU-9",
            "the county states its own standing",
            own(json!({ "comity_state": "active" })),
            "trust.own-standing",
        ),
        no(
            "prefix-of-its-own",
            "TRU-9",
            "the county states a prefix for itself",
            own(json!({ "comity_region_prefix": "36", "crit": ["comity_region_prefix"] })),
            "trust.own-standing",
        ),
        no(
            "region-outside-prefix",
            "TRU-10",
            "a Jiangxi authority vouches for a Zhejiang code",
            both(&json!({ "region": "330824" })),
            "trust.region-outside-prefix",
        ),
        no(
            "public-endpoint-elsewhere",
            "TRU-11",
            "the public endpoint is not the entity id",
            both(
                &json!({ "endpoints": { "public": "https://x.example", "federation": "https://x.example" } }),
            ),
            "trust.public-endpoint",
        ),
        no(
            "key-under-two-purposes",
            "TRU-12",
            "one key signs status and exchanges",
            both(&json!({ "keys": { "status": two, "exchange": two } })),
            "trust.key-two-purposes",
        ),
        no(
            "federation-key-among-the-others",
            "TRU-12",
            "keys has a federation set",
            both(&json!({ "keys": { "federation": { "keys": [jwk(&key("361123/federation"))] } } })),
            "trust.key-two-purposes",
        ),
        no(
            "environment-of-the-county",
            "TRU-13",
            "both say PRODUCTION under a SANDBOX anchor",
            both(&json!({ "environment": "PRODUCTION" })),
            "trust.environment",
        ),
        no(
            "region-twice",
            "TRU-14",
            "two active counties of one region",
            two_of_one(|d| {
                for iss in [JIANGXI, "https://c361124.example"] {
                    draft(d, iss, "https://c361124.example").claims["metadata"]["comity_node"]["region"] =
                        json!(YUSHAN);
                }
            }),
            "trust.duplicate-region",
        ),
        no(
            "two-superiors",
            "TRU-15",
            "anchor and province both vouch, and the county names both",
            with(vouched_by_the_anchor_too),
            "trust.two-superiors",
        ),
        no(
            "two-configurations-of-two-superiors",
            "TRU-15",
            "another province states the county with a key of its own, by which a newer configuration names it alone",
            with_a_second_configuration(),
            "trust.two-superiors",
        ),
        no(
            "unknown-member-in-comity-node",
            "JWS-14",
            "comity_node is Comity's own and closed",
            both(&json!({ "surprise": 1 })),
            "jws.claims",
        ),
    ]
}

/// The anchor states the county as its province does, and the county names both.
fn vouched_by_the_anchor_too(d: &mut Drafts) {
    let mut second = draft(d, JIANGXI, YUSHAN_ID).clone();
    second.claims["iss"] = json!(ANCHOR);
    second.key = demo().anchor.key;
    d.insert(
        (ANCHOR.parse().expect("an id"), YUSHAN_ID.parse().expect("an id")),
        second,
    );
    draft(d, YUSHAN_ID, YUSHAN_ID).claims["authority_hints"] = json!([JIANGXI, ANCHOR]);
}

/// Another province states the county too, in a region of its own and with these keys.
fn stated_by_another_province(d: &mut Drafts, keys: &[Value]) {
    let mut second = draft(d, JIANGXI, YUSHAN_ID).clone();
    second.claims["iss"] = json!(ZHEJIANG);
    second.claims["jwks"] = json!({ "keys": keys });
    second.claims["metadata"]["comity_node"]["region"] = json!("330899");
    second.key = key("zhejiang");
    d.insert(
        (
            ZHEJIANG.parse().expect("an id"),
            YUSHAN_ID.parse().expect("an id"),
        ),
        second,
    );
}

fn with_a_second_configuration() -> TrustInput {
    let rival = key("rival");
    let mut both = handed_over(&demo(), |d| stated_by_another_province(d, &[json!(jwk(&rival))]));
    let theirs = handed_over(&demo(), |d| {
        let own = draft(d, YUSHAN_ID, YUSHAN_ID);
        own.key = rival.clone();
        let newer = json!({
            "iat": SIGNED + 60,
            "authority_hints": [ZHEJIANG],
            "jwks": { "keys": [jwk(&rival)] },
        });
        merge(&mut own.claims, newer);
        own.claims["metadata"]["comity_node"]["region"] = json!("330899");
    });
    let added: Vec<String> = theirs
        .statements
        .into_iter()
        .filter(|one| !both.statements.contains(one))
        .collect();
    both.statements.extend(added);
    input(both)
}

fn two_of_one(change: impl FnOnce(&mut Drafts)) -> TrustInput {
    let mut federation = demo();
    federation.add_county("361124", "另一县(示例)", 0);
    input(handed_over(&federation, change))
}

fn signers() -> Vec<Of<TrustInput>> {
    let no = |name: &str, ids: &str, about: &str, input: TrustInput, rule: &str| {
        refuse(&format!("trust/{name}"), TWIN, ids, about, input, rule)
    };
    let by = |iss: &'static str, signer: &str| {
        let signer = key(signer);
        with(move |d| draft(d, iss, YUSHAN_ID).key = signer)
    };
    let mut other_anchor = handed_over(&demo(), |_| {});
    other_anchor.anchor["jwks"]["keys"] = json!([jwk(&key("another anchor"))]);
    let mut named = handed_over(&demo(), |_| {});
    named.anchor["name"] = json!("x");
    let mut empty = handed_over(&demo(), |_| {});
    empty.anchor["jwks"]["keys"] = json!([]);
    vec![
        no(
            "statement-by-a-stranger",
            "TRU-1",
            "a stranger signed the superior's statement",
            by(JIANGXI, "stranger"),
            "jws.unknown-key",
        ),
        no(
            "statement-by-another-province",
            "TRU-1",
            "the other province signed it",
            by(JIANGXI, "zhejiang"),
            "jws.unknown-key",
        ),
        no(
            "statement-by-the-county-itself",
            "TRU-1",
            "the county signed its superior's statement",
            by(JIANGXI, "361123/federation"),
            "jws.unknown-key",
        ),
        no(
            "configuration-by-a-stranger",
            "TRU-1",
            "a stranger signed the configuration",
            by(YUSHAN_ID, "stranger"),
            "jws.unknown-key",
        ),
        no(
            "configuration-by-a-status-key",
            "TRU-1 JWS-5",
            "the county's status key signed the configuration",
            by(YUSHAN_ID, "361123/status"),
            "jws.unknown-key",
        ),
        no(
            "configuration-by-its-superior",
            "TRU-8",
            "the province signed the county's configuration",
            by(YUSHAN_ID, "jiangxi"),
            "jws.unknown-key",
        ),
        no(
            "under-another-anchor",
            "TRU-27",
            "the anchor file has another key",
            input(other_anchor),
            "jws.unknown-key",
        ),
        no(
            "anchor-file-with-another-member",
            "TRU-27",
            "the anchor file has a member too many",
            input(named),
            "json.shape",
        ),
        no(
            "anchor-file-without-key",
            "TRU-27",
            "the anchor file has no key",
            input(empty),
            "anchor.no-keys",
        ),
    ]
}

fn lists() -> Vec<Of<TrustInput>> {
    let no = |name: &str, ids: &str, about: &str, input: TrustInput, rule: &str| {
        refuse(&format!("trust/{name}"), TWIN, ids, about, input, rule)
    };
    let mut before = demo();
    before.now = super::now().plus_saturating(-5 * DAY);
    let province = before.provinces[0].clone();
    let list = |change: &dyn Fn(&mut Value)| {
        let mut claims = before.member_list(&province.entity, 2);
        claims["iat"] = json!(SIGNED + 1);
        change(&mut claims);
        let mut federation = handed_over(&demo(), |_| {});
        federation.member_lists[1] = sign(&province.key, Typ::MemberList, &claims);
        federation
    };
    let about = |federation: Federation, entity: &str| {
        let mut input = input(federation);
        input.entity = entity.into();
        input
    };
    let stranger = "https://c440103.example";
    let mut without_a_list = handed_over(&demo(), |_| {});
    without_a_list.member_lists.remove(1);
    let mut lists_ended = about(handed_over(&demo(), |_| {}), stranger);
    lists_ended.now = SIGNED + 10 * DAY;
    vec![
        no(
            "suspended",
            "TRU-9 TRU-18",
            "suspended by its superior",
            with(stand(YUSHAN_ID, "suspended")),
            "trust.suspended",
        ),
        no(
            "removed",
            "TRU-9 TRU-18",
            "removed by its superior",
            with(stand(YUSHAN_ID, "removed")),
            "trust.removed",
        ),
        no(
            "province-suspended",
            "TRU-18",
            "its province is suspended",
            with(stand(JIANGXI, "suspended")),
            "trust.suspended",
        ),
        no(
            "suspended-by-a-newer-list",
            "TRU-18",
            "a list newer than the statement says suspended",
            input(list(&|l| l["members"][0]["state"] = json!("suspended"))),
            "trust.suspended",
        ),
        no(
            "not-in-a-newer-list",
            "TRU-18",
            "a list newer than the statement does not name it",
            input(list(&|l| l["members"] = json!([]))),
            "trust.not-listed",
        ),
        no(
            "not-a-member",
            "TRU-17",
            "in no current list",
            about(handed_over(&demo(), |_| {}), stranger),
            "trust.not-a-member",
        ),
        no(
            "nobody-knows-without-a-list",
            "TRU-17",
            "a province's list is not at hand",
            about(without_a_list, stranger),
            "trust.no-current-member-list",
        ),
        no(
            "nobody-knows-after-the-lists-ended",
            "TRU-17 TRU-22",
            "the lists have ended",
            lists_ended,
            "trust.member-list-expired",
        ),
        no(
            "an-authority-is-no-county",
            "TRU-17",
            "a province issues no permits",
            about(handed_over(&demo(), |_| {}), JIANGXI),
            "trust.authority",
        ),
        no(
            "list-names-an-entity-twice",
            "TRU-16",
            "one line stands twice",
            about(
                list(&|l| {
                    let line = l["members"][0].clone();
                    l["members"].as_array_mut().expect("members").push(line);
                }),
                stranger,
            ),
            "trust.member-line",
        ),
        no(
            "list-of-a-province-names-a-province",
            "TRU-16",
            "a province lists a province",
            about(
                list(
                    &|l| l["members"][0] = json!({ "entity": "https://x.example", "region_prefix": "36", "name": { "zh": "示例", "en": "x" }, "state": "active" }),
                ),
                stranger,
            ),
            "trust.member-line",
        ),
        no(
            "list-line-without-region",
            "TRU-16",
            "a line that is neither county nor province",
            about(
                list(&|l| {
                    l["members"][0]
                        .as_object_mut()
                        .expect("object")
                        .shift_remove("region");
                }),
                stranger,
            ),
            "trust.member-line",
        ),
        no(
            "list-lives-too-long",
            "TRU-16",
            "35 days and a second",
            about(list(&|l| l["exp"] = json!(SIGNED + 1 + 35 * DAY + 1)), stranger),
            "trust.lifetime",
        ),
        no(
            "list-with-unknown-member",
            "JWS-14",
            "a list is Comity's own and closed",
            about(list(&|l| l["surprise"] = json!(1)), stranger),
            "jws.claims",
        ),
    ]
}

fn time() -> Vec<Of<TrustInput>> {
    let no = |name: &str, ids: &str, about: &str, input: TrustInput, rule: &str| {
        refuse(&format!("trust/{name}"), TWIN, ids, about, input, rule)
    };
    let mut expired = with(|_| {});
    expired.now = NOW + 5 * DAY;
    let mut behind = with(|_| {});
    behind.newest_iat = Some(NOW + 121);
    let mut slack = with(|_| {});
    slack.newest_iat = Some(NOW + 120);
    let floor = |iss: &str, iat: i64| {
        let mut input = with(|_| {});
        input.floors = vec![Floor {
            iss: iss.into(),
            sub: YUSHAN_ID.into(),
            iat,
        }];
        input
    };
    let mut forked = handed_over(&demo(), |_| {});
    let other = handed_over(&demo(), |d| {
        draft(d, YUSHAN_ID, YUSHAN_ID).claims["note"] = json!("another")
    });
    let added: Vec<String> = other
        .statements
        .iter()
        .filter(|s| !forked.statements.contains(s))
        .cloned()
        .collect();
    forked.statements.extend(added);
    let too_long = handed_over(&demo(), |d| {
        draft(d, YUSHAN_ID, YUSHAN_ID).claims["exp"] = json!(SIGNED + 10 * DAY + 1)
    });
    let mut forked_by_a_refused_one = handed_over(&demo(), |_| {});
    let refused = too_long
        .statements
        .iter()
        .filter(|s| !forked_by_a_refused_one.statements.contains(s));
    let refused: Vec<String> = refused.cloned().collect();
    forked_by_a_refused_one.statements.extend(refused);
    let without = |iss: &str, sub: &str| {
        handed_over(&demo(), |d| {
            d.retain(|(by, about), _| by.as_str() != iss || about.as_str() != sub);
        })
    };
    let missing = without(YUSHAN_ID, YUSHAN_ID);
    let mut of_the_other = input(missing.clone());
    of_the_other.entity = CHANGSHAN_ID.into();
    let mut kept = floor(YUSHAN_ID, SIGNED);
    kept.newest_iat = Some(NOW);
    vec![
        accept(
            "trust/clock-120-seconds-behind",
            "JWS-18",
            "120 seconds behind what was kept",
            slack,
            read(),
        ),
        accept(
            "trust/valid-at-its-floor",
            "TRU-20",
            "the very objects that were kept",
            kept,
            read(),
        ),
        accept(
            "trust/other-county-stands-without-this-one",
            "TRU-23 TRU-30",
            "a configuration is missing; the other county stands",
            of_the_other,
            json!({ "standing": "trust.active", "region": CHANGSHAN }),
        ),
        no(
            "chain-expired",
            "TRU-22",
            "the first link has ended",
            expired,
            "trust.chain-expired",
        ),
        no(
            "clock-behind",
            "JWS-18",
            "121 seconds behind what was kept",
            behind,
            "trust.clock-doubt",
        ),
        no(
            "from-the-future",
            "JWS-17",
            "a configuration issued 61 seconds ahead",
            with(|d| {
                merge(
                    &mut draft(d, YUSHAN_ID, YUSHAN_ID).claims,
                    json!({ "iat": NOW + 61, "exp": NOW + DAY }),
                )
            }),
            "trust.clock-doubt",
        ),
        no(
            "statement-rolled-back",
            "TRU-20",
            "older than the statement that was kept",
            floor(JIANGXI, SIGNED + 1),
            "trust.rolled-back",
        ),
        no(
            "configuration-rolled-back",
            "TRU-20",
            "older than the configuration that was kept",
            floor(YUSHAN_ID, SIGNED + 1),
            "trust.rolled-back",
        ),
        no(
            "configuration-forked",
            "TRU-21",
            "two configurations of one second",
            input(forked),
            "trust.fork",
        ),
        no(
            "configuration-forked-by-one-that-lives-too-long",
            "TRU-21",
            "two configurations of one second, of which one would be refused for its lifetime",
            input(forked_by_a_refused_one),
            "trust.fork",
        ),
        no(
            "configuration-missing",
            "TRU-7 TRU-22",
            "the county's own half is missing",
            input(missing),
            "trust.incomplete",
        ),
        no(
            "province-configuration-missing",
            "TRU-8 TRU-22",
            "the province's own half is missing: nothing below it counts",
            input(without(JIANGXI, JIANGXI)),
            "trust.incomplete",
        ),
        no(
            "anchor-configuration-missing",
            "TRU-8 TRU-22",
            "the anchor's own half is missing: nothing counts",
            input(without(ANCHOR, ANCHOR)),
            "trust.incomplete",
        ),
        no(
            "anchor-configuration-without-a-given-key",
            "TRU-8 TRU-27",
            "the anchor's configuration lists none of the keys given by hand",
            with(|d| draft(d, ANCHOR, ANCHOR).claims["jwks"] = json!({ "keys": [jwk(&key("new"))] })),
            "trust.no-common-key",
        ),
    ]
}
