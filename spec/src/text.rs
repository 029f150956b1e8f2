//! Words for people, always in two languages: Chinese first, because the clerk and the holder read Chinese, then
//! English as a courtesy.
//!
//! [`Text`] is a sentence that is built in; [`Bilingual`] is one that travels (an agreement's title, a local rule).
//! This module does not translate, choose a language or format numbers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A built-in sentence in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text {
    /// Chinese; the normative one where the two differ.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

impl Text {
    /// A sentence in both languages.
    pub const fn new(zh: &'static str, en: &'static str) -> Self {
        Self { zh, en }
    }

    /// The same sentence in the form that travels.
    pub fn to_bilingual(self) -> Bilingual {
        Bilingual {
            zh: self.zh.to_owned(),
            en: self.en.to_owned(),
        }
    }
}

/// Chinese, a slash, English.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.zh, self.en)
    }
}

/// A sentence in both languages, as it stands in signed objects and responses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bilingual {
    /// Chinese; the normative one where the two differ.
    pub zh: String,
    /// English.
    pub en: String,
}

impl From<Text> for Bilingual {
    fn from(text: Text) -> Self {
        text.to_bilingual()
    }
}

/// Chinese, a slash, English.
impl fmt::Display for Bilingual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.zh, self.en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_object_has_exactly_two_members() {
        let text: Bilingual = serde_json::from_str(r#"{"zh":"互认","en":"Comity"}"#).unwrap();
        assert_eq!(text, Text::new("互认", "Comity").into());
        assert_eq!(
            serde_json::to_string(&text).unwrap(),
            r#"{"zh":"互认","en":"Comity"}"#
        );
        assert!(serde_json::from_str::<Bilingual>(r#"{"zh":"互认"}"#).is_err());
        assert!(serde_json::from_str::<Bilingual>(r#"{"zh":"互认","en":"Comity","fr":"x"}"#).is_err());
    }

    #[test]
    fn chinese_comes_first() {
        assert_eq!(Text::new("互认", "Comity").to_string(), "互认 / Comity");
        assert_eq!(
            Text::new("互认", "Comity").to_bilingual().to_string(),
            "互认 / Comity"
        );
    }
}
