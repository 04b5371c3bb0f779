//! Reads ahead of the rows, to learn whether an open quote ever ends, when the answer lies beyond the window.
//!
//! In a quoted cell, what a line does depends on that line alone: it ends the record, shows the quote to be stray, or
//! leaves it open. So all lines between an open quote and the place that shows it to be stray share one answer, and
//! neither the rows nor the scout ever look twice at the same stretch: the time is linear, whatever the quotes.

use super::Origin;
use super::scan::{Found, Scan};
use super::text::Text;
use crate::fault::Fault;

/// A stretch of text in which every open quote is known to be stray.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doomed {
    from: u64,
    to: u64,
}

impl Doomed {
    /// A quote open at the begin of the line at `from` is shown to be stray at `to`.
    pub(super) fn between(from: u64, to: u64) -> Doomed {
        Doomed { from, to }
    }

    /// Whether a quote open at the begin of the line at `line` is stray.
    pub(super) fn holds(&self, line: u64) -> bool {
        self.from <= line && line <= self.to
    }
}

/// A second reader of the same file, which only goes forward.
pub(super) struct Scout<'a> {
    text: Text<'a>,
}

impl<'a> Scout<'a> {
    pub(super) fn new(origin: &Origin<'a>) -> Result<Self, Fault> {
        Ok(Scout { text: origin.text()? })
    }

    /// What becomes of a quote that is open at the begin of the line at `line`: `None` if it ends, else the stretch
    /// in which it and all others are stray.
    pub(super) fn look(&mut self, line: u64, delimiter: u8) -> Result<Option<Doomed>, Fault> {
        while self.text.offset() < line {
            let ahead = usize::try_from(line - self.text.offset()).unwrap_or(usize::MAX);
            let held = self.text.window().len();
            self.text.consume(ahead);
            if held < ahead {
                if self.text.ended() {
                    break;
                }
                self.text.fill()?;
            }
        }
        let mut scan = Scan::in_quotes();
        loop {
            let found = scan.step(self.text.window(), self.text.ended(), delimiter);
            match found {
                Found::End { .. } => return Ok(None),
                Found::Stray { at } => return Ok(Some(Doomed::between(line, self.text.place(at)))),
                Found::Crossed => {}
                Found::More => {
                    self.text.consume(scan.at);
                    let at = scan.at;
                    scan.moved(at);
                    self.text.fill()?;
                }
            }
        }
    }
}
