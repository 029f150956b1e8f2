//! Who may act on a permit: an active officer of the node with the role of an issuer, and nobody else, whatever the act.

use comity_spec::exchange::PermitStatus;
use comity_spec::ids::OfficerId;

use super::local::{JOB, application, clerk, go_to, issued, officer, on, refusal};
use crate::permits::codes::{CancellationReason, ReinstatementReason, SuspensionReason};
use crate::permits::decide_cancellation::decide_cancellation;
use crate::permits::endorse::endorse;
use crate::permits::found::found;
use crate::permits::issue::issue;
use crate::permits::propose_cancellation::propose_cancellation;
use crate::permits::reinstate::reinstate;
use crate::permits::replace::replace;
use crate::permits::report_lost::report_lost;
use crate::permits::suspend::suspend;
use crate::permits::{NotEntitled, PermitError, Refusal};
use crate::ports::officers::{OfficerReads as _, Role};
use crate::ports::permits::{PermitId, PermitReads as _};
use crate::testing::County;

#[derive(Clone, Copy, Debug)]
enum Act {
    Issue,
    Endorse,
    Lose,
    Find,
    Suspend,
    Reinstate,
    Replace,
    ProposeCancellation,
}

/// Carries an act out, on the permit or, at an issue, for somebody who holds none yet; gives the permit that is in force afterwards.
async fn carry_out(county: &County, act: Act, id: PermitId, by: &OfficerId) -> Result<PermitId, PermitError> {
    let bureau = county.bureau();
    let done = match act {
        // The new permit is another person's: the acts that follow stay with the first one.
        Act::Issue => {
            issue(&bureau, application(county, 2), &JOB, by).await?;
            return Ok(id);
        }
        Act::Endorse => endorse(&bureau, id, &JOB, by).await?,
        Act::Lose => report_lost(&bureau, id, by).await?,
        Act::Find => found(&bureau, id, by).await?,
        Act::Suspend => suspend(&bureau, id, SuspensionReason::UnderReview, by).await?,
        Act::Reinstate => reinstate(&bureau, id, ReinstatementReason::ReviewCleared, by).await?,
        Act::Replace => replace(&bureau, id, &[], by).await?,
        Act::ProposeCancellation => {
            propose_cancellation(&bureau, id, CancellationReason::MovedAway, by).await?;
            return Ok(id);
        }
    };
    Ok(done.permit.id)
}

#[tokio::test]
async fn each_act_takes_an_active_issuer_who_was_added() {
    let county = County::yushan(on(2026, 3, 1));
    let mut id = issued(&county, 1).await.permit.id;
    // In the last month, when an endorsement is due too.
    go_to(&county, on(2027, 2, 10));
    let every_other = vec![Role::Clerk, Role::Supervisor];
    let strangers = [
        ("nobody-01".parse().unwrap(), NotEntitled::Unknown),
        (
            officer(&county, "gone-01", vec![Role::Issuer], false).await,
            NotEntitled::Inactive,
        ),
        (
            officer(&county, "head-01", every_other, true).await,
            NotEntitled::Lacks(Role::Issuer),
        ),
    ];
    for act in [
        Act::Issue,
        Act::Endorse,
        Act::Lose,
        Act::Find,
        Act::Suspend,
        Act::Reinstate,
        Act::Replace,
        Act::ProposeCancellation,
    ] {
        let before = (
            county.store.commits(),
            county.store.permit(id).await.unwrap(),
            county.store.events(id).await.unwrap(),
        );
        for (stranger, why) in &strangers {
            let refused = carry_out(&county, act, id, stranger).await;
            assert_eq!(refusal(refused), Refusal::NotEntitled(*why), "{act:?}");
        }
        let after = (
            county.store.commits(),
            county.store.permit(id).await.unwrap(),
            county.store.events(id).await.unwrap(),
        );
        assert_eq!(before, after, "{act:?} by a stranger changed something");
        id = carry_out(&county, act, id, &clerk())
            .await
            .unwrap_or_else(|error| panic!("{act:?}: {error}"));
        assert_eq!(county.store.commits().len(), before.0.len() + 1, "{act:?}");
    }
}

/// Two persons are two officers who are there: a supervisor does not become the second one by making a first one up.
#[tokio::test]
async fn nobody_proposes_a_cancellation_under_an_invented_name() {
    let county = County::yushan(on(2026, 11, 22));
    let id = issued(&county, 1).await.permit.id;
    let head = officer(&county, "head-01", vec![Role::Supervisor], true).await;
    let bureau = county.bureau();
    let reason = CancellationReason::MovedAway;
    let invented = "invented-01".parse().unwrap();
    let refused = propose_cancellation(&bureau, id, reason, &invented).await;
    assert_eq!(refusal(refused), Refusal::NotEntitled(NotEntitled::Unknown));
    assert!(county.store.pending_acts().await.unwrap().is_empty());
    let act = propose_cancellation(&bureau, id, reason, &clerk()).await.unwrap();
    let done = decide_cancellation(&bureau, act.id, true, &head).await.unwrap();
    assert_eq!(done.unwrap().permit.status, PermitStatus::Cancelled);
}

#[test]
fn whoever_is_refused_is_told_by_which_command_it_is_put_right() {
    for (why, command) in [
        (NotEntitled::Unknown, "comity officer add"),
        (NotEntitled::Inactive, "comity officer activate"),
        (NotEntitled::Lacks(Role::Issuer), "comity officer add --role"),
    ] {
        let text = Refusal::NotEntitled(why).text();
        assert!(text.zh.contains(command) && text.en.contains(command), "{text}");
    }
    let text = Refusal::NotEntitled(NotEntitled::Lacks(Role::Issuer)).text();
    assert!(
        text.zh.contains("证件办理") && text.en.contains("issuer"),
        "{text}"
    );
}
