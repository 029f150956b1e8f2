//! A grey picture that counts what is done with it, for a reader of codes that bounds nothing itself.
//!
//! That reader tries every three corners of codes that could belong together, on a copy of the whole picture, and follows lines as far
//! as they lead: a picture of a few kilobytes that shows nothing but corners kept it at work for hours, and nothing ends a thread
//! from outside. So it is handed a picture that lets it have so many looks and so many corners and then unwinds it: a bound by
//! work and not by time, the same on every machine (JWS-19). It refuses to know what a code is; only [`spend`] makes one.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use image::{GenericImage, GenericImageView, GrayImage, Luma};

/// Looks for each pixel of a picture. One of a card in a patterned surrounding took seven.
const LOOKS_A_PIXEL: u64 = 32;
/// Looks besides, for the modules of the codes in it: a card's symbol took ten million.
const LOOKS_BESIDES: u64 = 1 << 26;
/// Most corners of codes that are put together: three each of as many codes as are looked at, and as many that are none.
const MOST_CORNERS: u32 = 48;
/// Pixels that are copied in the time of one look.
const COPIED_AT_ONCE: u64 = 16;

/// What the reader of codes writes over the pixels of a corner (quirc's `CAPSTONE`); before it counts as one they are `MARKED`.
const CORNER: u8 = 2;
/// What it writes over a region while it looks for its corners.
const MARKED: u8 = 4;

/// The work was more than a picture of this size is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

/// The picture with what is left of its work. Copies have one account.
#[derive(Clone)]
pub(super) struct Metered {
    pixels: Pixels,
    account: Rc<Account>,
}

/// Pixels whose copies are paid for.
struct Pixels {
    grey: GrayImage,
    account: Rc<Account>,
}

struct Account {
    looks: Cell<u64>,
    corners: Cell<u32>,
    written_last: Cell<u8>,
}

/// Does `work` on a picture, which must not outlive it, until it is done or has cost more than it may.
///
/// # Errors
/// [`Exhausted`]. Another unwinding of `work` goes on.
pub(super) fn spend<T>(grey: GrayImage, work: impl FnOnce(Metered) -> T) -> Result<T, Exhausted> {
    let (width, height) = grey.dimensions();
    let looks = LOOKS_BESIDES + u64::from(width) * u64::from(height) * LOOKS_A_PIXEL;
    let account = Rc::new(Account {
        looks: Cell::new(looks),
        corners: Cell::new(MOST_CORNERS),
        written_last: Cell::new(0),
    });
    let pixels = Pixels {
        grey,
        account: Rc::clone(&account),
    };
    // Everything that the work could have left half done is gone when it ends.
    catch_unwind(AssertUnwindSafe(|| work(Metered { pixels, account }))).map_err(|end| {
        if end.is::<Exhausted>() {
            Exhausted
        } else {
            resume_unwind(end)
        }
    })
}

impl Account {
    fn look(&self, looks: u64) {
        match self.looks.get().checked_sub(looks) {
            Some(left) => self.looks.set(left),
            None => give_up(),
        }
    }

    /// A region that was marked becomes a corner.
    fn write(&self, value: u8) {
        self.look(1);
        if value == CORNER && self.written_last.get() == MARKED {
            match self.corners.get().checked_sub(1) {
                Some(left) => self.corners.set(left),
                None => give_up(),
            }
        }
        self.written_last.set(value);
    }
}

/// Unwinds without the hook of panics: nothing is wrong with this program.
fn give_up() -> ! {
    let end: Box<dyn Any + Send> = Box::new(Exhausted);
    resume_unwind(end)
}

impl Clone for Pixels {
    fn clone(&self) -> Self {
        let copied = u64::from(self.grey.width()) * u64::from(self.grey.height());
        self.account.look(copied / COPIED_AT_ONCE);
        Self {
            grey: self.grey.clone(),
            account: Rc::clone(&self.account),
        }
    }
}

impl GenericImageView for Metered {
    type Pixel = Luma<u8>;

    /// Asked for at every step of a search, also of one that has left the picture.
    fn dimensions(&self) -> (u32, u32) {
        self.account.look(1);
        self.pixels.grey.dimensions()
    }

    fn get_pixel(&self, x: u32, y: u32) -> Luma<u8> {
        self.account.look(1);
        *self.pixels.grey.get_pixel(x, y)
    }
}

impl GenericImage for Metered {
    fn get_pixel_mut(&mut self, x: u32, y: u32) -> &mut Luma<u8> {
        self.account.look(1);
        self.pixels.grey.get_pixel_mut(x, y)
    }

    fn put_pixel(&mut self, x: u32, y: u32, pixel: Luma<u8>) {
        self.account.write(pixel.0[0]);
        self.pixels.grey.put_pixel(x, y, pixel);
    }

    fn blend_pixel(&mut self, x: u32, y: u32, pixel: Luma<u8>) {
        self.put_pixel(x, y, pixel);
    }
}
