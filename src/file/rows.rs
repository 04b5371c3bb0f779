//! The text as records: one at a time, with its line, whatever the record is like.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

use super::Origin;
use super::row::Row;
use super::scan::{Found, Scan, after_line_end, line_ends};
use super::scout::{Doomed, Scout};
use super::text::{DOS_END, Text};
use crate::fault::Fault;

/// A reader of records; single lines are read by [`super::lines`].
pub(super) struct Rows<'a> {
    origin: Origin<'a>,
    pub(super) text: Text<'a>,
    scout: Option<Scout<'a>>,
    doomed: Doomed,
    delimiter: u8,
    pub(super) max_row_bytes: usize,
    /// The number of the line that the window begins with.
    pub(super) line: u64,
}

/// A record's extent, as far as it is known.
struct Extent {
    /// How much of the window is the record's text, line end excluded.
    end: usize,
    /// Where the next record begins; `None`: beyond the window, `scan` leads there.
    next: Option<usize>,
    scan: Scan,
    /// The begin of the cell whose quote never ends.
    stray: Option<usize>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(origin: Origin<'a>, max_row_bytes: usize) -> Result<Self, Fault> {
        let text = origin.text()?;
        Ok(Rows { origin, text, scout: None, doomed: Doomed::default(), delimiter: b',', max_row_bytes, line: 1 })
    }

    pub(super) fn set_delimiter(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    pub(super) fn origin(&self) -> &Origin<'a> {
        &self.origin
    }

