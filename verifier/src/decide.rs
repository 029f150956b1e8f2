//! The decision: one pure, total function from everything that is known to one of the 27 outcomes (chapter 8.2).
//!
//! [`decide`] takes immutable pictures: of the federation, of the agreements, of status lists and tombstones, and the evidence.
//! It fetches nothing, reads no clock and keeps nothing; the same inputs give the same decision on every node, in the command line and in the suite. The first outcome of
//! the closed list that applies wins, and whatever else was found becomes an advisory.
//!
//! What it refuses to do: to say anything about a permit for a service that is not covered; to call a person's permit lost,
//! suspended, expired or lapsed on data that the issuer may since have put right; to be final about a person whom nobody
//! looked at. [`Step::NeedStatus`] is given at most twice for one case: once for a status list, once for a look-up.

use comity_spec::agreement::AgreementRef;
use comity_spec::attestation::{ClaimName, StatusReference};
use comity_spec::decision::Decision;
use comity_spec::exchange::Subject;
use comity_spec::ids::{EntityId, ProviderId, Region, ServiceCode};
use comity_spec::mutant;
use comity_spec::outcome::Outcome;
use comity_spec::time::{LocalDate, UnixSeconds};

use crate::agreement::Agreements;
use crate::exchange::LookedUp;
use crate::presentation::Presented;
use crate::presentation::refusal::of_standing;
use crate::status_view::StatusView;
use crate::trust::{Standing, Trust};

mod coverage;
mod standing;
#[cfg(test)]
mod tests;
mod verdict;

pub use coverage::{AgreementScope, covering_row};
use verdict::Verdict;
pub use verdict::not_ready;

/// Everything on which a decision rests.
#[derive(Clone, Copy, Debug)]
pub struct DecideInput<'a> {
    /// Whether this office may and can check at all.
    pub context: &'a Context,
    /// Who decides.
    pub recogniser: Recogniser<'a>,
    /// What lies before the window.
    pub evidence: Evidence<'a>,
    /// The federation.
    pub trust: &'a Trust,
    /// What was agreed.
    pub agreements: &'a Agreements,
    /// Status lists and tombstones.
    pub status: &'a StatusView,
    /// What was already asked for this decision: nothing is asked for twice.
    pub status_refreshed: bool,
    /// What the named person at the window found.
    pub clerk: Clerk,
    /// The service asked for.
    pub service: &'a ServiceCode,
    /// The institution, where one was chosen.
    pub provider: Option<&'a ProviderId>,
    /// When.
    pub now: UnixSeconds,
}

/// The county at whose window the permit is shown.
#[derive(Clone, Copy, Debug)]
pub struct Recogniser<'a> {
    /// Its entity id.
    pub entity: &'a EntityId,
    /// Its region, as it is configured; trust has to say the same.
    pub region: Region,
    /// Whether the issuer can be asked. A node whose request timed out decides again as off line.
    pub network: Network,
}

/// Whether issuers can be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// A status list can be fetched and a permit looked up.
    OnLine,
    /// Only what is here already counts.
    OffLine,
}

/// Whether this office may and can check at all. [`Context::default`] is an office that is ready and allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Clock, keys, lists and record of this node.
    pub health: Health,
    /// The officer's permission.
    pub actor: Actor,
    /// The holder's consent, where the purpose needs it.
    pub consent: Consent,
    /// The officer's quota.
    pub quota: Quota,
}

/// Whether this node can be relied on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It can.
    #[default]
    Ready,
    /// It cannot, for this cause (a rule name for operators, such as `clock.behind`).
    NotReady {
        /// The cause.
        cause: &'static str,
    },
}

/// Whether the officer may make this check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Actor {
    /// Yes.
    #[default]
    Authorised,
    /// No.
    NotAuthorised,
    /// No service or purpose was chosen.
    NoPurpose,
}

/// Whether the holder's separate consent is needed and there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// Not needed for this purpose, or given.
    #[default]
    Satisfied,
    /// Needed and not given.
    Missing,
}

