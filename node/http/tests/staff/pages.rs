//! The window's pages without a browser: what is on them, what is not, and what a foreign page cannot make them do.

use comity_node_http::render::Symbol;
use comity_spec::exchange::PermitStatus;
use comity_spec::status::StatusValue;
use comity_verifier::symbol;

use super::support::{Answer, Client, Window};

/// Scans on the page and goes to the verdict.
async fn scanned(client: &mut Client, digits: &str) -> Answer {
    let form = client.get("/verify").await;
    let (csrf, once) = (form.field("csrf"), form.field("once"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("once", &once),
        ("service", "BPS-1"),
        ("purpose", "SERVICE"),
        ("basis", "STATUTORY_DUTY"),
        ("presented_by", "self"),
        ("presented", digits),
    ];
    let sent = client.post_form("/verify", &fields).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let place = sent.header("location").to_owned();
    let again = client.post_form("/verify", &fields).await;
    assert_eq!(
        again.header("location"),
        place,
        "a form sent twice is one verification"
    );
    client.get(&place).await
}

fn trace(page: &Answer) -> String {
    let text = page.text();
    text.split_once("id=\"trace\">")
        .unwrap()
        .1
        .split('<')
        .next()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn every_answer_carries_the_policy_and_no_page_has_inline_code() {
    let window = Window::open().await;
    let (_, digits) = window.card(0).await;
    let mut client = window.clerk("clerk-01").await;
    let result = scanned(&mut client, &digits).await;
    let mut pages = vec![result];
    for path in [
        "/verify",
        "/verify/number",
        "/verify/image",
        "/verify/recent",
        "/assets/staff.css",
        "/assets/staff.js",
        "/assets/icon.svg",
    ] {
        pages.push(client.get(path).await);
    }
    pages.push(window.browser().get("/signin").await);
    pages.push(window.browser().get("/nothing").await);
    for page in pages {
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        if page.header("content-type").starts_with("text/html") {
            assert_eq!(page.header("cache-control"), "no-store");
            let text = page.text();
            assert!(!text.contains(" style=") && !text.contains("<style") && !text.contains("onclick"));
            assert!(
                !text.contains("src=\"http") && !text.contains("href=\"http"),
                "no request leaves this origin"
            );
            assert!(text.matches("<script").count() == 1 && text.contains("<script src=\"/assets/"));
            for form in text.split("<form").skip(1) {
                let form = form.split("</form>").next().unwrap();
                assert!(
                    form.contains("name=\"csrf\"") || form.contains("name=\"form\""),
                    "{form}"
                );
            }
        }
    }
    window.close().await;
}

#[tokio::test]
async fn who_is_not_signed_in_is_sent_to_sign_in() {
    let window = Window::open().await;
    for path in [
        "/verify",
        "/verify/number",
        "/verify/image",
        "/verify/recent",
        "/verify/r/261122-330822-00000001",
        "/receipt/261122-330822-00000001",
    ] {
        let answer = window.browser().get(path).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, "/signin"),
            "{path}"
        );
    }
    let mut clerk = window.clerk("clerk-01").await;
    assert_eq!(clerk.get("/signin").await.header("location"), "/verify");
    window.pair.clock.advance(31 * 60);
    assert_eq!(clerk.get("/verify").await.header("location"), "/signin?ended");
    let mut police = window.clerk("police-01").await;
    let turned_away = police.get("/verify").await;
    assert_eq!(turned_away.status, 403);
    assert!(
        turned_away.text().contains("href=\"/signin\"") && police.get("/signin").await.status == 200,
        "who may not work at windows can sign in as somebody who may"
    );
    window.close().await;
}

