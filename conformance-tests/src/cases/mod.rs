//! The register of cases of the networked classes: a file a theme, a function a case.
//!
//! A case has a name that is never used again, what it proves, and, where it refuses, the accepted case from which it differs in one
//! thing. `lint` holds the register to that. How to add one stands in README.md, "Adding a case".

mod authority;
mod issuer;
mod node;
mod recogniser;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use crate::class::Class;
use crate::pattern::Pattern;
use crate::requirements::Requirements;
use crate::scene::{Played, Scene};

/// What a case does.
pub(crate) type Play = for<'a> fn(&'a mut Scene) -> Pin<Box<dyn Future<Output = Played> + Send + 'a>>;

/// A case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// `class/what-happens`.
    pub(crate) name: &'static str,
    /// The class that it binds.
    pub(crate) class: Class,
    /// What it proves.
    pub(crate) requirements: &'static [&'static str],
    /// What happens, in one sentence; of a case with a twin, the one thing in which it differs.
    pub(crate) about: &'static str,
    /// What must come of it.
    pub(crate) expected: &'static str,
    /// The accepted case that runs first.
    pub(crate) twin: Option<&'static str>,
    /// The steps.
    pub(crate) play: Play,
}

impl Case {
    /// A case in which all is well.
    pub(crate) const fn accepts(
        class: Class,
        name: &'static str,
        requirements: &'static [&'static str],
        about: &'static str,
        expected: &'static str,
        play: Play,
    ) -> Self {
        Self {
            name,
            class,
            requirements,
            about,
            expected,
            twin: None,
            play,
        }
    }

    /// A case in which one thing differs from its twin.
    pub(crate) const fn differs(
        class: Class,
        name: &'static str,
        requirements: &'static [&'static str],
        twin: &'static str,
        about: &'static str,
        expected: &'static str,
        play: Play,
    ) -> Self {
        Self {
            name,
            class,
            requirements,
            about,
            expected,
            twin: Some(twin),
            play,
        }
    }
}

/// An `async fn(&mut Scene) -> Played` as a [`Play`], or the steps themselves.
macro_rules! play {
    (|$scene:ident| $steps:block) => {{
        fn steps<'a>(
            $scene: &'a mut $crate::scene::Scene,
        ) -> std::pin::Pin<Box<dyn std::future::Future<Output = $crate::scene::Played> + Send + 'a>> {
            Box::pin(async move $steps)
        }
        steps
    }};
    ($steps:path) => {{
        fn steps<'a>(
            scene: &'a mut $crate::scene::Scene,
        ) -> std::pin::Pin<Box<dyn std::future::Future<Output = $crate::scene::Played> + Send + 'a>> {
            Box::pin($steps(scene))
        }
        steps
    }};
}
pub(crate) use play;

/// Every case, in the order of the files.
pub(crate) fn all() -> Vec<&'static Case> {
    let themes = issuer::THEMES
        .iter()
        .chain(recogniser::THEMES)
        .chain(node::THEMES)
        .chain(authority::THEMES);
    themes.flat_map(|theme| theme.iter()).collect()
}

/// The case of this name.
pub(crate) fn find(name: &str) -> Option<&'static Case> {
    all().into_iter().find(|case| case.name == name)
}

/// The cases that bind any of these classes and match any of these patterns (none: all).
pub(crate) fn choose(classes: &[Class], only: &[Pattern]) -> Vec<&'static Case> {
    let binds = |case: &Case| classes.iter().any(|class| class.includes(case.class));
    let meant = |case: &Case| only.is_empty() || only.iter().any(|one| one.matches(case.name));
    all()
        .into_iter()
        .filter(|case| binds(case) && meant(case))
        .collect()
}

/// The chosen cases with the twins on which they rest, each twin before what rests on it.
pub(crate) fn in_order(chosen: &[&'static Case]) -> Vec<&'static Case> {
    let mut order: Vec<&'static Case> = Vec::new();
    let mut placed = BTreeSet::new();
    for case in chosen {
        let line = lineage(case).into_iter().chain([*case]);
        order.extend(line.filter(|one| placed.insert(one.name)));
    }
    order
}

/// The twins on which a case rests, each before what rests on it.
pub(crate) fn lineage(case: &'static Case) -> Vec<&'static Case> {
    let mut line: Vec<&'static Case> = Vec::new();
    let mut last = case;
    while let Some(twin) = last.twin.and_then(find) {
        if twin.name == case.name || line.iter().any(|one| one.name == twin.name) {
            break;
        }
        line.insert(0, twin);
        last = twin;
    }
    line
}

/// What is wrong with the register.
pub(crate) fn lint(requirements: &Requirements) -> Vec<String> {
    let all = all();
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for case in &all {
        let mut say = |what: String| wrong.push(format!("{}: {what}", case.name));
        if !names.insert(case.name) {
            say("stands twice".to_owned());
        }
        let tail = case
            .name
            .strip_prefix(case.class.name())
            .and_then(|rest| rest.strip_prefix('/'));
        let plain = |tail: &str| {
            tail.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if tail.is_none_or(|tail| tail.is_empty() || !plain(tail)) {
            say("a name is its class, a slash, and small letters, digits and hyphens".to_owned());
        }
        if case.requirements.is_empty() {
            say("proves nothing".to_owned());
        }
        for id in case
            .requirements
            .iter()
            .filter(|id| requirements.find(id).is_none())
        {
            say(format!("{id} is no requirement of the text"));
        }
        if let Some(twin) = case.twin {
            match all.iter().find(|other| other.name == twin) {
                None => say(format!("there is no twin {twin}")),
                Some(twin) if twin.class != case.class => say("its twin is of another class".to_owned()),
                Some(twin) if twin.twin == Some(case.name) => say("is its own twin in the end".to_owned()),
                Some(_) => {}
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_register_is_sound() {
        assert_eq!(lint(&Requirements::carried()), Vec::<String>::new());
    }

    #[test]
    fn twins_come_first_and_once() {
        let order = in_order(&all());
        assert_eq!(order.len(), all().len());
        for (at, case) in order.iter().enumerate() {
            if let Some(twin) = case.twin {
                let of_twin = order.iter().position(|one| one.name == twin);
                assert!(of_twin.is_some_and(|of_twin| of_twin < at), "{}", case.name);
            }
        }
    }
}
