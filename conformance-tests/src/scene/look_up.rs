//! Looking a resident of the target up: the honest steps, of which a case overrides one.

use http::Request;
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{Partner, Played, Scene};
use crate::world::client::{Answered, Caller, post};
use crate::world::draft::Draft;
use crate::world::person::Person;

/// Path of the endpoint.
pub(crate) const VERIFICATIONS: &str = "/federation/v1/verifications";

/// A question about to be asked, open to change.
#[derive(Clone)]
pub(crate) struct Question {
    /// Its claims and key.
    pub(crate) draft: Draft,
    /// Who asks, over which channel.
    pub(crate) caller: Caller,
    /// Under which agreement.
    pub(crate) partner: Partner,
    /// Who is asked about.
    pub(crate) person: Person,
    /// What is sent in place of the signed draft.
    pub(crate) instead: Option<String>,
    /// `Content-Type`.
    pub(crate) media: &'static str,
}

impl Question {
    /// What goes over the line.
    pub(crate) fn body(&self) -> String {
        self.instead.clone().unwrap_or_else(|| self.draft.sign())
    }

    /// The request.
    pub(crate) fn request(&self) -> Request<Full<Bytes>> {
        post(VERIFICATIONS, self.media, self.body())
    }

    /// Changes a claim and nothing else.
    pub(crate) fn set(&mut self, claim: &str, value: impl Into<Value>) {
        self.draft.set(claim, value);
    }
}

impl Scene {
    /// An honest question of a partner about a resident of the target who was not asked about before.
    pub(crate) async fn question(&mut self) -> Played<Question> {
        let partner = self.partner().await?;
        let person = self.resident()?;
        Ok(self.question_of(&partner, &person))
    }

    /// An honest question of this partner about this person.
    pub(crate) fn question_of(&self, partner: &Partner, person: &Person) -> Question {
        let number = json!({ "id_number": person.id_number });
        let county = partner.county();
        Question {
            draft: county.question(&self.target.entity, &partner.agreement, &number, &person.name),
            caller: self.as_county(county),
            partner: partner.clone(),
            person: person.clone(),
            instead: None,
            media: "application/jose",
        }
    }

    /// Asks it.
    pub(crate) async fn put(&mut self, question: &Question) -> Played<Answered> {
        self.put_bytes(question, &question.body()).await
    }

    /// Asks it with these very bytes.
    pub(crate) async fn put_bytes(&mut self, question: &Question, body: &str) -> Played<Answered> {
        let shown = crate::world::draft::claims_of(body)
            .map_or_else(|| "not a JWS".to_owned(), |claims| claims.to_string());
        self.note(format!("question {shown}"));
        self.call(
            &question.caller,
            post(VERIFICATIONS, question.media, body.to_owned()),
        )
        .await
    }

    /// A question that differs from an honest one in one thing is refused with one of these problems; nothing that would tell
    /// somebody's state is in the refusal, and an honest question of the same county is answered as before.
    pub(crate) async fn refuses(&mut self, slugs: &[&str], change: impl FnOnce(&mut Question)) -> Played {
        let mut question = self.question().await?;
        change(&mut question);
        self.refuses_this(slugs, &question).await
    }

    /// The same for a question that was changed already.
    pub(crate) async fn refuses_this(&mut self, slugs: &[&str], question: &Question) -> Played {
        let answered = self.put(question).await?;
        self.problem(&answered, slugs)?;
        self.still_answers(&question.partner, &question.person).await
    }

    /// An honest question is answered with a match.
    pub(crate) async fn still_answers(&mut self, partner: &Partner, person: &Person) -> Played {
        let honest = self.question_of(partner, person);
        let body = honest.body();
        let answered = self.put_bytes(&honest, &body).await?;
        let claims = self.answer(&answered, &body, partner)?;
        super::ensure!(
            claims["result"] == "match",
            "after the refusal an honest question finds {}",
            claims["result"]
        );
        Ok(())
    }
}