#[tokio::test]
async fn signing_in_needs_the_form_that_this_browser_was_shown() {
    let window = Window::open().await;
    let mut client = window.browser();
    let form = client.get("/signin").await.field("form");
    let good = [
        ("form", form.as_str()),
        ("officer", "clerk-01"),
        ("password", super::support::PASSWORD),
    ];
    assert_eq!(
        window.browser().post_form("/signin", &good).await.status,
        403,
        "another browser's form"
    );
    let mut foreign = client.with("sec-fetch-site", "cross-site");
    assert_eq!(
        foreign.post_form("/signin", &good).await.status,
        403,
        "sent from another site"
    );
    let wrong = client
        .post_form(
            "/signin",
            &[("form", &form), ("officer", "clerk-01"), ("password", "wrong")],
        )
        .await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text().contains("有一处需要改正"));
    let form = wrong.field("form");
    let right = client
        .post_form(
            "/signin",
            &[
                ("form", &form),
                ("officer", "clerk-01"),
                ("password", super::support::PASSWORD),
            ],
        )
        .await;
    assert_eq!(right.header("location"), "/verify");
    window.close().await;
}

#[tokio::test]
async fn a_green_verdict_is_provisional_until_somebody_looked_then_prints_a_receipt() {
    let window = Window::open().await;
    let (permit, digits) = window.card(0).await;
    let mut client = window.clerk("clerk-01").await;
    let shown = scanned(&mut client, &digits).await;
    let text = shown.text();
    assert!(
        text.contains("verdict green provisional") && text.contains("证件有效，请核对本人"),
        "{text}"
    );
    assert!(!text.contains(">予以互认<"), "not final before somebody looked");
    for part in [
        "玉山县(示例) 361123",
        "居住证",
        "AGR-DEMO 第 1 版",
        "刚刚更新",
        "义务教育 BPS-1",
        "RECOGNISED",
        "示例环境 SANDBOX",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains(&permit.details.name) && !text.contains(permit.details.id_number.as_str()));
    let trace = trace(&shown);
    let csrf = shown.field("csrf");
    let place = format!("/verify/r/{trace}");

    let hidden = client
        .post_form(&format!("{place}/holder"), &[("csrf", "AAAA")])
        .await;
    assert_eq!(hidden.status, 403);
    let revealed = client
        .post_form(&format!("{place}/holder"), &[("csrf", &csrf)])
        .await;
    assert!(
        revealed.text().contains(&permit.details.name)
            && revealed.text().contains(permit.details.id_number.as_str())
    );
    assert!(
        !client.get(&place).await.text().contains(&permit.details.name),
        "masked again"
    );

    assert_eq!(
        client.get(&format!("/receipt/{trace}")).await.status,
        404,
        "no receipt yet"
    );
    assert_eq!(
        client
            .post_form(&format!("{place}/closing"), &[("csrf", &csrf)])
            .await
            .status,
        409,
        "cannot be closed unseen"
    );
    assert_eq!(
        client
            .post_form(&format!("{place}/confirmation"), &[("finding", "same")])
            .await
            .status,
        403,
        "without the token"
    );
    let confirmed = client
        .post_form(
            &format!("{place}/confirmation"),
            &[("csrf", &csrf), ("finding", "same")],
        )
        .await;
    assert_eq!(confirmed.header("location"), place);
    let after = client.get(&place).await.text();
    assert!(after.contains("予以互认") && after.contains("verdict green\"") && after.contains("打印回执"));
    let receipt = client.get(&format!("/receipt/{trace}")).await;
    for part in ["核验回执", "<svg", "核验专用章", "归档", &trace, "人证一致"] {
        assert!(receipt.text().contains(part), "{part}");
    }
    assert!(
        !receipt.text().contains(&permit.details.name),
        "a receipt names nobody"
    );
    let pdf = client.get(&format!("/receipt/{trace}/pdf")).await;
    assert!(pdf.body.starts_with(b"%PDF-") && pdf.header("content-disposition").contains(&trace));
    let recent = client.get("/verify/recent").await.text();
    assert!(recent.contains(&trace) && !recent.contains(&permit.details.name));
    assert!(
        !window
            .clerk("clerk-02")
            .await
            .get("/verify/recent")
            .await
            .text()
            .contains(&trace)
    );
    window.close().await;
}

