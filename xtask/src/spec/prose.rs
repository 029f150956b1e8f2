//! Markdown to HTML, with what the text refers to turned into links: requirements, chapters, sections, outcomes, problem
//! types, and files that are part of the page.
//!
//! It refuses a link of a chapter that leads to a file outside the page: the page has to be enough. Raw HTML is refused too,
//! comments excepted, which name the generated tables.

use std::collections::BTreeSet;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::chapters::{FOLDER, Part, Text};
use super::{diagram, escape, slug};
use crate::Outcome;

/// What can be linked to.
pub(super) struct Targets {
    requirements: BTreeSet<String>,
    chapters: BTreeSet<u32>,
    /// Number and anchor as a forge makes it.
    sections: Vec<(String, String)>,
    outcomes: BTreeSet<String>,
    problems: BTreeSet<String>,
    /// Path of a file and the anchor under which the page has it.
    files: Vec<(String, String)>,
}

impl Targets {
    /// The targets of a text and of the files that the page shows besides.
    pub(super) fn new(text: &Text, files: Vec<(String, String)>) -> Self {
        let prose = || {
            text.chapters
                .iter()
                .flat_map(|chapter| &chapter.parts)
                .filter_map(|part| match part {
                    Part::Prose(prose) => Some(prose.as_str()),
                    _ => None,
                })
        };
        let sections = text
            .chapters
            .iter()
            .flat_map(|chapter| &chapter.parts)
            .filter_map(|part| match part {
                Part::Section { number, title } => Some((number.clone(), slug(&format!("{number} {title}")))),
                _ => None,
            });
        Self {
            requirements: text.requirements().map(|(id, _)| id.to_owned()).collect(),
            chapters: text.chapters.iter().map(|chapter| chapter.number).collect(),
            sections: sections.collect(),
            outcomes: prose().flat_map(|prose| column(prose, "outcomes", 2)).collect(),
            problems: prose().flat_map(|prose| column(prose, "problems", 1)).collect(),
            files,
        }
    }

    fn has_section(&self, number: &str) -> bool {
        self.sections.iter().any(|(known, _)| known == number)
    }
}

/// A column of a generated table, without its heading.
fn column(prose: &str, table: &str, at: usize) -> Vec<String> {
    let Some((_, rest)) = prose.split_once(&format!("<!-- table: {table} ")) else {
        return Vec::new();
    };
    let rows = rest.lines().skip(3).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| Some(row.split('|').nth(at)?.trim().to_owned()))
        .collect()
}

/// Where a piece of Markdown stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Path of the file, from which its links are resolved.
    pub(super) path: &'a str,
    /// What headings and their anchors begin with; `None` in chapters, whose headings the page makes.
    pub(super) prefix: Option<&'a str>,
}

/// Renders a document.
pub(super) fn html(markdown: &str, place: Place<'_>, targets: &Targets) -> Outcome<String> {
    let mut writer = Writer {
        place,
        targets,
        out: String::new(),
        text: String::new(),
        plain: String::new(),
        code: None,
        table: None,
        named: None,
        heading: None,
        link: None,
    };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        writer
            .event(event)
            .map_err(|why| format!("{}: {why}", place.path))?;
    }
    writer.flush();
    Ok(writer.out)
}

/// Renders one line without a paragraph around it.
pub(super) fn line(markdown: &str, place: Place<'_>, targets: &Targets) -> Outcome<String> {
    let html = html(markdown, place, targets)?;
    let inner = html
        .trim_end()
        .strip_prefix("<p>")
        .and_then(|html| html.strip_suffix("</p>"));
    Ok(inner.map_or_else(|| html.clone(), str::to_owned))
}

struct Writer<'a> {
    place: Place<'a>,
    targets: &'a Targets,
    out: String,
    /// Text not yet written, so that a reference broken over two lines is still one.
    text: String,
    /// The same without markup, for headings and cells.
    plain: String,
    code: Option<(String, String)>,
    table: Option<Table>,
    /// The name of the generated table that comes next.
    named: Option<String>,
    heading: Option<usize>,
    /// How the link that is open ends.
    link: Option<&'static str>,
}

#[derive(Default)]
struct Table {
    name: Option<String>,
    rows: Vec<Vec<Cell>>,
    /// What was written before the cell began.
    before: String,
}

struct Cell {
    html: String,
    plain: String,
}

