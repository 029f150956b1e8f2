#![cfg(test)]
//! The published JSON schemas say what the types say: a change to one without the other fails here.
//!
//! `COMITY_BLESS=1 cargo test -p comity-spec --test schemas` writes them anew from the types. A schema says which members an
//! object has; what they must satisfy together is in the protocol text.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use comity_spec::{
    agreement, attestation, bundle, decision, entity, exchange, problem, receipt, status, vector,
};
use schemars::{Schema, schema_for};

/// Every published schema: file name and type.
fn published() -> Vec<(&'static str, Schema)> {
    vec![
        ("agreement", schema_for!(agreement::Agreement)),
        ("agreement-header", schema_for!(agreement::AgreementHeader)),
        ("agreement-signed", schema_for!(agreement::SignedAgreement)),
        ("attestation", schema_for!(attestation::AttestationClaims)),
        ("attestation-disclosed", schema_for!(attestation::PermitClaims)),
        ("bundle", schema_for!(bundle::Bundle)),
        ("decision", schema_for!(decision::Decision)),
        ("entity-statement", schema_for!(entity::EntityStatement)),
        ("hint", schema_for!(exchange::Hint)),
        ("member-list", schema_for!(entity::MemberList)),
        ("problem", schema_for!(problem::Problem)),
        ("receipt", schema_for!(receipt::Receipt)),
        ("receipt-printed", schema_for!(receipt::PrintedReceipt)),
        ("status-list", schema_for!(status::StatusListClaims)),
        ("vector", schema_for!(vector::Vector)),
        ("verification-request", schema_for!(exchange::VerificationRequest)),
        (
            "verification-response",
            schema_for!(exchange::VerificationResponse),
        ),
        ("withdrawal", schema_for!(agreement::Withdrawal)),
    ]
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn json_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            json_files(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "json") {
            found.push(path);
        }
    }
}

