//! From what was typed or sent to the use cases' commands, the same for pages and API.

use comity_node_core::Node;
use comity_node_core::recognition::{
    IssuerChoice, LookUp, RecogniseError, RecognitionView, VerifyPresented, look_up, verify_presented,
};
use comity_spec::exchange::{Subject, SubjectNumber};
use comity_spec::ids::{CitizenNumber, CitizenNumberError, PermitNumber};

use super::words::{Lang, Words};
use crate::render::{UnreadablePicture, read_code};

/// Longest name, in bytes.
const LONGEST_NAME: usize = 256;

/// What is in front of the window.
pub(super) enum Shown {
    /// Text of a code, a file or a wallet.
    Text {
        presented: String,
        nonce: Option<String>,
        typed_name: Option<String>,
    },
    /// Number and name from a card.
    Typed { issuer: IssuerChoice, subject: Subject },
}

/// Why what was typed is not somebody's number and name. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubjectError {
    /// Nothing typed.
    NumberEmpty,
    /// Looks like a citizen number and is none.
    Citizen(CitizenNumberError),
    /// No permit number either.
    Permit,
    /// No name, or one longer than any.
    Name,
}

impl SubjectError {
    /// The field of the form that it is about.
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::NumberEmpty | Self::Citizen(_) | Self::Permit => "number",
            Self::Name => "name",
        }
    }

    /// What is wrong and what to look at, in the words of one language.
    pub(super) const fn sentence(self, words: &Words) -> &'static str {
        match self {
            Self::NumberEmpty => words.error_number_empty,
            Self::Citizen(CitizenNumberError::Length { .. }) => words.error_number_length,
            Self::Citizen(CitizenNumberError::Character { .. }) => words.error_number_character,
            Self::Citizen(CitizenNumberError::Date) => words.error_number_date,
            Self::Citizen(CitizenNumberError::CheckDigit) => words.error_number_check,
            Self::Permit => words.error_number_other,
            Self::Name => words.error_name,
        }
    }
}

/// Both languages, Chinese first.
impl std::fmt::Display for SubjectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let both = [Lang::Zh, Lang::En].map(|lang| self.sentence(lang.words()));
        f.write_str(&both.join(" / "))
    }
}

/// Number and name as typed: spaces and small letters of a number are forgiven, a name is kept as it is (ATT-16) but for
/// white space around it.
pub(super) fn subject(number: &str, name: &str) -> Result<Subject, SubjectError> {
    let number: String = number
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(half_width)
        .collect();
    let number = number.to_ascii_uppercase();
    let name = name.trim();
    if number.is_empty() {
        return Err(SubjectError::NumberEmpty);
    }
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(SubjectError::Name);
    }
    let number = match number.parse::<CitizenNumber>() {
        Ok(citizen) => SubjectNumber::IdNumber(citizen),
        Err(error) if meant_as_citizen_number(&number) => return Err(SubjectError::Citizen(error)),
        Err(_) => {
            SubjectNumber::PermitNumber(number.parse::<PermitNumber>().map_err(|_| SubjectError::Permit)?)
        }
    };
    Ok(Subject {
        number,
        name: name.to_owned(),
    })
}

/// 15 to 20 characters, nearly all of them digits: a permit number of 19 with a right check character is one all the same.
fn meant_as_citizen_number(number: &str) -> bool {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let permit = number
        .parse::<PermitNumber>()
        .is_ok_and(|permit| permit.has_valid_check());
    (15..=20).contains(&number.len()) && digits + 2 >= number.len() && !permit
}

/// Full-width digits and letters of an input method as what they are.
fn half_width(c: char) -> char {
    match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        c => c,
    }
}

/// Runs the use case that fits.
pub(super) async fn verify(
    node: &Node,
    inquiry: comity_node_core::recognition::Inquiry,
    shown: Shown,
) -> Result<RecognitionView, RecogniseError> {
    match shown {
        Shown::Text {
            presented,
            nonce,
            typed_name,
        } => {
            let command = VerifyPresented {
                inquiry,
                presented: presented.into_bytes(),
                nonce,
                typed_name,
            };
            verify_presented(node, &command).await
        }
        Shown::Typed { issuer, subject } => {
            look_up(
                node,
                &LookUp {
                    inquiry,
                    issuer,
                    subject,
                },
            )
            .await
        }
    }
}

/// Most pictures that are read at once: one takes a core for a moment, and memory for its pixels.
static READING: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(2);

/// The code in a picture, read outside the event loop.
pub(super) async fn read_picture(picture: Vec<u8>) -> Result<String, UnreadablePicture> {
    // The semaphore is never closed; were it so, or did the reader panic on a picture, the picture would be what cannot be read.
    let permit = READING
        .acquire()
        .await
        .map_err(|_| UnreadablePicture::NotAPicture)?;
    let reading = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        read_code(&picture)
    });
    reading.await.unwrap_or(Err(UnreadablePicture::NotAPicture))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_forgiven_and_what_is_wrong_is_named() {
        let read = |number: &str| subject(number, " 张示例 ");
        let good = read("36112318800101005x").unwrap();
        assert_eq!(good.name, "张示例");
        assert!(matches!(&good.number, SubjectNumber::IdNumber(n) if n.as_str() == "36112318800101005X"));
        assert_eq!(
            read("361123 1880 0101 0017").unwrap(),
            read("３６１１２３１８８００１０１００１７").unwrap()
        );
        assert!(matches!(
            read("SHILI-361123-0000001").unwrap().number,
            SubjectNumber::PermitNumber(_)
        ));

        assert_eq!(read("  "), Err(SubjectError::NumberEmpty));
        let told = SubjectError::Citizen(CitizenNumberError::CheckDigit).to_string();
        assert_eq!(
            told.split_once(" / "),
            Some((
                Lang::Zh.words().error_number_check,
                Lang::En.words().error_number_check
            ))
        );
        assert_eq!(
            read("361123188001010018"),
            Err(SubjectError::Citizen(CitizenNumberError::CheckDigit))
        );
        assert_eq!(
            read("36112318800101001"),
            Err(SubjectError::Citizen(CitizenNumberError::Length { found: 17 }))
        );
        assert_eq!(
            read("36112318930229001X"),
            Err(SubjectError::Citizen(CitizenNumberError::Date))
        );
        assert!(matches!(
            read("3611231880O1010017"),
            Err(SubjectError::Citizen(CitizenNumberError::Character {
                position: 11
            }))
        ));
        assert_eq!(read("编号一"), Err(SubjectError::Permit));
        assert_eq!(subject("361123188001010017", " "), Err(SubjectError::Name));
        assert_eq!(
            subject("361123188001010017", &"长".repeat(100)),
            Err(SubjectError::Name)
        );
    }
}
