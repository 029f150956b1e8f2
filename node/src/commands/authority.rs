//! `comity authority …`: an anchor or a province, in a folder of its own.
//!
//! ```text
//! DIR/authority.json        what it knows and has signed; no secret
//! DIR/federation.key        its signing key, 0600; may live on a stick and be put in place to sign
//! DIR/published/…           the files as any static host can serve them
//! DIR/anchor.json           an anchor's file for nodes, to be handed over by hand
//! DIR/serve.toml            address and certificate, for `serve`
//! ```
//!
//! Each command reads the state, computes the next one, and replaces the files; a refusal changes nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use comity_node_core::federation::authority::{
    self, Application, AuthorityState, Hosting, NewAuthority, Place, Rank, Standing,
};
use comity_node_core::ports::Clock as _;
use comity_node_core::ports::signer::Signer as _;
use comity_node_core::signing::LocalSigner;
use comity_spec::entity::Environment;
use comity_spec::jose::{JwkSet, KeyPurpose};
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;

use super::{CommandError, Outcome};
use crate::cli::{AuthorityCommand, AuthorityEnrolArgs, AuthorityInitArgs, ConformanceArgs};
use crate::keys;
use crate::system::{SystemClock, SystemRng};
use crate::terminal;

/// Carries out one command.
pub(crate) async fn run(command: AuthorityCommand) -> Result<Outcome, CommandError> {
    match command {
        AuthorityCommand::Init(asked) => init(asked).await,
        AuthorityCommand::Enrol(asked) => enrol(asked).await,
        AuthorityCommand::Suspend { dir, member } => stand(&dir, &member, Standing::Suspend).await,
        AuthorityCommand::Reinstate { dir, member } => stand(&dir, &member, Standing::Reinstate).await,
        AuthorityCommand::Remove { dir, member } => stand(&dir, &member, Standing::Remove).await,
        AuthorityCommand::Publish { dir } => publish(&dir).await,
        AuthorityCommand::Serve { dir } => super::authority_serve::serve(&dir).await,
    }
}

const STATE: &str = "authority.json";
const PUBLISHED: &str = "published";

async fn init(asked: AuthorityInitArgs) -> Result<Outcome, CommandError> {
    let dir = asked.dir;
    if dir.join(STATE).exists() {
        return Err(CommandError::refused(format!(
            "{} 已是一个机构目录，未作改动 / is an authority's folder already; nothing was changed",
            dir.display()
        )));
    }
    let rank = match (asked.prefix, asked.superior) {
        (Some(prefix), Some(superior)) => Rank::Province { superior, prefix },
        _ => Rank::Anchor,
    };
    keys::create_private_dir(&dir)?;
    let key = keys::signing_key_path(&dir, KeyPurpose::Federation);
    let seed = if key.exists() {
        keys::read_secret(&key)?
    } else {
        keys::create_secret(&key, &SystemRng)?
    };
    let signer = LocalSigner::from_seed(&seed);
    let new = NewAuthority {
        entity: asked.entity,
        environment: if asked.production {
            Environment::Production
        } else {
            Environment::Sandbox
        },
        name: Bilingual {
            zh: asked.name_zh,
            en: asked.name_en,
        },
        rank,
        hosting: if asked.static_host {
            Hosting::Static
        } else {
            Hosting::Server
        },
    };
    let state = authority::init(new, &signer, SystemClock.now())
        .await
        .map_err(CommandError::from_display)?;
    save(&dir, &state)?;
    Ok(Outcome::text(format!(
        "已建立 {} / founded\n密钥指纹 thumbprint: {}\n下一步 Next: comity authority enrol --dir {} 申请书",
        state.entity,
        signer.thumbprint(),
        dir.display()
    )))
}

async fn enrol(asked: AuthorityEnrolArgs) -> Result<Outcome, CommandError> {
    let (state, signer) = open(&asked.dir)?;
    let configuration = super::read_text(&asked.application)?;
    let shown = conforming(&asked.conformance, &configuration)?;
    let place = match (asked.prefix, asked.name_zh, asked.name_en) {
        (Some(prefix), Some(zh), Some(en)) => Place::Province {
            prefix,
            name: Bilingual { zh, en },
        },
        _ => Place::County,
    };
    let application = Application {
        configuration: configuration.trim(),
        place,
        replace_keys: asked.replace_keys,
    };
    let enrolled = authority::enrol(&state, &signer, application, moment(&state).await)
        .await
        .map_err(CommandError::from_display)?;
    save(&asked.dir, &enrolled.state)?;
    Ok(Outcome::text(format!(
        "{} {} / {}\n请电话核对指纹 compare by telephone: {}{shown}",
        if enrolled.renewed {
            "已更新"
        } else {
            "已受理"
        },
        enrolled.entity,
        if enrolled.renewed { "renewed" } else { "enrolled" },
        enrolled.signer
    )))
}

