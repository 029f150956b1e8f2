//! One A4 page as PDF 1.7: lines of text in both languages, rules, and symbols drawn as vectors.
//!
//! Chinese text uses the predefined composite font *STSong-Light* with the predefined CMap *UniGB-UTF16-H* (ISO 32000-1 §9.7.5.2,
//! Adobe-GB1): the font is **not embedded**, so the file stays small and needs no font licence, and the reader's program supplies
//! a Song face. A program without a Chinese font shows gaps, and characters outside Adobe-GB1 (some rare characters of names) are
//! not shown; the printable page in the browser shows both. Text is in reading order and can be searched and copied.
//! The sheet knows nothing of permits. It is one page: what does not fit is refused by its callers' own limits on text.

use comity_spec::outcome::OutcomeClass;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo};
use pdf_writer::{Content, Date, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use super::symbol::{QUIET_ZONE, Symbol};

/// A4 in points.
pub(super) const WIDTH: f32 = 595.28;
/// A4 in points.
pub(super) const HEIGHT: f32 = 841.89;
/// One millimetre in points.
pub(super) const MM: f32 = 72.0 / 25.4;

const FONT: Name<'static> = Name(b"F1");
const FONT_NAME: &[u8] = b"STSong-Light";
const CMAP: &[u8] = b"UniGB-UTF16-H";

/// Advance widths of U+0020 to U+007E in STSong-Light (CIDs 1 to 95 of Adobe-GB1), in thousandths of the size.
const LATIN: [u16; 95] = [
    207, 270, 342, 467, 462, 797, 710, 239, 374, 374, 423, 605, 238, 375, 238, 334, 462, 462, 462, 462, 462,
    462, 462, 462, 462, 462, 238, 238, 605, 605, 605, 344, 748, 684, 560, 695, 739, 563, 511, 729, 793, 318,
    312, 666, 526, 896, 758, 772, 544, 772, 628, 465, 607, 753, 711, 972, 647, 620, 607, 374, 333, 374, 606,
    500, 239, 417, 503, 427, 529, 415, 264, 444, 518, 241, 230, 495, 228, 793, 527, 524, 524, 504, 338, 336,
    277, 517, 450, 652, 466, 452, 407, 370, 258, 370, 605,
];

/// Shades of ink.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ink {
    Black,
    Grey,
}

/// A page being laid out. Coordinates are points from the top left corner.
pub(super) struct Sheet {
    content: Content,
    title: String,
}

impl Sheet {
    pub(super) fn new(title: &str) -> Self {
        Self {
            content: Content::new(),
            title: title.to_owned(),
        }
    }

    /// One line of text; `y` is its base line.
    pub(super) fn text(&mut self, x: f32, y: f32, size: f32, ink: Ink, text: &str) {
        self.content
            .set_fill_gray(if ink == Ink::Black { 0.0 } else { 0.35 });
        self.content.begin_text();
        self.content.set_font(FONT, size);
        self.content.next_line(x, HEIGHT - y);
        self.content.show(Str(&utf16(text)));
        self.content.end_text();
    }

    /// The same, emboldened by a thin outline: the predefined fonts have one weight only.
    pub(super) fn heading(&mut self, x: f32, y: f32, size: f32, text: &str) {
        self.content.save_state();
        self.content.set_stroke_gray(0.0);
        self.content.set_line_width(size / 40.0);
        self.content
            .set_text_rendering_mode(pdf_writer::types::TextRenderingMode::FillStroke);
        self.text(x, y, size, Ink::Black, text);
        self.content.restore_state();
    }

    /// Text broken into lines no wider than `width`; gives the base line after the last.
    pub(super) fn paragraph(&mut self, x: f32, y: f32, width: f32, size: f32, ink: Ink, text: &str) -> f32 {
        let mut line_y = y;
        for line in broken(text, width, size) {
            self.text(x, line_y, size, ink, &line);
            line_y += size * 1.45;
        }
        line_y
    }

