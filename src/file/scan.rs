//! Where a record ends: quotes by RFC 4180, lines by LF, CR or CRLF. Pure, and resumed as more text comes.
//!
//! A quote opens a cell only as its first character; elsewhere it is text. In a quoted cell, `""` is a quote, and a
//! quote before a delimiter, a line end or the end of the text closes the cell. Text after a closing quote on the line
//! where the cell began belongs to the cell (`"Joe" Miller` is `Joe Miller`). In a cell that has run over a line end,
//! such text means that the cell's first quote was a stray one, and that the quote found is another cell's: it never
//! ends, just as one that meets the end of the text.

use memchr::{memchr, memchr_iter, memchr2, memchr3};

/// A line end at `at`: where the next line begins. `None`: a CR at the end of the window, whose LF may still come.
pub(super) fn after_line_end(text: &[u8], at: usize, ended: bool) -> Option<usize> {
    match (text.get(at), text.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Some(at + 2),
        (Some(b'\r'), None) if !ended => None,
        _ => Some(at + 1),
    }
}

/// The end of the first line, and where the next begins; `None`: it is not in the window yet.
pub(super) fn line_end(text: &[u8], searched: usize, ended: bool) -> Option<(usize, usize)> {
    match memchr2(b'\n', b'\r', text.get(searched..)?) {
        Some(i) => Some((searched + i, after_line_end(text, searched + i, ended)?)),
        None => ended.then_some((text.len(), text.len())),
    }
}

/// How many line ends there are; a CR at the end counts.
pub(super) fn line_ends(text: &[u8]) -> u64 {
    let feeds = memchr_iter(b'\n', text).count();
    let returns = memchr_iter(b'\r', text).filter(|i| text.get(i + 1) != Some(&b'\n')).count();
    (feeds + returns) as u64
}

/// Where in a record the scan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    CellStart,
    /// In a cell without quotes, or at a later one's begin.
    Unquoted,
    Quoted,
    /// After a quote in a quoted cell: its end, or the first half of `""`.
    Quote,
}

/// What a scan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The record's text ends at `end`, the next record begins at `next`.
    End { end: usize, next: usize },
    /// A quoted cell ran over the end of the record's first line; told once.
    Crossed,
    /// A quote never ends: the place `at` shows it, or the end of the text.
    Stray { at: Option<usize> },
    /// The window ends first.
    More,
}

/// A scan of one record, begun at its first character.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub at: usize,
    place: Place,
    /// The first line's end, the second line's begin, and the begin of the cell that ran over it.
    pub crossed: Option<(usize, usize, usize)>,
    cell: usize,
    cell_crossed: bool,
}

impl Scan {
    pub(super) fn new() -> Scan {
        Scan { at: 0, place: Place::CellStart, crossed: None, cell: 0, cell_crossed: false }
    }

    /// The scan at the begin of a line that lies in a quoted cell.
    pub(super) fn in_quotes() -> Scan {
        Scan { at: 0, place: Place::Quoted, crossed: Some((0, 0, 0)), cell: 0, cell_crossed: true }
    }

    /// The begin of the last quoted cell, unless the scan was moved since.
    pub(super) fn cell(&self) -> usize {
        self.cell
    }

    /// The same scan after the window's first `n` bytes were let go.
    pub(super) fn moved(&mut self, n: usize) {
        self.at -= n.min(self.at);
    }

    /// Goes on as far as the window allows.
    pub(super) fn step(&mut self, text: &[u8], ended: bool, delimiter: u8) -> Found {
        loop {
            let rest = text.get(self.at..).unwrap_or_default();
            match self.place {
                Place::CellStart if rest.first() == Some(&b'"') => self.open(self.at),
                // An empty rest may still become a quoted cell.
                Place::CellStart if rest.is_empty() && !ended => return Found::More,
                // Cells without quotes are passed over: only a quote after a delimiter opens one.
                Place::CellStart | Place::Unquoted => {
                    self.place = Place::Unquoted;
                    match memchr3(b'"', b'\n', b'\r', rest).map(|i| self.at + i) {
                        Some(at) if text.get(at) == Some(&b'"') => {
                            if at > 0 && text.get(at - 1) == Some(&delimiter) {
                                self.open(at);
                            } else {
                                self.at = at + 1;
                            }
                        }
                        Some(at) => return self.end(text, at, ended),
                        None if ended => {
                            return Found::End { end: text.len(), next: text.len() };
                        }
                        None => {
                            self.at = text.len();
                            if text.last() == Some(&delimiter) {
                                self.place = Place::CellStart;
                            }
                            return Found::More;
                        }
                    }
                }
                Place::Quoted => {
                    let found = if self.cell_crossed { memchr(b'"', rest) } else { memchr3(b'"', b'\n', b'\r', rest) };
                    match found.map(|i| (self.at + i, rest.get(i))) {
                        Some((at, Some(b'"'))) => {
                            self.place = Place::Quote;
                            self.at = at + 1;
                        }
                        Some((at, _)) => {
                            let Some(next) = after_line_end(text, at, ended) else {
                                self.at = at;
                                return Found::More;
                            };
                            self.cell_crossed = true;
                            self.at = next;
                            if self.crossed.is_none() {
                                self.crossed = Some((at, next, self.cell));
                                return Found::Crossed;
                            }
                        }
                        None if ended => return Found::Stray { at: None },
                        None => {
                            // Line ends are counted in what is let go: CR and LF stay together.
                            self.at = text.len() - usize::from(text.last() == Some(&b'\r'));
                            return Found::More;
                        }
                    }
                }
                Place::Quote => match rest.first() {
                    Some(b'"') => {
                        self.place = Place::Quoted;
                        self.at += 1;
                    }
                    Some(byte) if *byte == delimiter => {
                        self.place = Place::CellStart;
                        self.at += 1;
                    }
                    Some(b'\n' | b'\r') => return self.end(text, self.at, ended),
                    Some(_) if self.cell_crossed => return Found::Stray { at: Some(self.at) },
                    Some(_) => self.place = Place::Unquoted,
                    None if ended => {
                        return Found::End { end: text.len(), next: text.len() };
                    }
                    None => return Found::More,
                },
            }
        }
    }

    /// Goes into the cell that the quote at `at` opens.
    fn open(&mut self, at: usize) {
        self.cell = at;
        self.cell_crossed = false;
        self.place = Place::Quoted;
        self.at = at + 1;
    }

    fn end(&mut self, text: &[u8], at: usize, ended: bool) -> Found {
        self.at = at;
        match after_line_end(text, at, ended) {
            Some(next) => Found::End { end: at, next },
            None => Found::More,
        }
    }
}
