//! Officers: signing in and out, locks, sessions that end, passwords that change.

use comity_spec::time::UnixSeconds;
use secrecy::{ExposeSecret as _, SecretString};

use super::add_officer::AddOfficerError;
use super::change_officer::ChangeOfficerError;
use super::passwords::PasswordError;
use super::sessions::{ABSOLUTE, IDLE};
use super::sign_in::{LOCKED_FOR, MOST_FAILURES};
use super::{
    AddOfficer, ChangePassword, OfficerChange, SessionError, SignIn, SignInError, SignedIn, add_officer,
    authenticate, authorise, change_officer, change_password, sign_in, sign_out,
};
use crate::audit::{Event, Line};
use crate::node::Node;
use crate::ports::officers::{Officer, OfficerReads as _, Role};
use crate::ports::record::RecordReads as _;
use crate::ports::store::Write;
use crate::testing::Pair;

const PASSWORD: &str = "示例密码-甲乙丙丁戊";

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn officer() -> AddOfficer {
    AddOfficer {
        id: "clerk-01".parse().unwrap(),
        name: "经办人示例".to_owned(),
        roles: vec![Role::Clerk],
        password: secret(PASSWORD),
    }
}

async fn office() -> Pair {
    let pair = Pair::new(UnixSeconds::new(1_795_320_000).unwrap());
    add_officer(&pair.changshan, officer()).await.unwrap();
    pair
}

async fn set_active(node: &Node, active: bool) {
    let id = "clerk-01".parse().unwrap();
    change_officer(node, &id, &OfficerChange::Active(active))
        .await
        .unwrap();
}

async fn enter(node: &Node, officer: &str, password: &str) -> Result<SignedIn, SignInError> {
    sign_in(
        node,
        &SignIn {
            officer: officer.to_owned(),
            password: secret(password),
        },
    )
    .await
}

async fn present(node: &Node, session: &SignedIn) -> Result<SignedIn, SessionError> {
    authenticate(node, session.token.expose_secret()).await
}

#[tokio::test]
async fn an_officer_enters_acts_within_the_role_and_leaves() {
    let pair = office().await;
    let node = pair.changshan.as_ref();
    let session = enter(node, " clerk-01 ", PASSWORD).await.unwrap();
    let found = present(node, &session).await.unwrap();
    assert_eq!((&found.acting, &found.csrf), (&session.acting, &session.csrf));
    assert!(authorise(&found, Role::Clerk, Some(&session.csrf)).is_ok());
    assert!(matches!(
        authorise(&found, Role::Supervisor, None),
        Err(SessionError::Forbidden)
    ));
    assert!(matches!(
        authorise(&found, Role::Clerk, Some("forged")),
        Err(SessionError::Csrf)
    ));
    assert!(matches!(
        authenticate(node, "no token").await,
        Err(SessionError::NotSignedIn)
    ));
    sign_out(node, &found).await.unwrap();
    assert!(matches!(present(node, &session).await, Err(SessionError::Ended)));
    let printed = format!(
        "{session:?}{:?}{:?}",
        officer(),
        SignIn {
            officer: "x".into(),
            password: secret(PASSWORD)
        }
    );
    for word in [
        PASSWORD,
        "经办人示例",
        session.token.expose_secret(),
        session.csrf.as_str(),
    ] {
        assert!(!printed.contains(word), "{printed}");
    }
}

#[tokio::test]
async fn unknown_wrong_inactive_and_locked_are_one_answer() {
    let pair = office().await;
    let node = pair.changshan.as_ref();
    let unknown = enter(node, "nobody-01", PASSWORD).await.unwrap_err();
    assert!(matches!(unknown, SignInError::Refused));
    assert!(matches!(
        enter(node, "不是代号", PASSWORD).await,
        Err(SignInError::Refused)
    ));
    for _ in 0..MOST_FAILURES {
        assert!(matches!(
            enter(node, "clerk-01", "错误的密码").await,
            Err(SignInError::Refused)
        ));
    }
    assert!(
        matches!(enter(node, "clerk-01", PASSWORD).await, Err(SignInError::Refused)),
        "locked"
    );
    pair.clock.advance(LOCKED_FOR);
    assert!(enter(node, "clerk-01", PASSWORD).await.is_ok(), "and free again");
    assert_eq!(
        pair.changshan_store
            .officer(&"clerk-01".parse().unwrap())
            .await
            .unwrap()
            .unwrap()
            .failures,
        0
    );
    set_active(node, false).await;
    assert!(matches!(
        enter(node, "clerk-01", PASSWORD).await,
        Err(SignInError::Refused)
    ));
    let lines = pair.changshan_store.lines_after(0, u32::MAX).await.unwrap();
    let events: Vec<_> = lines
        .iter()
        .map(|line| serde_json::from_str::<Line>(&line.body).unwrap().event)
        .collect();
    assert_eq!(
        events.iter().filter(|event| **event == Event::LockedOut).count(),
        1
    );
    assert!(events.contains(&Event::SignInRefused) && events.contains(&Event::SignedIn));
}

