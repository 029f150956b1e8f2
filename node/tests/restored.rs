//! `comity store restored` as an operator gives it: the database is put back from a copy, and the very next command is this one. What it
//! refuses is in `node/core/src/restored`.
#![cfg(test)]

mod office;

use comity_node_core::permits::synthetic;
use comity_spec::time::LocalDate;
use serde_json::json;

use office::{Office, now};

/// The number that the next person is given.
fn issued(office: &Office, place: usize) -> String {
    let resident = synthetic::resident("330822".parse().unwrap(), LocalDate::of(now()), place).unwrap();
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
    let issued = office.act("example-head", &issue);
    assert!(issued.status.success(), "{issued:?}");
    let said = String::from_utf8(issued.stdout).unwrap();
    let number = said.split_whitespace().find(|word| word.starts_with("330822"));
    number.unwrap().to_owned()
}

/// Puts one database in another's place, with what belongs to it. Between two commands nobody has it open.
fn copy(office: &Office, from: &str, to: &str) {
    for part in ["db", "db-wal", "db-shm"] {
        let (from, to) = (
            office.path(&format!("{from}.{part}")),
            office.path(&format!("{to}.{part}")),
        );
        if from.exists() {
            std::fs::copy(from, to).unwrap();
        } else if to.exists() {
            std::fs::remove_file(to).unwrap();
        }
    }
}

#[test]
fn after_the_command_no_number_comes_again_and_the_operator_is_told_what_to_do() {
    let office = Office::new();
    let text = std::fs::read_to_string(office.path("node.toml")).unwrap();
    office.configure(&text.replace("local_issuing = false", "local_issuing = true"));
    office.add("example-head", "issuer");
    issued(&office, 1);
    copy(&office, "node", "copy");
    let lost = issued(&office, 2);

    copy(&office, "copy", "node");
    assert_eq!(issued(&office, 3), lost, "without the command it comes again");

    copy(&office, "copy", "node");
    let refused = office.run(&["store", "restored"], "");
    assert_eq!(refused.status.code(), Some(64), "nobody answers for it");
    let said = office.does(&["store", "restored", "--officer", "example-head"]);
    for told in [
        "√ 已登记本数据库由备份恢复 / it is recorded",
        "status list closed: https://",
        "按纸质档案重新办理",
        "by the paper files",
        "comity trust refresh",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert!(!said.contains("permit import"), "there is no register: {said}");
    let number = issued(&office, 4);
    assert!(number > lost && number[10..18] > *"01000000", "{number}");
    // Twice does no harm.
    let again = office.does(&["store", "restored", "--officer", "example-head"]);
    assert!(again.contains("已停用状态列表"), "{again}");
    assert!(issued(&office, 5) > number);
    let record = office.does(&["record"]);
    assert!(
        record.contains("whole: 3 lines"),
        "the officer and both stand in it: {record}"
    );

    office.configure(&text);
    let said = office.does(&["store", "restored", "--officer", "example-head"]);
    assert!(
        said.contains("permit import") && !said.contains("纸质档案"),
        "{said}"
    );
}
