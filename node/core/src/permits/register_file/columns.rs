//! The columns of a register file and the header names under which they are known.

use comity_spec::text::Text;

macro_rules! columns {
    ($($variant:ident $name:literal [$($alias:literal),+] $required:literal;)+) => {
        /// A column.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "each is documented in the table of the parent module")]
        pub enum Column { $($variant,)+ }

        impl Column {
            /// Every column, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its header name and the first of its Chinese names.
            #[must_use]
            pub const fn label(self) -> Text {
                match self { $(Self::$variant => Text::new(first(&[$($alias),+]), $name),)+ }
            }

            /// Whether a file without it is refused.
            #[must_use]
            pub const fn is_required(self) -> bool {
                match self { $(Self::$variant => $required,)+ }
            }

            /// The column with this header, by name or Chinese alias; spaces around it do not matter.
            #[must_use]
            pub fn from_header(header: &str) -> Option<Self> {
                match header.trim() {
                    $($name $(| $alias)+ => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

const fn first(aliases: &'static [&'static str]) -> &'static str {
    aliases[0]
}

columns! {
    PermitNumber "permit_number" ["居住证编号", "证件编号", "居住证号"] true;
    Name "name" ["姓名"] true;
    Sex "sex" ["性别"] true;
    Ethnicity "ethnicity" ["民族"] true;
    BirthDate "birth_date" ["出生日期"] true;
    IdType "id_type" ["号码类型", "证件类型"] false;
    IdNumber "id_number" ["公民身份号码", "身份证号码", "身份证号"] true;
    HukouAddress "hukou_address" ["常住户口所在地住址", "户籍地址"] true;
    ResidenceAddress "residence_address" ["居住地住址", "居住地址"] true;
    ResidenceRegion "residence_region" ["居住地区划", "居住地区划代码"] false;
    IssuingAuthority "issuing_authority" ["签发机关"] true;
    IssueDate "issue_date" ["签发日期"] true;
    Tier "tier" ["证件类别"] false;
    Basis "basis" ["申领事由"] true;
    ResidenceSince "residence_since" ["居住起算日", "居住起始日期"] true;
    EndorsedUntil "endorsed_until" ["签注有效期至", "签注至"] true;
    InsuredMonths "insured_months" ["参保月数"] false;
    PointsStandardMet "points_standard_met" ["积分达标"] false;
    CredentialClass "credential_class" ["证件制式"] false;
    PreviousIds "previous_ids" ["曾用号码"] false;
    CardValidUntil "card_valid_until" ["证件有效期至"] false;
    ElcId "elc_id" ["电子证照标识"] false;
    SourceEvent "source_event" ["变更类型", "业务类型"] false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_officials_table_has_every_column_by_all_its_names() {
        let told = include_str!("../../../../../deploy/register-files.md");
        let rows = told
            .lines()
            .skip_while(|line| !line.starts_with("| column |"))
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        let mut seen = Vec::new();
        for row in rows {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let column = Column::from_header(cells[1].trim_matches('`')).unwrap();
            for name in cells[2].split('、') {
                assert_eq!(Column::from_header(name), Some(column), "{row}");
            }
            assert_eq!(cells[3] == "yes", column.is_required(), "{row}");
            seen.push(column);
        }
        assert_eq!(seen, Column::ALL);
    }
}
