//! A code in an uploaded picture: the third way to present a permit, for a window without a scanner.
//!
//! The picture is untrusted. Its format is told from its bytes and is PNG or JPEG; bytes, width, height and decoder memory are
//! capped *before* a pixel is decoded, and the search for codes by a count of its work ([`super::metered`]); what the code says is handed on as text and believed by nobody yet. The picture itself is
//! dropped here: the window keeps no picture of a card (Decree 663 art. 18, PIPL art. 6).

use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits};

use super::metered::{Metered, spend};

/// Most bytes of a picture.
pub const MAX_IMAGE_BYTES: usize = 6 * 1024 * 1024;
/// Most pixels of a picture's width and of its height.
pub const MAX_IMAGE_SIDE: u32 = 4_096;
/// Most memory the decoder may take: 4,096 × 4,096 pixels of four bytes, and room to work.
const MAX_DECODER_BYTES: u64 = 96 * 1024 * 1024;
/// Most codes looked at in one picture.
const MAX_CODES: usize = 8;

/// Why no code was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadablePicture {
    /// More bytes or pixels than allowed.
    #[error(
        "图片过大，请缩小到 4096×4096 像素、6 MB 以内 / the picture is too large: at most 4096×4096 pixels and 6 MB"
    )]
    TooLarge,
    /// Neither PNG nor JPEG, or damaged.
    #[error("不是可读的 PNG 或 JPEG 图片 / not a readable PNG or JPEG picture")]
    NotAPicture,
    /// No code in it, or none that can be read.
    #[error(
        "图片中没有读到二维码，请对准、补光后重拍，或改用扫码枪 / no code could be read; take it again, straight and well lit, or use a scanner"
    )]
    NoCode,
    /// More that looks like a code than the search for one is worth.
    #[error(
        "图片过于杂乱，请只拍二维码后重试，或改用扫码枪 / too much in the picture looks like a code: take the code alone, or use a scanner"
    )]
    TooBusy,
    /// Several codes that say different things.
    #[error("图片中有多个二维码，请只拍一个 / several codes are in the picture; show one only")]
    Several,
}

/// The text of the one code in a picture.
///
/// # Errors
/// [`UnreadablePicture`].
pub fn read_code(picture: &[u8]) -> Result<String, UnreadablePicture> {
    if picture.len() > MAX_IMAGE_BYTES {
        return Err(UnreadablePicture::TooLarge);
    }
    let format = image::guess_format(picture).map_err(|_| UnreadablePicture::NotAPicture)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg) {
        return Err(UnreadablePicture::NotAPicture);
    }
    let dimensions = ImageReader::with_format(Cursor::new(picture), format).into_dimensions();
    let (width, height) = dimensions.map_err(|_| UnreadablePicture::NotAPicture)?;
    if width > MAX_IMAGE_SIDE || height > MAX_IMAGE_SIDE {
        return Err(UnreadablePicture::TooLarge);
    }
    let mut reader = ImageReader::with_format(Cursor::new(picture), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_IMAGE_SIDE);
    limits.max_image_height = Some(MAX_IMAGE_SIDE);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let pixels = reader.decode().map_err(|_| UnreadablePicture::NotAPicture)?;
    spend(pixels.into_luma8(), one_code).unwrap_or(Err(UnreadablePicture::TooBusy))
}