#[tokio::test]
async fn the_person_is_not_the_holder() {
    let window = Window::open().await;
    let (_, digits) = window.card(0).await;
    let mut client = window.clerk("clerk-01").await;
    let shown = scanned(&mut client, &digits).await;
    let place = format!("/verify/r/{}", trace(&shown));
    client
        .post_form(
            &format!("{place}/confirmation"),
            &[("csrf", &shown.field("csrf")), ("finding", "different")],
        )
        .await;
    let after = client.get(&place).await.text();
    assert!(
        after.contains("verdict red\"") && after.contains("HOLDER_MISMATCH") && after.contains("不予互认")
    );
    window.close().await;
}

#[tokio::test]
async fn what_was_closed_in_another_tab_says_so_and_leads_there() {
    let window = Window::open().await;
    let (_, digits) = window.card(0).await;
    let mut client = window.clerk("clerk-01").await;
    let shown = scanned(&mut client, &digits).await;
    let (place, csrf) = (format!("/verify/r/{}", trace(&shown)), shown.field("csrf"));
    let confirmation = format!("{place}/confirmation");
    for _ in 0..2 {
        let same = [("csrf", csrf.as_str()), ("finding", "same")];
        let confirmed = client.post_form(&confirmation, &same).await;
        assert_eq!(
            confirmed.header("location"),
            place,
            "the same finding twice is one"
        );
    }
    let different = [("csrf", csrf.as_str()), ("finding", "different")];
    let otherwise = client.post_form(&confirmation, &different).await;
    assert_eq!(otherwise.status, 409);
    let text = otherwise.text();
    assert!(
        text.contains("该核验已办结") && text.contains(&format!("href=\"{place}\"")),
        "{text}"
    );
    assert!(
        !text.contains("证件当前状态"),
        "it is not the permit that changed"
    );
    assert!(
        client.get(&place).await.text().contains("予以互认"),
        "and it stands"
    );
    window.close().await;
}

#[tokio::test]
async fn every_page_names_an_icon_that_is_there() {
    let window = Window::open().await;
    let mut browser = window.browser();
    let page = browser.get("/signin").await.text();
    let icon = page.split_once("rel=\"icon\"").unwrap().1;
    let icon = icon.split_once("href=\"").unwrap().1.split('"').next().unwrap();
    let answer = browser.get(icon).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "image/svg+xml")
    );
    assert!(answer.text().starts_with("<svg ") && !answer.text().contains("style"));
    window.close().await;
}

#[tokio::test]
async fn red_amber_and_grey_say_so_in_word_icon_and_colour() {
    let window = Window::open().await;
    let (mut permit, digits) = window.card(0).await;
    let mut client = window.clerk("clerk-01").await;

    let unreadable = scanned(&mut client, "00x").await.text();
    assert!(unreadable.contains("verdict grey\"") && unreadable.contains("无法判断（不是持证人的原因）"));
    assert!(unreadable.contains("这不是拒绝"), "grey is no refusal");
    assert!(unreadable.contains(">重新核验</a>") && !unreadable.contains("核验下一位"));

    window
        .pair
        .set_status(&mut permit, PermitStatus::Cancelled, StatusValue::Cancelled)
        .await;
    window.pair.publish().await;
    let revoked = scanned(&mut client, &digits).await;
    assert!(revoked.text().contains("verdict red\"") && revoked.text().contains("REVOKED"));
    assert!(
        revoked.text().contains(">核验下一位</a>") && !revoked.text().contains("重新核验"),
        "a cancelled permit stays cancelled: nothing invites to try again"
    );
    let trace = trace(&revoked);
    let closed = client
        .post_form(
            &format!("/verify/r/{trace}/closing"),
            &[("csrf", &revoked.field("csrf"))],
        )
        .await;
    assert_eq!(
        closed.header("location"),
        format!("/receipt/{trace}"),
        "a refusal has a receipt for an appeal"
    );

    let (mut lost, digits) = window.card(1).await;
    window
        .pair
        .set_status(&mut lost, PermitStatus::ReportedLost, StatusValue::Suspended)
        .await;
    window.pair.publish().await;
    let lost = scanned(&mut client, &digits).await.text();
    assert!(
        lost.contains("verdict amber\"") && lost.contains("需处理"),
        "{lost}"
    );
    window.close().await;
}

