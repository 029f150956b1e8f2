//! `officer add|activate|deactivate|password|list`.

use comity_node_core::ports::officers::Role;
use comity_node_core::staff::{AddOfficer, OfficerChange, add_officer, change_officer};
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
    roles: Vec<Role>,
    password: SecretString,
) -> Result<AdminReply, Refused> {
    let command = AddOfficer {
        id: id.clone(),
        name,
        roles,
        password,
    };
    let officer = add_officer(&running.node, command).await?;
    let mut text = format!("已设置经办人 {id} / officer {id} is set");
    if !officer.active {
        text.push_str("，仍停用，须另行启用 / still inactive: activate it where that is meant");
    }
    Ok(AdminReply::done(
        text,
        json!({ "officer": id, "active": officer.active }),
    ))
}

/// Lets an officer sign in, or no longer.
pub(super) async fn set_active(
    running: &Running,
    id: &OfficerId,
    active: bool,
) -> Result<AdminReply, Refused> {
    change_officer(&running.node, id, &OfficerChange::Active(active)).await?;
    let text = if active {
        format!("已启用经办人 {id} / officer {id} may sign in")
    } else {
        format!("已停用经办人 {id}，其登录即时失效 / officer {id} may not sign in, and is signed out")
    };
    Ok(AdminReply::done(text, json!({ "officer": id, "active": active })))
}

/// Sets a new password.
pub(super) async fn reset_password(
    running: &Running,
    id: &OfficerId,
    password: SecretString,
) -> Result<AdminReply, Refused> {
    change_officer(&running.node, id, &OfficerChange::Password(password)).await?;
    Ok(AdminReply::done(
        format!(
            "已重设经办人 {id} 的密码，其登录即时失效 / officer {id} has a new password, and is signed out"
        ),
        json!({ "officer": id }),
    ))
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
