//! The sentences of the requirements, so that a failure can say what was broken in the text's own words.
//!
//! A requirement is a line of `spec/protocol` that begins with its id in bold (chapter 0). The text is carried in the program;
//! another revision can be read from a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use comity_spec::conformance::{CHAPTERS, revision_of, text_revision};

use crate::rules::{self, CHAPTER, Rule};

/// Why the text cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequirementsError {
    /// The folder, or a file in it, cannot be read.
    #[error("无法读取协议文本 / cannot read the text in {}: {reason}", folder.display())]
    Unreadable {
        /// Which folder.
        folder: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The folder holds no requirement.
    #[error("没有协议条款 / no requirement stands in {}: it should be spec/protocol", .0.display())]
    Empty(PathBuf),
}

/// A requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// The file in `spec/protocol`.
    pub(crate) chapter: String,
    /// Its sentence.
    pub(crate) sentence: String,
}

/// All requirements, by id.
#[derive(Debug)]
pub(crate) struct Requirements {
    all: BTreeMap<String, Requirement>,
    rules: Vec<(String, Rule)>,
    revision: String,
}

impl Requirements {
    /// Those of the text that this program carries.
    pub(crate) fn carried() -> Self {
        let all = CHAPTERS.iter().flat_map(|(file, text)| of(file, text)).collect();
        let rules = CHAPTERS.iter().filter(|(file, _)| *file == CHAPTER);
        Self {
            all,
            rules: rules.flat_map(|(_, text)| rules::of(text)).collect(),
            revision: text_revision().to_owned(),
        }
    }

    /// Those of a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, RequirementsError> {
        let unreadable = |error: std::io::Error| RequirementsError::Unreadable {
            folder: folder.to_owned(),
            reason: error.to_string(),
        };
        let mut all = BTreeMap::new();
        let mut texts = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|ext| ext == "md") {
                let text = std::fs::read_to_string(&path).map_err(unreadable)?;
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                all.extend(of(&file, &text));
                texts.insert(file.into_owned(), text);
            }
        }
        if all.is_empty() {
            return Err(RequirementsError::Empty(folder.to_owned()));
        }
        let rules = texts.get(CHAPTER).map_or_else(Vec::new, |text| rules::of(text));
        let texts = texts.iter().map(|(file, text)| (file.as_str(), text.as_str()));
        Ok(Self {
            all,
            revision: revision_of(texts),
            rules,
        })
    }

    /// Names the state of the text: the first characters of a SHA-256 over all chapters.
    pub(crate) fn revision(&self) -> &str {
        &self.revision
    }

    /// Every id, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    /// The requirement of this id.
    pub(crate) fn find(&self, id: &str) -> Option<&Requirement> {
        self.all.get(id)
    }

    /// The rows of chapter 16 in which a rule of this name stands.
    pub(crate) fn rules<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r Rule> {
        let named = self.rules.iter().filter(move |(one, _)| one == name);
        named.map(|(_, rule)| rule)
    }
}

fn of(file: &str, text: &str) -> Vec<(String, Requirement)> {
    let one = |line: &str| {
        let (id, sentence) = line.strip_prefix("**[")?.split_once("]**")?;
        let requirement = Requirement {
            chapter: file.to_owned(),
            sentence: sentence.trim().to_owned(),
        };
        Some((id.to_owned(), requirement))
    };
    text.lines().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_carries_every_chapter_as_it_stands() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/protocol");
        let read = Requirements::read(&folder).unwrap();
        assert_eq!(read.all, Requirements::carried().all);
        assert_eq!(read.rules, Requirements::carried().rules);
        assert_eq!(read.revision(), Requirements::carried().revision());
        assert!(read.all.len() > 150, "only {}", read.all.len());
        let alg = read.find("JWS-1").unwrap();
        assert_eq!(alg.chapter, "02-jws.md");
        assert!(alg.sentence.starts_with("`alg` MUST be"), "{}", alg.sentence);
    }

    #[test]
    fn a_folder_without_text_is_not_taken_for_one_without_rules() {
        let here = tempfile::tempdir().unwrap();
        assert!(matches!(
            Requirements::read(here.path()),
            Err(RequirementsError::Empty(_))
        ));
        let gone = here.path().join("gone");
        assert!(matches!(
            Requirements::read(&gone),
            Err(RequirementsError::Unreadable { .. })
        ));
    }
}
