//! A refusal as the operator reads it: what it is, what exactly, and what to do next, Chinese first. Each error of a use case is given
//! its words here, once; one without is no refusal that a command can make, so that nothing of the inside comes out untranslated. What
//! the registry of problems (chapter 10) has words for is told in them.

use std::error::Error;
use std::path::Path;

use comity_node_core::attestations::IssueError;
use comity_node_core::chain;
use comity_node_core::federation::agreements::{
    DiscardError, ProposeError, ReceiveError, SignError, WithdrawError,
};
use comity_node_core::federation::bundle;
use comity_node_core::permits::import_register::ImportError;
use comity_node_core::permits::register_file::FileError;
use comity_node_core::permits::{PermitError, Refusal};
use comity_node_core::ports::signer::SignerError;
use comity_node_core::ports::store::StoreError;
use comity_node_core::restored::RestoredError;
use comity_node_core::signing::SigningError;
use comity_node_core::staff::add_officer::AddOfficerError;
use comity_node_core::staff::change_officer::ChangeOfficerError;
use comity_node_core::staff::passwords::PasswordError;
use comity_spec::problem::ProblemType;
use comity_spec::text::Text;

use crate::commands::CommandError;

/// A refusal inside a command, in words for people.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

/// Where the versions of an agreement and what has become of them can be seen.
const SEE_AGREEMENTS: Text = Text::new(
    "请用 comity agreement list 查看各版本现状",
    "see comity agreement list for where each version stands",
);
/// What a withdrawal has to keep.
const SEE_NOTICE: Text = Text::new(
    "请用 comity agreement show 查看通知期，另定退出日期后重新办理",
    "see the notice in comity agreement show, choose another day and withdraw anew",
);
/// What the node's account may read.
const SEE_FILE: Text = Text::new(
    "请核对路径，并确认节点所用账户有权读写该文件",
    "check the path, and that the node's account may read or write it",
);
/// What an import takes.
const PUT_BESIDE: Text = Text::new(
    "请核对路径，把登记文件及其清单（.manifest.json）放在一起，确认节点所用账户可读，再重新导入。",
    "Check the path, put the register file and its manifest (.manifest.json) beside each other where the node's account may read them, \
     and import again.",
);
/// What is at fault stands in the refusal, and is no row.
const IMPORT_WHOLE: Text = Text::new(
    "请按以上说明改正，再把登记文件连同清单重新导入。",
    "Put right what stands above, then import the register file with its manifest again.",
);
/// Nothing that an operator can mend.
const REPORT: Text = Text::new(
    "这是程序缺陷，请保留以上内容并报告",
    "this is a defect of the program: keep what stands above and report it",
);

impl Refused {
    /// A problem of the registry, in its words and with its next step.
    fn of(kind: ProblemType, error: &dyn Error) -> Self {
        Self(crate::told::told_of(kind, error))
    }

    /// An error in its own words, which are in both languages, with what to do next.
    fn then(error: &dyn Error, next: Text) -> Self {
        Self(format!(
            "× {}\n下一步: {}\nNext: {}",
            chain(error),
            next.zh,
            next.en
        ))
    }

    /// An error whose own words, in both languages, say what to do.
    fn in_its_words(error: &dyn Error) -> Self {
        Self(format!("× {}", chain(error)))
    }

    /// What should not happen whatever anybody asks.
    fn defect(error: &dyn Error) -> Self {
        Self(format!(
            "× 本节点内部错误 / Internal error at this node\n  {}\n下一步: {}\nNext: {}",
            chain(error),
            REPORT.zh,
            REPORT.en
        ))
    }

    /// A register file or its manifest that cannot be read; `what` says which.
    pub(super) fn register(path: &Path, what: &str, error: &std::io::Error) -> Self {
        let detail = format!("{}: {error}\n{what}", path.display());
        Self(crate::told::told_then(
            ProblemType::ImportRefused,
            &detail,
            PUT_BESIDE,
        ))
    }

    /// A file that the node was to read.
    pub(super) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self(format!(
            "× 文件无法读取 / the file cannot be read\n  {}: {error}\n下一步: {}\nNext: {}",
            path.display(),
            SEE_FILE.zh,
            SEE_FILE.en
        ))
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict(_) => Self(format!(
                "× 办理期间相关数据已变化，未作改动 / what this is about was changed in the meantime; nothing was done\n  {error}\n下一步: \
                 请查看现状后重新办理\nNext: look at the present state and do it again"
            )),
            StoreError::Unavailable(_) | StoreError::Unknown(_) | StoreError::Corrupt { .. } => {
                Self::of(ProblemType::StoreUnavailable, &error)
            }
        }
    }
}

