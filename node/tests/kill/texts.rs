//! Two counties that each draw up a text of one version: both texts wait, and the one that an officer names by its digest is the one
//! that is written out, to be read or carried elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::ids::Digest;
use serde_json::{Value, json};

use crate::county::{County, comity};
use crate::replay::until;
use crate::sqlite;

#[test]
fn of_several_texts_of_one_version_the_one_that_is_named_is_written_out() {
    let one = County::found(sqlite);
    let other = one.beside();
    let mut lives = [one.start(), other.start()];
    for life in &mut lives {
        life.ready();
    }
    let proposed = [(&one, &other), (&other, &one)].map(|(county, peer)| {
        until("both counties' chains", || {
            let members = county.ask(&json!({ "command": "trust_refresh" }));
            members.as_array().unwrap().len() == 2
        });
        let text = county.ask(&json!({ "command": "agreement_example", "peer": peer.entity() }));
        let file = county.path("agreement.json");
        std::fs::write(&file, text.to_string()).unwrap();
        county.ask(&json!({ "command": "agreement_propose", "file": file }))
    });
    let digests = proposed
        .each_ref()
        .map(|one| one["digest"].as_str().unwrap().to_owned());
    assert_ne!(digests[0], digests[1]);
    assert_eq!(proposed[0]["id"], proposed[1]["id"]);
    let list = json!({ "command": "agreement_list" });
    until("the other's text", || {
        one.ask(&list).as_array().unwrap().len() == 2
    });

    let (config, id) = (one.config(), proposed[0]["id"].as_str().unwrap());
    let file = one.path("text.json");
    let export = |named: &[&str]| {
        let file = file.to_str().unwrap();
        let words = ["agreement", "--config", &config, "export", id, "1", file];
        comity(&[&words[..], named].concat())
    };
    let (_, said) = export(&[]).unwrap_err();
    assert!(
        digests.iter().all(|digest| said.contains(digest)) && !file.exists(),
        "{said}"
    );
    for digest in &digests {
        export(&["--digest", digest]).unwrap();
        let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let payload = URL_SAFE_NO_PAD
            .decode(written["payload"].as_str().unwrap())
            .unwrap();
        assert_eq!(Digest::of(&payload).to_string(), *digest);
    }
    let nobodys = Digest::of("nobody's text").to_string();
    assert!(export(&["--digest", &nobodys]).is_err());
    for life in lives {
        assert!(life.terminate().success());
    }
}