// JWS-16
#[test]
fn null_stands_for_nothing_where_there_is_no_default_and_nowhere_else() {
    fn of(name: &str, schema: &serde_json::Value, wrong: &mut Vec<String>) {
        let required = |member: &str| {
            let names = schema["required"].as_array();
            names.is_some_and(|names| names.iter().any(|one| one == member))
        };
        for (member, of) in schema["properties"].as_object().into_iter().flatten() {
            // Anything at all, so that its presence can be refused; digests, of which none is as good as an empty list.
            if matches!(member.as_str(), "metadata_policy" | "constraints" | "_sd") {
                continue;
            }
            let alternatives = of["anyOf"].as_array().into_iter().flatten();
            let takes_null = of["type"]
                .as_array()
                .is_some_and(|types| types.iter().any(|t| t == "null"))
                || alternatives.into_iter().any(|one| one["type"] == "null");
            let has_default = of.get("default").is_some_and(|default| !default.is_null());
            if takes_null == (required(member) || has_default) {
                wrong.push(format!("{name}: {member}"));
            }
        }
        for (name, inner) in schema["$defs"].as_object().into_iter().flatten() {
            of(name, inner, wrong);
        }
        for inner in ["oneOf", "anyOf"]
            .iter()
            .filter_map(|one| schema[*one].as_array())
            .flatten()
        {
            of(name, inner, wrong);
        }
    }
    let mut wrong = Vec::new();
    // Vectors are ours and go nowhere.
    for (name, schema) in published().into_iter().filter(|(name, _)| *name != "vector") {
        of(name, schema.as_value(), &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn schemas_are_those_of_the_types() {
    let folder = folder("schemas");
    let bless = std::env::var_os("COMITY_BLESS").is_some();
    let mut expected = BTreeSet::new();
    for (name, schema) in published() {
        let path = folder.join(format!("{name}.json"));
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
        text.push('\n');
        if bless {
            std::fs::create_dir_all(&folder).expect("the folder can be made");
            std::fs::write(&path, &text).expect("the schema can be written");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            written, text,
            "{name}.json is not the type's: COMITY_BLESS=1 writes it anew"
        );
        expected.insert(path);
    }
    let mut found = Vec::new();
    json_files(&folder, &mut found);
    assert_eq!(
        found.into_iter().collect::<BTreeSet<_>>(),
        expected,
        "a schema without a type"
    );
}

// JWS-14: a member that Comity does not define has no place in its schemas, and has one where a standard owns the type.
#[test]
fn the_schema_of_a_comity_type_is_closed_and_of_a_standards_type_open() {
    let schema = |name: &str| {
        let (_, schema) = published()
            .into_iter()
            .find(|(n, _)| *n == name)
            .expect("a published schema");
        serde_json::to_value(schema).expect("a schema is JSON")
    };
    for closed in [
        "agreement",
        "withdrawal",
        "verification-request",
        "verification-response",
        "hint",
        "receipt",
        "member-list",
    ] {
        assert_eq!(schema(closed)["additionalProperties"], false, "{closed}");
    }
    for open in ["entity-statement", "attestation", "status-list"] {
        assert_eq!(schema(open).get("additionalProperties"), None, "{open}");
    }
}

// PRV-3, RCP-6, ATT-6: what must never stand in an object has no member there.
#[test]
fn no_schema_has_a_place_for_what_must_not_travel() {
    for (name, schema) in published() {
        let text = serde_json::to_string(&schema)
            .expect("a schema is JSON")
            .to_lowercase();
        for word in ["photo", "portrait", "face_image", "telephone_number"] {
            assert!(!text.contains(&format!("\"{word}\"")), "{name} has {word}");
        }
    }
    let members = |name: &str| {
        let (_, schema) = published()
            .into_iter()
            .find(|(n, _)| *n == name)
            .expect("a published schema");
        let value = serde_json::to_value(schema).expect("a schema is JSON");
        let members = value["properties"]
            .as_object()
            .expect("an object's members")
            .clone();
        members.keys().cloned().collect::<BTreeSet<_>>()
    };
    for name in ["decision", "receipt", "hint"] {
        for word in ["name", "id_number", "subject", "permit_number", "salt"] {
            assert!(!members(name).contains(word), "{name} has {word}");
        }
    }
    for word in ["jti", "sub", "name", "id_number"] {
        assert!(
            !members("attestation").contains(word),
            "an attestation has {word} in the open"
        );
    }
}

#[test]
fn every_vector_fits_the_schema_of_vectors() {
    let (_, schema) = published()
        .into_iter()
        .find(|(name, _)| *name == "vector")
        .expect("the schema of vectors");
    let schema = serde_json::to_value(schema).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("a sound schema");
    let mut files = Vec::new();
    json_files(&folder("vectors"), &mut files);
    files.retain(|path| !path.components().any(|part| part.as_os_str() == "federations"));
    assert!(files.len() >= 120, "only {} vectors", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).expect("the vector can be read");
        let mut vector: serde_json::Value = serde_json::from_str(&text).expect("a vector is JSON");
        if let Some(error) = validator.iter_errors(&vector).next() {
            panic!("{}: {error}", path.display());
        }
        // And nothing more fits: the form is closed.
        vector["remark"] = "not a member".into();
        assert!(
            !validator.is_valid(&vector),
            "{}: an unknown member passes",
            path.display()
        );
        assert!(
            serde_json::from_value::<comity_spec::vector::Vector>(vector).is_err(),
            "{}",
            path.display()
        );
    }
}

/// The payload of a compact JWS, or of one in JSON general serialization.
fn payload(object: &str) -> serde_json::Value {
    use base64::Engine as _;
    let encoded = match serde_json::from_str::<agreement::SignedAgreement>(object) {
        Ok(signed) => signed.payload,
        Err(_) => object.split(['.', '~']).nth(1).expect("a payload").to_owned(),
    };
    let octets = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(encoded)
        .expect("base64url");
    serde_json::from_slice(&octets).expect("a payload is JSON")
}

// JWS-14, JWS-16: what a valid vector signs fits the schema of its object, and one member less or more does not.
#[test]
fn signed_objects_of_valid_vectors_fit_their_schemas() {
    for (vector, member, name) in [
        ("agreement/valid", "agreement", "agreement"),
        ("agreement/valid-withdrawal", "withdrawal", "withdrawal"),
        ("attestation/valid", "presented", "attestation"),
        ("exchange/valid-request", "request", "verification-request"),
        ("exchange/valid-match", "response", "verification-response"),
        ("exchange/valid-hint", "hint", "hint"),
        ("receipt/without-salt", "printed", "receipt"),
        ("status-list/valid", "token", "status-list"),
    ] {
        let path = folder("vectors").join(format!("{vector}.json"));
        let text = std::fs::read_to_string(&path).expect("the vector can be read");
        let file: serde_json::Value = serde_json::from_str(&text).expect("a vector is JSON");
        let signed = payload(file["input"][member].as_str().expect("a signed object"));
        let (_, schema) = published()
            .into_iter()
            .find(|(published, _)| *published == name)
            .expect("a published schema");
        let schema = serde_json::to_value(schema).expect("a schema is JSON");
        let validator = jsonschema::validator_for(&schema).expect("a sound schema");
        if let Some(error) = validator.iter_errors(&signed).next() {
            panic!("{vector}: {error}");
        }
        for required in schema["required"].as_array().expect("required members") {
            let mut less = signed.clone();
            let required = required.as_str().expect("a name");
            less.as_object_mut().expect("an object").remove(required);
            assert!(!validator.is_valid(&less), "{name} fits without {required}");
        }
        let mut more = signed;
        more["surprise"] = 1.into();
        let closed = schema["additionalProperties"] == false;
        assert_eq!(
            validator.is_valid(&more),
            !closed,
            "{name} with a member too many"
        );
    }
}
