//! The target's register and what it publishes of it: residents, events, attestations, entries of status lists.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Played, Scene, Stop, ensure};
use crate::target::contract::{Act, Done, Event, Form, Token, What};
use crate::world::ambient::now;
use crate::world::draft::claims_of;
use crate::world::keys::verifies;
use crate::world::person::{Person, day};
use crate::world::plan::LAPSED;
use crate::world::status_list::Entries;

/// How long a change may take to be published: a second to wait for others (6.3), and the work.
pub(crate) const PUBLISHED: Duration = Duration::from_secs(10);

impl Scene {
    /// A resident of the target whom no case has touched.
    pub(crate) fn resident(&mut self) -> Played<Person> {
        Ok(self.residents(1)?.remove(0))
    }

    /// Several of them.
    pub(crate) fn residents(&mut self, count: usize) -> Played<Vec<Person>> {
        let from = self.next_resident;
        if from + count > self.residents.len() - LAPSED {
            return Err(Stop::Unknown(
                "the suite has no resident left for this case: select fewer cases".to_owned(),
            ));
        }
        self.next_resident += count;
        let found = self.residents[from..from + count].to_vec();
        found.iter().for_each(|person| self.plays(person));
        Ok(found)
    }

    /// A resident whose endorsement has lapsed.
    pub(crate) fn lapsed_resident(&mut self) -> Played<Person> {
        let at = self.residents.len() - LAPSED + self.next_lapsed;
        self.next_lapsed += 1;
        let Some(person) = self.residents.get(at).cloned() else {
            return Err(Stop::Unknown("the suite has no lapsed resident left".to_owned()));
        };
        self.plays(&person);
        Ok(person)
    }

    /// Something happens to a permit.
    pub(crate) async fn happens(&mut self, person: &Person, event: What) -> Played {
        let event = Event {
            permit_number: person.permit_number.clone(),
            event,
            until: None,
            by: None,
        };
        let _: Done = self.ask(Act::Event(event)).await?;
        Ok(())
    }

    /// The same, with a new last day so many days ahead.
    pub(crate) async fn happens_until(&mut self, person: &Person, event: What, days: i32) -> Played {
        let event = Event {
            permit_number: person.permit_number.clone(),
            event,
            until: Some(day(now(), days)),
            by: None,
        };
        let _: Done = self.ask(Act::Event(event)).await?;
        Ok(())
    }

    /// The newest attestation of a permit, as it is exported.
    pub(crate) async fn attestation(&mut self, person: &Person, form: Form) -> Played<String> {
        let token: Token = self
            .ask(Act::Attestation {
                permit_number: person.permit_number.clone(),
                form,
            })
            .await?;
        Ok(token.token)
    }

    /// A status list of the target, fetched, with its signature and members checked.
    pub(crate) async fn status_list(&mut self, uri: &str) -> Played<(Value, Entries)> {
        let path = uri.strip_prefix(self.target.entity.as_str()).map(str::to_owned);
        let Some(path) = path else {
            return Err(Stop::Fail(format!(
                "the list {uri} does not lie under the target's public base URL (ATT-9)"
            )));
        };
        let answered = self.fetch(&path).await?;
        ensure!(
            answered.status == 200,
            "the status list was answered with status {}",
            answered.status
        );
        let token = answered.text();
        let signed = verifies(&token, self.target.keys("status"));
        ensure!(
            signed == Some(true),
            "the list is not signed by a status key of the target (STA-6)"
        );
        let claims = claims_of(&token).unwrap_or(Value::Null);
        ensure!(
            claims["sub"] == uri,
            "sub of the list is {}, its address is {uri} (6.2)",
            claims["sub"]
        );
        let Some(entries) = Entries::unpacked(&claims["status_list"]) else {
            return Err(Stop::Fail(
                "status_list.lst is not base64url of a zlib stream (6.2)".to_owned(),
            ));
        };
        Ok((claims, entries))
    }

    /// The entry of an attestation in the list that is published now.
    pub(crate) async fn status_of(&mut self, token: &str) -> Played<u8> {
        let (uri, index) = place(token)?;
        let (_, entries) = self.status_list(&uri).await?;
        entries
            .get(index)
            .ok_or_else(|| Stop::Fail(format!("index {index} lies outside the list (STA-8)")))
    }

    /// Waits until the published list gives this entry this value.
    pub(crate) async fn status_becomes(&mut self, token: &str, value: u8) -> Played {
        let deadline = tokio::time::Instant::now() + PUBLISHED;
        loop {
            let found = self.status_of(token).await?;
            if found == value {
                return Ok(());
            }
            ensure!(
                tokio::time::Instant::now() < deadline,
                "{} s after the change the published list still says {found}, not {value} (6.3)",
                PUBLISHED.as_secs()
            );
            // The list is signed again within a second of a change: asking oftener only costs.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Address of the list and index of an attestation.
pub(crate) fn place(token: &str) -> Played<(String, usize)> {
    let claims = claims_of(token).unwrap_or_else(|| json!({}));
    let status = &claims["status"]["status_list"];
    let index = status["idx"]
        .as_u64()
        .and_then(|index| usize::try_from(index).ok());
    match (status["uri"].as_str(), index) {
        (Some(uri), Some(index)) => Ok((uri.to_owned(), index)),
        _ => Err(Stop::Fail(
            "the attestation has no status.status_list with idx and uri (5.1)".to_owned(),
        )),
    }
}
