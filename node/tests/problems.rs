//! The problem types that a person meets at the command line and never over HTTP: each is caused as an operator or officer would cause
//! it, with the real binary, and must be told in the registry's words with its next step, Chinese first; and each has its accepted twin.
//!
//! `node/http/tests/routes/problems.rs` has the others, and names the tests here.
#![cfg(test)]

mod office;

use std::path::Path;

use comity_node_core::permits::register_file::Kind;
use comity_node_core::permits::synthetic;
use comity_spec::problem::ProblemType;
use comity_spec::time::LocalDate;
use serde_json::{Value, json};

use office::{Office, now};

/// A register of ten, and its manifest, written beside each other; in `wrong` rows the sex is none.
fn register(office: &Office, name: &str, wrong: &[usize]) -> String {
    let residents = synthetic::residents("330822".parse().unwrap(), LocalDate::of(now()), 10);
    let (file, manifest) = synthetic::register_file(&residents, Kind::Full, 1, now(), |_| "ISSUE").unwrap();
    let mut rows: Vec<String> = String::from_utf8(file)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    for at in wrong {
        let row = &mut rows[*at];
        *row = row.replacen(",男,", ",X,", 1).replacen(",女,", ",X,", 1);
        assert!(row.contains(",X,"), "{row}");
    }
    let file = rows.join("\n") + "\n";
    let digest = comity_spec::ids::Digest::of(file.as_bytes());
    let hex: String = digest
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
    manifest["sha256"] = json!(hex);
    let path = office.path(name);
    std::fs::write(&path, file).unwrap();
    std::fs::write(
        office.path(&format!("{name}.manifest.json")),
        manifest.to_string(),
    )
    .unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_register_file_with_wrong_rows_is_import_refused() {
    let office = Office::new();
    let file = register(&office, "wrong.csv", &[3, 7]);
    let said = office.is_told(&["permit", "import", &file], "", ProblemType::ImportRefused);
    // Both rows at once, by the line that a spreadsheet shows, and nobody's name.
    assert!(said.contains('4') && said.contains('8'), "{said}");
    assert!(!said.contains("示例"), "{said}");
    assert!(office.does(&["permit", "count"]).contains("permits 0"));

    // Where no row is at fault none is asked to be corrected: files that are not there, or are not what their manifest says.
    let refused = |file: &Path| {
        let said = office.refuses(&["permit", "import", file.to_str().unwrap()], "");
        let title = ProblemType::ImportRefused.title();
        assert!(said.contains(title.zh) && said.contains(title.en), "{said}");
        assert!(
            !said.contains("按所列行号") && !said.contains("every row"),
            "{said}"
        );
        said
    };
    let said = refused(&office.path("nothing.csv"));
    assert!(
        said.contains("nothing.csv") && said.contains("放在一起"),
        "{said}"
    );
    let alone = office.path("alone.csv");
    std::fs::copy(&file, &alone).unwrap();
    let said = refused(&alone);
    assert!(
        said.contains("alone.csv.manifest.json") && said.contains("放在一起"),
        "{said}"
    );
    let manifest = office.path("alone.csv.manifest.json");
    std::fs::write(&manifest, "{}").unwrap();
    assert!(refused(&alone).contains("按以上说明改正"));
    std::fs::copy(office.path("wrong.csv.manifest.json"), &manifest).unwrap();
    std::fs::write(&alone, "cut short").unwrap();
    let said = refused(&alone);
    assert!(
        said.contains("sha256") && said.contains("按以上说明改正"),
        "{said}"
    );

    let file = register(&office, "right.csv", &[]);
    office.does(&["permit", "import", &file]);
    assert!(office.does(&["permit", "count"]).contains("permits 10"));
}

#[test]
fn a_file_that_is_no_bundle_is_bundle_refused() {
    let office = Office::new();
    let bundle = office.path("county.comity");
    let bundle = bundle.to_str().unwrap();
    office.does(&["bundle", "export", bundle]);
    office.does(&["bundle", "import", bundle]);
    let whole = std::fs::read_to_string(bundle).unwrap();
    for wrong in [
        "no JSON".to_owned(),
        "{}".to_owned(),
        whole.replace("\"version\":1", "\"version\":2"),
    ] {
        assert_ne!(wrong, whole);
        std::fs::write(bundle, wrong).unwrap();
        office.is_told(&["bundle", "import", bundle], "", ProblemType::BundleRefused);
    }
}

#[test]
fn a_configuration_that_does_not_check_is_config_invalid() {
    let office = Office::new();
    office.does(&["config", "check"]);
    let good = std::fs::read_to_string(office.path("node.toml")).unwrap();
    for (wrong, place) in [
        (good.replace("127.0.0.1:9464", "0.0.0.0:9464"), "[listeners.ops]"),
        (
            good.replace("refresh_seconds", "refresh_second"),
            "refresh_second",
        ),
    ] {
        office.configure(&wrong);
        for command in [&["config", "check"][..], &["run"], &["status"]] {
            let said = office.is_told(command, "", ProblemType::ConfigInvalid);
            assert!(said.contains(place), "{said}");
        }
    }
    std::fs::remove_file(office.path("node.toml")).unwrap();
    let said = office.is_told(&["status"], "", ProblemType::ConfigInvalid);
    assert!(said.contains("node.toml"), "{said}");
}

#[test]
fn who_proposed_it_is_told_two_person_required() {
    let office = Office::new();
    let text = std::fs::read_to_string(office.path("node.toml")).unwrap();
    office.configure(&text.replace("local_issuing = false", "local_issuing = true"));
    for (officer, role) in [
        ("example-head", "issuer,supervisor"),
        ("example-deputy", "supervisor"),
        ("example-clerk", "clerk"),
    ] {
        office.add(officer, role);
    }
    let resident = synthetic::resident("330822".parse().unwrap(), LocalDate::of(now()), 3).unwrap();
    let issue = json!({
        "act": "issue",
        "application": {
            "name": resident.name, "ethnicity": resident.ethnicity, "id_number": resident.id_number,
            "hukou_address": resident.hukou_address, "residence_address": resident.residence_address,
            "issuing_authority": resident.issuing_authority, "tier": "ORDINARY", "basis": "EMPLOYMENT",
            "residence_since": resident.residence_since,
        },
        "evidence": ["EVID-SI-6M", "EVID-LABOUR-CONTRACT"],
    });
    let by = |officer| ["permit", "act", "-", "--officer", officer];
    // Nobody of that name was added; the clerk may verify only; who is deactivated acts no more.
    office.does(&["officer", "deactivate", "example-head"]);
    for (officer, command) in [
        ("example-invented", "comity officer add"),
        ("example-clerk", "comity officer add --role"),
        ("example-head", "comity officer activate"),
    ] {
        let said = office.is_told(&by(officer), &issue.to_string(), ProblemType::Forbidden);
        assert!(said.contains(command), "{said}");
    }
    assert!(office.does(&["permit", "count"]).contains("证件 permits 0"));
    office.does(&["officer", "activate", "example-head"]);
    let issued = office.act("example-head", &issue);
    assert!(issued.status.success(), "{issued:?}");
    let issued = String::from_utf8(issued.stdout).unwrap();
    let number = issued
        .split_whitespace()
        .find(|word| word.starts_with("330822"))
        .unwrap();
    assert!(
        issued.contains("状态 status 有效 valid  签注至 endorsed until"),
        "{issued}"
    );
    let lost = json!({ "act": "lost", "number": number });
    let lost = String::from_utf8(office.act("example-head", &lost).stdout).unwrap();
    assert_eq!(
        lost.trim(),
        format!("已办理 done: {number} 状态 status 已挂失 reported lost")
    );
    let found = json!({ "act": "found", "number": number });
    assert!(office.act("example-head", &found).status.success());
    let propose = json!({ "act": "propose_cancellation", "number": number, "reason": "MOVED_AWAY" });
    let proposed = office.act("example-head", &propose);
    assert!(proposed.status.success(), "{proposed:?}");
    let proposed = String::from_utf8(proposed.stdout).unwrap();
    let id = proposed
        .split_whitespace()
        .find_map(|word| word.parse::<uuid::Uuid>().ok())
        .unwrap();
    let decide = json!({ "act": "decide_cancellation", "id": id, "approve": true }).to_string();
    office.is_told(&by("example-head"), &decide, ProblemType::TwoPersonRequired);
    office.is_told(&by("example-clerk"), &decide, ProblemType::Forbidden);
    assert!(
        office
            .does(&["permit", "show", number])
            .contains("状态 status 有效 valid")
    );
    let invented = by("example-invented");
    office.is_told(&invented, &propose.to_string(), ProblemType::Forbidden);
    let decided = office.run(&by("example-deputy"), &decide);
    assert!(decided.status.success(), "{decided:?}");
    let decided = String::from_utf8(decided.stdout).unwrap();
    assert!(
        decided.contains("已注销 cancelled") && !decided.contains("签注至"),
        "{decided}"
    );
    let shown = office.does(&["permit", "show", number]);
    for told in [
        "已注销 cancelled",
        "签发 issued；已验 seen: 连续六个月社会保险",
        "注销 cancelled: 已离开居住地",
        "批准 approved by example-deputy",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    let officers = office.does(&["officer", "list"]);
    assert!(
        officers.contains("example-head  证件办理 issuer、复核批准 supervisor  可登录 active"),
        "{officers}"
    );
    assert!(
        !shown.contains('{') && !officers.contains('['),
        "nothing in the form of the program"
    );
}
