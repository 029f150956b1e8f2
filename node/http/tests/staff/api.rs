//! The staff API: each call as a county's own window system makes it, and as somebody else tries to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_node_core::ports::Clock as _;
use comity_node_core::ports::record::RecordReads as _;
use comity_node_core::testing::Pair;
use comity_node_http::render::{Symbol, read_code};
use comity_spec::ids::{Digest, Jti};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::receipt::{PrintedReceipt, Receipt};
use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::receipt::{HolderCheck, is_about, read_printed, verify_receipt};
use comity_verifier::symbol;
use comity_verifier::testing;
use serde_json::{Value, json};

use super::support::{PASSWORD, Window};

const VERIFICATIONS: &str = "/staff/v1/verifications";

fn scan(digits: &str) -> Value {
    json!({ "presented": digits, "service": "BPS-1", "purpose": "SERVICE", "legal_basis": "STATUTORY_DUTY" })
}

fn typed(number: &str, name: &str) -> Value {
    json!({
        "number": number, "name": name, "issuer_region": "361123",
        "service": "BPS-1", "purpose": "SERVICE", "legal_basis": "STATUTORY_DUTY",
    })
}

#[tokio::test]
async fn a_scan_is_confirmed_and_gives_a_receipt_of_this_person() {
    let window = Window::open().await;
    let (permit, digits) = window.card(0).await;
    let mut client = window.program("clerk-01").await;

    let begun = client.post_json(VERIFICATIONS, &scan(&digits)).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    assert_eq!(begun.header("cache-control"), "no-store");
    let verification = begun.json();
    assert_eq!(verification["decision"]["outcome"], "RECOGNISED");
    assert_eq!(
        (&verification["class"], &verification["confirmation_needed"]),
        (&json!("GREEN"), &json!(true))
    );
    assert_eq!(verification["receipt_available"], false, "green is provisional");
    let place = begun.header("location").to_owned();
    assert_eq!(
        place,
        format!("{VERIFICATIONS}/{}", verification["trace"].as_str().unwrap())
    );
    assert!(!begun.text().contains(&permit.details.name), "the name is masked");
    assert!(
        !begun.text().contains(permit.details.id_number.as_str()),
        "the number is masked"
    );
    assert_eq!(
        client.get(&format!("{place}/receipt")).await.problem(),
        "not-found"
    );

    let confirmed = client
        .post_json(&format!("{place}/confirmation"), &json!({ "confirmed": true }))
        .await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text());
    let given = confirmed.json();
    let trust = window.pair.federation.trust();
    let mut budget = Budget::new(Limits::PRESENTATION);
    let now = window.pair.changshan.now();
    let receipt = verify_receipt(given["receipt"].as_str().unwrap(), &trust, now, &mut budget).unwrap();
    let receipt: &Receipt = receipt.value();
    // The printed code is read back from its picture, by whoever holds the paper.
    let printed = PrintedReceipt {
        receipt: given["receipt"].as_str().unwrap().to_owned(),
        salt: given["salt"].as_str().map(|salt| salt.parse().unwrap()),
    };
    let picture = Symbol::of_receipt(&printed).unwrap().to_png(4).unwrap();
    let mut budget = Budget::new(Limits::PRESENTATION);
    let read = read_printed(read_code(&picture).unwrap().as_bytes(), &mut budget).unwrap();
    assert_eq!(read, printed);
    let salt: Jti = given["salt"].as_str().unwrap().parse().unwrap();
    let number = permit.details.id_number.as_str();
    assert_eq!(
        is_about(receipt, Some(&salt), &permit.details.name, number),
        HolderCheck::Same
    );
    assert_eq!(
        is_about(receipt, Some(&salt), "别人示例", number),
        HolderCheck::Different
    );

    let again = client
        .post_json(&format!("{place}/confirmation"), &json!({ "confirmed": true }))
        .await;
    assert_eq!(again.body, confirmed.body, "a repetition gives the same receipt");
    let contradiction = client
        .post_json(&format!("{place}/confirmation"), &json!({ "confirmed": false }))
        .await;
    assert_eq!(contradiction.problem(), "permit-state-conflict");
    assert_eq!(client.get(&format!("{place}/receipt")).await.body, confirmed.body);
    let pdf = client
        .with("accept", "application/pdf")
        .get(&format!("{place}/receipt.pdf"))
        .await;
    assert_eq!((pdf.status, pdf.header("content-type")), (200, "application/pdf"));
    assert!(pdf.body.starts_with(b"%PDF-"));
    window.close().await;
}

