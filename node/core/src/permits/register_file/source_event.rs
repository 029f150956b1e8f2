//! The register's own word for what happened to a permit, and what follows from it.

use comity_spec::exchange::PermitStatus;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident $code:literal [$($alias:literal),+];)+) => {
        /// What happened to a permit, as its register says it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum SourceEvent { $($(#[$doc])* $variant,)+ }

        impl SourceEvent {
            /// Every event.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// Reads a code or one of its Chinese names.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code $(| $alias)+ => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

events! {
    /// 签发: issued, and in function.
    Issue "ISSUE" ["签发", "首次申领", "申领"];
    /// 签注: endorsed; the status stays.
    Endorse "ENDORSE" ["签注"];
    /// 挂失: reported lost.
    Lost "LOST" ["挂失"];
    /// 解除挂失: found again.
    Found "FOUND" ["解除挂失", "解挂"];
    /// 中止: suspended.
    Suspend "SUSPEND" ["中止", "暂停", "停用"];
    /// 恢复: reinstated.
    Reinstate "REINSTATE" ["恢复", "恢复使用"];
    /// 注销: cancelled, for good.
    Cancel "CANCEL" ["注销"];
    /// 换领, 补领: this permit was replaced by another, which has a row of its own.
    Replace "REPLACE" ["换领", "补领", "换发", "补发"];
    /// 变更: data changed; the status stays. Also what an empty field means.
    Update "UPDATE" ["变更", "信息变更"];
}

/// A cancelled or replaced permit cannot come back without the register saying that it was issued or reinstated. So a file lists
/// the permits in force, and of the others only those whose row says CANCEL or REPLACE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoesNotReturn;

impl SourceEvent {
    /// The status after this event; `before` is `None` for a permit that was not known.
    ///
    /// # Errors
    /// [`DoesNotReturn`].
    pub const fn status_after(self, before: Option<PermitStatus>) -> Result<PermitStatus, DoesNotReturn> {
        use PermitStatus::{Cancelled, ReportedLost, Superseded, Suspended, Valid};
        match (self, before) {
            (Self::Cancel, _) => Ok(Cancelled),
            (Self::Issue | Self::Reinstate, _) => Ok(Valid),
            (Self::Replace, Some(Cancelled)) => Ok(Cancelled),
            (Self::Replace, _) => Ok(Superseded),
            (_, Some(Cancelled | Superseded)) => Err(DoesNotReturn),
            (Self::Endorse | Self::Update, Some(before)) => Ok(before),
            (Self::Lost, _) => Ok(ReportedLost),
            (Self::Suspend, _) => Ok(Suspended),
            // Found again, but suspended for another reason in the meantime: still suspended.
            (Self::Found, Some(Suspended)) => Ok(Suspended),
            (Self::Found | Self::Endorse | Self::Update, _) => Ok(Valid),
        }
    }
}
