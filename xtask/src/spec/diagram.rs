//! Sequence diagrams: the few lines of Mermaid that the chapters use, drawn as inline SVG.
//!
//! The source stays readable in the Markdown, and forges draw it themselves. Here it is drawn without a script, so that the
//! page works from a file and on paper. Understood are `participant X as Label`, `A->>B: text`, `A-->>B: text`,
//! `Note over A,B: text`, and `alt`, `else`, `opt`, `loop`, `end`; anything else is refused, since a line left out would lie.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape;
use crate::Outcome;

const SIZE: f64 = 13.0;
const LINE: f64 = 17.0;
const MARGIN: f64 = 12.0;
const HEAD: f64 = 32.0;
/// Texts are wrapped to this width, so that columns stay near each other.
const WRAP: f64 = 218.0;

#[derive(Debug, PartialEq)]
enum Step {
    Message {
        from: usize,
        to: usize,
        dashed: bool,
        text: String,
    },
    Note {
        from: usize,
        to: usize,
        text: String,
    },
    Open {
        word: String,
        text: String,
    },
    Else {
        text: String,
    },
    End,
}

struct Sequence {
    names: Vec<String>,
    steps: Vec<Step>,
}

/// Draws a diagram.
///
/// # Errors
/// A line that is not understood, an unknown participant, a frame that does not end.
pub(super) fn svg(source: &str) -> Outcome<String> {
    let sequence = parsed(source)?;
    let columns = columns(&sequence);
    Ok(drawn(&sequence, &columns))
}

fn parsed(source: &str) -> Outcome<Sequence> {
    let mut lines = source.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines.next() != Some("sequenceDiagram") {
        return Err("only sequence diagrams are drawn".into());
    }
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut sequence = Sequence {
        names: Vec::new(),
        steps: Vec::new(),
    };
    let mut open = 0_i32;
    for line in lines {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "participant" => {
                let (key, label) = rest.split_once(" as ").unwrap_or((rest, rest));
                known.insert(key.trim().to_owned(), sequence.names.len());
                sequence.names.push(label.trim().to_owned());
                continue;
            }
            "alt" | "opt" | "loop" => {
                open += 1;
                sequence.steps.push(Step::Open {
                    word: word.to_owned(),
                    text: rest.to_owned(),
                });
                continue;
            }
            "else" => {
                sequence.steps.push(Step::Else {
                    text: rest.to_owned(),
                });
                continue;
            }
            "end" => {
                open -= 1;
                sequence.steps.push(Step::End);
                continue;
            }
            _ => {}
        }
        let column = |key: &str| {
            let found = known.get(key.trim()).copied();
            found.ok_or_else(|| format!("`{line}`: there is no participant `{}`", key.trim()))
        };
        let (head, text) = line
            .split_once(": ")
            .ok_or_else(|| format!("`{line}` is not understood"))?;
        let text = text.to_owned();
        let step = if let Some(over) = head.strip_prefix("Note over ") {
            let (from, to) = over.split_once(',').unwrap_or((over, over));
            Step::Note {
                from: column(from)?,
                to: column(to)?,
                text,
            }
        } else if let Some((from, to)) = head.split_once("-->>") {
            Step::Message {
                from: column(from)?,
                to: column(to)?,
                dashed: true,
                text,
            }
        } else if let Some((from, to)) = head.split_once("->>") {
            Step::Message {
                from: column(from)?,
                to: column(to)?,
                dashed: false,
                text,
            }
        } else {
            return Err(format!("`{line}` is not understood"));
        };
        sequence.steps.push(step);
    }
    if open == 0 && !sequence.names.is_empty() {
        Ok(sequence)
    } else {
        Err("a frame does not end, or nobody takes part".into())
    }
}