/// Whether the officer may ask again already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quota {
    /// Yes.
    #[default]
    Within,
    /// In so many minutes.
    Exceeded {
        /// Minutes to wait.
        minutes: u32,
    },
}

/// What lies before the window about one permit.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// How the permit came.
    pub source: Source<'a>,
    /// What the issuer answered when asked about the person.
    pub lookup: Lookup<'a>,
    /// The holder's name as the clerk read it from the identity card, where it was typed.
    pub typed_name: Option<&'a str>,
}

/// How the permit came to the window.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Presented, and everything about the presentation held.
    Presented(&'a Presented),
    /// Presented, and something did not hold.
    Refused(&'a Refusal),
    /// Number and name were typed from the card; this county is said to have issued it.
    Typed {
        /// The county.
        issuer: &'a EntityId,
        /// Who is looked up.
        subject: &'a Subject,
    },
}

/// Why a presentation, an answer or an issuer is not relied on: an outcome and the rule behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The outcome it leads to.
    pub outcome: Outcome,
    /// Stable name of the rule (`jws.signature`, `trust.chain-expired`…), for operators and the suite.
    pub cause: &'static str,
    /// The issuer, as far as the object said, verified or not.
    pub issuer: Option<EntityId>,
    /// Whether it belongs to the other environment, which the advisory says.
    pub wrong_environment: bool,
}

impl Refusal {
    /// A refusal about an issuer of this environment.
    #[must_use]
    pub fn new(outcome: Outcome, cause: &'static str, issuer: &EntityId) -> Self {
        Self {
            outcome,
            cause,
            issuer: Some(issuer.clone()),
            wrong_environment: false,
        }
    }

    /// Whether newer trust material from the issuer's chain could change it, so that a node on line fetches the chain and
    /// opens the presentation once more before it shows this.
    #[must_use]
    pub fn may_be_outdated(&self) -> bool {
        matches!(
            self.cause,
            "jws.unknown-key"
                | "trust.chain-expired"
                | "trust.no-current-member-list"
                | "trust.incomplete"
                | "trust.not-a-member"
        )
    }
}

/// What became of asking the issuer about the person.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'a> {
    /// Nobody asked.
    NotAsked,
    /// No answer that can be relied on came: no connection, a time-out, a refusal by the peer, or a bad signature.
    Failed(&'a Refusal),
    /// A verified answer.
    Answered(&'a LookedUp),
}

/// What the named person at the window found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clerk {
    /// Nobody has looked yet.
    #[default]
    Pending,
    /// 人证一致
    Confirmed,
    /// 人证不符
    Mismatch,
    /// The person wants somebody to look at details that differ.
    Review,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The verdict would be better after asking the issuer, and it can be asked. Ask, then decide again.
    NeedStatus(Wanted),
    /// Everything a machine can check is checked: a named person has to look at the holder. Provisional until then.
    NeedHolder(Box<Decision>),
    /// Final.
    Decision(Box<Decision>),
}

impl Step {
    /// The decision, provisional or final; none while status is needed.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        match self {
            Self::NeedStatus(_) => None,
            Self::NeedHolder(decision) | Self::Decision(decision) => Some(decision),
        }
    }
}

/// What to ask the issuer for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The newest version of a status list.
    StatusList {
        /// Whose.
        issuer: EntityId,
        /// Which entry of which list.
        reference: StatusReference,
    },
    /// The state of the permit, by number and name.
    LookUp {
        /// Whom to ask.
        issuer: EntityId,
        /// Under which agreement.
        agreement: AgreementRef,
        /// About whom.
        subject: Subject,
        /// What may be learnt.
        claims: Vec<ClaimName>,
    },
}

