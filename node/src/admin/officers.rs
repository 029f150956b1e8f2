//! `officer add|list`.

use comity_node_core::ports::officers::Role;
use comity_node_core::staff::add_officer::{AddOfficer, add_officer};
use comity_spec::ids::OfficerId;
use secrecy::SecretString;
use serde_json::json;

use super::{AdminReply, Refused, words};
use crate::background::Running;

/// Adds an officer.
pub(super) async fn add(
    running: &Running,
    id: OfficerId,
    name: String,
    roles: &[String],
    password: String,
) -> Result<AdminReply, Refused> {
    let roles = roles
        .iter()
        .map(|role| parse(role))
        .collect::<Result<Vec<_>, _>>()?;
    let command = AddOfficer {
        id: id.clone(),
        name,
        roles,
        password: Some(SecretString::from(password)),
        active: true,
    };
    add_officer(&running.node, command).await?;
    Ok(AdminReply::done(
        format!("已设置经办人 {id} / officer {id} is set"),
        json!({ "officer": id }),
    ))
}

fn parse(role: &str) -> Result<Role, Refused> {
    match role {
        "clerk" => Ok(Role::Clerk),
        "issuer" => Ok(Role::Issuer),
        "supervisor" => Ok(Role::Supervisor),
        other => Err(Refused(format!(
            "没有角色 {other}，应为 clerk、issuer 或 supervisor / no role {other}: clerk, issuer or supervisor"
        ))),
    }
}

/// Lists officers.
pub(super) async fn list(running: &Running) -> Result<AdminReply, Refused> {
    let officers = running.node.store.officers().await?;
    let mut text = String::new();
    let mut data = Vec::new();
    for officer in officers {
        text.push_str(&format!(
            "{}  {}  {}\n",
            officer.id,
            officer
                .roles
                .iter()
                .map(|one| words::role(*one))
                .collect::<Vec<_>>()
                .join("、"),
            if officer.active {
                "可登录 active"
            } else {
                "停用 inactive"
            }
        ));
        data.push(json!({ "id": officer.id, "roles": officer.roles, "active": officer.active }));
    }
    Ok(AdminReply::done(text, json!(data)))
}
