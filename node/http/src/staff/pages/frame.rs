//! What every page has around its content: county, environment, language switch, navigation, who is signed in.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use comity_spec::entity::Environment;
use http::StatusCode;

use super::super::state::State;
use super::super::words::{Lang, Words};
use super::assets::VERSION;
use super::visit::Visit;
use crate::problem_response::Fault;

/// Entries of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nav {
    Verify,
    Recent,
}

/// The frame of a page.
pub(super) struct Frame {
    pub(super) lang: Lang,
    pub(super) w: &'static Words,
    pub(super) county: String,
    pub(super) sandbox: bool,
    /// The officer's pseudonym and name; nobody before signing in.
    pub(super) officer: Option<(String, String)>,
    pub(super) csrf: String,
    /// Where the language switch leads.
    pub(super) switch: String,
    pub(super) verifying: bool,
    pub(super) looking_back: bool,
    pub(super) version: &'static str,
}

impl Frame {
    /// The frame for somebody who is signed in. `path` is an address that can be fetched again.
    pub(super) fn of(state: &State, visit: &Visit, nav: Nav, path: &str) -> Self {
        let signed_in = &visit.session.signed_in;
        Self {
            officer: Some((signed_in.acting.officer.to_string(), signed_in.name.clone())),
            csrf: signed_in.csrf.clone(),
            verifying: nav == Nav::Verify,
            looking_back: nav == Nav::Recent,
            ..Self::anonymous(state, visit.lang, path)
        }
    }

    /// The frame before signing in.
    pub(super) fn anonymous(state: &State, lang: Lang, path: &str) -> Self {
        let other = match lang {
            Lang::Zh => Lang::En,
            Lang::En => Lang::Zh,
        };
        let identity = &state.node.identity;
        Self {
            lang,
            w: lang.words(),
            county: lang.of(&identity.name).to_owned(),
            sandbox: identity.environment == Environment::Sandbox,
            officer: None,
            csrf: String::new(),
            switch: format!("{path}?lang={}", other.code()),
            verifying: false,
            looking_back: false,
            version: VERSION.as_str(),
        }
    }

    /// The tag of the page's language.
    pub(super) const fn tag(&self) -> &'static str {
        self.lang.tag()
    }

    /// The tag of the other language, for the switch.
    pub(super) const fn other_tag(&self) -> &'static str {
        match self.lang {
            Lang::Zh => Lang::En.tag(),
            Lang::En => Lang::Zh.tag(),
        }
    }
}

/// The page as an answer.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Fault::from(error).into_response(),
    }
}