/// Decides. Total: every input has an answer, and none makes it panic.
#[must_use]
pub fn decide(input: &DecideInput<'_>) -> Step {
    // Looked up once: the picture of the federation is the same from the first stage to the last.
    let issuer = input
        .issuer()
        .map(|issuer| input.trust.standing(issuer, input.now));
    match first_that_applies(input, issuer.as_ref()) {
        Ok(verdict) => verdict.into_step(input, issuer.as_ref()),
        Err(wanted) => Step::NeedStatus(*wanted),
    }
}

/// The stages in the order of the closed list. `Err` asks for more before an answer.
fn first_that_applies(
    input: &DecideInput<'_>,
    issuer: Option<&Standing<'_>>,
) -> Result<Verdict, Box<Wanted>> {
    #[cfg(feature = "mutants")]
    if mutant!("DEC-3")
        && let Some(verdict) = standing::cancelled(input)
    {
        return Ok(verdict);
    }
    if let Some(verdict) = before_coverage(input, issuer) {
        return Ok(verdict);
    }
    let covered = match coverage::check(input, issuer.and_then(Standing::active)) {
        Ok(covered) => covered,
        #[cfg(feature = "mutants")]
        Err(verdict) if mutant!("DEC-10") => return Ok(standing::cancelled(input).unwrap_or(verdict)),
        Err(verdict) => return Ok(verdict),
    };
    standing::check(input, &covered)
}

/// Outcomes 1 to 10: this office, then the presentation and its issuer.
fn before_coverage(input: &DecideInput<'_>, standing: Option<&Standing<'_>>) -> Option<Verdict> {
    let Context {
        health,
        actor,
        consent,
        quota,
    } = input.context;
    let refused = match (input.evidence.source, input.issuer().zip(standing)) {
        (Source::Refused(refusal), _) => Some(Verdict::refused(refusal)),
        (_, None | Some((_, Standing::Active(_)))) => None,
        // Once more, since the picture of the federation may be newer than the presentation's opening.
        (_, Some((issuer, other))) => Some(Verdict::refused(&of_standing(issuer, other))),
    };
    let office = [
        match health {
            Health::Ready => input
                .doubt_about_us()
                .map(|cause| Verdict::because(Outcome::NodeNotReady, cause)),
            Health::NotReady { cause } => Some(Verdict::because(Outcome::NodeNotReady, cause)),
        },
        match actor {
            Actor::Authorised => None,
            Actor::NotAuthorised => Some(Verdict::because(Outcome::NotAuthorised, "actor.not-authorised")),
            Actor::NoPurpose => Some(Verdict::because(Outcome::NotAuthorised, "actor.no-purpose")),
        },
        match consent {
            Consent::Satisfied => None,
            Consent::Missing => Some(Verdict::because(Outcome::LegalBasisMissing, "consent.missing")),
        },
        match quota {
            Quota::Within => None,
            Quota::Exceeded { minutes } => Some(Verdict::rate_limited(*minutes)),
        },
    ];
    office
        .into_iter()
        .flatten()
        .chain(refused)
        .min_by_key(|verdict| verdict.outcome.order())
}

impl<'a> DecideInput<'a> {
    /// The day in UTC+8.
    fn today(&self) -> LocalDate {
        if mutant!("DEC-8") {
            return LocalDate::MAX;
        }
        LocalDate::of(self.now)
    }

    /// The issuer, as far as it is known.
    const fn issuer(&self) -> Option<&'a EntityId> {
        match self.evidence.source {
            Source::Presented(presented) => Some(presented.issuer()),
            Source::Refused(refusal) => refusal.issuer.as_ref(),
            Source::Typed { issuer, .. } => Some(issuer),
        }
    }

    /// Why this node itself cannot be relied on: it is no county in good standing, or not the one it takes itself for.
    fn doubt_about_us(&self) -> Option<&'static str> {
        match self.trust.standing(self.recogniser.entity, self.now) {
            Standing::Active(county) if county.region == self.recogniser.region => None,
            Standing::Suspended { .. } if mutant!("DEC-12") => None,
            Standing::Active(_) => Some("recogniser.region"),
            other => Some(other.rule()),
        }
    }
}