    /// A class's icon in a circle of this size. Drawn, because tick and cross are not in Adobe-GB1.
    pub(super) fn mark(&mut self, x: f32, y: f32, size: f32, class: OutcomeClass) {
        let (cx, cy, r) = (x + size / 2.0, HEIGHT - y - size / 2.0, size / 2.0);
        let at = |dx: f32, dy: f32| (cx + dx * r, cy + dy * r);
        // Control points of a quarter circle.
        let k = 0.5523;
        self.content.save_state();
        self.content.set_stroke_gray(0.0).set_line_width(size / 12.0);
        let (left, up) = (at(-1.0, 0.0), at(0.0, 1.0));
        self.content.move_to(left.0, left.1);
        for [(ax, ay), (bx, by), (ex, ey)] in [
            [at(-1.0, k), at(-k, 1.0), up],
            [at(k, 1.0), at(1.0, k), at(1.0, 0.0)],
            [at(1.0, -k), at(k, -1.0), at(0.0, -1.0)],
            [at(-k, -1.0), at(-1.0, -k), left],
        ] {
            self.content.cubic_to(ax, ay, bx, by, ex, ey);
        }
        self.content.stroke();
        let strokes: &[&[(f32, f32)]] = match class {
            OutcomeClass::Green => &[&[(-0.45, 0.0), (-0.1, -0.38), (0.48, 0.42)]],
            OutcomeClass::Red => &[&[(-0.38, 0.38), (0.38, -0.38)], &[(-0.38, -0.38), (0.38, 0.38)]],
            OutcomeClass::Amber => &[&[(0.0, 0.55), (0.0, -0.15)], &[(0.0, -0.4), (0.0, -0.52)]],
            OutcomeClass::Grey => &[
                &[
                    (-0.28, 0.3),
                    (-0.12, 0.52),
                    (0.16, 0.52),
                    (0.28, 0.3),
                    (0.0, 0.0),
                    (0.0, -0.15),
                ],
                &[(0.0, -0.4), (0.0, -0.52)],
            ],
        };
        self.content.set_line_width(size / 9.0);
        for stroke in strokes {
            for (place, (dx, dy)) in stroke.iter().enumerate() {
                let (px, py) = at(*dx, *dy);
                if place == 0 {
                    self.content.move_to(px, py);
                } else {
                    self.content.line_to(px, py);
                }
            }
            self.content.stroke();
        }
        self.content.restore_state();
    }

    /// A rule from (x, y) to (x + width, y).
    pub(super) fn rule(&mut self, x: f32, y: f32, width: f32) {
        self.content.set_stroke_gray(0.6).set_line_width(0.5);
        self.content
            .move_to(x, HEIGHT - y)
            .line_to(x + width, HEIGHT - y)
            .stroke();
    }

    /// A frame, dashed where it is to be cut along.
    pub(super) fn frame(&mut self, x: f32, y: f32, width: f32, height: f32, cut: bool) {
        self.content.save_state();
        self.content.set_stroke_gray(0.5).set_line_width(0.6);
        if cut {
            self.content.set_dash_pattern([4.0, 3.0], 0.0);
        }
        self.content.rect(x, HEIGHT - y - height, width, height).stroke();
        self.content.restore_state();
    }

    /// A symbol in a square of this side, its quiet zone included.
    pub(super) fn symbol(&mut self, x: f32, y: f32, side: f32, symbol: &Symbol) {
        let modules = (symbol.side() + 2 * QUIET_ZONE) as f32;
        let module = side / modules;
        self.content.set_fill_gray(0.0);
        for (column, row, length) in symbol.runs() {
            let left = x + (column + QUIET_ZONE) as f32 * module;
            let top = y + (row + QUIET_ZONE) as f32 * module;
            self.content
                .rect(left, HEIGHT - top - module, length as f32 * module, module);
        }
        self.content.fill_nonzero();
    }

