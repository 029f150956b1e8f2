//! Closed lists of what an officer may give as evidence or reason. There is no free text: a refusal or a cancellation that nobody
//! can check is worth nothing, and a remark in free text is where personal data leaks. Codes stay with the issuer.

use comity_spec::attestation::Basis;
use comity_spec::text::Text;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $code:literal $zh:literal $en:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the label of each says what it is")]
        pub enum $name { $($variant,)+ }

        impl $name {
            /// Every code of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// For people.
            #[must_use]
            pub const fn label(self) -> Text {
                match self { $(Self::$variant => Text::new($zh, $en),)+ }
            }

            /// Reads a code.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == code)
            }
        }
    };
}

codes! {
    /// Evidence seen, by kind (Decree 663, article 9, and the alternatives of local practice). The papers themselves are not kept
    /// here.
    Evidence {
        IncomeTax6Months "EVID-IIT-6M" "连续六个月工资薪金个人所得税" "six consecutive months of income tax on wages";
        Insurance6Months "EVID-SI-6M" "连续六个月社会保险" "six consecutive months of social insurance";
        TemporaryPermit "EVID-TEMP-PERMIT" "满六个月的暂住证" "a temporary permit of at least six months";
        RegistrationCard "EVID-REG-CARD" "满六个月的居住登记" "a registration of residence of at least six months";
        Lease "EVID-LEASE" "房屋租赁合同" "a lease";
        Title "EVID-TITLE" "房屋产权证明或购房合同" "a title or purchase contract";
        LabourContract "EVID-LABOUR-CONTRACT" "劳动合同或用人单位证明" "a labour contract or employer's proof";
        BusinessLicence "EVID-BUSINESS-LICENCE" "营业执照" "a business licence";
        Student "EVID-STUDENT" "学生证或就读证明" "a student card or school's proof";
        Kinship "EVID-KINSHIP" "与同住亲属的关系证明" "proof of kinship with those lived with";
    }
}

impl Evidence {
    /// Whether it proves this basis of issue.
    #[must_use]
    pub const fn proves(self, basis: Basis) -> bool {
        match basis {
            Basis::Employment => matches!(
                self,
                Self::IncomeTax6Months
                    | Self::Insurance6Months
                    | Self::LabourContract
                    | Self::BusinessLicence
            ),
            Basis::Dwelling => matches!(self, Self::Lease | Self::Title | Self::Kinship),
            Basis::Study => matches!(self, Self::Student),
        }
    }

    /// Whether it proves half a year of residence (article 2).
    #[must_use]
    pub const fn proves_half_a_year(self) -> bool {
        matches!(
            self,
            Self::IncomeTax6Months | Self::Insurance6Months | Self::TemporaryPermit | Self::RegistrationCard
        )
    }
}

codes! {
    /// Why a permit is cancelled.
    CancellationReason {
        HukouSettled "HUKOU_SETTLED" "已在居住地登记常住户口" "permanent residence was registered here";
        MovedAway "MOVED_AWAY" "已离开居住地" "the holder moved away";
        Deceased "DECEASED" "持证人死亡" "the holder died";
        FalseMaterials "FALSE_MATERIALS" "以虚假材料骗领" "obtained with false materials";
        HolderRequest "HOLDER_REQUEST" "持证人申请注销" "asked for by the holder";
        IssuedInError "ISSUED_IN_ERROR" "签发有误" "issued in error";
    }
}

codes! {
    /// Why a permit's use is suspended.
    SuspensionReason {
        UnderReview "UNDER_REVIEW" "正在核查" "under review";
        MaterialsDoubted "MATERIALS_DOUBTED" "申领材料存疑" "the materials are in doubt";
        OrderOfAuthority "ORDER_OF_AUTHORITY" "有权机关依法决定" "by order of an authority";
        HolderRequest "HOLDER_REQUEST" "持证人申请暂停" "asked for by the holder";
    }
}

codes! {
    /// Why a suspension ends.
    ReinstatementReason {
        ReviewCleared "REVIEW_CLEARED" "核查无误" "the review found nothing";
        OrderLifted "ORDER_LIFTED" "决定已解除" "the order was lifted";
        HolderRequest "HOLDER_REQUEST" "持证人申请恢复" "asked for by the holder";
        SuspendedInError "SUSPENDED_IN_ERROR" "中止有误" "suspended in error";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an officer is told to write into the file of an act.
    const TOLD: &str = include_str!("../../../../deploy/local-issuing.md");

    #[test]
    fn every_code_stands_in_the_officers_text_with_its_label() {
        let evidence = Evidence::ALL.iter().map(|one| (one.as_str(), one.label()));
        for (code, label) in evidence {
            assert!(TOLD.contains(&format!("| `{code}` | {} |", label.zh)), "{code}");
        }
        let cancel = CancellationReason::ALL
            .iter()
            .map(|one| (one.as_str(), one.label()));
        let suspend = SuspensionReason::ALL
            .iter()
            .map(|one| (one.as_str(), one.label()));
        let reinstate = ReinstatementReason::ALL
            .iter()
            .map(|one| (one.as_str(), one.label()));
        for (code, label) in cancel.chain(suspend).chain(reinstate) {
            assert!(TOLD.contains(&format!("`{code}` {}", label.zh)), "{code}");
        }
    }

    #[test]
    fn the_officers_text_says_what_each_paper_proves() {
        for one in Evidence::ALL {
            let row = TOLD
                .lines()
                .find(|line| line.starts_with(&format!("| `{}` |", one.as_str())))
                .unwrap();
            assert_eq!(row.contains('✓'), one.proves_half_a_year(), "{row}");
            for basis in [Basis::Employment, Basis::Dwelling, Basis::Study] {
                assert_eq!(row.contains(basis.as_str()), one.proves(basis), "{row}");
            }
        }
    }
}