#[tokio::test]
async fn who_is_not_signed_in_or_not_a_clerk_learns_nothing() {
    let window = Window::open().await;
    let (_, digits) = window.card(0).await;
    let mut nobody = window.browser();
    for path in [
        "/staff/v1/services",
        "/staff/v1/issuers",
        "/staff/v1/verifications/261122-330822-00000001",
    ] {
        assert_eq!(nobody.get(path).await.problem(), "unauthenticated", "{path}");
    }
    assert_eq!(
        nobody.post_json(VERIFICATIONS, &scan(&digits)).await.problem(),
        "unauthenticated"
    );
    let mut forged = nobody.with("authorization", "Bearer AAAA");
    assert_eq!(
        forged.post_json(VERIFICATIONS, &scan(&digits)).await.problem(),
        "unauthenticated"
    );
    let mut police = window.program("police-01").await;
    assert_eq!(
        police.post_json(VERIFICATIONS, &scan(&digits)).await.problem(),
        "forbidden"
    );

    let wrong = json!({ "officer": "clerk-01", "password": "not the password" });
    let unknown = json!({ "officer": "clerk-99", "password": PASSWORD });
    let (wrong, unknown) = (
        nobody.post_json("/staff/v1/sessions", &wrong).await,
        nobody.post_json("/staff/v1/sessions", &unknown).await,
    );
    assert_eq!(
        (wrong.problem(), unknown.problem()),
        ("invalid-credentials".to_owned(), "invalid-credentials".to_owned())
    );
    assert_eq!(
        wrong.json()["detail"],
        unknown.json()["detail"],
        "one answer for both"
    );
    window.close().await;
}

#[tokio::test]
async fn one_address_signs_in_so_often_and_holds_up_nobody_who_is_in() {
    let window = Window::open().await;
    let mut clerk = window.program("clerk-01").await;
    let mut somebody = window.browser();
    let mut answers = Vec::new();
    // What does not read is refused before a password is compared, and counts all the same.
    for _ in 0..80 {
        answers.push(somebody.post_json("/staff/v1/sessions", &json!({})).await);
    }
    assert_eq!(answers[0].status, 400);
    let last = answers.last().unwrap();
    assert_eq!(last.status, 429, "{}", last.text());
    assert!(!last.header("retry-after").is_empty());
    let form = somebody.post_form("/signin", &[("officer", "clerk-01")]).await;
    assert_eq!(form.status, 429, "pages and API together");
    assert_eq!(somebody.get("/signin").await.status, 200);
    assert_eq!(clerk.get("/staff/v1/services").await.status, 200);
}

#[tokio::test]
async fn a_cookie_needs_the_form_token_and_a_signed_out_session_is_none() {
    let window = Window::open().await;
    let (_, digits) = window.card(0).await;
    let mut client = window.browser();
    let session = client
        .post_json(
            "/staff/v1/sessions",
            &json!({ "officer": "clerk-01", "password": PASSWORD }),
        )
        .await;
    let set = session.header("set-cookie").to_owned();
    assert!(
        set.starts_with("comity=") && set.contains("HttpOnly") && set.contains("SameSite=Strict"),
        "{set}"
    );
    assert_eq!(
        session.json()["token"],
        Value::Null,
        "a browser's script never sees the token"
    );
    let csrf = session.json()["csrf"].as_str().unwrap().to_owned();

    assert_eq!(
        client.post_json(VERIFICATIONS, &scan(&digits)).await.problem(),
        "csrf"
    );
    let mut wrong = client.with("comity-csrf", "AAAA");
    assert_eq!(
        wrong.post_json(VERIFICATIONS, &scan(&digits)).await.problem(),
        "csrf"
    );
    let mut right = client.with("comity-csrf", &csrf);
    assert_eq!(right.post_json(VERIFICATIONS, &scan(&digits)).await.status, 201);

    assert_eq!(
        client
            .call("DELETE", "/staff/v1/sessions/current", "", Vec::new())
            .await
            .problem(),
        "csrf"
    );
    let mut kept = right.clone();
    assert_eq!(
        right
            .call("DELETE", "/staff/v1/sessions/current", "", Vec::new())
            .await
            .status,
        204
    );
    assert!(right.cookies.is_empty(), "the cookie is taken away");
    assert_eq!(
        kept.get("/staff/v1/services").await.problem(),
        "session-expired",
        "a copy of it is worth nothing"
    );
    window.close().await;
}

