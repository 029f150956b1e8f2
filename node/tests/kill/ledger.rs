//! The test's own book, kept outside the process that is killed: every acknowledgement is appended to a file before the next call is
//! made, and the file, not the memory of the test, is what the database is held against.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

/// One acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "acknowledged", rename_all = "snake_case")]
pub enum Entry {
    /// A register file was applied. `fresh` when the answer says that this call did it.
    Import { sequence: u64, rows: usize, fresh: bool },
    /// A permit reached this version by this event.
    Act {
        number: String,
        version: i64,
        kind: String,
    },
    /// A verification at the window was recorded under this trace number.
    Verification { key: String, trace: String },
}

/// The book.
pub struct Ledger {
    path: PathBuf,
    file: Mutex<File>,
}

impl Ledger {
    /// A new one.
    pub fn new(path: &Path) -> Self {
        let file = File::options().create_new(true).append(true).open(path).unwrap();
        Self {
            path: path.to_owned(),
            file: Mutex::new(file),
        }
    }

    /// Appends.
    pub fn write(&self, entry: &Entry) {
        let mut line = serde_json::to_string(entry).unwrap();
        line.push('\n');
        self.file.lock().unwrap().write_all(line.as_bytes()).unwrap();
    }

    /// Everything so far, read back from the file.
    pub fn read(&self) -> Vec<Entry> {
        let _still = self.file.lock().unwrap();
        let text = std::fs::read_to_string(&self.path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Seeded randomness (SplitMix64): a run is repeated, as far as the machine's timing allows, by its printed seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One time in so many.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}
