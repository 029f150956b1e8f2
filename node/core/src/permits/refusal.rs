//! Why an act on a permit is refused: a closed list, each with what to do next, in Chinese and English. No names, no numbers.

use comity_spec::exchange::PermitStatus;
use comity_spec::ids::PermitNumberNotAssignable;
use comity_spec::text::Bilingual;
use comity_spec::time::endorsement::EndorsementRefusal;
use comity_spec::time::{LocalDate, LocalDateError};

use super::codes::Evidence;
use crate::attestations::IssueError;
use crate::ports::officers::Role;
use crate::ports::store::StoreError;

/// An act on a permit that was refused by the rules. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The county has a register of its own, which alone changes permits.
    LocalIssuingOff,
    /// No such permit here.
    NotFound,
    /// The permit's status does not allow the act.
    Status(PermitStatus),
    /// The person holds a permit of this county already.
    AlreadyHolds,
    /// What is missing for an issue or endorsement: everything at once (article 9, 一次性告知).
    Missing(Vec<Missing>),
    /// A text that cannot stand on a permit: empty, too long, or with control characters.
    Text(&'static str),
    /// The endorsement rules on dates.
    Endorsement(EndorsementRefusal),
    /// Proposer and approver are one person.
    SamePerson,
    /// Whoever acts is no officer who may.
    NotEntitled(NotEntitled),
    /// The act was decided before, or there is none.
    NotPending,
    /// A cancellation of this permit waits for approval already.
    AlreadyProposed,
    /// Somebody else changed the permit in the meantime.
    ChangedMeanwhile,
    /// No more numbers, or the calendar's end.
    OutOfNumbers,
}

/// Why somebody may not act on permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEntitled {
    /// Nobody of this id was ever added.
    Unknown,
    /// The officer was deactivated.
    Inactive,
    /// The officer is active, without the role that the act asks for.
    Lacks(Role),
}

/// A requirement that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Half a year of residence is full only on this day (article 2).
    HalfAYear {
        /// First day on which it is.
        from: LocalDate,
    },
    /// Evidence of half a year's residence: one of these.
    ProofOfResidence(Vec<Evidence>),
    /// Evidence of the basis: one of these.
    ProofOfBasis(Vec<Evidence>),
}

impl Missing {
    /// For people.
    #[must_use]
    pub fn text(&self) -> Bilingual {
        let list = |codes: &[Evidence]| {
            let zh: Vec<_> = codes.iter().map(|code| code.label().zh).collect();
            let en: Vec<_> = codes.iter().map(|code| code.label().en).collect();
            (zh.join("、"), en.join("; "))
        };
        let (zh, en) = match self {
            Self::HalfAYear { from } => (
                format!("居住须满半年，自 {from} 起可申领"),
                format!("half a year of residence is full on {from}"),
            ),
            Self::ProofOfResidence(codes) => {
                let (zh, en) = list(codes);
                (
                    format!("居住满半年的证明，任选其一：{zh}"),
                    format!("proof of half a year's residence, one of: {en}"),
                )
            }
            Self::ProofOfBasis(codes) => {
                let (zh, en) = list(codes);
                (
                    format!("申领事由的证明，任选其一：{zh}"),
                    format!("proof of the basis, one of: {en}"),
                )
            }
        };
        Bilingual { zh, en }
    }
}

