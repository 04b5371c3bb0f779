//! The delimiter and the title row ("A file" in docs/behaviour.md): "the pair of line and delimiter that names most
//! fields; if none names any, the delimiter that gives line 1 most columns".

use encoding_rs::Encoding;

use super::row::Row;
use super::rows::{Rows, is_blank};
use super::scan::line_end;
use super::{Title, Titles};
use crate::fault::Fault;

/// The delimiters, in the order in which equals win.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Lines in which titles are looked for to tell the encoding, and how much of each.
const MOST_TITLES: usize = 20;
const MOST_TITLE: usize = 8 * 1024;

/// What the top of a file says of the rest.
pub(super) struct Top {
    pub title: Option<Title>,
    pub delimiter: u8,
    pub warning: Option<String>,
}

/// A line read with a delimiter.
struct Reading {
    delimiter: u8,
    /// How many fields of the campaign it names.
    named: usize,
    cells: Vec<String>,
    line: u64,
    /// How many lines it takes.
    lines: u64,
}

impl Reading {
    fn of(text: &str, delimiter: u8, titles: &dyn Titles, line: u64) -> Reading {
        let mut row = Row::new();
        row.add(text, delimiter);
        let cells = row.cells().map(str::to_owned).collect();
        Reading { delimiter, named: count_named(row.cells(), titles), cells, line, lines: 1 }
    }

    fn is_better_than(&self, other: &Reading) -> bool {
        let rank = |reading: &Reading| (reading.named, reading.cells.len());
        if self.line == other.line { rank(self) > rank(other) } else { self.named > other.named }
    }
}

/// Removes `delrow` lines, and finds the title row among them; with `delrow` 0, in the first line that is not blank.
/// Leaves the rows at the first data line.
pub(super) fn find(rows: &mut Rows<'_>, delrow: u64, titles: &dyn Titles) -> Result<Top, Fault> {
    let mut said = None;
    if delrow == 0 {
        rows.skip_blank_lines()?;
        said = separator(rows)?;
        if said.is_some() {
            rows.skip_line()?;
            rows.skip_blank_lines()?;
        }
        let best = read_record(rows, titles, said)?;
        for _ in 0..best.as_ref().map_or(0, |reading| if reading.named > 0 { reading.lines } else { 0 }) {
            rows.skip_line()?;
        }
        return Ok(top(best, said, None));
    }
    let mut best: Option<Reading> = None;
    let mut warning = None;
    for removed in 0..delrow {
        if removed == 0 {
            said = separator(rows)?;
        }
        if let Some(reading) = read_line(rows, titles)?
            && best.as_ref().is_none_or(|best| reading.is_better_than(best))
        {
            best = Some(reading);
        }
        if !rows.skip_line()? {
            warning = Some(format!("delrow is {delrow}, but the file has {removed} lines: nothing is left"));
            break;
        }
    }
    // A heading of one column says nothing of the delimiter: then the first data line must.
    if best.as_ref().is_none_or(|best| best.named == 0 && best.cells.len() < 2) {
        rows.skip_blank_lines()?;
        if let Some(reading) = read_line(rows, &NoTitles)? {
            best = Some(reading);
        }
    }
    Ok(top(best, said, warning))
}

fn top(best: Option<Reading>, said: Option<u8>, warning: Option<String>) -> Top {
    match best {
        Some(best) if best.named > 0 => {
            let title = Title { cells: best.cells, line: best.line };
            Top { title: Some(title), delimiter: best.delimiter, warning }
        }
        best => {
            let delimiter = said.or(best.map(|best| best.delimiter)).unwrap_or(b',');
            Top { title: None, delimiter, warning }
        }
    }
}

/// The next line by the delimiter that makes most of it; the line stays to be read. An over-long line names nothing.
fn read_line(rows: &mut Rows<'_>, titles: &dyn Titles) -> Result<Option<Reading>, Fault> {
    let line = rows.line();
    let Some((text, cut)) = rows.peek_line()? else { return Ok(None) };
    let titles = if cut { &NoTitles } else { titles };
    let readings = DELIMITERS.map(|delimiter| Reading::of(&text, delimiter, titles, line));
    Ok(best_of(readings))
}