impl Writer<'_> {
    fn event(&mut self, event: Event<'_>) -> Outcome<()> {
        match event {
            Event::Text(text) => match &mut self.code {
                Some((_, code)) => code.push_str(&text),
                None => self.text.push_str(&text),
            },
            Event::SoftBreak => self.text.push(' '),
            Event::Code(code) => self.inline_code(&code),
            Event::HardBreak => self.put("<br>"),
            Event::Rule => self.put("<hr>\n"),
            Event::Start(tag) => self.start(tag)?,
            Event::End(tag) => self.end(tag)?,
            Event::Html(html) | Event::InlineHtml(html) => self.comment(&html)?,
            other => return Err(format!("{other:?} is not rendered")),
        }
        Ok(())
    }

    fn comment(&mut self, html: &str) -> Outcome<()> {
        if !html.trim().starts_with("<!--") {
            return Err(format!("`{}`: no raw HTML", html.trim()));
        }
        if let Some(rest) = html.trim().strip_prefix("<!-- table: ") {
            self.named = rest.split(' ').next().map(str::to_owned);
        }
        Ok(())
    }

    fn put(&mut self, html: &str) {
        self.flush();
        self.out.push_str(html);
    }

    fn flush(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        self.plain.push_str(&text);
        let linked = if self.link.is_some() || self.heading.is_some() {
            tongues(&text)
        } else {
            linked(&text, self.targets)
        };
        self.out.push_str(&linked);
    }

    fn inline_code(&mut self, code: &str) {
        self.flush();
        self.plain.push_str(code);
        let shown = format!("<code>{}</code>", escape(code));
        let problem = code.contains('-') && self.targets.problems.contains(code);
        let shown = if problem && self.link.is_none() {
            format!("<a href=\"#problem-{code}\">{shown}</a>")
        } else {
            shown
        };
        self.out.push_str(&shown);
    }

    fn start(&mut self, tag: Tag<'_>) -> Outcome<()> {
        match tag {
            Tag::Paragraph => self.put("<p>"),
            Tag::Heading { level, .. } => {
                self.flush();
                let prefix = self
                    .place
                    .prefix
                    .ok_or("a chapter has no headings but its sections")?;
                self.heading = Some(self.out.len());
                self.plain.clear();
                // Documents that are not chapters stand one level lower, in the appendix.
                let level = (level as usize + 1).min(6);
                self.out.push_str(&format!("<h{level} id=\"{prefix}-\">"));
            }
            Tag::BlockQuote(_) => self.put("<blockquote>\n"),
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::List(None) => self.put("<ul>\n"),
            Tag::List(Some(_)) => self.put("<ol>\n"),
            Tag::Item => self.put("<li>"),
            Tag::Table(_) => {
                self.flush();
                self.table = Some(Table {
                    name: self.named.take(),
                    ..Table::default()
                });
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.rows.push(Vec::new());
                }
            }
            Tag::TableCell => {
                self.plain.clear();
                if let Some(table) = &mut self.table {
                    table.before = std::mem::take(&mut self.out);
                }
            }
            Tag::Emphasis => self.put("<em>"),
            Tag::Strong => self.put("<strong>"),
            Tag::Link { dest_url, .. } => {
                let target = self.target(&dest_url)?;
                self.flush();
                self.link = Some(if target.is_some() { "</a>" } else { "</span>" });
                match target {
                    Some(target) => self.out.push_str(&format!("<a href=\"{}\">", escape(&target))),
                    None => self.out.push_str("<span>"),
                }
            }
            Tag::HtmlBlock => {}
            other => return Err(format!("{other:?} is not rendered")),
        }
        Ok(())
    }

    fn end(&mut self, tag: TagEnd) -> Outcome<()> {
        match tag {
            TagEnd::Paragraph => self.put("</p>\n"),
            TagEnd::Heading(level) => {
                self.flush();
                let (prefix, start) = (
                    self.place.prefix.unwrap_or_default(),
                    self.heading.take().unwrap_or(0),
                );
                let id = format!("id=\"{prefix}-{}\"", slug(&self.plain));
                let written = self.out.split_off(start);
                self.out
                    .push_str(&written.replacen(&format!("id=\"{prefix}-\""), &id, 1));
                self.out
                    .push_str(&format!("</h{}>\n", (level as usize + 1).min(6)));
            }
            TagEnd::BlockQuote(_) => self.put("</blockquote>\n"),
            TagEnd::CodeBlock => {
                let (language, code) = self.code.take().unwrap_or_default();
                let block = match language.as_str() {
                    "mermaid" => diagram::svg(&code)?,
                    _ => format!("<pre><code>{}</code></pre>\n", tongues(code.trim_end())),
                };
                self.out.push_str(&block);
            }
            TagEnd::List(false) => self.put("</ul>\n"),
            TagEnd::List(true) => self.put("</ol>\n"),
            TagEnd::Item => self.put("</li>\n"),
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    self.out.push_str(&table.html());
                }
            }
            TagEnd::TableCell => {
                self.flush();
                if let Some(table) = &mut self.table {
                    let html = std::mem::replace(&mut self.out, std::mem::take(&mut table.before));
                    let plain = std::mem::take(&mut self.plain);
                    if let Some(row) = table.rows.last_mut() {
                        row.push(Cell { html, plain });
                    }
                }
            }
            TagEnd::Emphasis => self.put("</em>"),
            TagEnd::Strong => self.put("</strong>"),
            TagEnd::Link => {
                self.flush();
                self.out.push_str(self.link.take().unwrap_or_default());
            }
            _ => {}
        }
        Ok(())
    }

    /// The anchor in the page, an address on the network, or (outside chapters) nothing.
    fn target(&self, link: &str) -> Outcome<Option<String>> {
        if link.starts_with("https://") {
            return Ok(Some(link.to_owned()));
        }
        let (file, anchor) = link
            .split_once('#')
            .map_or((link, None), |(file, anchor)| (file, Some(anchor)));
        let path = resolved(self.place.path, file);
        if let Some(anchor) = anchor
            && let Some((number, _)) = self.targets.sections.iter().find(|(_, known)| known == anchor)
        {
            return Ok(Some(format!("#{number}")));
        }
        let chapter = path.strip_prefix(FOLDER).and_then(|file| file.split_once('-'));
        if let Some(number) = chapter.and_then(|(number, _)| number.parse::<u32>().ok())
            && self.targets.chapters.contains(&number)
        {
            return Ok(Some(format!("#ch-{number}")));
        }
        let known = self
            .targets
            .files
            .iter()
            .find(|(known, _)| *known == path.trim_end_matches('/'));
        match known {
            Some((_, anchor)) => Ok(Some(format!("#{anchor}"))),
            None if self.place.prefix.is_some() => Ok(None),
            None => Err(format!("the link `{link}` leads out of the page")),
        }
    }
}