impl Refusal {
    /// What is wrong and what to do next.
    #[must_use]
    pub fn text(&self) -> Bilingual {
        let both = |zh: &str, en: &str| Bilingual {
            zh: zh.to_owned(),
            en: en.to_owned(),
        };
        match self {
            Self::LocalIssuingOff => both(
                "本县居住证由登记系统管理，请在登记系统办理，变更随后自动同步",
                "this county's permits are kept by its register: do it there, and it is mirrored here",
            ),
            Self::NotFound => both(
                "没有此居住证，请核对编号",
                "there is no such permit: check the number",
            ),
            Self::Status(status) => status_text(*status),
            Self::AlreadyHolds => both(
                "此人已有本县居住证，请办理签注、换领或补领",
                "this person holds a permit of this county: endorse or replace it",
            ),
            Self::Missing(items) => {
                let texts: Vec<_> = items.iter().map(Missing::text).collect();
                let zh: Vec<_> = texts.iter().map(|text| text.zh.as_str()).collect();
                let en: Vec<_> = texts.iter().map(|text| text.en.as_str()).collect();
                Bilingual {
                    zh: format!("还需补齐：{}", zh.join("；")),
                    en: format!("still missing: {}", en.join(" | ")),
                }
            }
            Self::Text(field) => Bilingual {
                zh: format!("{field}：为空、过长或含不可见字符，请改正"),
                en: format!("{field}: empty, too long or with control characters; correct it"),
            },
            Self::Endorsement(refusal) => endorsement_text(refusal),
            Self::SamePerson => both(
                "提出与批准须为两人，请另一位人员办理",
                "proposer and approver must be two persons: ask another officer",
            ),
            Self::NotEntitled(why) => not_entitled_text(*why),
            Self::NotPending => both(
                "此事项不存在或已办结，请刷新列表",
                "this act does not exist or was decided: refresh the list",
            ),
            Self::AlreadyProposed => both(
                "该证的注销已提出，正待批准",
                "a cancellation of this permit waits for approval already",
            ),
            Self::ChangedMeanwhile => both(
                "该证刚被他人变更，请刷新后重新办理",
                "the permit was changed in the meantime: look again, then decide",
            ),
            Self::OutOfNumbers => both(
                "编号或日期已用尽，请联系管理员",
                "no number or date is left: ask the operator",
            ),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text().fmt(f)
    }
}

fn not_entitled_text(why: NotEntitled) -> Bilingual {
    let (zh, en) = match why {
        NotEntitled::Unknown => (
            "经办人不在本县名册，请核对编号；确有此人的，由管理员用 comity officer add 添加",
            "there is no such officer here: check the id, or have the administrator add the person (comity officer add)",
        ),
        NotEntitled::Inactive => (
            "该经办人已停用，请由在岗人员办理，或由管理员用 comity officer activate 启用",
            "this officer is deactivated: have an active one do it, or the administrator activate the person (comity officer activate)",
        ),
        NotEntitled::Lacks(role) => {
            let (zh, name) = match role {
                Role::Clerk => ("窗口核验", "clerk"),
                Role::Issuer => ("证件办理", "issuer"),
                Role::Supervisor => ("复核批准", "supervisor"),
            };
            return Bilingual {
                zh: format!(
                    "该经办人没有{zh}（{name}）角色，请由有此角色的人员办理，或由管理员用 comity officer add --role 重设其角色"
                ),
                en: format!(
                    "this officer has not the role {name}: have one who has it do it, or the administrator set the roles anew (comity \
                     officer add --role)"
                ),
            };
        }
    };
    Bilingual {
        zh: zh.to_owned(),
        en: en.to_owned(),
    }
}

fn status_text(status: PermitStatus) -> Bilingual {
    let (zh, en) = match status {
        PermitStatus::Valid => (
            "该证使用正常，无需此操作",
            "the permit is in function: nothing to do",
        ),
        PermitStatus::Cancelled => (
            "该证已注销，请重新申领",
            "the permit is cancelled: apply for a new one",
        ),
        PermitStatus::Suspended => (
            "该证已中止使用，请先办理恢复",
            "the permit is suspended: have it reinstated first",
        ),
        PermitStatus::ReportedLost => (
            "该证已挂失，请先解除挂失或办理补领",
            "the permit is reported lost: report it found or replace it",
        ),
        PermitStatus::Superseded => (
            "该证已换发，请使用新证",
            "the permit was replaced: use the new one",
        ),
    };
    Bilingual {
        zh: zh.to_owned(),
        en: en.to_owned(),
    }
}

fn endorsement_text(refusal: &EndorsementRefusal) -> Bilingual {
    let zh = match refusal {
        EndorsementRefusal::WindowNotOpen { opens } => format!("尚未到签注时间，请于 {opens} 起办理"),
        EndorsementRefusal::RegistrationNeeded { last_day } => {
            format!("补办签注的期限已于 {last_day} 届满，请重新办理居住登记")
        }
        EndorsementRefusal::NotOnAnniversary => "签注日期与周年日不符，请联系管理员核对".to_owned(),
        EndorsementRefusal::Date(_) => "日期超出历法范围，请核对".to_owned(),
    };
    Bilingual {
        zh,
        en: refusal.to_string(),
    }
}

/// Why an act on a permit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum PermitError {
    /// By the rules.
    #[error("{0}")]
    Refused(Refusal),
    /// The store.
    #[error(transparent)]
    Store(StoreError),
    /// The attestations could not be issued; the permit is as it was.
    #[error(transparent)]
    Issue(IssueError),
}

impl From<Refusal> for PermitError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for PermitError {
    fn from(error: StoreError) -> Self {
        use crate::ports::store::{Conflict, Row};
        match error {
            StoreError::Conflict(Conflict::Version(Row::Permit)) => Self::Refused(Refusal::ChangedMeanwhile),
            StoreError::Conflict(Conflict::Version(Row::PendingAct)) => Self::Refused(Refusal::NotPending),
            other => Self::Store(other),
        }
    }
}

impl From<IssueError> for PermitError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Store(error) => Self::from(error),
            other => Self::Issue(other),
        }
    }
}

impl From<LocalDateError> for Refusal {
    fn from(_: LocalDateError) -> Self {
        Self::OutOfNumbers
    }
}

impl From<PermitNumberNotAssignable> for Refusal {
    fn from(_: PermitNumberNotAssignable) -> Self {
        Self::OutOfNumbers
    }
}
