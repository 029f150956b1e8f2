//! From an operation to who carries it out. A target is a county or an authority; what belongs to the other is unsupported, and what
//! comes before `start`, or a second `start`, is the suite's mistake.

use std::path::{Path, PathBuf};

use crate::answer::{Answer, Failure};
use crate::authority::Authority;
use crate::contract::{Operation, Role};
use crate::county::County;

/// The target, once it was started.
pub(crate) struct Target {
    comity: PathBuf,
    database: Option<String>,
    playing: Option<Playing>,
}

enum Playing {
    County(Box<County>),
    Authority(Box<Authority>),
}

impl Target {
    /// One that is not started yet.
    pub(crate) fn new(comity: &Path, database: Option<String>) -> Result<Self, Failure> {
        Ok(Self {
            comity: comity
                .canonicalize()
                .map_err(|error| format!("--comity {}: {error}", comity.display()))?,
            database,
            playing: None,
        })
    }

    /// Does one thing to it.
    pub(crate) async fn carry_out(&mut self, what: Operation) -> Result<Answer, Failure> {
        let start = match what {
            Operation::Start(start) => start,
            other => {
                return match self.playing.as_mut().ok_or("nothing was started yet")? {
                    Playing::County(county) => at_county(county, other).await,
                    Playing::Authority(authority) => at_authority(authority, other).await,
                };
            }
        };
        if self.playing.is_some() {
            return Err("started already".into());
        }
        let (playing, answer) = match start.role {
            Role::County => {
                let (county, answer) = County::start(&self.comity, self.database.as_deref(), &start).await?;
                (Playing::County(Box::new(county)), answer)
            }
            Role::Authority => {
                let (authority, answer) = Authority::start(&self.comity, &start).await?;
                (Playing::Authority(Box::new(authority)), answer)
            }
        };
        self.playing = Some(playing);
        Ok(answer)
    }

    /// Ends it.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        match self.playing {
            None => Ok(()),
            Some(Playing::County(mut county)) => county.stop().await,
            Some(Playing::Authority(mut authority)) => authority.stop().await,
        }
    }
}

async fn at_county(county: &mut County, what: Operation) -> Result<Answer, Failure> {
    match what {
        Operation::Restart { graceful } => county.restart(graceful).await,
        Operation::Refresh { entity } => county.refresh(entity.as_deref()).await,
        Operation::Agreements => county.agreements().await,
        Operation::Sign { agreement } => county.sign(&agreement).await,
        Operation::Propose { text } => county.propose(&text).await,
        Operation::Withdraw { agreement, from } => county.withdraw(&agreement, &from).await,
        Operation::Event(event) => county.happened(&[event]).await,
        Operation::Events { events } => county.happened(&events).await,
        Operation::Attestation { permit_number, form } => county.attestation(&permit_number, form).await,
        Operation::Recognise(scanned) => county.window().recognise(&scanned).await,
        Operation::LookUp(typed) => county.window().look_up(&typed).await,
        Operation::Confirm { case, holder } => county.window().confirm(&case, holder).await,
        Operation::Start(_)
        | Operation::Enrol { .. }
        | Operation::Suspend { .. }
        | Operation::Reinstate { .. }
        | Operation::Remove { .. }
        | Operation::Publish => Ok(unsupported("a county enrols nobody")),
    }
}

async fn at_authority(authority: &mut Authority, what: Operation) -> Result<Answer, Failure> {
    match what {
        Operation::Restart { graceful } => authority.restart(graceful).await,
        Operation::Enrol {
            application,
            prefix,
            name,
        } => {
            authority
                .enrol(&application, prefix.as_deref(), name.as_ref())
                .await
        }
        Operation::Suspend { entity } => authority.at_desk("suspend", &[&entity]).await,
        Operation::Reinstate { entity } => authority.at_desk("reinstate", &[&entity]).await,
        Operation::Remove { entity } => authority.at_desk("remove", &[&entity]).await,
        Operation::Publish => authority.at_desk("publish", &[]).await,
        _ => Ok(unsupported(
            "an authority recognises nobody and issues no permits",
        )),
    }
}

fn unsupported(why: &str) -> Answer {
    Answer::Unsupported(why.to_owned())
}
