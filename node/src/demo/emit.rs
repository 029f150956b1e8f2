//! What the running nodes issued, laid into a folder for implementations that are not ours, and a program of the caller's that looks at
//! the components while they run.
//!
//! Only what a node gives out goes there: attestations by its admin command, receipts by its window's interface, and where its
//! listeners are. Everything public (trust chain, status lists, issuer metadata) the observer fetches itself, with a client of its own.
//! No key is copied: `stage.json` names the files of the demonstration's folder, which goes when the demonstration does.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use comity_node_core::ports::permits::PermitDetails;
use serde_json::{Value, json};

use super::DemoError;
use super::cast::{Cast, Role};
use super::http::Window;
use super::prepare::{CLERK, PASSWORD, Prepared, done};
use super::scenes::Played;
use super::stage::{County, Stage};
use crate::admin::AdminCommand;

/// Roles whose card attestation is laid down, with the value that the status list must show for it (chapter 6.1).
const CARDS: [(Role, &str, u8); 6] = [
    (Role::Ordinary, "ordinary", 0),
    (Role::Newcomer, "newcomer", 0),
    (Role::Cancelled, "cancelled", 1),
    (Role::Lost, "reported-lost", 2),
    (Role::Suspended, "suspended", 2),
    (Role::Replaced, "replaced", 3),
];

/// Roles of which the full form is laid down too.
const FULL: [(Role, &str); 2] = [(Role::Ordinary, "ordinary"), (Role::Temporary, "temporary")];

/// Writes what the nodes issued into `into`.
///
/// | file | what |
/// |---|---|
/// | `anchor.json` | the anchor as it is handed over by hand |
/// | `stage.json` | origins, federation listeners, files of the demonstration |
/// | `REGION-ROLE-FORM.sd-jwt`, `….says.json` | an attestation; what it must say, and its status |
/// | `REGION-NAME.receipt.jws` | receipts of the county's window |
/// | `REGION-RESULT.lookup-request.jws`, `….lookup-response.jws`, `….lookup.says.json` | a question to that county, its answer, and what it must say |
pub(crate) async fn emit(
    stage: &Stage,
    prepared: &Prepared,
    played: &[Played],
    into: &Path,
) -> Result<(), DemoError> {
    std::fs::create_dir_all(into)?;
    std::fs::copy(&stage.anchor, into.join("anchor.json"))?;
    write_json(&into.join("stage.json"), &describe(stage))?;
    for (county, cast) in [
        (&stage.yushan, &prepared.yushan),
        (&stage.changshan, &prepared.changshan),
    ] {
        attestations(county, cast, prepared, into).await?;
        receipts(stage, county, played, into).await?;
    }
    let (asker, issuer) = (&stage.changshan, &stage.yushan);
    super::asked::emit(asker, issuer, &prepared.yushan, prepared, into).await
}

/// Runs the observer with the folder as its one argument. `false`: it found something.
pub(crate) async fn observe(program: &Path, folder: &Path) -> Result<bool, DemoError> {
    let status = tokio::process::Command::new(program)
        .arg(folder)
        .stdin(Stdio::null())
        // Standard output is the report's, which may be read by a machine.
        .stdout(std::io::stderr())
        .kill_on_drop(true)
        .status()
        .await?;
    Ok(status.success())
}

fn describe(stage: &Stage) -> Value {
    let county = |county: &County| {
        let federation = &county.settings.listeners.federation;
        json!({
            "region": county.region,
            "entity": county.entity(),
            "federation": federation.base,
            "certificate": federation.certificate,
            "key": federation.key,
        })
    };
    json!({
        "web_root": stage.web_root,
        "counties": [county(&stage.yushan), county(&stage.changshan)],
    })
}

async fn attestations(
    county: &County,
    cast: &Cast,
    prepared: &Prepared,
    into: &Path,
) -> Result<(), DemoError> {
    for (role, name, status) in CARDS {
        let token = prepared
            .tokens
            .get(&(county.region, role as usize))
            .ok_or_else(|| DemoError::other("a role without its card attestation"))?;
        let file = into.join(format!("{}-{name}-card", county.region));
        attestation(&file, token, &says(county, cast.of(role), status))?;
    }
    for (role, name) in FULL {
        let resident = cast.of(role);
        let number = resident.permit_number.clone();
        let reply = done(county, AdminCommand::AttestationToken { number, full: true }).await?;
        let token = reply["token"].as_str().unwrap_or_default();
        let mut says = says(county, resident, 0);
        says["claims"]["permit_number"] = json!(resident.permit_number);
        says["claims"]["residence_address"] = json!(resident.residence_address);
        says["claims"]["issue_date"] = json!(resident.issue_date);
        let file = into.join(format!("{}-{name}-full", county.region));
        attestation(&file, token, &says)?;
    }
    Ok(())
}

/// What the register says of this resident, in the names of the card form.
fn says(county: &County, resident: &PermitDetails, status: u8) -> Value {
    json!({
        "status": status,
        "claims": {
            "iss": county.entity(),
            "region": county.region,
            "name": resident.name,
            "id_number": resident.id_number,
            "tier": resident.tier,
            "basis": resident.basis,
            "residence_since": resident.residence_since,
        },
    })
}

fn attestation(file: &Path, token: &str, says: &Value) -> Result<(), DemoError> {
    std::fs::write(file.with_extension("sd-jwt"), token)?;
    write_json(&file.with_extension("says.json"), says)
}

/// The receipts of the county's window: a recognition and a refusal.
async fn receipts(stage: &Stage, county: &County, played: &[Played], into: &Path) -> Result<(), DemoError> {
    let window = Window::sign_in(county.staff, CLERK, PASSWORD, &stage.urls).await?;
    for (scene, name) in [
        ("presented.recognised", "recognised"),
        ("presented.other-person", "other-person"),
    ] {
        let trace = played
            .iter()
            .find(|one| one.name == scene && one.recogniser == county.region)
            .and_then(|one| one.trace.as_deref())
            .ok_or_else(|| DemoError::other(format!("{scene} left no trace number")))?;
        let given = window
            .get(&format!("/staff/v1/verifications/{trace}/receipt"))
            .await?;
        let receipt = given["receipt"].as_str().unwrap_or_default();
        std::fs::write(receipt_file(into, county, name), receipt)?;
    }
    Ok(())
}

fn receipt_file(into: &Path, county: &County, name: &str) -> PathBuf {
    into.join(format!("{}-{name}.receipt.jws", county.region))
}

fn write_json(file: &Path, value: &Value) -> Result<(), DemoError> {
    std::fs::write(file, serde_json::to_vec_pretty(value).map_err(DemoError::other)?)?;
    Ok(())
}