fn one_code(pixels: Metered) -> Result<String, UnreadablePicture> {
    let mut prepared = rqrr::PreparedImage::prepare(pixels);
    let mut found: Option<String> = None;
    for grid in prepared.detect_grids().iter().take(MAX_CODES) {
        let Ok((_, text)) = grid.decode() else { continue };
        match &found {
            Some(other) if *other != text => return Err(UnreadablePicture::Several),
            _ => found = Some(text),
        }
    }
    found.ok_or(UnreadablePicture::NoCode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Symbol;
    use image::{DynamicImage, GrayImage, Luma, imageops};

    fn encoded(picture: GrayImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageLuma8(picture)
            .write_to(&mut bytes, format)
            .unwrap();
        bytes.into_inner()
    }

    fn drawn(token: &str) -> GrayImage {
        let png = Symbol::of_card(token).unwrap().to_png(6).unwrap();
        image::load_from_memory(&png).unwrap().into_luma8()
    }

    #[test]
    fn a_jpeg_with_the_code_askew_in_a_larger_picture_is_read() {
        let code = imageops::rotate90(&drawn(&"eyJ.".repeat(60)));
        let mut scene = GrayImage::from_pixel(code.width() + 300, code.height() + 200, Luma([200]));
        imageops::overlay(&mut scene, &code, 140, 90);
        let read = read_code(&encoded(scene, ImageFormat::Jpeg)).unwrap();
        assert_eq!(comity_verifier::symbol::decode(&read).unwrap(), "eyJ.".repeat(60));
    }

    #[test]
    fn what_is_no_picture_or_shows_no_code_refuses() {
        let blank = GrayImage::from_pixel(400, 400, Luma([255]));
        assert_eq!(
            read_code(&encoded(blank, ImageFormat::Png)),
            Err(UnreadablePicture::NoCode)
        );
        assert_eq!(read_code(b"GIF89a"), Err(UnreadablePicture::NotAPicture));
        assert_eq!(read_code(b""), Err(UnreadablePicture::NotAPicture));
        let mut cut = encoded(drawn("eyJ.~"), ImageFormat::Png);
        cut.truncate(cut.len() / 2);
        assert_eq!(read_code(&cut), Err(UnreadablePicture::NotAPicture));
    }

    #[test]
    fn two_different_codes_refuse() {
        let (one, two) = (drawn("eyJ.one~"), drawn("eyJ.two~"));
        let mut scene = GrayImage::from_pixel(one.width() + two.width() + 60, one.height() + 40, Luma([255]));
        imageops::overlay(&mut scene, &one, 10, 20);
        imageops::overlay(&mut scene, &two, i64::from(one.width()) + 50, 20);
        assert_eq!(
            read_code(&encoded(scene, ImageFormat::Png)),
            Err(UnreadablePicture::Several)
        );
    }

    /// `side` × `side` finder patterns of seven pixels, each of them a corner that some code might have.
    fn finders(side: u32) -> GrayImage {
        GrayImage::from_fn(side * 9 + 2, side * 9 + 2, |x, y| {
            let within = |at: u32| (at % 9).wrapping_sub(2);
            let (x, y) = (within(x), within(y));
            let ring = |low: u32, high: u32| (low..=high).contains(&x) && (low..=high).contains(&y);
            Luma([if ring(0, 6) && !ring(1, 5) || ring(2, 4) {
                0
            } else {
                255
            }])
        })
    }

    #[test]
    fn corners_of_codes_without_number_cost_a_bounded_amount_of_work() {
        // Nine of them are three codes, as far as anybody can tell from their corners.
        assert_eq!(
            read_code(&encoded(finders(3), ImageFormat::Png)),
            Err(UnreadablePicture::NoCode)
        );
        for side in [7, 50, 150] {
            assert_eq!(
                read_code(&encoded(finders(side), ImageFormat::Png)),
                Err(UnreadablePicture::TooBusy),
                "{side}"
            );
        }
    }

    #[test]
    fn lines_that_are_filled_again_and_again_cost_a_bounded_amount_of_work() {
        // Stripes whose every line looks like the middle of a corner, and more regions than the reader remembers.
        let widths = [2_u32, 2, 6, 2, 2, 3];
        let period: u32 = widths.iter().sum();
        let scene = GrayImage::from_fn(period * 140, 500, |x, y| {
            let mut at = x % period;
            let stripe = widths.iter().position(|width| {
                let inside = at < *width;
                at = at.wrapping_sub(*width);
                inside
            });
            let dark = stripe.is_some_and(|stripe| stripe % 2 == 0) && y > 2;
            Luma([if dark { 0 } else { 255 }])
        });
        assert_eq!(
            read_code(&encoded(scene, ImageFormat::Png)),
            Err(UnreadablePicture::TooBusy)
        );
    }

    #[test]
    fn size_refuses_before_a_pixel_is_decoded() {
        assert_eq!(
            read_code(&vec![0; MAX_IMAGE_BYTES + 1]),
            Err(UnreadablePicture::TooLarge)
        );
        let wide = GrayImage::from_pixel(MAX_IMAGE_SIDE + 1, 1, Luma([255]));
        let mut png = encoded(wide, ImageFormat::Png);
        assert_eq!(read_code(&png), Err(UnreadablePicture::TooLarge));
        // A head that claims a gigantic picture and nothing after it: judged by the head alone.
        png.truncate(33 + 20);
        assert_eq!(read_code(&png), Err(UnreadablePicture::TooLarge));
    }
}