/// Width of a text in pixels, near enough: fonts differ.
fn width(text: &str) -> f64 {
    let em = |c: char| match c {
        '\u{2e80}'..='\u{ffef}' => 1.0,
        'i' | 'l' | 'j' | 't' | 'f' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '(' | ')' | '/' => 0.34,
        'm' | 'w' | 'M' | 'W' => 0.86,
        'A'..='Z' => 0.68,
        _ => 0.56,
    };
    text.chars().map(em).sum::<f64>() * SIZE
}

fn wrapped(text: &str, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line) + width(word) + width(" ") <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn widest(lines: &[String]) -> f64 {
    lines.iter().map(|line| width(line)).fold(0.0, f64::max)
}

/// The x of each lifeline: far enough apart for what stands between and on them.
fn columns(sequence: &Sequence) -> Vec<f64> {
    let count = sequence.names.len();
    let mut gaps = vec![120.0_f64; count.saturating_sub(1)];
    // What reaches out over the first and the last line.
    let (mut left, mut right) = (0.0_f64, 0.0_f64);
    let mut around = |at: usize, half: f64, gaps: &mut Vec<f64>| {
        match at.checked_sub(1) {
            Some(before) => gaps[before] = gaps[before].max(half * 2.0),
            None => left = left.max(half),
        }
        if at + 1 < count {
            gaps[at] = gaps[at].max(half * 2.0);
        } else {
            right = right.max(half);
        }
    };
    for (at, name) in sequence.names.iter().enumerate() {
        around(at, width(name) / 2.0 + 16.0, &mut gaps);
    }
    for step in &sequence.steps {
        match step {
            Step::Message { from, to, text, .. } if from != to => {
                let needed = widest(&wrapped(text, WRAP)) + 28.0;
                let (low, high) = (*from.min(to), *from.max(to));
                let have: f64 = gaps[low..high].iter().sum();
                let share = (needed - have).max(0.0) / (high - low) as f64;
                gaps[low..high].iter_mut().for_each(|gap| *gap += share);
            }
            Step::Message { from, text, .. } => {
                around(*from, widest(&wrapped(text, WRAP)) / 2.0 + 14.0, &mut gaps);
            }
            Step::Note { from, to, text } if from == to => {
                around(*from, widest(&wrapped(text, WRAP)) / 2.0 + 14.0, &mut gaps);
            }
            _ => {}
        }
    }
    let mut x = MARGIN + left.max(40.0);
    let mut columns = vec![x];
    for gap in gaps {
        x += gap;
        columns.push(x);
    }
    // The last entry is the whole width.
    columns.push(x + right.max(40.0) + MARGIN);
    columns
}

fn drawn(sequence: &Sequence, columns: &[f64]) -> String {
    let mut drawing = Drawing {
        columns,
        total: columns[columns.len() - 1].ceil(),
        body: String::new(),
        y: MARGIN + HEAD + 12.0,
        frames: Vec::new(),
    };
    for step in &sequence.steps {
        drawing.step(step);
    }
    let Drawing { total, body, y, .. } = drawing;
    let y = y + 8.0;
    let (lines, heads) = participants(sequence, columns, y);
    let height = (y + 4.0).ceil();
    let who = escape(&sequence.names.join(", "));
    format!(
        "<figure class=\"diagram\"><svg role=\"img\" aria-label=\"Sequence diagram: {who}\" viewBox=\"0 0 {total:.0} {height:.0}\" \
         width=\"{total:.0}\" height=\"{height:.0}\">{lines}{heads}{body}</svg></figure>\n"
    )
}

/// The steps drawn so far, from top to bottom.
struct Drawing<'a> {
    columns: &'a [f64],
    total: f64,
    body: String,
    /// Where the next step begins.
    y: f64,
    /// Where each open frame began.
    frames: Vec<f64>,
}