#[tokio::test]
async fn attempts_for_one_name_are_made_one_after_the_other() {
    let pair = office().await;
    let node = pair.changshan.as_ref();
    let underway = node
        .live
        .in_flight
        .begin(super::sign_in::SCOPE, "clerk-01")
        .unwrap();
    assert!(matches!(
        enter(node, "clerk-01", PASSWORD).await,
        Err(SignInError::Busy)
    ));
    drop(underway);
    assert!(enter(node, "clerk-01", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_session_ends_when_idle_and_in_any_case() {
    let pair = office().await;
    let node = pair.changshan.as_ref();
    let idle = enter(node, "clerk-01", PASSWORD).await.unwrap();
    pair.clock.advance(IDLE - 1);
    assert!(present(node, &idle).await.is_ok(), "moved on");
    pair.clock.advance(IDLE - 1);
    assert!(present(node, &idle).await.is_ok());
    pair.clock.advance(IDLE);
    assert!(matches!(present(node, &idle).await, Err(SessionError::Ended)));
    let busy = enter(node, "clerk-01", PASSWORD).await.unwrap();
    for _ in 0..ABSOLUTE / (IDLE / 2) - 1 {
        pair.clock.advance(IDLE / 2);
        assert!(present(node, &busy).await.is_ok());
    }
    pair.clock.advance(IDLE / 2);
    assert!(
        matches!(present(node, &busy).await, Err(SessionError::Ended)),
        "twelve hours are the end"
    );
}

#[tokio::test]
async fn a_change_of_password_or_standing_ends_every_other_session() {
    let pair = office().await;
    let node = pair.changshan.as_ref();
    let one = enter(node, "clerk-01", PASSWORD).await.unwrap();
    let two = enter(node, "clerk-01", PASSWORD).await.unwrap();
    let change = |old: &str, new: &str| ChangePassword {
        old: secret(old),
        new: secret(new),
    };
    assert!(matches!(
        change_password(node, &one, &change("错误的密码", "示例新密码-子丑寅卯")).await,
        Err(SignInError::Refused)
    ));
    for (new, expected) in [("短", PasswordError::TooShort), (PASSWORD, PasswordError::Same)] {
        let refused = change_password(node, &one, &change(PASSWORD, new)).await;
        assert!(matches!(refused, Err(SignInError::Password(error)) if error == expected));
    }
    let fresh = change_password(node, &one, &change(PASSWORD, "示例新密码-子丑寅卯"))
        .await
        .unwrap();
    assert!(present(node, &fresh).await.is_ok());
    assert!(matches!(present(node, &one).await, Err(SessionError::Ended)));
    assert!(matches!(present(node, &two).await, Err(SessionError::Ended)));
    assert!(matches!(
        enter(node, "clerk-01", PASSWORD).await,
        Err(SignInError::Refused)
    ));
    set_active(node, false).await;
    assert!(matches!(present(node, &fresh).await, Err(SessionError::Ended)));
}

#[tokio::test]
async fn an_officer_needs_a_role_and_a_good_password() {
    let pair = office().await;
    let node = pair.changshan.as_ref();
    let none = AddOfficer {
        roles: Vec::new(),
        ..officer()
    };
    assert!(matches!(
        add_officer(node, none).await,
        Err(AddOfficerError::NoRole)
    ));
    let short = AddOfficer {
        password: secret("短"),
        ..officer()
    };
    assert!(matches!(
        add_officer(node, short).await,
        Err(AddOfficerError::Password(PasswordError::TooShort))
    ));
}

async fn stored(pair: &Pair) -> Officer {
    let id = "clerk-01".parse().unwrap();
    pair.changshan_store.officer(&id).await.unwrap().unwrap()
}

async fn next(pair: &Pair, password: &str) -> Officer {
    let before = stored(pair).await;
    Officer {
        version: before.version + 1,
        password: password.to_owned(),
        ..before
    }
}

#[tokio::test]
async fn a_sign_in_does_not_undo_what_an_operator_did_at_the_same_moment() {
    let pair = office().await;
    let node = pair.changshan.as_ref();
    for (commit, password) in [("sign in", PASSWORD), ("sign-in refused", "错误的密码")] {
        add_officer(node, officer()).await.unwrap();
        assert!(
            enter(node, "clerk-01", "错误的密码").await.is_err(),
            "one failure to clear"
        );
        let before = stored(&pair).await;
        let deactivated = Officer {
            version: before.version + 1,
            active: false,
            roles: vec![Role::Supervisor],
            ..before
        };
        pair.changshan_store
            .meanwhile(commit, vec![Write::Officer(deactivated)]);
        let refused = enter(node, "clerk-01", password).await;
        assert!(
            matches!(refused, Err(SignInError::Refused)),
            "{commit}: {refused:?}"
        );
        let now = stored(&pair).await;
        assert!(!now.active, "{commit}");
        assert_eq!(now.roles, [Role::Supervisor], "{commit}");
    }
}

#[tokio::test]
async fn a_new_password_set_by_an_operator_stands_whatever_happened_at_the_same_moment() {
    let pair = office().await;
    let node = pair.changshan.as_ref();
    let session = enter(node, "clerk-01", PASSWORD).await.unwrap();
    let reset = next(&pair, "$argon2id$reset").await;
    pair.changshan_store
        .meanwhile("change password", vec![Write::Officer(reset.clone())]);
    let command = ChangePassword {
        old: secret(PASSWORD),
        new: secret("示例新密码-子丑寅卯"),
    };
    let refused = change_password(node, &session, &command).await;
    assert!(matches!(refused, Err(SignInError::Refused)), "{refused:?}");
    assert_eq!(stored(&pair).await.password, reset.password);
    // And an operator who changes something else does not bring back the password that was changed meanwhile.
    let changed = next(&pair, "$argon2id$changed").await;
    pair.changshan_store
        .meanwhile("change officer", vec![Write::Officer(changed)]);
    set_active(node, false).await;
    let now = stored(&pair).await;
    assert_eq!(now.password, "$argon2id$changed");
    assert!(!now.active);
}

#[tokio::test]
async fn who_was_deactivated_stays_out_until_activated_and_a_reset_password_unlocks() {
    let pair = office().await;
    let node = pair.changshan.as_ref();
    let session = enter(node, "clerk-01", PASSWORD).await.unwrap();
    set_active(node, false).await;
    assert!(matches!(present(node, &session).await, Err(SessionError::Ended)));
    let added = add_officer(node, officer()).await.unwrap();
    assert!(!added.active, "adding everybody again lets nobody back in");
    assert!(enter(node, "clerk-01", PASSWORD).await.is_err());
    set_active(node, true).await;
    assert!(enter(node, "clerk-01", PASSWORD).await.is_ok());

    for _ in 0..MOST_FAILURES {
        assert!(enter(node, "clerk-01", "错误的密码").await.is_err());
    }
    let id = "clerk-01".parse().unwrap();
    let reset = |password: &str| OfficerChange::Password(secret(password));
    assert!(matches!(
        change_officer(node, &id, &reset("短")).await,
        Err(ChangeOfficerError::Password(PasswordError::TooShort))
    ));
    change_officer(node, &id, &reset("示例新密码-子丑寅卯"))
        .await
        .unwrap();
    assert!(enter(node, "clerk-01", PASSWORD).await.is_err());
    assert!(enter(node, "clerk-01", "示例新密码-子丑寅卯").await.is_ok());

    let nobody = "clerk-09".parse().unwrap();
    for change in [OfficerChange::Active(true), reset(PASSWORD)] {
        assert!(matches!(
            change_officer(node, &nobody, &change).await,
            Err(ChangeOfficerError::Unknown(id)) if id == nobody
        ));
    }
    assert!(pair.changshan_store.officer(&nobody).await.unwrap().is_none());
}

#[tokio::test]
async fn a_lock_outlasts_attempts_to_change_the_password() {
    let pair = office().await;
    let node = pair.changshan.as_ref();
    let session = enter(node, "clerk-01", PASSWORD).await.unwrap();
    for _ in 0..MOST_FAILURES {
        assert!(enter(node, "clerk-01", "错误的密码").await.is_err());
    }
    let locked = stored(&pair).await.locked_until;
    assert!(locked.is_some());
    for old in ["错误的密码", PASSWORD] {
        let command = ChangePassword {
            old: secret(old),
            new: secret("示例新密码-子丑寅卯"),
        };
        assert!(matches!(
            change_password(node, &session, &command).await,
            Err(SignInError::Refused)
        ));
        assert_eq!(stored(&pair).await.locked_until, locked, "{old}");
    }
    assert!(matches!(
        enter(node, "clerk-01", PASSWORD).await,
        Err(SignInError::Refused)
    ));
}

#[tokio::test]
async fn a_request_under_way_does_not_bring_back_a_session_that_was_ended() {
    let pair = office().await;
    let node = pair.changshan.as_ref();
    let session = enter(node, "clerk-01", PASSWORD).await.unwrap();
    pair.clock.advance(IDLE / 2);
    let digest = super::sessions::digest_of(&session.token).unwrap();
    pair.changshan_store
        .meanwhile("extend session", vec![Write::EndSession(digest)]);
    assert!(matches!(present(node, &session).await, Err(SessionError::Ended)));
    assert!(pair.changshan_store.session(&digest).await.unwrap().is_none());
    assert!(matches!(present(node, &session).await, Err(SessionError::Ended)));
}
