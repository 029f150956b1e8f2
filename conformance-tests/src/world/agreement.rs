//! The text of the agreements between the target and the world's counties (示例): a row of each shape that cases need.

use serde_json::{Value, json};

use super::county::County;

/// A party as an agreement names it.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    /// Entity id.
    pub(crate) entity: String,
    /// Region.
    pub(crate) region: String,
    /// Name.
    pub(crate) name: Value,
    /// Thumbprints of its federation keys.
    pub(crate) keys: Vec<String>,
}

impl Party {
    /// A county of the world.
    pub(crate) fn of(county: &County) -> Self {
        Self {
            entity: county.entity.clone(),
            region: county.region.clone(),
            name: county.name.clone(),
            keys: vec![county.key.kid()],
        }
    }

    fn wire(&self) -> Value {
        json!({ "entity": self.entity, "region": self.region, "name": self.name, "federation_keys": self.keys })
    }
}

/// The payload. Rows: `BPS-2` plain; `EMP-INFO` takes status of amber age; `BPS-1` points to a local rule; `EMP-TRAINING` asks for sixty
/// years of residence; `CNV-2` may learn the number; `MED-DESIGNATED` names one institution of each county (`REGION-HOSPITAL`);
/// `RGT-1` holds for the target's permits at the peer's windows alone, `RGT-2` the other way.
pub(crate) fn text(id: &str, version: u64, target: &Party, peer: &Party, from: &str) -> Value {
    let owner = json!({ "zh": "示例部门", "en": "Example department" });
    let row = |code: &str, claims: &[&str]| json!({ "code": code, "claims": claims, "owner": owner, "retention_days": 30 });
    let with = |mut row: Value, name: &str, value: Value| {
        if let Some(members) = row.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
        row
    };
    let hospital = |party: &Party| json!([{ "id": format!("{}-HOSPITAL", party.region), "region": party.region, "name": { "zh": "示例医院", "en": "Example hospital" } }]);
    let direction = |issuer: &Party, recogniser: &Party| json!({ "issuer": issuer.region, "recogniser": recogniser.region });
    let rule = json!([{ "local_rule": { "id": "RULE-EXAMPLE", "text": { "zh": "按当地规定（示例）", "en": "By local rules (example)" } } }]);
    let tiers = |issuer: &Party, recogniser: &Party| json!({ "issuer": issuer.region, "recogniser": recogniser.region, "map": { "ORDINARY": "ORDINARY", "SKILLED": "SKILLED" } });
    let designated = |issuer: &Party, recogniser: &Party| {
        let one = with(
            row("MED-DESIGNATED", &["name", "tier"]),
            "providers",
            hospital(recogniser),
        );
        with(one, "direction", direction(issuer, recogniser))
    };
    json!({
        "id": id,
        "version": version,
        "title": { "zh": "居住证互认协议（示例）", "en": "Recognition agreement (example)" },
        "environment": "SANDBOX",
        "parties": [peer.wire(), target.wire()],
        "effective_from": from,
        "reciprocal": true,
        "services": [
            row("BPS-2", &["name", "tier"]),
            with(row("EMP-INFO", &["name", "tier"]), "amber_status", json!(true)),
            with(row("BPS-1", &["name", "tier"]), "conditions", rule),
            with(row("EMP-TRAINING", &["name", "tier", "residence_since"]), "conditions", json!([{ "min_residence_months": 720 }])),
            row("CNV-2", &["name", "id_number", "tier"]),
            designated(target, peer),
            designated(peer, target),
            with(row("RGT-1", &["name", "tier"]), "direction", direction(target, peer)),
            with(row("RGT-2", &["name", "tier"]), "direction", direction(peer, target)),
        ],
        "tier_map": [tiers(target, peer), tiers(peer, target)],
        "legal_basis": { "zh": "《居住证暂行条例》；双方协议（示例）", "en": "Decree 663; agreement of the parties (example)" },
        "impact_assessment": "示例，未作评估 / example, no assessment was made",
        "notice_days": 0,
        "continuation": { "zh": "已受理事项办结为止（示例）", "en": "Accepted cases are completed (example)" },
    })
}