impl Drawing<'_> {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Message { from, to, text, .. } if from == to => {
                let lines = wrapped(text, WRAP);
                let middle = self.columns[*from];
                boxed(&mut self.body, "act", middle, widest(&lines), &mut self.y, &lines);
            }
            Step::Note { from, to, text } => self.note(*from, *to, text),
            Step::Message {
                from,
                to,
                dashed,
                text,
            } => self.message(*from, *to, *dashed, text),
            Step::Open { word, text } => {
                self.y += 4.0;
                let inset = self.inset();
                self.frames.push(self.y);
                label(&mut self.body, inset, &mut self.y, word, text);
            }
            Step::Else { text } => self.otherwise(text),
            Step::End => self.end(),
        }
    }

    fn note(&mut self, from: usize, to: usize, text: &str) {
        let middle = f64::midpoint(self.columns[from], self.columns[to]);
        let room = (self.columns[to] - self.columns[from]).abs() + 60.0;
        let lines = wrapped(text, WRAP.max(room));
        let wide = widest(&lines).max(room - 40.0);
        boxed(&mut self.body, "note", middle, wide, &mut self.y, &lines);
    }

    fn message(&mut self, from: usize, to: usize, dashed: bool, text: &str) {
        let (start, end) = (self.columns[from], self.columns[to]);
        let lines = wrapped(text, (end - start).abs().max(WRAP) - 20.0);
        self.y += 8.0;
        let middle = f64::midpoint(start, end);
        texts(&mut self.body, " class=\"said\"", middle, &mut self.y, &lines);
        self.y += 2.0;
        let y = self.y;
        let tip = if end > start { -7.0 } else { 7.0 };
        let class = if dashed { " class=\"back\"" } else { "" };
        put(
            &mut self.body,
            format_args!(
                "<path{class} d=\"M{start:.0} {y:.0}H{end:.0}\"/><path class=\"tip\" d=\"M{end:.0} {y:.0}l{tip} -4v8z\"/>"
            ),
        );
        self.y += 10.0;
    }

    /// How far a frame inside those that are open stands from the edge.
    fn inset(&self) -> f64 {
        4.0 + 5.0 * self.frames.len() as f64
    }

    fn otherwise(&mut self, text: &str) {
        let inset = 4.0 + 5.0 * self.frames.len().saturating_sub(1) as f64;
        self.y += 6.0;
        let (y, right) = (self.y, self.total - inset);
        put(
            &mut self.body,
            format_args!("<path class=\"else\" d=\"M{inset:.0} {y:.0}H{right:.0}\"/>"),
        );
        label(&mut self.body, inset, &mut self.y, "else", text);
    }

    fn end(&mut self) {
        let start = self.frames.pop().unwrap_or(self.y);
        let inset = self.inset();
        self.y += 6.0;
        let (wide, high) = (self.total - inset * 2.0, self.y - start);
        put(
            &mut self.body,
            format_args!(
                "<rect class=\"frame\" x=\"{inset:.0}\" y=\"{start:.0}\" width=\"{wide:.0}\" height=\"{high:.0}\" rx=\"3\"/>"
            ),
        );
        self.y += 6.0;
    }
}

/// The participants' life lines, down to `y`, and their heads.
fn participants(sequence: &Sequence, columns: &[f64], y: f64) -> (String, String) {
    let mut lines = String::new();
    let mut heads = String::new();
    for (name, x) in sequence.names.iter().zip(columns) {
        put(
            &mut lines,
            format_args!("<path class=\"life\" d=\"M{x:.0} {:.0}V{y:.0}\"/>", MARGIN + HEAD),
        );
        let half = width(name) / 2.0 + 12.0;
        put(
            &mut heads,
            format_args!(
                "<rect class=\"head\" x=\"{:.0}\" y=\"{MARGIN:.0}\" width=\"{:.0}\" height=\"{HEAD:.0}\" rx=\"3\"/><text x=\"{x:.0}\" y=\"{:.0}\" class=\"who\">{}</text>",
                x - half,
                half * 2.0,
                MARGIN + HEAD / 2.0 + 4.5,
                escape(name)
            ),
        );
    }
    (lines, heads)
}