impl From<SigningError> for Refused {
    fn from(error: SigningError) -> Self {
        match &error {
            SigningError::Signer(SignerError::Missing(_)) => Self::of(ProblemType::ConfigInvalid, &error),
            SigningError::Signer(SignerError::Unavailable { .. }) => Self::of(ProblemType::NotReady, &error),
            SigningError::Payload { .. } | SigningError::NotOurs(_) => Self::defect(&error),
        }
    }
}

impl From<serde_json::Error> for Refused {
    fn from(error: serde_json::Error) -> Self {
        Self::defect(&error)
    }
}

/// A file that was not written.
impl From<CommandError> for Refused {
    fn from(error: CommandError) -> Self {
        Self::then(&error, SEE_FILE)
    }
}

impl From<ImportError> for Refused {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            // They ask for another file, a setting or a confirmation, where the registry would ask to correct rows.
            ImportError::LocalIssuing
            | ImportError::Gap { .. }
            | ImportError::FirstNotFull
            | ImportError::Older { .. }
            | ImportError::AsOf
            | ImportError::TooManyLeave { .. } => Self::in_its_words(&error),
            ImportError::File(FileError::Rows(_)) => Self::of(ProblemType::ImportRefused, &error),
            // No rows are listed: the file as a whole, or its manifest.
            ImportError::Manifest(_) | ImportError::File(_) => Self(crate::told::told_then(
                ProblemType::ImportRefused,
                &chain(&error),
                IMPORT_WHOLE,
            )),
        }
    }
}

impl From<PermitError> for Refused {
    fn from(error: PermitError) -> Self {
        match error {
            PermitError::Store(error) | PermitError::Issue(IssueError::Store(error)) => error.into(),
            PermitError::Issue(IssueError::Signing(error)) => error.into(),
            PermitError::Issue(IssueError::ClockBehind { .. }) => Self::of(ProblemType::NotReady, &error),
            PermitError::Issue(_) => Self::defect(&error),
            PermitError::Refused(ref refusal) => match refusal {
                Refusal::SamePerson => Self::of(ProblemType::TwoPersonRequired, &error),
                Refusal::NotEntitled(_) => Self::of(ProblemType::Forbidden, &error),
                Refusal::NotFound => Self::of(ProblemType::NotFound, &error),
                Refusal::Status(_)
                | Refusal::NotPending
                | Refusal::AlreadyProposed
                | Refusal::ChangedMeanwhile => Self::of(ProblemType::PermitStateConflict, &error),
                Refusal::LocalIssuingOff
                | Refusal::AlreadyHolds
                | Refusal::Missing(_)
                | Refusal::Text(_)
                | Refusal::Endorsement(_)
                | Refusal::OutOfNumbers => Self::in_its_words(&error),
            },
        }
    }
}

impl From<ProposeError> for Refused {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::Store(error) => error.into(),
            ProposeError::Signing(error) => error.into(),
            ProposeError::Json(error) => error.into(),
            ProposeError::Exists { .. } => Self::then(&error, SEE_AGREEMENTS),
            ProposeError::NotAParty
            | ProposeError::OwnKeyNotPinned
            | ProposeError::Succession(_)
            | ProposeError::Agreement(_) => Self::of(ProblemType::ProposalRefused, &error),
        }
    }
}

impl From<SignError> for Refused {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Store(error) => error.into(),
            SignError::Signing(error) => error.into(),
            SignError::Unknown { .. }
            | SignError::OtherText
            | SignError::State(_)
            | SignError::SignedAlready
            | SignError::SignedAnother => Self::then(&error, SEE_AGREEMENTS),
            SignError::OwnKeyNotPinned | SignError::Succession(_) | SignError::Agreement(_) => {
                Self::of(ProblemType::ProposalRefused, &error)
            }
        }
    }
}

impl From<DiscardError> for Refused {
    fn from(error: DiscardError) -> Self {
        match error {
            DiscardError::Store(error) => error.into(),
            DiscardError::Unknown { .. } => Self::then(&error, SEE_AGREEMENTS),
            DiscardError::SignedHere => Self::in_its_words(&error),
        }
    }
}

impl From<WithdrawError> for Refused {
    fn from(error: WithdrawError) -> Self {
        match error {
            WithdrawError::Store(error) => error.into(),
            WithdrawError::Signing(error) => error.into(),
            WithdrawError::Unknown(_) | WithdrawError::Already(_) => Self::then(&error, SEE_AGREEMENTS),
            WithdrawError::Withdrawal(_) => Self::then(&error, SEE_NOTICE),
        }
    }
}

