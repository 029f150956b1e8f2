//! Commands about a node: to the running one over its admin socket, or, when none runs, on its store under its lock.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use comity_node_core::federation::load_view;
use comity_node_core::ports::officers::Role;
use comity_spec::text::Bilingual;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{CommandError, Outcome};
use crate::admin::{self, AdminCommand, AdminReply, PermitAct};
use crate::background::Running;
use crate::certificates::Certificates;
use crate::cli::{
    AgreementCommand, BundleCommand, Form, OfficerCommand, OfficerRole, PermitCommand, TrustCommand,
};
use crate::config::{self, Config};
use crate::wiring;

/// Carries out one command and prints what it said.
pub(crate) async fn run(config: &Path, command: AdminCommand) -> Result<Outcome, CommandError> {
    match reply(config, command).await? {
        AdminReply::Done { text, .. } => Ok(Outcome::text(text)),
        AdminReply::Incomplete { text, .. } => Ok(Outcome { text, code: 1 }),
        AdminReply::Refused { error } => Err(CommandError::refused(error)),
    }
}

/// Carries out one command.
pub(crate) async fn reply(config: &Path, command: AdminCommand) -> Result<AdminReply, CommandError> {
    let config = config::load(config, std::env::vars())?;
    let state = &config.node.state;
    if let Some(reply) = admin::call(state, &command)
        .await
        .map_err(|error| CommandError::io(&admin::socket_path(state), &error))?
    {
        return Ok(reply);
    }
    let running = stopped(&config).await?;
    let reply = admin::execute(&running, command).await;
    running.do_work().await;
    Ok(reply)
}

/// A node that does not run: its store is opened for this one command.
async fn stopped(config: &Config) -> Result<Running, CommandError> {
    let certificates = Certificates::federation(config)?;
    let opened = wiring::open_store(config).await?;
    let node = wiring::assemble(config, opened.store, &certificates).await?;
    load_view::load_view(&node)
        .await
        .map_err(CommandError::from_display)?;
    Ok(Running::new(
        Arc::new(node),
        wiring::publishing(config, &certificates)?,
        Duration::from_secs(config.trust.refresh_seconds),
    ))
}

/// `agreement …`
pub(crate) fn agreement(command: AgreementCommand) -> Result<AdminCommand, CommandError> {
    Ok(match command {
        AgreementCommand::Propose { file } => AdminCommand::AgreementPropose {
            file: absolute(&file)?,
        },
        AgreementCommand::Sign { id, version, digest } => AdminCommand::AgreementSign { id, version, digest },
        AgreementCommand::Discard { id, version, digest } => {
            AdminCommand::AgreementDiscard { id, version, digest }
        }
        AgreementCommand::List => AdminCommand::AgreementList,
        AgreementCommand::Show { id, version, digest } => AdminCommand::AgreementShow { id, version, digest },

        AgreementCommand::Withdraw {
            id,
            from,
            reason_zh,
            reason_en,
        } => AdminCommand::AgreementWithdraw {
            id,
            from,
            reason: Bilingual {
                zh: reason_zh,
                en: reason_en,
            },
        },
        AgreementCommand::Receive { file } => AdminCommand::AgreementReceive {
            file: absolute(&file)?,
        },
        AgreementCommand::Export {
            id,
            version,
            file,
            digest,
        } => AdminCommand::AgreementExport {
            id,
            version,
            file: absolute(&file)?,
            digest,
        },
        AgreementCommand::Example { peer } => AdminCommand::AgreementExample { peer },
    })
}

/// `permit …`, but for `export`, which renders.
pub(crate) fn permit(command: PermitCommand) -> Result<AdminCommand, CommandError> {
    Ok(match command {
        PermitCommand::Import {
            file,
            confirm_leaving,
        } => {
            let file = absolute(&file)?;
            let mut manifest = file.clone().into_os_string();
            manifest.push(".manifest.json");
            AdminCommand::PermitImport {
                file,
                manifest: manifest.into(),
                leaving_confirmed: confirm_leaving,
            }
        }
        PermitCommand::Act { file, officer } => {
            let act: PermitAct = serde_json::from_str(&super::read_text(&file)?).map_err(|error| {
                CommandError::refused(format!(
                    "× 办理事项文件无法读取，请对照 deploy/local-issuing.md 改正 / the act does not read: correct it by \
                     deploy/local-issuing.md\n  {}: {error}",
                    file.display()
                ))
            })?;
            AdminCommand::PermitAct {
                act: Box::new(act),
                officer,
            }
        }
        PermitCommand::Show { number } => AdminCommand::PermitShow { number },
        PermitCommand::Count => AdminCommand::PermitCount,
        PermitCommand::Pending => AdminCommand::PermitPending,
        PermitCommand::Export { number, form, .. } => AdminCommand::AttestationToken {
            number,
            full: form == Form::Full,
        },
    })
}

/// `officer …`. The password comes from standard input: one line, or typed unseen at a terminal.
pub(crate) fn officer(command: OfficerCommand) -> Result<AdminCommand, CommandError> {
    Ok(match command {
        OfficerCommand::Add { id, name, role } => AdminCommand::OfficerAdd {
            id,
            name,
            roles: role.into_iter().map(Role::from).collect(),
            password: password()?,
        },
        OfficerCommand::Activate { id } => AdminCommand::OfficerActive { id, active: true },
        OfficerCommand::Deactivate { id } => AdminCommand::OfficerActive { id, active: false },
        OfficerCommand::Password { id } => AdminCommand::OfficerPassword {
            id,
            password: password()?,
        },
        OfficerCommand::List => AdminCommand::OfficerList,
    })
}

impl From<OfficerRole> for Role {
    fn from(role: OfficerRole) -> Self {
        match role {
            OfficerRole::Clerk => Self::Clerk,
            OfficerRole::Issuer => Self::Issuer,
            OfficerRole::Supervisor => Self::Supervisor,
        }
    }
}

fn password() -> Result<SecretString, CommandError> {
    use std::io::IsTerminal as _;
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("密码 password: ")
            .map(SecretString::from)
            .map_err(CommandError::from_display);
    }
    let mut line = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(CommandError::from_display)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(CommandError::usage(
            "请从标准输入给出密码 / give the password on standard input",
        ));
    }
    Ok(SecretString::from(password))
}

/// `trust …`
pub(crate) fn trust(command: TrustCommand) -> AdminCommand {
    match command {
        TrustCommand::Refresh { entity } => AdminCommand::TrustRefresh { entity },
        TrustCommand::Show => AdminCommand::TrustShow,
    }
}

/// `bundle …`
pub(crate) fn bundle(command: BundleCommand) -> Result<AdminCommand, CommandError> {
    Ok(match command {
        BundleCommand::Export { file } => AdminCommand::BundleExport {
            file: absolute(&file)?,
        },
        BundleCommand::Import { file } => AdminCommand::BundleImport {
            file: absolute(&file)?,
        },
    })
}

fn absolute(path: &Path) -> Result<PathBuf, CommandError> {
    std::path::absolute(path).map_err(|error| CommandError::io(path, &error))
}