fn resolved(from: &str, to: &str) -> String {
    if to.is_empty() {
        return from.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

impl Table {
    fn html(&self) -> String {
        match self.name.as_deref() {
            Some("outcomes") => self.sentences("outcome", 1, &[0, 2]),
            Some("problems") => self.sentences("problem", 0, &[1, 2]),
            _ => self.plain(),
        }
    }

    fn plain(&self) -> String {
        let mut html = String::from("<div class=\"scroll\"><table>\n");
        for (at, row) in self.rows.iter().enumerate() {
            let cell = if at == 0 { "th" } else { "td" };
            let (open, close) = match at {
                0 => ("<thead><tr>", "</tr></thead>\n<tbody>\n"),
                _ => ("<tr>", "</tr>\n"),
            };
            html.push_str(open);
            for Cell { html: inner, .. } in row {
                html.push_str(&format!("<{cell}>{inner}</{cell}>"));
            }
            html.push_str(close);
        }
        html.push_str("</tbody></table></div>\n");
        html
    }

    /// The two tables with sentences in both languages: a code with its facts, then a column a language, in which the next
    /// step stands below what is the matter.
    fn sentences(&self, prefix: &str, code: usize, facts: &[usize]) -> String {
        let mut html = String::from(
            "<div class=\"scroll\"><table class=\"sentences\">\n<thead><tr><th>code</th><th>中文: 提示<span class=\"next\">下一步 (<code>next_step</code>)</span></th><th>English: <code>text</code><span class=\"next\"><code>next_step</code></span></th></tr></thead>\n<tbody>\n",
        );
        for row in self.rows.iter().skip(1) {
            let cell = |at: usize| row.get(at).map_or("", |cell| cell.plain.as_str());
            let name = cell(code);
            let facts: Vec<String> = facts
                .iter()
                .map(|at| {
                    format!(
                        "<span class=\"fact {}\">{}</span>",
                        cell(*at).to_lowercase(),
                        escape(cell(*at))
                    )
                })
                .collect();
            let both = |text: usize, next: usize| {
                format!(
                    "{} <span class=\"next\">{}</span>",
                    tongues(cell(text)),
                    tongues(cell(next))
                )
            };
            html.push_str(&format!(
                "<tr id=\"{prefix}-{name}\"><td><a href=\"#{prefix}-{name}\"><code>{}</code></a>{}</td><td>{}</td><td>{}</td></tr>\n",
                escape(name).replace('_', "_<wbr>"),
                facts.concat(),
                both(3, 4),
                both(5, 6)
            ));
        }
        html.push_str("</tbody></table></div>\n");
        html
    }
}

/// Escapes a text and marks its Chinese, so that a browser takes the right font and a screen reader the right voice.
pub(super) fn tongues(text: &str) -> String {
    let mut html = String::new();
    let mut chinese = String::new();
    for c in text.chars() {
        if matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3134f}')
        {
            chinese.push(c);
            continue;
        }
        end_chinese(&mut html, &mut chinese);
        html.push_str(&escape(c.encode_utf8(&mut [0; 4])));
    }
    end_chinese(&mut html, &mut chinese);
    html
}

fn end_chinese(html: &mut String, chinese: &mut String) {
    if !chinese.is_empty() {
        html.push_str(&format!(
            "<span lang=\"zh-Hans\">{}</span>",
            escape(&std::mem::take(chinese))
        ));
    }
}

const KEY_WORDS: [&str; 5] = ["MUST NOT", "MUST", "SHOULD NOT", "SHOULD", "MAY"];

/// Escapes a text and links what it refers to.
fn linked(text: &str, targets: &Targets) -> String {
    let mut html = String::new();
    let mut plain = String::new();
    let mut rest = text;
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        let inside = previous.is_ascii_alphanumeric() || matches!(previous, '_' | '.' | '-');
        let before = &text[..text.len() - rest.len()];
        let found = if inside {
            None
        } else {
            reference(rest, before, targets)
        };
        let length = match found {
            Some((length, link)) => {
                html.push_str(&tongues(&std::mem::take(&mut plain)));
                html.push_str(&link);
                length
            }
            None => {
                plain.push(first);
                first.len_utf8()
            }
        };
        previous = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    html.push_str(&tongues(&plain));
    html
}

/// A reference at the beginning of `rest`: its length and the link.
fn reference(rest: &str, before: &str, targets: &Targets) -> Option<(usize, String)> {
    let word = |more: &str| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || more.contains(c)));
        &rest[..end.unwrap_or(rest.len())]
    };
    let id = word("-").trim_end_matches('-');
    if targets.requirements.contains(id) {
        return Some((id.len(), format!("<a class=\"ref\" href=\"#{id}\">{id}</a>")));
    }
    let code = word("_");
    if targets.outcomes.contains(code) {
        return Some((
            code.len(),
            format!("<a class=\"ref\" href=\"#outcome-{code}\">{code}</a>"),
        ));
    }
    for key in KEY_WORDS {
        if rest.starts_with(key) && !rest[key.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Some((key.len(), format!("<em class=\"key\">{key}</em>")));
        }
    }
    for word in ["chapters ", "chapter ", "Chapters ", "Chapter "] {
        let listed = rest
            .strip_prefix(word)
            .and_then(|list| chapter_list(list, targets));
        if let Some((length, links)) = listed {
            return Some((word.len() + length, format!("{word}{links}")));
        }
    }
    let number = word(".").trim_end_matches('.');
    // `TLS 1.3`, `OpenAPI 3.1`, `RFC 9901 §7.1`: numbers of something else.
    let another = before.ends_with(['§', '/'])
        || before.trim_end().rsplit([' ', '(']).next().is_some_and(|word| {
            word.starts_with(|c: char| c.is_ascii_uppercase()) && !word.ends_with([',', ';', '.', ':'])
        });
    (!another && targets.has_section(number))
        .then(|| (number.len(), format!("<a href=\"#{number}\">{number}</a>")))
}