    /// The file. `created` is (year, month, day) in UTC+8.
    pub(super) fn finish(self, created: (u16, u8, u8)) -> Vec<u8> {
        let [catalog, pages, page, stream, font, cid_font, descriptor, info] = std::array::from_fn(|index| {
            // Eight small positive numbers.
            Ref::new(i32::try_from(index + 1).unwrap_or(1))
        });
        let mut pdf = Pdf::new();
        pdf.set_version(1, 7);
        let mut root = pdf.catalog(catalog);
        root.pages(pages);
        root.lang(TextStr("zh-CN"));
        root.viewer_preferences().display_doc_title(true);
        root.finish();
        pdf.document_info(info)
            .title(TextStr(&self.title))
            .producer(TextStr("Comity"))
            .creation_date(Date::new(created.0).month(created.1).day(created.2));
        pdf.pages(pages).kids([page]).count(1);
        let mut leaf = pdf.page(page);
        leaf.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT))
            .parent(pages)
            .contents(stream);
        leaf.resources().fonts().pair(FONT, font);
        leaf.finish();
        pdf.type0_font(font)
            .base_font(Name(&[FONT_NAME, b"-", CMAP].concat()))
            .encoding_predefined(Name(CMAP))
            .descendant_font(cid_font);
        let mut cid = pdf.cid_font(cid_font);
        cid.subtype(CidFontType::Type0)
            .base_font(Name(FONT_NAME))
            .system_info(SystemInfo {
                registry: Str(b"Adobe"),
                ordering: Str(b"GB1"),
                supplement: 5,
            })
            .font_descriptor(descriptor)
            .default_width(1000.0);
        cid.widths().consecutive(1, LATIN.map(f32::from));
        cid.finish();
        pdf.font_descriptor(descriptor)
            .name(Name(FONT_NAME))
            .flags(FontFlags::SERIF | FontFlags::SYMBOLIC)
            .bbox(Rect::new(-25.0, -254.0, 1000.0, 880.0))
            .italic_angle(0.0)
            .ascent(880.0)
            .descent(-120.0)
            .cap_height(880.0)
            .stem_v(93.0);
        pdf.stream(stream, &self.content.finish());
        pdf.finish()
    }
}

/// Width of a text in points.
pub(super) fn width_of(text: &str, size: f32) -> f32 {
    text.chars().map(|c| advance(c, size)).sum()
}

fn advance(c: char, size: f32) -> f32 {
    let latin = (u32::from(c))
        .checked_sub(0x20)
        .and_then(|place| LATIN.get(place as usize));
    f32::from(latin.copied().unwrap_or(1000)) * size / 1000.0
}

/// Lines no wider than `width`: Chinese breaks anywhere, Latin words stay whole where they can, and no line begins with a
/// closing mark.
fn broken(text: &str, width: f32, size: f32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for c in text.chars() {
        let closing = "，。；：！？、）》」』”’,.;:!?)".contains(c);
        if c == '\n' {
            lines.push(std::mem::take(&mut line));
            continue;
        }
        if width_of(&line, size) + advance(c, size) > width && !closing && !line.is_empty() {
            let carried = if c.is_ascii_graphic() {
                last_word(&mut line)
            } else {
                String::new()
            };
            lines.push(std::mem::replace(&mut line, carried));
            if c == ' ' {
                continue;
            }
        }
        line.push(c);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Takes the unfinished Latin word from the end of a line, unless it is the whole line.
fn last_word(line: &mut String) -> String {
    let begin = line
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_ascii_graphic())
        .last()
        .map_or(line.len(), |(at, _)| at);
    if begin == 0 {
        String::new()
    } else {
        line.split_off(begin)
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// The operator that shows this text and no more, as it stands in a page.
#[cfg(test)]
pub(super) fn drawn(text: &str) -> Vec<u8> {
    let mut content = Content::new();
    content.show(Str(&utf16(text)));
    content.finish().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_to_the_width_and_words_stay_whole() {
        let text = "按本县居住证同等对待，请向持证人说明。 Recognised: treat as a local permit holder.";
        let lines = broken(text, 90.0, 10.0);
        assert!(lines.len() > 3, "{lines:?}");
        // A closing mark may hang over by its own width.
        assert!(
            lines.iter().all(|line| width_of(line, 10.0) <= 100.0),
            "{lines:?}"
        );
        assert!(
            lines
                .iter()
                .any(|line| line.ends_with("local") || line.contains("local "))
        );
        assert!(
            !lines
                .iter()
                .any(|line| line.starts_with('，') || line.starts_with('。'))
        );
        let squeezed = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
        assert_eq!(squeezed(&lines.concat()), squeezed(text), "nothing is lost");
    }

    #[test]
    fn a_word_wider_than_the_line_is_cut_and_not_lost() {
        assert_eq!(broken(&"W".repeat(40), 60.0, 10.0).concat(), "W".repeat(40));
    }
}
