//! The node's admin socket, as `comity` itself uses it: one JSON line out, one JSON line in.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::answer::{Answer, Failure};

/// No command takes so long unless the node is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a command; a refusal is the node's own. What could not be had of others is no failure of this program: the suite asks again or
/// judges what is missing.
pub(crate) async fn call(socket: &Path, command: &Value) -> Result<Answer, Failure> {
    let asked = async {
        let (reader, mut writer) = UnixStream::connect(socket).await?.into_split();
        writer.write_all(format!("{command}\n").as_bytes()).await?;
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).await?;
        Ok::<_, Failure>(line)
    };
    let line = tokio::time::timeout(PATIENCE, asked)
        .await
        .map_err(|_| format!("no answer on the admin socket within {PATIENCE:?}"))??;
    let reply: Value = serde_json::from_str(&line)
        .map_err(|error| format!("the admin socket's answer does not read: {error}"))?;
    match (reply["result"].as_str(), &reply["error"]) {
        (Some("done" | "incomplete"), _) => Ok(Answer::Ok(reply["data"].clone())),
        (Some("refused"), Value::String(error)) => Ok(Answer::refused(error)),
        _ => Err("the admin socket's answer is neither done, incomplete nor refused".into()),
    }
}

/// Sends a command that the node does not refuse while it is well.
pub(crate) async fn ask(socket: &Path, command: &Value) -> Result<Value, Failure> {
    match call(socket, command).await? {
        Answer::Ok(data) => Ok(data),
        _ => Err(format!("{} was refused", command["command"]).into()),
    }
}
