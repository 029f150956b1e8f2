//! The protocol text as data: chapters, sections and requirements, in the order of the files of `spec/protocol`.
//!
//! A requirement is a line that begins with its id in bold brackets and ends with the line; the gate `requirements` holds
//! that form, here it is only read. What is not in that form is prose and is left to Markdown.

use std::collections::BTreeMap;

use crate::Outcome;
use crate::tree::Tree;

/// Where the chapters are.
pub(super) const FOLDER: &str = "spec/protocol/";

/// One file of the text.
pub(super) struct Chapter {
    /// From the file name: `07-verification.md` is 7.
    pub(super) number: u32,
    /// Path from the root of the repository.
    pub(super) path: String,
    /// The first heading, without its number.
    pub(super) title: String,
    /// What follows the first heading.
    pub(super) parts: Vec<Part>,
}

/// A piece of a chapter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Markdown.
    Prose(String),
    /// `## 7.2 Look-up request`.
    Section { number: String, title: String },
    /// `**[VER-4]** …`, one line of Markdown without the id.
    Requirement { id: String, text: String },
}

/// The whole text.
pub(super) struct Text {
    pub(super) chapters: Vec<Chapter>,
}

impl Text {
    /// Reads the chapters of a tree.
    ///
    /// # Errors
    /// A file without number or heading, two of one number, or no file at all.
    pub(super) fn read(tree: &Tree) -> Outcome<Self> {
        let mut chapters = BTreeMap::new();
        for (path, text) in tree.texts(".md").filter(|(path, _)| path.starts_with(FOLDER)) {
            let chapter = chapter(path, text)?;
            if let Some(other) = chapters.insert(chapter.number, chapter) {
                return Err(format!("{path} and {} have one number", other.path));
            }
        }
        if chapters.is_empty() {
            return Err(format!("there is no chapter in {FOLDER}"));
        }
        Ok(Self {
            chapters: chapters.into_values().collect(),
        })
    }

    /// Every requirement with its text, in order.
    pub(super) fn requirements(&self) -> impl Iterator<Item = (&str, &str)> {
        self.chapters
            .iter()
            .flat_map(|chapter| &chapter.parts)
            .filter_map(|part| match part {
                Part::Requirement { id, text } => Some((id.as_str(), text.as_str())),
                _ => None,
            })
    }
}

fn chapter(path: &str, text: &str) -> Outcome<Chapter> {
    let file = path.strip_prefix(FOLDER).unwrap_or(path);
    let number = file
        .split_once('-')
        .and_then(|(number, _)| number.parse().ok())
        .ok_or_else(|| format!("{path}: the file name does not begin with the chapter's number"))?;
    let (heading, body) = text.split_once('\n').unwrap_or((text, ""));
    let title = heading
        .strip_prefix("# ")
        .and_then(|heading| heading.strip_prefix(&format!("{number}. ")))
        .ok_or_else(|| format!("{path}: the first line is not `# {number}. Title`"))?;
    Ok(Chapter {
        number,
        path: path.to_owned(),
        title: title.trim().to_owned(),
        parts: parts(path, body)?,
    })
}

fn parts(path: &str, body: &str) -> Outcome<Vec<Part>> {
    let mut parts = Vec::new();
    let mut prose = String::new();
    let mut fenced = false;
    for line in body.lines() {
        fenced ^= line.starts_with("```");
        let special = if fenced { None } else { special(path, line)? };
        match special {
            None => {
                prose.push_str(line);
                prose.push('\n');
            }
            Some(part) => {
                end_of(&mut prose, &mut parts);
                parts.push(part);
            }
        }
    }
    end_of(&mut prose, &mut parts);
    Ok(parts)
}

fn end_of(prose: &mut String, parts: &mut Vec<Part>) {
    let text = std::mem::take(prose);
    if !text.trim().is_empty() {
        parts.push(Part::Prose(text.trim_matches('\n').to_owned()));
    }
}

fn special(path: &str, line: &str) -> Outcome<Option<Part>> {
    if let Some(heading) = line.strip_prefix("## ") {
        let (number, title) = heading
            .split_once(' ')
            .filter(|(number, _)| number.contains('.'))
            .ok_or_else(|| format!("{path}: the section `{heading}` has no number"))?;
        return Ok(Some(Part::Section {
            number: number.to_owned(),
            title: title.to_owned(),
        }));
    }
    let requirement = line
        .strip_prefix("**[")
        .and_then(|rest| rest.split_once("]** "))
        .map(|(id, text)| Part::Requirement {
            id: id.to_owned(),
            text: text.to_owned(),
        });
    Ok(requirement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter_is_sections_requirements_and_prose() {
        let text = "# 3. Trust\n\nWho.\n\n## 3.1 Chain\n\n**[TRU-1]** A *node* MUST.\n\nMore.\n\n```text\n## 9.9 no\n```\n";
        let chapter = chapter("spec/protocol/03-trust.md", text).unwrap();
        assert_eq!((chapter.number, chapter.title.as_str()), (3, "Trust"));
        assert_eq!(
            chapter.parts,
            [
                Part::Prose("Who.".into()),
                Part::Section {
                    number: "3.1".into(),
                    title: "Chain".into()
                },
                Part::Requirement {
                    id: "TRU-1".into(),
                    text: "A *node* MUST.".into()
                },
                Part::Prose("More.\n\n```text\n## 9.9 no\n```".into()),
            ]
        );
    }

    #[test]
    fn a_chapter_without_its_number_is_refused() {
        assert!(chapter("spec/protocol/trust.md", "# 3. Trust\n").is_err());
        assert!(chapter("spec/protocol/03-trust.md", "# Trust\n").is_err());
        assert!(chapter("spec/protocol/03-trust.md", "# 3. Trust\n\n## Chain\n").is_err());
    }
}