/// `4, 8 and 9`, `7 to 9`: each number a link. `None` when it begins with no chapter.
fn chapter_list(list: &str, targets: &Targets) -> Option<(usize, String)> {
    let (mut at, mut links, mut separator) = (0, String::new(), "");
    loop {
        let rest = list[at..].strip_prefix(separator)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = rest[..digits].parse().ok();
        let known = number.filter(|number| targets.chapters.contains(number));
        match known {
            Some(number) => links.push_str(&format!("{separator}<a href=\"#ch-{number}\">{number}</a>")),
            None if links.is_empty() => return None,
            None => return Some((at, links)),
        }
        at += separator.len() + digits;
        let next = [", ", " and ", ", and ", " to "].into_iter().find(|next| {
            list[at..]
                .strip_prefix(next)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        match next {
            Some(next) => separator = next,
            None => return Some((at, links)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    fn targets() -> Targets {
        let tree = Tree::of(&[
            (
                "spec/protocol/04-agreement.md",
                "# 4. Agreement\n\n## 4.1 Payload\n\n**[AGR-1]** MUST.\n\n## 4.2 Row of services\n",
            ),
            (
                "spec/protocol/08-decision.md",
                "# 8. Decision\n\n## 8.5 Conditions\n\n<!-- table: outcomes (checked) -->\n| # | code | class |\n|---|---|---|\n| 1 | NODE_NOT_READY | GREY |\n<!-- end of table -->\n",
            ),
            (
                "spec/protocol/10-errors.md",
                "# 10. Errors\n\n<!-- table: problems (checked) -->\n| slug | status |\n|---|---|\n| in-progress | 503 |\n<!-- end of table -->\n",
            ),
        ]);
        let text = Text::read(&tree).unwrap();
        Targets::new(
            &text,
            vec![("spec/schemas/agreement.json".into(), "schema-agreement".into())],
        )
    }

    fn rendered(markdown: &str) -> String {
        let place = Place {
            path: "spec/protocol/04-agreement.md",
            prefix: None,
        };
        line(markdown, place, &targets()).unwrap()
    }

    #[test]
    fn references_become_links() {
        assert_eq!(
            rendered("A node MUST NOT, see AGR-1 and SHA-256."),
            "A node <em class=\"key\">MUST NOT</em>, see <a class=\"ref\" href=\"#AGR-1\">AGR-1</a> and SHA-256."
        );
        assert_eq!(
            rendered("conditions (8.5), chapters 4, 8 and 10, or\nchapter\n8; 99 of 4 and 10"),
            "conditions (<a href=\"#8.5\">8.5</a>), chapters <a href=\"#ch-4\">4</a>, <a href=\"#ch-8\">8</a> and <a href=\"#ch-10\">10</a>, \
             or chapter <a href=\"#ch-8\">8</a>; 99 of 4 and 10"
        );
        assert_eq!(
            rendered("NODE_NOT_READY and `in-progress`, `AGR-1`"),
            "<a class=\"ref\" href=\"#outcome-NODE_NOT_READY\">NODE_NOT_READY</a> and \
             <a href=\"#problem-in-progress\"><code>in-progress</code></a>, <code>AGR-1</code>"
        );
    }

    #[test]
    fn numbers_of_other_texts_stay_numbers() {
        for plain in [
            "TLS 4.1",
            "RFC 7515 §4.1",
            "HTTP/4.1",
            "OpenAPI 4.2",
            "14.1",
            "4.15",
            "version 4",
            "X-AGR-1x",
        ] {
            assert_eq!(rendered(plain), plain);
        }
    }

    #[test]
    fn files_of_the_page_are_anchors_and_others_are_refused() {
        assert_eq!(rendered("[a](08-decision.md)"), "<a href=\"#ch-8\">a</a>");
        assert_eq!(
            rendered("[a](04-agreement.md#42-row-of-services)"),
            "<a href=\"#4.2\">a</a>"
        );
        assert_eq!(
            rendered("[a](../schemas/agreement.json)"),
            "<a href=\"#schema-agreement\">a</a>"
        );
        let place = Place {
            path: "spec/protocol/04-agreement.md",
            prefix: None,
        };
        let out = line("[a](../../README.md)", place, &targets()).unwrap_err();
        assert!(out.contains("leads out of the page"), "{out}");
        assert!(
            line("<b>x</b>", place, &targets())
                .unwrap_err()
                .contains("no raw HTML")
        );
    }

    #[test]
    fn chinese_is_marked_and_markup_escaped() {
        assert_eq!(
            tongues("a<居住证>&"),
            "a&lt;<span lang=\"zh-Hans\">居住证</span>&gt;&amp;"
        );
    }

    #[test]
    fn documents_beside_the_chapters_have_anchors_of_their_own() {
        let place = Place {
            path: "spec/vectors/README.md",
            prefix: Some("vectors"),
        };
        let html = html("# Test vectors\n\nSee [that](nowhere.md).\n", place, &targets()).unwrap();
        assert_eq!(
            html,
            "<h2 id=\"vectors-test-vectors\">Test vectors</h2>\n<p>See <span>that</span>.</p>\n"
        );
    }

    #[test]
    fn sentences_stand_a_column_a_language() {
        let markdown = "<!-- table: outcomes (x) -->\n| # | code | class | 提示 | 下一步 | sentence | next |\n|---|---|---|---|---|---|---|\n| 1 | NODE_NOT_READY | GREY | 甲 | 乙 | A | B |\n<!-- end of table -->\n";
        let place = Place {
            path: "spec/protocol/08-decision.md",
            prefix: None,
        };
        let html = html(markdown, place, &targets()).unwrap();
        assert!(html.contains("<tr id=\"outcome-NODE_NOT_READY\">"), "{html}");
        assert!(
            html.contains("<td>A <span class=\"next\">B</span></td>"),
            "{html}"
        );
    }
}