#[tokio::test]
async fn an_officer_changes_the_own_password_and_goes_on_alone() {
    let window = Window::open().await;
    let path = "/staff/v1/password";
    let passwords = |old: &str| json!({ "old": old, "new": "示例新密码 example" });
    assert_eq!(
        window
            .browser()
            .post_json(path, &passwords(PASSWORD))
            .await
            .problem(),
        "unauthenticated"
    );
    // Whatever the role: an officer who issues permits has a password too, and leaves again.
    for officer in ["clerk-01", "police-01"] {
        let mut here = window.program(officer).await;
        let mut elsewhere = window.program(officer).await;
        assert_eq!(
            here.post_json(path, &passwords("not the password"))
                .await
                .problem(),
            "invalid-credentials"
        );
        assert_eq!(
            here.post_json(path, &json!({ "old": PASSWORD, "new": "短" }))
                .await
                .problem(),
            "malformed-request"
        );
        let changed = here.post_json(path, &passwords(PASSWORD)).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        let token = changed.json()["token"].as_str().unwrap().to_owned();
        let leave = ("DELETE", "/staff/v1/sessions/current");
        for ended in [&mut here, &mut elsewhere] {
            let answer = ended.call(leave.0, leave.1, "", Vec::new()).await;
            assert_eq!(answer.problem(), "session-expired", "{officer}");
        }
        let mut here = window.browser().with("authorization", &format!("Bearer {token}"));
        assert_eq!(
            here.call(leave.0, leave.1, "", Vec::new()).await.status,
            204,
            "{officer}"
        );
    }
    let old = json!({ "officer": "clerk-01", "password": PASSWORD });
    let refused = window.browser().post_json("/staff/v1/sessions", &old).await;
    assert_eq!(refused.problem(), "invalid-credentials");

    let mut browser = window.browser();
    let signed_in = json!({ "officer": "clerk-02", "password": PASSWORD });
    let session = browser.post_json("/staff/v1/sessions", &signed_in).await.json();
    assert_eq!(
        browser.post_json(path, &passwords(PASSWORD)).await.problem(),
        "csrf"
    );
    let mut right = browser.with("comity-csrf", session["csrf"].as_str().unwrap());
    let changed = right.post_json(path, &passwords(PASSWORD)).await;
    assert_eq!(changed.json()["token"], Value::Null, "a cookie stays a cookie");
    assert!(changed.header("set-cookie").starts_with("comity="));
    assert_eq!(right.get("/staff/v1/services").await.status, 200);
    window.close().await;
}