async fn publish(dir: &Path) -> Result<Outcome, CommandError> {
    let (state, signer) = open(dir)?;
    let next = authority::publish(&state, &signer, moment(&state).await)
        .await
        .map_err(CommandError::from_display)?;
    save(dir, &next)?;
    Ok(Outcome::text(format!(
        "已签发，成员 {} / published; members {}\n文件 files: {}",
        next.members.len(),
        next.members.len(),
        dir.join(PUBLISHED).display()
    )))
}

/// Holds the result that is asked for, if one is, against the application; returns what the clerk should see of it.
fn conforming(asked: &ConformanceArgs, configuration: &str) -> Result<String, CommandError> {
    let (Some(result), Some(keys)) = (&asked.require_conformance, &asked.conformance_keys) else {
        return Ok(String::new());
    };
    let keys: JwkSet = serde_json::from_str(&super::read_text(keys)?).map_err(|error| {
        CommandError::refused(format!("{} 不是 JWKS / is no JWK set: {error}", keys.display()))
    })?;
    let required = authority::Required {
        keys: &keys,
        classes: &asked.conformance_classes,
        days: asked.conformance_days,
        specification: comity_spec::conformance::text_revision(),
    };
    let result = super::read_text(result)?;
    let result = authority::conforms(required, &result, configuration.trim(), SystemClock.now())
        .map_err(CommandError::from_display)?;
    // The signer is trusted with the verdict, not with the clerk's terminal.
    let classes: Vec<&str> = result.classes.keys().map(String::as_str).collect();
    let mut shown = format!(
        "\n一致性测试 conformance: {} {}, {}",
        terminal::line(&result.target.name),
        terminal::line(result.target.version.as_deref().unwrap_or("-")),
        terminal::line(&classes.join(" ")),
    );
    if !result.unsupported.is_empty() {
        shown.push_str("\n声明不支持，请审阅 declared unsupported, to be judged by you: ");
        shown.push_str(&terminal::line(&result.unsupported.join(" ")));
    }
    Ok(shown)
}

async fn stand(
    dir: &Path,
    member: &comity_spec::ids::EntityId,
    standing: Standing,
) -> Result<Outcome, CommandError> {
    let (state, signer) = open(dir)?;
    let now = moment(&state).await;
    let next = authority::set_standing(&state, &signer, member, standing, now)
        .await
        .map_err(CommandError::from_display)?;
    save(dir, &next)?;
    Ok(Outcome::text(format!(
        "已改变 {member} 的状态并签发 / the standing of {member} was changed and published"
    )))
}

/// The time of an act. No two publications share a second, so after many acts in a few seconds the last one is dated ahead of the clock;
/// when no more can be, this waits for the clock, as the person at the desk would. A clock that is further behind is a wrong clock,
/// and the act refuses.
async fn moment(state: &AuthorityState) -> UnixSeconds {
    loop {
        let now = SystemClock.now();
        if !(authority::AHEAD..2 * authority::AHEAD).contains(&state.issued_at.since(now)) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Reads the state of an authority's folder.
pub(crate) fn read_state(dir: &Path) -> Result<AuthorityState, CommandError> {
    let path = dir.join(STATE);
    serde_json::from_str(&super::read_text(&path)?).map_err(|error| {
        CommandError::refused(format!("{} 无法读取: {error} / does not read", path.display()))
    })
}

fn open(dir: &Path) -> Result<(AuthorityState, LocalSigner), CommandError> {
    let state = read_state(dir)?;
    let seed = keys::read_secret(&keys::signing_key_path(dir, KeyPurpose::Federation))?;
    Ok((state, LocalSigner::from_seed(&seed)))
}

/// Writes state and files: first the published files, each replaced whole, then the state, so that an interruption leaves at worst
/// files that are newer than the state and will be signed again with a later time.
fn save(dir: &Path, state: &AuthorityState) -> Result<(), CommandError> {
    for (path, file) in authority::published(state, SystemClock.now()).files {
        let target: PathBuf = dir.join(PUBLISHED).join(path.trim_start_matches('/'));
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(|error| CommandError::io(parent, &error))?;
        }
        super::replace_file(&target, &file.bytes)?;
    }
    if state.rank == Rank::Anchor {
        let anchor = serde_json::to_vec_pretty(&state.anchor_file()).map_err(CommandError::from_display)?;
        super::replace_file(&dir.join("anchor.json"), &anchor)?;
    }
    let json = serde_json::to_vec_pretty(state).map_err(CommandError::from_display)?;
    super::replace_file(&dir.join(STATE), &json)
}
