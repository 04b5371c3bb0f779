//! A spooled file as rows with line numbers, whatever its encoding, delimiter and line ends ("A file" in docs/behaviour.md).
//!
//! [`Table::open`] reads the file once from end to end, unless a byte order mark says its encoding: that tells its
//! encoding and proves a gzip file whole. [`Table::next`] then reads it again, a row at a time, in memory that is
//! bounded by `max_row_bytes`, and in time that grows with the file alone.
//!
//! In detail:
//!
//! * A line is blank if it holds nothing, or spaces, tabs and Ctrl-Zs that are not the delimiter; where the first data line
//!   must tell the delimiter, a line of tabs before it is blank too. With `delrow` 0, line 1 is the first that is not blank,
//!   and after a spreadsheet's own `sep=;` the next. Ctrl-Zs at the end of a file are no text.
//! * With `delrow` 0 a title row may run over line ends in quoted cells; removed lines never do.
//! * Of pairs that name as many fields, the first line wins, then the delimiter that gives it most columns, then the
//!   order comma, semicolon, tab, pipe. If none names any and line 1 has one column, the first data line decides.
//! * UTF-16 without a mark is told by the server, or by its zeros. "Nearly all" means four of five bytes. Before looks
//!   decide, titles do: the encoding in which they name most fields.
//! * What ends a quoted cell, and what a stray quote is: `scan.rs`. How rejected rows are written: [`rejects`].

mod bytes;
mod encoding;
mod kind;
mod lines;
pub mod rejects;
mod row;
mod rows;
mod scan;
mod scout;
mod short;
mod survey;
#[cfg(test)]
mod tests;
mod text;
mod title;

use std::path::{Path, PathBuf};

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

pub use self::row::Row;

use self::bytes::Bytes;
use self::rows::Rows;
use self::survey::Survey;
use self::text::Text;
use crate::fault::{Fault, Key};

/// A row's text is addressed with 32 bits, and each of its bytes may become a U+FFFD of three.
const MOST_ROW_BYTES: usize = 1 << 30;
/// How much is read at a time.
const CHUNK: usize = 64 * 1024;
/// Cells of the first row that are kept to be shown: more than a campaign can have fields.
const FIRST_CELLS: usize = 4096;

/// How large a file and its rows may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Larger files fail, counted before and after gzip is undone.
    pub max_file_bytes: u64,
    /// Larger rows are rejected.
    pub max_row_bytes: usize,
}

/// Which field of a campaign a title names, by field or display name.
pub trait Titles {
    /// The field's index. The title comes as written: folding case and white space is the answerer's part.
    fn field(&self, title: &str) -> Option<usize>;
    /// How many fields the campaign has.
    fn count(&self) -> usize;
}

/// Whether to go on reading: asked again and again, from whatever thread reads.
pub type GoesOn<'a> = &'a (dyn Fn() -> bool + Sync);

/// What is needed to read a file.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// The spooled file.
    pub path: &'a Path,
    /// The charset that the server declared.
    pub charset: Option<&'a str>,
    /// How many lines are removed from the top.
    pub delrow: u64,
    /// The campaign's fields.
    pub titles: &'a dyn Titles,
    /// The bounds.
    pub limits: Limits,
}

/// The title row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// Its cells as written.
    pub cells: Vec<String>,
    /// Its line in the file, from 1.
    pub line: u64,
}

/// An open file: its title row, and its data rows one after the other.
pub struct Table<'a> {
    rows: Rows<'a>,
    title: Option<Title>,
    first_row: Option<Vec<String>>,
    peeked: Option<Row>,
    warnings: Vec<String>,
}

impl<'a> Table<'a> {
    /// Finds out how the file is written, or refuses it by name. A file that can't be read to its end fails here. Where
    /// `goes_on` says no, here or later, the reading is broken off by a fault that ends no job.
    pub fn open(opening: Opening<'_>, goes_on: GoesOn<'a>) -> Result<Self, Fault> {
        Table::open_by(opening, CHUNK, goes_on)
    }