#[tokio::test]
async fn mistakes_on_the_number_form_are_named_at_their_field() {
    let window = Window::open().await;
    let (permit, _) = window.card(0).await;
    let mut client = window.clerk("clerk-01").await;
    for (number, name, issuer, service, said) in [
        (
            "361123188001010018",
            "张示例",
            "361123",
            "BPS-1",
            "号码末位校验不符",
        ),
        ("36112318800101001", "张示例", "361123", "BPS-1", "应为 18 位"),
        ("361123188001010017", "", "361123", "BPS-1", "请输入姓名"),
        ("361123188001010017", "张示例", "", "BPS-1", "请选择签发地"),
        ("361123188001010017", "张示例", "361123", "", "请选择办理事项"),
    ] {
        let form = client.get("/verify/number").await;
        let (csrf, once) = (form.field("csrf"), form.field("once"));
        let fields = [
            ("csrf", csrf.as_str()),
            ("once", &once),
            ("service", service),
            ("purpose", "SERVICE"),
            ("basis", "STATUTORY_DUTY"),
            ("presented_by", "self"),
            ("number", number),
            ("name", name),
            ("issuer", issuer),
        ];
        let answer = client.post_form("/verify/number", &fields).await;
        assert_eq!(answer.status, 422);
        assert!(
            answer.text().contains(said) && answer.text().contains("aria-invalid"),
            "{said}"
        );
    }
    let form = client.get("/verify/number").await;
    let (csrf, once) = (form.field("csrf"), form.field("once"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("once", &once),
        ("service", "BPS-1"),
        ("purpose", "SERVICE"),
        ("basis", "STATUTORY_DUTY"),
        ("presented_by", "self"),
        ("number", permit.details.id_number.as_str()),
        ("name", &permit.details.name),
        ("issuer", "361123"),
    ];
    let sent = client.post_form("/verify/number", &fields).await;
    let result = client.get(sent.header("location")).await.text();
    assert!(result.contains("向签发地联网查询") && result.contains("provisional"));
    window.close().await;
}

#[tokio::test]
async fn a_picture_is_uploaded_and_read() {
    let window = Window::open().await;
    let (_, digits) = window.card(0).await;
    let picture = Symbol::of_card(&symbol::decode(&digits).unwrap())
        .unwrap()
        .to_png(4)
        .unwrap();
    let mut client = window.clerk("clerk-01").await;
    for (file, status) in [
        (picture, 303),
        (b"no picture".to_vec(), 422),
        (Vec::new(), 422),
        (vec![0; 6_500_000], 422),
    ] {
        let form = client.get("/verify/image").await;
        let (csrf, once) = (form.field("csrf"), form.field("once"));
        let mut body = Vec::new();
        for (name, value) in [
            ("csrf", csrf.as_str()),
            ("once", &once),
            ("service", "BPS-1"),
            ("purpose", "SERVICE"),
            ("basis", "STATUTORY_DUTY"),
            ("presented_by", "self"),
        ] {
            body.extend(
                format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
            );
        }
        body.extend(b"--XX\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n");
        body.extend(&file);
        body.extend(b"\r\n--XX--\r\n");
        let answer = client
            .call("POST", "/verify/image", "multipart/form-data; boundary=XX", body)
            .await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    window.close().await;
}

#[tokio::test]
async fn english_is_a_switch_that_stays_and_nothing_else_does() {
    let window = Window::open().await;
    let mut client = window.clerk("clerk-01").await;
    assert!(
        client
            .get("/verify")
            .await
            .text()
            .contains("请扫描持证人的居住证二维码")
    );
    let english = client.get("/verify?lang=en").await;
    assert!(english.text().contains("<html lang=\"en\">") && english.text().contains("Scan the code"));
    assert!(
        client
            .get("/verify/recent")
            .await
            .text()
            .contains("Nothing verified today yet")
    );
    assert!(
        client
            .get("/verify?lang=xx")
            .await
            .text()
            .contains("Scan the code"),
        "an unknown one changes nothing"
    );
    client.get("/verify?lang=zh").await;
    assert!(client.get("/verify").await.text().contains("请扫描"));
    window.close().await;
}
