//! A symbol as PNG, SVG and terminal text, each with its quiet zone.

use std::fmt::Write as _;
use std::io::Cursor;

use image::{GrayImage, ImageFormat, ImageResult, Luma};

use super::symbol::{QUIET_ZONE, Symbol};

/// Pixels a module at most: a version 40 symbol of this scale is 5,920 pixels wide.
const MOST_PIXELS: u32 = 32;

impl Symbol {
    /// A grey PNG, `pixels` to a module (1 to 32).
    ///
    /// # Errors
    /// When the encoder fails, which for a picture in memory means that memory is short.
    pub fn to_png(&self, pixels: u32) -> ImageResult<Vec<u8>> {
        let scale = pixels.clamp(1, MOST_PIXELS);
        // A side is at most 177 modules: all arithmetic stays far inside u32.
        let side = u32::try_from(self.side() + 2 * QUIET_ZONE).unwrap_or(u32::MAX / MOST_PIXELS) * scale;
        let module = |pixel: u32| ((pixel / scale) as usize).wrapping_sub(QUIET_ZONE);
        let picture = GrayImage::from_fn(side, side, |x, y| {
            Luma([if self.is_dark(module(x), module(y)) {
                0
            } else {
                255
            }])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png)?;
        Ok(bytes.into_inner())
    }

    /// An SVG document that scales to whatever holds it. Says what it is to screen readers in `label`; carries no style and no
    /// script, so that the strictest content policy lets it through.
    #[must_use]
    pub fn to_svg(&self, label: &str) -> String {
        let side = self.side() + 2 * QUIET_ZONE;
        let mut path = String::new();
        for (x, y, length) in self.runs() {
            let _ = write!(
                path,
                "M{} {}h{length}v1h-{length}z",
                x + QUIET_ZONE,
                y + QUIET_ZONE
            );
        }
        let label = escaped(label);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"{label}\" \
             shape-rendering=\"crispEdges\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
             <path d=\"{path}\" fill=\"#000\"/></svg>"
        )
    }

    /// Text of half blocks for a terminal with light letters on a dark ground: two rows of modules to a line.
    #[must_use]
    pub fn to_terminal(&self) -> String {
        let side = self.side() + 2 * QUIET_ZONE;
        let light = |x: usize, y: usize| {
            !self.is_dark(x.wrapping_sub(QUIET_ZONE), y.wrapping_sub(QUIET_ZONE)) && y < side
        };
        let mut text = String::new();
        for y in (0..side).step_by(2) {
            for x in 0..side {
                text.push(match (light(x, y), light(x, y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push('\n');
        }
        text
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::read_code;
    use comity_verifier::symbol;

    fn card() -> String {
        let mut token = String::from("eyJhbGciOiJFZERTQSJ9.");
        token.extend((0..1_300).map(|i| {
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[i * 7 % 64])
        }));
        token.push_str("~WyJz~");
        token
    }

    #[test]
    fn what_is_drawn_is_read_back() {
        let drawn = Symbol::of_card(&card()).unwrap();
        for pixels in [3, 6] {
            let read = read_code(&drawn.to_png(pixels).unwrap()).unwrap();
            assert_eq!(symbol::decode(&read).unwrap(), card(), "{pixels} pixels a module");
        }
    }

    #[test]
    fn a_picture_of_another_card_is_not_this_one() {
        let other = Symbol::of_card("eyJ.other~").unwrap();
        let read = read_code(&other.to_png(6).unwrap()).unwrap();
        assert_ne!(symbol::decode(&read).unwrap(), card());
    }

    #[test]
    fn svg_is_one_path_without_style_or_script() {
        let svg = Symbol::of_card("eyJ.~").unwrap().to_svg("码 <\"&");
        assert!(svg.starts_with("<svg") && svg.contains("aria-label=\"码 &lt;&quot;&amp;\""));
        assert!(!svg.contains("style") && !svg.contains("<script"));
    }

    #[test]
    fn the_terminal_shows_every_module() {
        let drawn = Symbol::of_card("eyJ.~").unwrap();
        let text = drawn.to_terminal();
        let side = drawn.side() + 2 * QUIET_ZONE;
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        assert_eq!(lines.len(), side.div_ceil(2));
        for y in 0..drawn.side() {
            for x in 0..drawn.side() {
                let (column, row) = (x + QUIET_ZONE, y + QUIET_ZONE);
                let shown = lines[row / 2][column];
                let light = if row % 2 == 0 { "█▀" } else { "█▄" }.contains(shown);
                assert_eq!(light, !drawn.is_dark(x, y));
            }
        }
    }
}