impl From<ReceiveError> for Refused {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Store(error) => error.into(),
            ReceiveError::TooMany | ReceiveError::TooManyOfOne => Self::then(
                &error,
                Text::new(
                    "请先签署或弃置（comity agreement discard）已有提案",
                    "sign or discard (comity agreement discard) what waits here first",
                ),
            ),
            ReceiveError::OtherText { .. } => Self::then(&error, SEE_AGREEMENTS),
            ReceiveError::Contradiction { .. }
            | ReceiveError::Agreement(_)
            | ReceiveError::NotAParty
            | ReceiveError::Succession(_) => Self::of(ProblemType::ProposalRefused, &error),
        }
    }
}

impl From<bundle::ImportError> for Refused {
    fn from(error: bundle::ImportError) -> Self {
        match error {
            bundle::ImportError::Store(error) => error.into(),
            bundle::ImportError::TooLarge
            | bundle::ImportError::Json(_)
            | bundle::ImportError::Version(_) => Self::of(ProblemType::BundleRefused, &error),
        }
    }
}

impl From<RestoredError> for Refused {
    fn from(error: RestoredError) -> Self {
        match error {
            RestoredError::Store(error) => error.into(),
            RestoredError::Line(error) => error.into(),
            RestoredError::OutOfSerials { .. } | RestoredError::ClockBehind { .. } => {
                Self::in_its_words(&error)
            }
        }
    }
}

impl From<AddOfficerError> for Refused {
    fn from(error: AddOfficerError) -> Self {
        match error {
            AddOfficerError::Store(error) => error.into(),
            AddOfficerError::Line(error) => error.into(),
            AddOfficerError::Password(PasswordError::NotHashed(_)) => Self::of(ProblemType::NotReady, &error),
            AddOfficerError::NoRole | AddOfficerError::Password(_) => Self::in_its_words(&error),
        }
    }
}

impl From<ChangeOfficerError> for Refused {
    fn from(error: ChangeOfficerError) -> Self {
        match error {
            ChangeOfficerError::Store(error) => error.into(),
            ChangeOfficerError::Line(error) => error.into(),
            ChangeOfficerError::Password(PasswordError::NotHashed(_)) => {
                Self::of(ProblemType::NotReady, &error)
            }
            ChangeOfficerError::Unknown(_) | ChangeOfficerError::Password(_) => Self::in_its_words(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use comity_node_core::permits::NotEntitled;
    use comity_node_core::ports::officers::Role;
    use comity_node_core::ports::store::{Conflict, Row};

    use super::*;

    fn told(error: impl Into<Refused>) -> String {
        error.into().0
    }

    /// Chinese comes first, and what to do next is said.
    fn guides(text: &str) -> bool {
        let chinese = |line: &str| line.trim_start_matches("× ").starts_with(|c: char| !c.is_ascii());
        text.lines().next().is_some_and(chinese) && text.contains("\n下一步: ") && text.contains("\nNext: ")
    }

    #[test]
    fn what_the_store_says_is_told_in_chinese_first_and_with_a_next_step() {
        for error in [
            StoreError::Unavailable("disk I/O error".to_owned()),
            StoreError::Unknown("disk I/O error".to_owned()),
            StoreError::Corrupt {
                table: "permits",
                reason: "the key does not fit".to_owned(),
            },
            StoreError::Conflict(Conflict::Version(Row::Permit)),
        ] {
            let inner = error.to_string();
            let text = told(error);
            assert!(guides(&text) && text.contains(&inner), "{text}");
        }
        let through = told(PermitError::Store(StoreError::Unavailable("full".to_owned())));
        assert!(through.starts_with("× 本节点数据库暂不可用"), "{through}");
    }

    #[test]
    fn what_the_signer_says_is_told_so_too() {
        use comity_spec::jose::KeyPurpose;
        for error in [
            SigningError::Signer(SignerError::Missing(KeyPurpose::Receipt)),
            SigningError::Signer(SignerError::Unavailable {
                purpose: KeyPurpose::Receipt,
                reason: "the module is away".to_owned(),
            }),
            SigningError::NotOurs("kb+jwt"),
        ] {
            let text = told(ProposeError::Signing(error));
            assert!(guides(&text), "{text}");
        }
    }

    #[test]
    fn a_refusal_that_says_what_to_do_is_not_told_to_do_something_else() {
        let leaving = told(ImportError::TooManyLeave {
            leaving: 30,
            in_force: 100,
        });
        assert!(
            leaving.contains("--confirm-leaving") && !leaving.contains("行号"),
            "{leaving}"
        );
        let two = told(PermitError::Refused(Refusal::SamePerson));
        assert!(guides(&two) && two.contains("另一名"), "{two}");
        for why in [
            NotEntitled::Unknown,
            NotEntitled::Inactive,
            NotEntitled::Lacks(Role::Issuer),
        ] {
            let text = told(PermitError::Refused(Refusal::NotEntitled(why)));
            assert!(guides(&text) && text.contains("comity officer"), "{text}");
        }
        assert!(guides(&told(SignError::SignedAlready)));
    }
}
