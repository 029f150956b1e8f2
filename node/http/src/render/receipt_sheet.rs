//! 核验回执 as PDF: what a window files (chapter 9.3). A seal's place, a line on how to archive it, and the code that says whether
//! the receipt is a given person's, off line.
//!
//! It lays out what it is given. A receipt too long for any symbol is printed without one and says so.

use comity_spec::outcome::OutcomeClass;
use comity_spec::receipt::PrintedReceipt;
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;

use super::Symbol;
use super::card_sheet::created;
use super::sheet::{Ink, MM, Sheet, WIDTH};

/// One labelled fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub label: Bilingual,
    /// What it says.
    pub value: Bilingual,
}

/// What stands on the sheet.
#[derive(Clone, Debug)]
pub struct ReceiptSheet<'a> {
    /// Class of the outcome, for its icon.
    pub class: OutcomeClass,
    /// The verdict in words.
    pub verdict: &'a Bilingual,
    /// The outcome in one sentence.
    pub sentence: &'a Bilingual,
    /// The facts, at most sixteen.
    pub lines: &'a [Line],
    /// Every condition not met or unknown.
    pub missing: &'a [Bilingual],
    /// The receipt with its salt, for the code.
    pub printed: &'a PrintedReceipt,
    /// How to archive it.
    pub archive: &'a Bilingual,
    /// Where it belongs: `示例环境 SANDBOX`, or nothing.
    pub banner: Option<&'a str>,
    /// The day of printing.
    pub printed_on: LocalDate,
}

impl ReceiptSheet<'_> {
    /// The PDF.
    #[must_use]
    pub fn to_pdf(&self) -> Vec<u8> {
        let left = 20.0 * MM;
        let width = WIDTH - 2.0 * left;
        let mut sheet = Sheet::new("核验回执 / Verification receipt");
        sheet.heading(left, 24.0 * MM, 20.0, "核验回执");
        sheet.text(
            left + 32.0 * MM,
            24.0 * MM,
            10.0,
            Ink::Grey,
            "Verification receipt",
        );
        if let Some(banner) = self.banner {
            sheet.heading(left + 90.0 * MM, 24.0 * MM, 11.0, banner);
        }
        sheet.rule(left, 28.0 * MM, width);
        sheet.mark(left, 31.5 * MM, 12.0 * MM, self.class);
        sheet.heading(left + 16.0 * MM, 38.0 * MM, 15.0, &self.verdict.zh);
        sheet.text(left + 16.0 * MM, 43.5 * MM, 9.0, Ink::Grey, &self.verdict.en);
        let mut y = sheet.paragraph(left, 52.0 * MM, width, 10.5, Ink::Black, &self.sentence.zh);
        y = sheet.paragraph(left, y, width, 8.0, Ink::Grey, &self.sentence.en) + 3.0 * MM;
        for line in self.lines.iter().take(16) {
            sheet.text(
                left,
                y,
                8.5,
                Ink::Grey,
                &format!("{} {}", line.label.zh, line.label.en),
            );
            y = sheet.paragraph(
                left + 52.0 * MM,
                y,
                width - 52.0 * MM,
                10.0,
                Ink::Black,
                &line.value.zh,
            ) + 0.6 * MM;
        }
        // What does not fit above the foot is on the page of the verification, which the last line names.
        let foot = 200.0 * MM;
        if !self.missing.is_empty() {
            y += 2.0 * MM;
            sheet.heading(left, y, 10.0, "尚需 Still needed");
            y += 5.5 * MM;
            for (place, missing) in self.missing.iter().enumerate() {
                if y > foot - 8.0 * MM {
                    let rest = self.missing.len() - place;
                    sheet.text(
                        left,
                        y,
                        9.0,
                        Ink::Black,
                        &format!("……另有 {rest} 项，见核验页面 / {rest} more on the page"),
                    );
                    break;
                }
                let text = format!("{}. {} / {}", place + 1, missing.zh, missing.en);
                y = sheet.paragraph(left, y, width, 9.0, Ink::Black, &text);
            }
        }
        self.foot(&mut sheet, left, foot);
        sheet.finish(created(self.printed_on))
    }

    fn foot(&self, sheet: &mut Sheet, left: f32, y: f32) {
        let width = WIDTH - 2.0 * left;
        sheet.rule(left, y, width);
        let side = 74.0 * MM;
        let text = left + side + 6.0 * MM;
        let room = width - side - 6.0 * MM;
        let note = match Symbol::of_receipt(self.printed) {
            Ok(symbol) => {
                sheet.symbol(left, y + 3.0 * MM, side, &symbol);
                "扫描此码可离线核对回执真伪，并与姓名、号码核对是否本人。\nScan to check this receipt off line, and whether it is this person's."
            }
            Err(_) => {
                "回执内容较长，未印二维码；请用电子回执文件核对。\nToo long for a code: use the electronic receipt."
            }
        };
        let below = sheet.paragraph(text, y + 8.0 * MM, room, 8.5, Ink::Grey, note);
        let below = sheet.paragraph(
            text,
            below + 1.0 * MM,
            room,
            8.5,
            Ink::Black,
            &format!("{}\n{}", self.archive.zh, self.archive.en),
        );
        let top = below.max(y + 36.0 * MM);
        sheet.frame(text, top, room, y + 76.0 * MM - top, false);
        sheet.text(
            text + 3.0 * MM,
            top + 6.0 * MM,
            9.0,
            Ink::Grey,
            "（核验专用章） Seal",
        );
        sheet.text(
            text + 3.0 * MM,
            y + 73.0 * MM,
            9.0,
            Ink::Grey,
            "经办人 Officer：            日期 Date：",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use comity_spec::text::Text;

    fn sheet(receipt: &str) -> Vec<u8> {
        ReceiptSheet {
            class: OutcomeClass::Green,
            verdict: &Text::new("予以互认", "Recognised").into(),
            sentence: &Text::new("按本县居住证同等对待。", "Treat as a local permit holder.").into(),
            lines: &[Line {
                label: Text::new("追踪号", "Trace").into(),
                value: Text::new("261122-330822-7F3K9QZC", "261122-330822-7F3K9QZC").into(),
            }],
            missing: &vec![Text::new("还需一项材料", "one more paper").into(); 80],
            printed: &PrintedReceipt {
                receipt: receipt.to_owned(),
                salt: None,
            },
            archive: &Text::new("随业务档案保存。", "File with the case.").into(),
            banner: Some("示例环境 SANDBOX"),
            printed_on: "2026-11-22".parse().unwrap(),
        }
        .to_pdf()
    }

    #[test]
    fn the_code_is_drawn_when_it_fits_and_the_sheet_is_made_when_it_does_not() {
        let (with, without) = (sheet(&"eyJ.".repeat(400)), sheet(&"e".repeat(3_600)));
        assert!(with.starts_with(b"%PDF-1.7") && without.starts_with(b"%PDF-1.7"));
        assert!(
            with.len() > without.len() + 10_000,
            "{} {}",
            with.len(),
            without.len()
        );
    }
}