    fn open_by(opening: Opening<'_>, chunk: usize, goes_on: GoesOn<'a>) -> Result<Self, Fault> {
        let max_file_bytes = opening.limits.max_file_bytes;
        let mut bytes = Bytes::open(opening.path, max_file_bytes, goes_on)?;
        if bytes.head().is_empty() {
            return Err(Fault::new(Key::NotCsv, "the file is empty: it has 0 bytes"));
        }
        kind::refuse_bytes(bytes.head())?;
        let mut warnings = Vec::new();
        let marked = encoding::by_mark(bytes.head(), opening.charset);
        if !marked.is_some_and(|(encoding, _)| encoding == UTF_16LE || encoding == UTF_16BE) {
            kind::refuse_binary(bytes.head())?;
        }
        let survey = if marked.is_none() || bytes.packed() { Some(Survey::of(&mut bytes, chunk * 4)?) } else { None };
        let (encoding, mark) = match (marked, survey) {
            (Some(marked), _) => marked,
            (None, survey) => {
                let (encoding, warning) =
                    encoding::of_survey(&survey.unwrap_or_default(), opening.charset, |encoding| {
                        title::named_in(encoding, bytes.head(), opening.delrow, opening.titles)
                    });
                warnings.extend(warning);
                (encoding, 0)
            }
        };
        let origin = Origin { path: opening.path.to_owned(), max_file_bytes, encoding, mark, chunk, goes_on };
        Table::begin(origin, opening, warnings)
    }

    /// The same table from its beginning again.
    pub fn again(&self, opening: Opening<'_>) -> Result<Self, Fault> {
        let again = Table::begin(self.rows.origin().clone(), opening, Vec::new())?;
        Ok(Table { warnings: self.warnings.clone(), ..again })
    }

    fn begin(origin: Origin<'a>, opening: Opening<'_>, mut warnings: Vec<String>) -> Result<Self, Fault> {
        let mut rows = Rows::new(origin, opening.limits.max_row_bytes.min(MOST_ROW_BYTES))?;
        kind::refuse_text(rows.ahead()?)?;
        let top = title::find(&mut rows, opening.delrow, opening.titles)?;
        rows.set_delimiter(top.delimiter);
        warnings.extend(top.warning);
        let mut table = Table { rows, title: top.title, first_row: None, peeked: None, warnings };
        if table.title.is_none() {
            table.peek()?;
            if opening.delrow == 0 {
                table.refuse_no_title(opening.titles)?;
            }
        }
        Ok(table)
    }

    fn peek(&mut self) -> Result<(), Fault> {
        let mut row = Row::new();
        if self.rows.next(&mut row)? {
            self.first_row = Some(row.cells().take(FIRST_CELLS).map(str::to_owned).collect());
            self.peeked = Some(row);
        }
        Ok(())
    }

    /// What was taken for the first row may be a title row that is too long.
    fn refuse_no_title(&self, titles: &dyn Titles) -> Result<(), Fault> {
        let Some(row) = &self.peeked else {
            return Err(Fault::new(Key::NotCsv, "the file is empty: it holds no text"));
        };
        match row.defect() {
            Some(defect) if row.is_cut() && row.cells().any(|cell| titles.field(cell).is_some()) => {
                let message = format!("the title row in line {} can't be read: {defect}", row.line());
                Err(Fault::new(Key::HeaderUnfit, message))
            }
            _ => Ok(()),
        }
    }

    /// The title row, if a line that may be one names a field.
    pub fn title(&self) -> Option<&Title> {
        self.title.as_ref()
    }

    /// Without a title row: the cells of the first data row, at most 4096 of them. It will still be read.
    pub fn first_row(&self) -> Option<&[String]> {
        self.first_row.as_deref()
    }

    /// The name of the encoding that the file is read in.
    pub fn encoding(&self) -> &'static str {
        self.rows.origin().encoding.name()
    }

    /// What separates the cells.
    pub fn delimiter(&self) -> u8 {
        self.rows.delimiter()
    }

    /// What the user should know of how the file was read.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Reads the next data row into `row`, whose buffers are used again. False: there is none.
    pub fn next(&mut self, row: &mut Row) -> Result<bool, Fault> {
        if let Some(peeked) = self.peeked.take() {
            *row = peeked;
            return Ok(true);
        }
        self.rows.next(row)
    }
}

/// How to read a file from its beginning, as often as wanted.
#[derive(Clone)]
struct Origin<'a> {
    path: PathBuf,
    max_file_bytes: u64,
    encoding: &'static Encoding,
    mark: usize,
    chunk: usize,
    goes_on: GoesOn<'a>,
}

impl<'a> Origin<'a> {
    fn text(&self) -> Result<Text<'a>, Fault> {
        Text::new(Bytes::open(&self.path, self.max_file_bytes, self.goes_on)?, self.encoding, self.mark, self.chunk)
    }
}
