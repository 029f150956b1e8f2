//! Looks a permit up by number and name, for a paper card without a code (chapter 7.2).
//!
//! Unknown number and wrong name are one NO_MATCH. An officer who finds nobody ten times in ten minutes has to wait
//! (RATE_LIMITED): a window is no place to try out numbers. Nothing is prefilled and nothing is read back.

use comity_spec::exchange::Subject;
use comity_spec::ids::{EntityId, Region};
use comity_spec::outcome::Outcome;
use comity_verifier::decide::{Quota, Refusal};
use comity_verifier::presentation::refusal::of_standing;
use comity_verifier::trust::Standing;

use super::case::{Case, Shown};
use super::{Inquiry, RecogniseError, RecognitionView, show};
use crate::node::{Node, View};
use crate::staff::idempotency;

/// Which county is said to have issued the permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerChoice {
    /// By its GB/T 2260 code.
    Region(Region),
    /// By its entity id.
    Entity(EntityId),
}

/// Who is looked up, and where.
#[derive(Clone)]
pub struct LookUp {
    /// Who asks for what.
    pub inquiry: Inquiry,
    /// Where.
    pub issuer: IssuerChoice,
    /// Number and name, as the clerk typed them from the card.
    pub subject: Subject,
}

/// It is about a person: only who asks whom is printed.
impl std::fmt::Debug for LookUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LookUp")
            .field("officer", &self.inquiry.acting.officer)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// Looks a permit up.
///
/// # Errors
/// [`RecogniseError`], when it could not be recorded. Every verdict is a result.
pub async fn look_up(node: &Node, command: &LookUp) -> Result<RecognitionView, RecogniseError> {
    let inquiry = &command.inquiry;
    let officer = &inquiry.acting.officer;
    let _underway = match idempotency::begin(node, officer, inquiry.keyed.as_ref()).await? {
        idempotency::Begun::Fresh(underway) => underway,
        idempotency::Begun::Repeated(answer) => return show::repeated(node, &answer).await,
    };
    let view = node.view();
    let now = node.now();
    let shown = typed(node, &view, command);
    let counted = node
        .live
        .misses
        .count(officer, now, node.policy.misses_per_ten_minutes);
    let (quota, counted) = match counted {
        Ok(counted) => (Quota::Within, Some(counted)),
        Err(minutes) => (Quota::Exceeded { minutes }, None),
    };
    let case = Case {
        node,
        view,
        inquiry,
        quota,
        typed_name: None,
        now,
    };
    let shown = case.run(&shown).await?;
    if let Some(counted) = counted.filter(|_| shown.decision.outcome != Outcome::NoMatch) {
        counted.forgive();
    }
    Ok(shown)
}

/// The county chosen, if it is one in good standing.
fn typed(node: &Node, view: &View, command: &LookUp) -> Shown {
    let entity = match &command.issuer {
        IssuerChoice::Entity(entity) => Some(entity.clone()),
        IssuerChoice::Region(region) => view.county_of(*region).map(|(entity, _)| entity.clone()),
    };
    let Some(entity) = entity else {
        let refusal = Refusal {
            outcome: Outcome::NotInAgreement,
            cause: "agreement.none",
            issuer: None,
            wrong_environment: false,
        };
        return Shown::Refused(refusal, Vec::new());
    };
    match view.trust.standing(&entity, node.now()) {
        Standing::Active(_) => Shown::Typed {
            issuer: entity,
            subject: command.subject.clone(),
        },
        other => Shown::Refused(of_standing(&entity, &other), Vec::new()),
    }
}
