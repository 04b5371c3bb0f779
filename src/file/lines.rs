//! The top of the text line by line: what `delrow` removes, and where the title row may be.

use std::borrow::Cow;

use super::rows::{Rows, is_blank};
use super::scan::{Found, Scan, line_end, line_ends};
use crate::fault::Fault;

impl Rows<'_> {
    /// The number of the next line.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The text ahead, as much of it as is in the window.
    pub(super) fn ahead(&mut self) -> Result<&[u8], Fault> {
        if self.text.window().is_empty() {
            self.text.fill()?;
        }
        Ok(self.text.window())
    }

    /// The next physical line without its end, to be read again, and whether it is over-long and cut. `None`: no line
    /// is left.
    pub(super) fn peek_line(&mut self) -> Result<Option<(Cow<'_, str>, bool)>, Fault> {
        let mut searched = 0;
        let end = loop {
            let window = self.text.window();
            if let Some((end, _)) = line_end(window, searched, self.text.ended()) {
                break end;
            }
            if window.len() > self.max_row_bytes {
                break window.len();
            }
            searched = window.len().saturating_sub(1);
            self.text.fill()?;
        };
        let window = self.text.window();
        if window.is_empty() {
            return Ok(None);
        }
        let line = window.get(..end.min(self.max_row_bytes)).unwrap_or_default();
        Ok(Some((String::from_utf8_lossy(line), end > self.max_row_bytes)))
    }

    /// The next record, to be read again, and how many lines it has; `None`: it is over-long, or a quote never ends.
    pub(super) fn peek_record(&mut self, delimiter: u8) -> Result<Option<(Cow<'_, str>, u64)>, Fault> {
        let mut scan = Scan::new();
        let (end, next) = loop {
            match scan.step(self.text.window(), self.text.ended(), delimiter) {
                Found::End { end, next } => break (end, next),
                Found::Crossed => {}
                Found::More if scan.at <= self.max_row_bytes => self.text.fill()?,
                Found::More | Found::Stray { .. } => return Ok(None),
            }
        };
        let window = self.text.window();
        let lines = line_ends(window.get(..next).unwrap_or_default()).max(1);
        let record = window.get(..end.min(self.max_row_bytes)).unwrap_or_default();
        Ok((end <= self.max_row_bytes).then(|| (String::from_utf8_lossy(record), lines)))
    }

    /// Goes past the next physical line, however long. False: there is none.
    pub(super) fn skip_line(&mut self) -> Result<bool, Fault> {
        let mut any = false;
        loop {
            let window = self.text.window();
            any |= !window.is_empty();
            if let Some((_, next)) = line_end(window, 0, self.text.ended()) {
                self.text.consume(next);
                self.line += u64::from(any);
                return Ok(any);
            }
            let whole = window.len() - usize::from(window.last() == Some(&b'\r'));
            self.text.consume(whole);
            self.text.fill()?;
        }
    }

    /// Goes past blank lines.
    pub(super) fn skip_blank_lines(&mut self) -> Result<(), Fault> {
        loop {
            match self.peek_line()? {
                Some((line, false)) if is_blank(line.as_bytes(), b'\0') => {}
                _ => return Ok(()),
            }
            self.skip_line()?;
        }
    }
}
