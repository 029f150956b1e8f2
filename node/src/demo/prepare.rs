//! Before the scenes: registers imported, the agreement proposed by one county and signed by the other, attestations issued, officers
//! set, and then the second register file with what happened since. Waiting is by asking, never by guessing a time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use comity_node_core::ports::Clock as _;
use comity_spec::ids::AgreementId;
use comity_spec::time::{LocalDate, UnixSeconds};
use serde_json::Value;

use super::DemoError;
use super::cast::{Cast, Role};
use super::stage::{County, Stage};
use crate::admin::{AdminCommand, AdminReply};
use crate::commands::node;
use crate::system::SystemClock;

/// Password of the demonstration's officers; the windows listen on loopback only.
pub(crate) const PASSWORD: &str = "comity-demo-2026";
/// Officers of each county: two clerks, since one of them will ask too often.
pub(crate) const CLERK: &str = "demo-clerk";
/// The clerk who asks too often.
pub(crate) const HASTY: &str = "demo-hasty";

/// What the scenes need to know.
pub(crate) struct Prepared {
    pub(crate) yushan: Cast,
    pub(crate) changshan: Cast,
    /// Card attestations by region and role, taken before the second register file.
    pub(crate) tokens: BTreeMap<(&'static str, usize), String>,
    /// A bundle of each county, by region, for off-line verification.
    pub(crate) bundles: BTreeMap<&'static str, Vec<u8>>,
    /// When the bundles were written.
    pub(crate) bundled_at: UnixSeconds,
    pub(crate) permits: u64,
    pub(crate) attestations: u64,
}

/// Prepares both counties.
pub(crate) async fn prepare(stage: &Stage, dir: &Path, residents: u32) -> Result<Prepared, DemoError> {
    let now = SystemClock.now();
    let today = LocalDate::of(now);
    let counties = [&stage.yushan, &stage.changshan];
    let casts = [
        Cast::new(stage.yushan.settings.node.region, today, residents)?,
        Cast::new(stage.changshan.settings.node.region, today, residents)?,
    ];
    for county in counties {
        until("信任链 / the trust chain", 60, async || {
            let members = refreshed(county).await?;
            Ok(members.is_some_and(|members| members.as_array().is_some_and(|members| members.len() >= 2)))
        })
        .await?;
    }
    agree(stage, dir).await?;
    for (county, cast) in counties.into_iter().zip(&casts) {
        import(county, &cast.write_register(dir, now)?).await?;
        add_officers(county).await?;
    }
    let mut attestations = 0;
    let mut permits = 0;
    let mut tokens = BTreeMap::new();
    for (county, cast) in counties.into_iter().zip(&casts) {
        let count = issued(county, residents).await?;
        permits += number(&count, "permits");
        attestations += number(&count, "attestations");
        tokens.extend(cards(county, cast).await?);
        import(county, &cast.write_changes(dir, now)?).await?;
    }
    for county in counties {
        // The change is out when the list that shows it is signed and every hint has been delivered.
        until("状态发布 / publication of status", 30, async || {
            let status = done(county, AdminCommand::Status).await?;
            Ok(status["status_pending"] == false && status["outbox"] == 0)
        })
        .await?;
    }
    let mut bundles = BTreeMap::new();
    for county in counties {
        bundles.insert(county.region, bundle(county, dir).await?);
    }
    let [yushan, changshan] = casts;
    Ok(Prepared {
        yushan,
        changshan,
        tokens,
        bundles,
        bundled_at: SystemClock.now(),
        permits,
        attestations,
    })
}

/// Yushan proposes the example agreement, Changshan signs it, over the federation listeners.
async fn agree(stage: &Stage, dir: &Path) -> Result<(), DemoError> {
    let (proposer, signer) = (&stage.yushan, &stage.changshan);
    let text = done(
        proposer,
        AdminCommand::AgreementExample {
            peer: signer.entity().clone(),
        },
    )
    .await?;
    let file = dir.join("agreement.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&text).map_err(DemoError::other)?)?;
    let proposed = done(proposer, AdminCommand::AgreementPropose { file }).await?;
    until("送达协议 / delivery of the proposal", 60, async || {
        let list = done(signer, AdminCommand::AgreementList).await?;
        Ok(list.as_array().is_some_and(|list| !list.is_empty()))
    })
    .await?;
    let id: AgreementId = proposed["id"]
        .as_str()
        .unwrap_or_default()
        .parse()
        .map_err(DemoError::other)?;
    // As an officer does: what is signed is the text that was read.
    let show = AdminCommand::AgreementShow {
        id: id.clone(),
        version: Some(1),
        digest: None,
    };
    let read = done(signer, show).await?;
    let digest = read["digest"]
        .as_str()
        .unwrap_or_default()
        .parse()
        .map_err(DemoError::other)?;
    let sign = AdminCommand::AgreementSign {
        id,
        version: 1,
        digest,
    };
    done(signer, sign).await?;
    for county in [proposer, signer] {
        until(
            "协议生效 / the agreement's coming into force",
            60,
            async || {
                let list = done(county, AdminCommand::AgreementList).await?;
                Ok(list
                    .as_array()
                    .is_some_and(|list| list.iter().any(|one| one["in_force"] == true)))
            },
        )
        .await?;
    }
    Ok(())
}

async fn add_officers(county: &County) -> Result<(), DemoError> {
    for officer in [CLERK, HASTY] {
        let command = AdminCommand::OfficerAdd {
            id: officer.parse().map_err(DemoError::other)?,
            name: "示例经办人".to_owned(),
            roles: vec![comity_node_core::ports::officers::Role::Clerk],
            password: PASSWORD.into(),
        };
        done(county, command).await?;
    }
    Ok(())
}

/// Waits until everybody's attestations are issued; then how many there are.
async fn issued(county: &County, residents: u32) -> Result<Value, DemoError> {
    // Everybody but the one whose endorsement is overdue has both forms.
    let wanted = 2 * (u64::from(residents) - 1);
    until("签发 / issuing", 300, async || {
        Ok(number(&done(county, AdminCommand::PermitCount).await?, "attestations") >= wanted)
    })
    .await?;
    done(county, AdminCommand::PermitCount).await
}

/// The cards that the scenes show, by region and role.
async fn cards(county: &County, cast: &Cast) -> Result<BTreeMap<(&'static str, usize), String>, DemoError> {
    let mut tokens = BTreeMap::new();
    for role in [
        Role::Ordinary,
        Role::Cancelled,
        Role::Lost,
        Role::Suspended,
        Role::Replaced,
        Role::Temporary,
        Role::CardExpired,
        Role::Impersonated,
        Role::Newcomer,
    ] {
        let number = cast.of(role).permit_number.clone();
        let reply = done(county, AdminCommand::AttestationToken { number, full: false }).await?;
        let token = reply["token"].as_str().unwrap_or_default().to_owned();
        tokens.insert((county.region, role as usize), token);
    }
    Ok(tokens)
}

/// A bundle of a county that has seen everything that happened.
async fn bundle(county: &County, dir: &Path) -> Result<Vec<u8>, DemoError> {
    let file = dir.join(format!("{}.comity", county.region));
    until("刷新 / a whole refresh", 30, async || {
        Ok(refreshed(county).await?.is_some())
    })
    .await?;
    done(county, AdminCommand::BundleExport { file: file.clone() }).await?;
    Ok(std::fs::read(&file)?)
}

async fn import(county: &County, file: &Path) -> Result<(), DemoError> {
    let manifest = file.with_extension("csv.manifest.json");
    done(
        county,
        AdminCommand::PermitImport {
            file: file.to_owned(),
            manifest,
            leaving_confirmed: false,
        },
    )
    .await?;
    Ok(())
}

/// Carries out a command at a county's node, over its admin socket.
pub(crate) async fn done(county: &County, command: AdminCommand) -> Result<Value, DemoError> {
    match node::reply(&county.config, command).await? {
        AdminReply::Done { data, .. } => Ok(data),
        AdminReply::Incomplete { text: error, .. } | AdminReply::Refused { error } => {
            Err(DemoError::Other(format!("{}: {error}", county.name_zh)))
        }
    }
}

/// The members, after a refresh that missed nothing.
async fn refreshed(county: &County) -> Result<Option<Value>, DemoError> {
    let command = AdminCommand::TrustRefresh { entity: None };
    match node::reply(&county.config, command).await? {
        AdminReply::Done { data, .. } => Ok(Some(data)),
        AdminReply::Incomplete { .. } => Ok(None),
        AdminReply::Refused { error } => Err(DemoError::Other(format!("{}: {error}", county.name_zh))),
    }
}

fn number(data: &Value, name: &str) -> u64 {
    data[name].as_u64().unwrap_or(0)
}

/// Asks until it is so.
pub(crate) async fn until(
    what: &'static str,
    seconds: u64,
    ask: impl AsyncFn() -> Result<bool, DemoError>,
) -> Result<(), DemoError> {
    let asking = async {
        while !ask().await? {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    tokio::time::timeout(Duration::from_secs(seconds), asking)
        .await
        .map_err(|_| DemoError::TooLate { what, seconds })?
}
