//! How far a run is, on standard error: one line that is written over on a terminal, a line now and then elsewhere.
//!
//! A courtesy: where nobody listens, nothing is lost, and no verdict waits for it.

use std::io::{IsTerminal as _, Write as _};

use crate::verdict::Tally;

/// The progress of one run.
#[derive(Debug)]
pub(crate) struct Progress {
    cases: usize,
    /// So many cases lie between two lines where there is no terminal.
    apart: usize,
    on_terminal: bool,
}

impl Progress {
    /// Of a run of so many cases.
    pub(crate) fn new(cases: usize, apart: usize) -> Self {
        Self {
            cases,
            apart: apart.max(1),
            on_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// A line that stays.
    pub(crate) fn says(&self, text: &str) {
        self.wipe();
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// One more case was judged, the one of this name.
    pub(crate) fn moved(&self, name: &str, tally: &Tally) {
        let far = format!("[{}/{}] {tally}", tally.all(), self.cases);
        if self.on_terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K{far}  {name}");
        } else if tally.all().is_multiple_of(self.apart) {
            self.says(&far);
        }
    }

    /// Makes way for what is printed next.
    pub(crate) fn wipe(&self) {
        if self.on_terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