    /// Reads the next record. False: there is none.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool, Fault> {
        let mut searched = 0;
        loop {
            let ended = self.text.ended();
            let window = self.text.window();
            let special = memchr3(b'\n', b'\r', b'"', window.get(searched..).unwrap_or_default());
            match special.map(|i| searched + i) {
                Some(at) if window.get(at) == Some(&b'"') => return self.quoted(row),
                Some(at) if at > self.max_row_bytes => return self.quoted(row),
                Some(at) => {
                    let Some(next) = after_line_end(window, at, ended) else {
                        searched = at;
                        self.text.fill()?;
                        continue;
                    };
                    if is_blank(window.get(..at).unwrap_or_default(), self.delimiter) {
                        self.text.consume(next);
                        self.line += 1;
                        searched = 0;
                        continue;
                    }
                    row.begin(self.line);
                    // Without a quote before its end.
                    self.put(row, 0, at, false);
                    self.text.consume(next);
                    self.line += 1;
                    return Ok(true);
                }
                None if window.len() > self.max_row_bytes => return self.quoted(row),
                None if !ended => {
                    searched = window.len();
                    self.text.fill()?;
                }
                None if is_blank(window, self.delimiter) => {
                    let rest = window.len();
                    self.text.consume(rest);
                    return Ok(false);
                }
                None => return self.quoted(row),
            }
        }
    }

    /// Reads a record that has quotes, is over-long, or is the last.
    fn quoted(&mut self, row: &mut Row) -> Result<bool, Fault> {
        row.begin(self.line);
        let extent = self.extent()?;
        let long = extent.end > self.max_row_bytes || extent.next.is_none();
        let kept = if long { self.cut(extent.end) } else { extent.end };
        match extent.stray.filter(|cell| *cell <= kept) {
            Some(cell) => {
                if cell > 0 {
                    self.put(row, 0, cell - 1, true);
                }
                self.put(row, cell, kept, false);
            }
            None => self.put(row, 0, kept, true),
        }
        if extent.stray.is_some() {
            row.add_defect("a quote never ends");
        }
        let size = match extent.next {
            Some(next) => {
                let window = self.text.window();
                let passed = window.get(..next).unwrap_or_default();
                // A record without a line end is a line all the same, though none follows.
                self.line += line_ends(passed);
                self.text.consume(next);
                extent.end as u64
            }
            None => self.run_out(extent.scan, row)?,
        };
        if long {
            row.cut();
            row.add_defect(&format!(
                "the row has {size} bytes, more than max_row_bytes ({}), and is cut",
                self.max_row_bytes
            ));
        }
        Ok(true)
    }

    /// Finds the end of the record that the window begins with, as far as `max_row_bytes` allows.
    fn extent(&mut self) -> Result<Extent, Fault> {
        let mut scan = Scan::new();
        loop {
            let window = self.text.window();
            let found = scan.step(window, self.text.ended(), self.delimiter);
            match found {
                Found::End { end, next } => {
                    return Ok(Extent { end, next: Some(next), scan, stray: None });
                }
                Found::Crossed => {
                    if let Some(extent) = first_line(&scan, self.is_doomed(&scan)) {
                        return Ok(extent);
                    }
                }
                Found::Stray { at } => {
                    let Some((_, second, _)) = scan.crossed else {
                        // The last line: it ends with the text.
                        let (end, stray) = (window.len(), Some(scan.cell()));
                        return Ok(Extent { end, next: Some(end), scan, stray });
                    };
                    self.doomed = Doomed::between(self.text.place(Some(second)), self.text.place(at));
                    if let Some(extent) = first_line(&scan, true) {
                        return Ok(extent);
                    }
                }
                Found::More if scan.at <= self.max_row_bytes || window.len() <= self.max_row_bytes => {
                    self.text.fill()?;
                }
                Found::More => {
                    let stray = scan.crossed.is_some() && self.look_ahead(&scan)?;
                    if let Some(extent) = first_line(&scan, stray) {
                        return Ok(extent);
                    }
                    return Ok(Extent { end: self.text.window().len(), next: None, scan, stray: None });
                }
            }
        }
    }

    fn is_doomed(&self, scan: &Scan) -> bool {
        let second = scan.crossed.map_or(0, |(_, second, _)| second);
        self.doomed.holds(self.text.place(Some(second)))
    }

    /// Whether the quote that runs over the first line's end is stray; asks the scout.
    fn look_ahead(&mut self, scan: &Scan) -> Result<bool, Fault> {
        if self.is_doomed(scan) {
            return Ok(true);
        }
        let second = scan.crossed.map_or(0, |(_, second, _)| second);
        let scout = match &mut self.scout {
            Some(scout) => scout,
            None => self.scout.insert(Scout::new(&self.origin)?),
        };
        let doomed = scout.look(self.text.place(Some(second)), self.delimiter)?;
        self.doomed = doomed.unwrap_or(self.doomed);
        Ok(doomed.is_some())
    }

    /// Goes to the end of a record that is longer than the window: its size.
    fn run_out(&mut self, mut scan: Scan, row: &mut Row) -> Result<u64, Fault> {
        let mut size = 0;
        // A quote that ran over a line end inside the window is known to end.
        loop {
            let window = self.text.window();
            let found = scan.step(window, self.text.ended(), self.delimiter);
            let (end, next) = match found {
                Found::End { end, next } => (end, next),
                Found::Crossed => {
                    if !self.look_ahead(&scan)? {
                        continue;
                    }
                    row.add_defect("a quote never ends");
                    let (end, second, _) = scan.crossed.unwrap_or_default();
                    (end, second)
                }
                Found::Stray { .. } => {
                    row.add_defect("a quote never ends");
                    (window.len(), window.len())
                }
                Found::More => {
                    let passed = scan.at.min(window.len());
                    self.line += line_ends(window.get(..passed).unwrap_or_default());
                    size += passed as u64;
                    self.text.consume(passed);
                    scan.moved(passed);
                    self.text.fill()?;
                    continue;
                }
            };
            let window = self.text.window();
            self.line += line_ends(window.get(..next).unwrap_or_default());
            self.text.consume(next);
            return Ok(size + end as u64);
        }
    }

    /// Where to cut an over-long row: at a character.
    fn cut(&self, end: usize) -> usize {
        let window = self.text.window();
        let mut at = self.max_row_bytes.min(end);
        while at > 0 && window.get(at).is_some_and(|b| b & 0xC0 == 0x80) {
            at -= 1;
        }
        at
    }

    /// Puts a stretch of the window into the row as cells, and says what is wrong with it.
    fn put(&self, row: &mut Row, from: usize, to: usize, quotes: bool) {
        let bytes = self.text.window().get(from..to).unwrap_or_default();
        let before = row.len();
        let (text, broken) = match std::str::from_utf8(bytes) {
            Ok(text) => (Cow::Borrowed(text), self.text.replaced(to).filter(|at| *at >= from)),
            Err(error) => (String::from_utf8_lossy(bytes), Some(from + error.valid_up_to())),
        };
        if quotes {
            row.add(&text, self.delimiter);
        } else {
            row.add_plain(&text, self.delimiter);
        }
        if let Some(at) = broken {
            let mut whole = Row::new();
            whole.add(&String::from_utf8_lossy(bytes.get(..at - from).unwrap_or_default()), self.delimiter);
            row.add_defect(&format!(
                "byte {} of the file, in column {}, is not {} text",
                self.text.place_in_file(at),
                before + whole.len(),
                self.origin.encoding.name()
            ));
        }
        if self.text.may_hold_nul() && memchr(0, bytes).is_some() {
            row.add_defect("the row holds a NUL");
        }
    }
}

/// The first line alone, where the quote that runs over its end is stray.
fn first_line(scan: &Scan, stray: bool) -> Option<Extent> {
    let (end, second, cell) = scan.crossed.filter(|_| stray)?;
    Some(Extent { end, next: Some(second), scan: scan.clone(), stray: Some(cell) })
}

/// Whether a line holds nothing, or only blanks that are not the delimiter. Where DOS files were joined, or something was
/// written after one, its end is a line between others.
pub(super) fn is_blank(line: &[u8], delimiter: u8) -> bool {
    line.iter().all(|b| matches!(*b, b' ' | b'\t' | DOS_END) && *b != delimiter)
}
