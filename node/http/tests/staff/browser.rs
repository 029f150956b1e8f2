//! The pages in Chromium, driven as a clerk works: by keyboard and scanner alone. Skipped with a message where there is no
//! browser; under `CI` its absence is a failure. `COMITY_SCREENSHOTS=DIR` keeps what was seen.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::support::{Client, PASSWORD, PATIENCE, Window};

const ENTER: &str = "\u{e007}";

/// A browser session (W3C WebDriver).
struct Browser {
    driver: Child,
    client: Client,
    session: String,
}

impl Browser {
    /// `None` where there is no browser to be had.
    async fn start() -> Option<Self> {
        let spawned = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(mut driver) = spawned else {
            assert!(
                std::env::var_os("CI").is_none(),
                "no chromedriver: install chromium-driver"
            );
            println!("SKIPPED: no chromedriver on this machine");
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line())
                .await
                .unwrap()
                .unwrap()
                .expect("chromedriver starts");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse::<u16>().unwrap();
            }
        };
        // What it says later must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let mut client = Client {
            address: ([127, 0, 0, 1], port).into(),
            cookies: Default::default(),
            headers: Vec::new(),
        };
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--hide-scrollbars",
            "--lang=zh-CN",
        ];
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "args": arguments } } } });
        let begun = client.post_json("/session", &wanted).await;
        let session = begun.json()["value"]["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", begun.text()))
            .to_owned();
        Some(Self {
            driver,
            client,
            session,
        })
    }

    async fn call(&mut self, path: &str, body: Value) -> Value {
        let answer = self
            .client
            .post_json(&format!("/session/{}/{path}", self.session), &body)
            .await;
        let value = answer.json();
        assert_eq!(answer.status, 200, "{path}: {value}");
        value["value"].clone()
    }

    async fn open(&mut self, url: &str) {
        self.call("url", json!({ "url": url })).await;
    }

    /// Types into whatever has the focus, as a keyboard or scanner does.
    async fn type_keys(&mut self, keys: &str) {
        let focused = self
            .client
            .get(&format!("/session/{}/element/active", self.session))
            .await
            .json();
        let element = focused["value"]
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned();
        self.call(&format!("element/{element}/value"), json!({ "text": keys }))
            .await;
    }

    async fn script(&mut self, script: &str) -> Value {
        self.call("execute/sync", json!({ "script": script, "args": [] }))
            .await
    }

    async fn text(&mut self) -> String {
        self.script("return document.body.innerText")
            .await
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until the page shows this: polled by the browser's own event loop, with an end.
    async fn shows(&mut self, text: &str) {
        let script = "const [text, done] = arguments; const look = () => document.readyState === 'complete' && \
                      document.body.innerText.includes(text) ? done(true) : setTimeout(look, 20); look();";
        let path = format!("/session/{}/execute/async", self.session);
        let found = self
            .client
            .post_json(&path, &json!({ "script": script, "args": [text] }))
            .await;
        if found.status != 200 {
            // A page that went away under the script; what counts is what is there now.
            let now = self.text().await;
            assert!(now.contains(text), "{text} is not in: {now}");
        }
    }

    async fn size(&mut self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call(
            "goog/cdp/execute",
            json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics }),
        )
        .await;
    }

    /// At this width nothing is wider than the page; kept as a picture where somebody asked for it.
    async fn looks(&mut self, name: &str) {
        for width in [320, 360, 1280, 1920] {
            self.size(width, 900).await;
            let wide = self
                .script("return document.documentElement.scrollWidth")
                .await
                .as_u64()
                .unwrap();
            assert!(wide <= u64::from(width), "{name}: {wide} wide in {width}");
            if let Some(folder) = std::env::var_os("COMITY_SCREENSHOTS") {
                let whole =
                    json!({ "cmd": "Page.captureScreenshot", "params": { "captureBeyondViewport": true } });
                let shot = self.call("goog/cdp/execute", whole).await;
                let picture = base64::Engine::decode(
                    &base64::engine::general_purpose::STANDARD,
                    shot["data"].as_str().unwrap(),
                );
                std::fs::write(
                    std::path::Path::new(&folder).join(format!("{name}-{width}.png")),
                    picture.unwrap(),
                )
                .unwrap();
            }
        }
        self.size(1280, 900).await;
    }

    async fn stop(mut self) {
        self.client
            .call("DELETE", &format!("/session/{}", self.session), "", Vec::new())
            .await;
        self.driver.kill().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clerk_signs_in_scans_confirms_and_prints_by_keyboard_alone() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let window = Window::open().await;
    let (permit, digits) = window.card(0).await;
    let root = format!("http://{}", window.address);

    browser.open(&format!("{root}/verify")).await;
    browser.shows("窗口人员登录").await;
    browser.looks("signin-zh").await;
    browser.type_keys("clerk-01\t").await;
    browser.type_keys(&format!("{PASSWORD}{ENTER}")).await;
    browser.shows("请扫描持证人的居住证二维码").await;
    browser.looks("verify-zh").await;

    // One choice of two services; the next time it is chosen already.
    browser
        .script("document.getElementById('service').value = 'BPS-1'")
        .await;
    // The scanner: digits and Enter into the field that has the focus.
    browser.type_keys(&format!("{digits}{ENTER}")).await;
    browser.shows("证件有效，请核对本人").await;
    browser.looks("provisional-zh").await;
    assert!(!browser.text().await.contains(&permit.details.name));
    let problems = browser.script("return performance.getEntriesByType('resource').filter(e => !e.name.startsWith(location.origin)).length").await;
    assert_eq!(problems, 0, "no request leaves this origin");

    // The verdict has the focus and is in sight; a scanner that ends with a second Enter, or reads another card now, confirms nobody.
    assert_eq!(
        browser
            .script("return [document.activeElement.id, window.scrollY]")
            .await,
        json!(["word", 0])
    );
    browser.type_keys(&format!("{ENTER}{digits}{ENTER}")).await;
    assert!(!browser.text().await.contains("经办人已确认人证一致"));
    browser.shows("证件有效，请核对本人").await;
    // The first stop of the keyboard is 人证一致, once somebody goes there.
    browser.type_keys("\t").await;
    assert_eq!(
        browser.script("return document.activeElement.value").await,
        "same"
    );
    browser.type_keys(ENTER).await;
    browser.shows("经办人已确认人证一致").await;
    browser.looks("green-zh").await;
    // Then Enter leads to the receipt, and would print it.
    browser.type_keys(ENTER).await;
    browser.shows("核验专用章").await;
    assert_eq!(
        browser
            .script("return document.activeElement.hasAttribute('data-print')")
            .await,
        true
    );
    browser.looks("receipt-zh").await;
    browser.open(&format!("{root}/verify/recent")).await;
    browser.shows("今日核验").await;
    browser.looks("recent-zh").await;

    browser.open(&format!("{root}/verify?lang=en")).await;
    browser.shows("Scan the code").await;
    assert_eq!(
        browser
            .script("return document.getElementById('service').value")
            .await,
        "BPS-1",
        "last used, preselected"
    );
    browser.looks("verify-en").await;
    // A digit that meets no field goes to the code's field.
    browser.script("document.activeElement.blur()").await;
    browser.type_keys("00").await;
    assert_eq!(
        browser.script("return document.activeElement.id").await,
        "presented"
    );
    browser.type_keys(&format!("x{ENTER}")).await;
    browser.shows("Cannot tell").await;
    browser.looks("grey-en").await;
    browser.stop().await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_checked_while_it_is_typed() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let window = Window::open().await;
    let root = format!("http://{}", window.address);
    browser.open(&format!("{root}/signin")).await;
    browser.type_keys("clerk-01\t").await;
    browser.type_keys(&format!("{PASSWORD}{ENTER}")).await;
    browser.shows("请扫描").await;
    browser.open(&format!("{root}/verify/number")).await;
    browser.type_keys("361123188001010018").await;
    let note = "return document.getElementById('number-check').textContent";
    assert!(
        browser
            .script(note)
            .await
            .as_str()
            .unwrap()
            .contains("末位校验不符")
    );
    let invalid = "return document.getElementById('number').getAttribute('aria-invalid')";
    assert_eq!(browser.script(invalid).await, "true");
    browser.looks("number-zh").await;
    browser.type_keys("\u{e003}7").await;
    assert_eq!(browser.script(note).await, "");
    assert_eq!(browser.script(invalid).await, Value::Null);
    browser.type_keys("\t张示例\t").await;
    browser.script("document.getElementById('service').value = 'BPS-1'; document.querySelector('button.primary').focus()").await;
    browser.type_keys(ENTER).await;
    browser.shows("未查到").await;
    browser.looks("nomatch-zh").await;
    browser.open(&format!("{root}/verify/image?lang=en")).await;
    browser.looks("image-en").await;
    browser.stop().await;
    window.close().await;
}
