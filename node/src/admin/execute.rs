//! From a command to its use case.

use super::{AdminCommand, AdminReply, Refused, agreements, officers, permits, status, store, trust};
use crate::background::Running;

/// Carries out one command. A refusal changed nothing.
pub(crate) async fn execute(running: &Running, command: AdminCommand) -> AdminReply {
    match carry_out(running, command).await {
        Ok(reply) => reply,
        Err(Refused(error)) => AdminReply::Refused { error },
    }
}

async fn carry_out(running: &Running, command: AdminCommand) -> Result<AdminReply, Refused> {
    match command {
        AdminCommand::Status => status::status(running).await,
        AdminCommand::TrustRefresh { entity } => trust::refresh(running, entity).await,
        AdminCommand::TrustShow => Ok(trust::show(running)),
        AdminCommand::BundleExport { file } => trust::bundle_export(running, &file).await,
        AdminCommand::BundleImport { file } => trust::bundle_import(running, &file).await,
        AdminCommand::AgreementPropose { file } => agreements::propose(running, &file).await,
        AdminCommand::AgreementSign { id, version, digest } => {
            agreements::sign(running, &id, version, &digest).await
        }
        AdminCommand::AgreementDiscard { id, version, digest } => {
            agreements::discard(running, &id, version, &digest).await
        }
        AdminCommand::AgreementList => agreements::list(running).await,
        AdminCommand::AgreementShow { id, version, digest } => {
            agreements::show(running, &id, version, digest.as_ref()).await
        }
        AdminCommand::AgreementWithdraw { id, from, reason } => {
            agreements::withdraw(running, &id, from, reason).await
        }
        AdminCommand::AgreementReceive { file } => agreements::receive(running, &file).await,
        AdminCommand::AgreementExport {
            id,
            version,
            file,
            digest,
        } => agreements::export(running, &id, version, digest.as_ref(), &file).await,
        AdminCommand::AgreementExample { peer } => agreements::example(running, &peer),
        AdminCommand::PermitImport {
            file,
            manifest,
            leaving_confirmed,
        } => permits::import(running, &file, &manifest, leaving_confirmed).await,
        AdminCommand::PermitAct { act, officer } => permits::act(running, *act, &officer).await,
        AdminCommand::PermitShow { number } => permits::show(running, number).await,
        AdminCommand::PermitCount => permits::count(running).await,
        AdminCommand::PermitPending => permits::pending(running).await,
        AdminCommand::AttestationToken { number, full } => permits::token(running, number, full).await,
        AdminCommand::OfficerAdd {
            id,
            name,
            roles,
            password,
        } => officers::add(running, id, name, roles, password).await,
        AdminCommand::OfficerActive { id, active } => officers::set_active(running, &id, active).await,
        AdminCommand::OfficerPassword { id, password } => {
            officers::reset_password(running, &id, password).await
        }
        AdminCommand::OfficerList => officers::list(running).await,
        AdminCommand::RecordVerify => trust::verify_record(running).await,
        AdminCommand::StoreRestored { officer } => store::restored(running, &officer).await,
    }
}