/// What a wallet makes of a card attestation that is bound to its key: the answer to a window's nonce.
fn wallets_answer(window: &Window, card: &str, challenge: &Value) -> String {
    let federation = &window.pair.federation;
    let (jwt, disclosures) = card.split_once('~').unwrap();
    let payload = comity_verifier::b64::decode(jwt.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let mut claims: Value = serde_json::from_slice(&payload).unwrap();
    let holder = testing::key("holder");
    claims["cnf"] = json!({ "jwk": testing::jwk(&holder) });
    let issuer = federation.county("361123").key(KeyPurpose::Attestation);
    let bound = format!(
        "{}~{disclosures}",
        testing::sign(&issuer, Typ::Attestation, &claims)
    );
    let answer = json!({
        "iat": window.pair.clock.now(), "aud": challenge["aud"], "nonce": challenge["nonce"],
        "sd_hash": comity_verifier::b64::encode(Digest::of(&bound).as_bytes()),
    });
    format!("{bound}{}", testing::sign(&holder, Typ::KeyBinding, &answer))
}

#[tokio::test]
async fn where_possession_must_be_proved_a_wallet_answers_this_windows_nonce_once() {
    let mut pair = Pair::new(UnixSeconds::new(1_795_320_000).unwrap());
    pair.change("330822", |node| node.policy.require_key_binding = true);
    let window = Window::of(pair).await;
    let permit = window.pair.permit(0, |_| {}).await;
    let card = window.pair.card(&permit).await;
    let mut clerk = window.program("clerk-01").await;
    let mut other = window.program("clerk-02").await;
    let path = "/staff/v1/challenges";
    assert_eq!(
        window.browser().post_json(path, &json!({})).await.problem(),
        "unauthenticated"
    );
    let police = window
        .program("police-01")
        .await
        .post_json(path, &json!({}))
        .await;
    assert_eq!(police.problem(), "forbidden");

    let issued = clerk.post_json(path, &json!({})).await;
    assert_eq!(issued.status, 201, "{}", issued.text());
    let challenge = issued.json();
    assert_eq!(challenge["aud"], json!(window.pair.changshan.identity.entity));
    let seconds = challenge["expires"].as_i64().unwrap() - window.pair.clock.now().get();
    assert_eq!(seconds, 300);

    let answer = wallets_answer(&window, &card, &challenge);
    let shown = |presented: &str, nonce: &Value| {
        let mut call = scan(presented);
        call["nonce"] = nonce.clone();
        call
    };
    let outcome = async |client: &mut super::support::Client, call: Value| {
        let answer = client.post_json(VERIFICATIONS, &call).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["decision"]["outcome"].as_str().unwrap().to_owned()
    };
    let nonce = &challenge["nonce"];
    let (whole, expired) = ("RECOGNISED", "PRESENTATION_EXPIRED");
    assert_eq!(outcome(&mut clerk, scan(&card)).await, expired, "no proof at all");
    assert_eq!(
        outcome(&mut other, shown(&answer, nonce)).await,
        expired,
        "another window's"
    );
    assert_eq!(outcome(&mut clerk, shown(&answer, nonce)).await, whole);
    assert_eq!(outcome(&mut clerk, shown(&answer, nonce)).await, expired, "used");
    window.close().await;
}

#[tokio::test]
async fn another_officers_verification_is_not_there_and_a_supervisor_sees_it() {
    let window = Window::open().await;
    let (_, digits) = window.card(0).await;
    let begun = window
        .program("clerk-01")
        .await
        .post_json(VERIFICATIONS, &scan(&digits))
        .await;
    let place = begun.header("location").to_owned();
    let mut other = window.program("clerk-02").await;
    assert_eq!(other.get(&place).await.problem(), "not-found");
    assert_eq!(
        other
            .post_json(&format!("{place}/confirmation"), &json!({ "confirmed": true }))
            .await
            .problem(),
        "not-found"
    );
    assert_eq!(
        other
            .call("POST", &format!("{place}/holder"), "", Vec::new())
            .await
            .problem(),
        "not-found"
    );
    assert_eq!(
        other
            .get(&format!("{VERIFICATIONS}/261122-330822-ZZZZZZZZ"))
            .await
            .problem(),
        "not-found"
    );
    assert_eq!(
        other.get(&format!("{VERIFICATIONS}/nothing")).await.problem(),
        "not-found"
    );
    assert_eq!(window.program("head-01").await.get(&place).await.status, 200);
    window.close().await;
}

#[tokio::test]
async fn an_idempotency_key_makes_one_verification_and_other_contents_conflict() {
    let window = Window::open().await;
    let ((_, digits), (_, others)) = (window.card(0).await, window.card(1).await);
    let client = window.program("clerk-01").await;
    let mut keyed = client.with("idempotency-key", "call-1");
    let first = keyed.post_json(VERIFICATIONS, &scan(&digits)).await.json();
    let second = keyed.post_json(VERIFICATIONS, &scan(&digits)).await.json();
    assert_eq!(first["trace"], second["trace"]);
    assert_eq!(
        keyed.post_json(VERIFICATIONS, &scan(&others)).await.problem(),
        "idempotency-conflict"
    );
    let mut elsewhere = window.program("clerk-02").await.with("idempotency-key", "call-1");
    assert_ne!(
        elsewhere.post_json(VERIFICATIONS, &scan(&digits)).await.json()["trace"],
        first["trace"],
        "keys are an officer's own"
    );
    let mut bad = client.with("idempotency-key", &"x".repeat(65));
    assert_eq!(
        bad.post_json(VERIFICATIONS, &scan(&digits)).await.problem(),
        "malformed-request"
    );
    window.close().await;
}

#[tokio::test]
async fn a_confirmation_sent_twice_under_one_key_is_one_receipt_and_other_contents_conflict() {
    let window = Window::open().await;
    let ((_, digits), (_, others)) = (window.card(0).await, window.card(1).await);
    let mut client = window.program("clerk-01").await;
    let mut places = Vec::new();
    for code in [&digits, &others] {
        let begun = client.post_json(VERIFICATIONS, &scan(code)).await.json();
        let trace = begun["trace"].as_str().unwrap();
        places.push(format!("{VERIFICATIONS}/{trace}/confirmation"));
    }
    let mut keyed = client.with("idempotency-key", "confirm-1");
    let yes = json!({ "confirmed": true });
    let first = keyed.post_json(&places[0], &yes).await.json();
    let second = keyed.post_json(&places[0], &yes).await.json();
    assert_eq!(first["receipt"], second["receipt"]);
    assert!(first["receipt"].is_string());
    for (place, body) in [(&places[0], json!({ "review": true })), (&places[1], yes.clone())] {
        assert_eq!(
            keyed.post_json(place, &body).await.problem(),
            "idempotency-conflict"
        );
    }
    let other = client.post_json(&places[1], &yes).await;
    assert_eq!(other.status, 200, "the second person waited all the while");
    window.close().await;
}

#[tokio::test]
async fn number_and_name_find_the_permit_and_unknown_number_or_wrong_name_are_one_answer() {
    let window = Window::open().await;
    let (permit, _) = window.card(0).await;
    let (number, name) = (permit.details.id_number.as_str(), permit.details.name.as_str());
    let mut client = window.program("clerk-01").await;
    let found = client.post_json(VERIFICATIONS, &typed(number, name)).await.json();
    assert_eq!(
        (&found["decision"]["outcome"], &found["decision"]["channel"]),
        (&json!("RECOGNISED"), &json!("looked_up"))
    );

    let wrong_name = client
        .post_json(VERIFICATIONS, &typed(number, "别人示例"))
        .await
        .json();
    let unknown = client
        .post_json(VERIFICATIONS, &typed("440524188001010014", name))
        .await
        .json();
    for mut answer in [wrong_name, unknown] {
        assert_eq!(answer["decision"]["outcome"], "NO_MATCH");
        assert!(
            answer.as_object_mut().unwrap().remove("holder").is_none(),
            "nothing is read back"
        );
    }
    let mistyped = client
        .post_json(VERIFICATIONS, &typed("361123188001010018", name))
        .await;
    assert_eq!(mistyped.problem(), "malformed-request");
    assert!(
        !mistyped.text().contains("361123188001010018"),
        "an error quotes nobody's number"
    );
    window.close().await;
}

#[tokio::test]
async fn a_picture_of_the_code_is_as_good_as_the_scan() {
    let window = Window::open().await;
    let (_, digits) = window.card(0).await;
    let picture = Symbol::of_card(&symbol::decode(&digits).unwrap())
        .unwrap()
        .to_png(4)
        .unwrap();
    let mut client = window.program("clerk-01").await;
    let mut call = scan("");
    call.as_object_mut().unwrap().remove("presented");
    call["image"] = json!(STANDARD.encode(&picture));
    let shown = client.post_json(VERIFICATIONS, &call).await;
    assert_eq!(
        shown.json()["decision"]["outcome"],
        "RECOGNISED",
        "{}",
        shown.text()
    );
    for bad in ["*", &STANDARD.encode(b"no picture")] {
        call["image"] = json!(bad);
        assert_eq!(
            client.post_json(VERIFICATIONS, &call).await.problem(),
            "malformed-request"
        );
    }
    window.close().await;
}

#[tokio::test]
async fn malformed_calls_are_refused_before_anything_is_done() {
    let window = Window::open().await;
    let (_, digits) = window.card(0).await;
    let mut client = window.program("clerk-01").await;
    let good = scan(&digits);
    let change = |name: &str, value: Value| {
        let mut call = good.clone();
        call[name] = value;
        call
    };
    for call in [
        change("unknown", json!(1)),
        change("image", json!("AAAA")),
        change("service", json!("lower-case")),
        change("purpose", json!("CURIOSITY")),
        change("number", json!("361123188001010017")),
        json!({}),
    ] {
        assert_eq!(
            client.post_json(VERIFICATIONS, &call).await.problem(),
            "malformed-request",
            "{call}"
        );
    }
    let form = client
        .call(
            "POST",
            VERIFICATIONS,
            "application/x-www-form-urlencoded",
            b"presented=1".to_vec(),
        )
        .await;
    assert_eq!(form.problem(), "unsupported-media-type");
    let html = client
        .with("accept", "text/html")
        .post_json(VERIFICATIONS, &good)
        .await;
    assert_eq!(html.status, 406);
    assert_eq!(client.get(VERIFICATIONS).await.problem(), "method-not-allowed");
    let large = "0".repeat(70 * 1024).into_bytes();
    let place = format!("{VERIFICATIONS}/261122-330822-00000001/confirmation");
    assert_eq!(
        client
            .call("POST", &place, "application/json", large)
            .await
            .problem(),
        "body-too-large"
    );
    let both = json!({ "confirmed": true, "review": true });
    assert_eq!(
        client.post_json(&place, &both).await.problem(),
        "malformed-request"
    );
    window.close().await;
}

#[tokio::test]
async fn a_missing_purpose_or_consent_and_an_uncovered_service_are_verdicts_not_errors() {
    let window = Window::open().await;
    let (_, digits) = window.card(0).await;
    let mut client = window.program("clerk-01").await;
    for (name, value, outcome) in [
        ("purpose", Value::Null, "NOT_AUTHORISED"),
        ("legal_basis", json!("SEPARATE_CONSENT"), "LEGAL_BASIS_MISSING"),
        ("service", json!("CNV-3"), "SERVICE_NOT_COVERED"),
        ("presented", json!("00x"), "UNREADABLE"),
    ] {
        let mut call = scan(&digits);
        call[name] = value;
        let answer = client.post_json(VERIFICATIONS, &call).await.json();
        assert_eq!(
            (&answer["decision"]["outcome"], &answer["confirmation_needed"]),
            (&json!(outcome), &json!(false))
        );
        let place = format!("{VERIFICATIONS}/{}", answer["trace"].as_str().unwrap());
        let closed = client
            .call("POST", &format!("{place}/receipt"), "", Vec::new())
            .await;
        assert_eq!(
            closed.json()["decision"]["outcome"],
            outcome,
            "every outcome has a receipt"
        );
        let confirmed = client
            .post_json(&format!("{place}/confirmation"), &json!({ "confirmed": true }))
            .await;
        assert_eq!(
            confirmed.problem(),
            "permit-state-conflict",
            "there is nobody to confirm"
        );
    }
    window.close().await;
}

#[tokio::test]
async fn the_whole_name_is_shown_with_a_line_in_the_record_and_not_without() {
    let window = Window::open().await;
    let (permit, digits) = window.card(0).await;
    let mut client = window.program("clerk-01").await;
    let place = client
        .post_json(VERIFICATIONS, &scan(&digits))
        .await
        .header("location")
        .to_owned();
    let before = window
        .pair
        .changshan_store
        .lines_after(0, u32::MAX)
        .await
        .unwrap()
        .len();
    let shown = client
        .call("POST", &format!("{place}/holder"), "", Vec::new())
        .await
        .json();
    assert_eq!(shown["holder"]["name"], permit.details.name);
    assert_eq!(shown["holder"]["number"], permit.details.id_number.as_str());
    let lines = window
        .pair
        .changshan_store
        .lines_after(0, u32::MAX)
        .await
        .unwrap();
    assert_eq!(lines.len(), before + 1);
    assert!(
        lines[before].body.contains("holder_shown") && !lines[before].body.contains(&permit.details.name)
    );

    window.pair.changshan_store.fail("示例");
    let refused = client
        .call("POST", &format!("{place}/holder"), "", Vec::new())
        .await;
    assert_eq!(refused.problem(), "store-unavailable");
    assert!(!refused.text().contains(&permit.details.name));
    window.close().await;
}

#[tokio::test]
async fn what_can_be_verified_here_follows_the_agreement() {
    let window = Window::under(|agreement| {
        agreement.services[1].direction =
            Some(serde_json::from_value(json!({ "issuer": "330822", "recogniser": "361123" })).unwrap());
    })
    .await;
    let mut client = window.program("clerk-01").await;
    let services = client.get("/staff/v1/services").await.json();
    let codes: Vec<&str> = services["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["BPS-1"], "a row of the other direction is not offered");
    assert_eq!(services["services"][0]["issuers"][0]["region"], "361123");
    let issuers = client.get("/staff/v1/issuers").await.json();
    assert_eq!(
        (
            &issuers["issuers"][0]["region"],
            &issuers["issuers"][0]["standing"]
        ),
        (&json!("361123"), &json!("active"))
    );
    window.close().await;
}