fn boxed(body: &mut String, class: &str, middle: f64, wide: f64, y: &mut f64, lines: &[String]) {
    *y += 6.0;
    let height = LINE * lines.len() as f64 + 8.0;
    let wide = wide + 20.0;
    put(
        body,
        format_args!(
            "<rect class=\"{class}\" x=\"{:.0}\" y=\"{y:.0}\" width=\"{wide:.0}\" height=\"{height:.0}\" rx=\"3\"/>",
            middle - wide / 2.0
        ),
    );
    let mut at = *y + 2.0;
    texts(body, "", middle, &mut at, lines);
    *y += height + 6.0;
}

fn texts(body: &mut String, class: &str, middle: f64, y: &mut f64, lines: &[String]) {
    for line in lines {
        *y += LINE;
        put(
            body,
            format_args!(
                "<text{class} x=\"{middle:.0}\" y=\"{:.0}\">{}</text>",
                *y - 3.0,
                escape(line)
            ),
        );
    }
}

fn label(body: &mut String, x: f64, y: &mut f64, word: &str, text: &str) {
    *y += LINE + 2.0;
    put(
        body,
        format_args!(
            "<text class=\"label\" x=\"{:.0}\" y=\"{:.0}\"><tspan class=\"word\">{word}</tspan> {}</text>",
            x + 8.0,
            *y - 4.0,
            escape(text)
        ),
    );
}

fn put(body: &mut String, what: std::fmt::Arguments<'_>) {
    body.write_fmt(what).expect("a String takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_one_is_drawn() {
        let drawn = svg("sequenceDiagram\n participant A as Window\n participant B as 签发\n A->>B: ask <one>\n B-->>A: no\n A->>A: decide\n").unwrap();
        assert_eq!(
            drawn,
            "<figure class=\"diagram\"><svg role=\"img\" aria-label=\"Sequence diagram: Window, 签发\" \
             viewBox=\"0 0 225 179\" width=\"225\" height=\"179\">\
             <path class=\"life\" d=\"M52 44V175\"/><path class=\"life\" d=\"M172 44V175\"/>\
             <rect class=\"head\" x=\"16\" y=\"12\" width=\"73\" height=\"32\" rx=\"3\"/><text x=\"52\" y=\"32\" class=\"who\">Window</text>\
             <rect class=\"head\" x=\"147\" y=\"12\" width=\"50\" height=\"32\" rx=\"3\"/><text x=\"172\" y=\"32\" class=\"who\">签发</text>\
             <text class=\"said\" x=\"112\" y=\"78\">ask &lt;one&gt;</text><path d=\"M52 83H172\"/><path class=\"tip\" d=\"M172 83l-7 -4v8z\"/>\
             <text class=\"said\" x=\"112\" y=\"115\">no</text><path class=\"back\" d=\"M172 120H52\"/><path class=\"tip\" d=\"M52 120l7 -4v8z\"/>\
             <rect class=\"act\" x=\"22\" y=\"136\" width=\"61\" height=\"25\" rx=\"3\"/><text x=\"52\" y=\"152\">decide</text></svg></figure>\n"
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for wrong in [
            "graph TD\n",
            "sequenceDiagram\n participant A\n A->>C: x\n",
            "sequenceDiagram\n participant A\n A-x A: y\n",
            "sequenceDiagram\n participant A\n opt never ends\n",
            "sequenceDiagram\n participant A\n activate A\n",
        ] {
            assert!(svg(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn long_texts_are_wrapped_and_columns_make_room() {
        let long =
            "pin = iss = party; environment; times; agreement; service; claims and whatever else there is";
        assert!(wrapped(long, WRAP).len() > 1);
        let sequence = parsed(&format!(
            "sequenceDiagram\n participant A\n participant B\n A->>B: {long}\n"
        ))
        .unwrap();
        let columns = columns(&sequence);
        assert!(columns[1] - columns[0] > 150.0);
    }
}