/// The same of the next record: a spreadsheet's title may have a line end in a quoted cell.
fn read_record(rows: &mut Rows<'_>, titles: &dyn Titles, said: Option<u8>) -> Result<Option<Reading>, Fault> {
    let line = rows.line();
    let Some((text, cut)) = rows.peek_line()? else { return Ok(None) };
    let (text, titles) = (text.into_owned(), if cut { &NoTitles } else { titles });
    let mut readings = Vec::new();
    for delimiter in DELIMITERS.into_iter().filter(|delimiter| said.is_none_or(|said| said == *delimiter)) {
        readings.push(match rows.peek_record(delimiter)? {
            Some((text, lines)) => Reading { lines, ..Reading::of(&text, delimiter, titles, line) },
            None => Reading::of(&text, delimiter, titles, line),
        });
    }
    Ok(best_of(readings))
}

fn best_of(readings: impl IntoIterator<Item = Reading>) -> Option<Reading> {
    readings.into_iter().reduce(|best, reading| if reading.is_better_than(&best) { reading } else { best })
}

/// The most fields that one of the lines which may be the title row names in an encoding by titles that are not ASCII.
pub(super) fn named_in(encoding: &'static Encoding, head: &[u8], delrow: u64, titles: &dyn Titles) -> usize {
    let mut most = 0;
    for line in title_lines(head, delrow) {
        let (text, broken) = encoding.decode_without_bom_handling(line.get(..MOST_TITLE).unwrap_or(line));
        for delimiter in DELIMITERS.into_iter().filter(|_| !broken && !text.is_ascii()) {
            let mut row = Row::new();
            row.add(&text, delimiter);
            most = most.max(count_named(row.cells().filter(|cell| !cell.is_ascii()), titles));
        }
    }
    most
}

/// The lines in which `find` would look for titles, in any encoding that has ASCII in it.
fn title_lines(head: &[u8], delrow: u64) -> Vec<&[u8]> {
    let mut rest = head;
    let lines = std::iter::from_fn(move || {
        let (end, next) = line_end(rest, 0, true).filter(|_| !rest.is_empty())?;
        let line = rest.get(..end);
        rest = rest.get(next..).unwrap_or_default();
        line
    });
    let is_text = |line: &&[u8]| !is_blank(line, b'\0');
    if delrow > 0 {
        let removed = usize::try_from(delrow).unwrap_or(usize::MAX);
        return lines.take(removed).filter(is_text).take(MOST_TITLES).collect();
    }
    let mut lines = lines.filter(is_text);
    let first = lines.next();
    let says = first.and_then(|line| std::str::from_utf8(line).ok()).and_then(said_in).is_some();
    if says { lines.next() } else { first }.into_iter().collect()
}

/// How many fields the cells name, each counted once.
fn count_named<'a>(cells: impl Iterator<Item = &'a str>, titles: &dyn Titles) -> usize {
    let mut seen = vec![false; titles.count()];
    for field in cells.filter_map(|cell| titles.field(cell)) {
        if let Some(seen) = seen.get_mut(field) {
            *seen = true;
        }
    }
    seen.iter().filter(|seen| **seen).count()
}

/// The delimiter that the next line says.
fn separator(rows: &mut Rows<'_>) -> Result<Option<u8>, Fault> {
    Ok(rows.peek_line()?.and_then(|(text, _)| said_in(&text)))
}

/// The delimiter that a line `sep=;` names, as spreadsheets write it.
fn said_in(line: &str) -> Option<u8> {
    let word = line.trim_matches('"').as_bytes();
    let said = match (word.get(..4), word.get(4), word.len()) {
        (Some(key), Some(said), 5) if key.eq_ignore_ascii_case(b"sep=") => Some(*said),
        _ => None,
    };
    said.filter(|said| DELIMITERS.contains(said))
}

struct NoTitles;

impl Titles for NoTitles {
    fn field(&self, _: &str) -> Option<usize> {
        None
    }

    fn count(&self) -> usize {
        0
    }
}
