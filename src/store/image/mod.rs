//! A small SQLite database written straight into memory, page by page, of tables and indexes whose rows are known and in
//! order. SQLite then takes the rows over by one statement, record by record: that costs a quarter of what it takes to bind
//! each value and have SQLite make the record of them.
//!
//! Source of the form: SQLite's "Database File Format". Only what tables and indexes of few, known rows need is written: no
//! overflow pages, no free pages, two levels of pages at most. What does not fit is told, and is written another way.

mod page;
mod record;
#[cfg(test)]
mod tests;

use super::bulk::Bound;
use page::{Kind, PAGE, Page, write};
pub use record::Record;
use record::varint;

/// The largest record that needs no overflow page.
const MOST_OF_A_RECORD: usize = PAGE - 35;
const MOST_OF_A_KEY: usize = (PAGE - 12) * 64 / 255 - 23;

/// Rows that this form can't hold: a record over 64 KiB, gigabytes of rows, more than there is memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Values of a row.
#[derive(Clone, Debug)]
pub enum Piece<'v, L> {
    /// One.
    One(Bound<'v>),
    /// Texts that follow each other, in one, and the length of each.
    Texts(&'v str, L),
    /// Those that many rows have, as they are kept.
    Same(&'v Record),
}

/// The lengths of no texts.
pub type NoTexts = std::iter::Empty<usize>;

impl<'v> From<Bound<'v>> for Piece<'v, NoTexts> {
    fn from(value: Bound<'v>) -> Self {
        Self::One(value)
    }
}

/// A database in the making.
#[derive(Debug)]
pub struct Image {
    pages: Vec<u8>,
    /// Its `sqlite_schema`.
    parts: Vec<Part>,
}

/// A table or an index.
#[derive(Debug)]
struct Part {
    kind: &'static str,
    name: String,
    table: String,
    root: usize,
    sql: String,
}

impl Image {
    /// An empty database, with room for so many bytes of rows, in the memory of an earlier one.
    pub fn new(mut pages: Vec<u8>, bytes: usize) -> Result<Self, TooLarge> {
        pages.clear();
        pages.try_reserve(bytes + bytes / 8 + 8 * PAGE).map_err(|_| TooLarge)?;
        pages.resize(PAGE, 0);
        Ok(Self { pages, parts: Vec::new() })
    }

    /// Adds a table. `sql`: the statement that makes it, whose first column is its `INTEGER PRIMARY KEY`; `rows`: in the order
    /// of their ids, each with the values of its other columns.
    pub fn table<'v, V: Iterator<Item: Into<Piece<'v, L>>>, L: Iterator<Item = usize>>(
        &mut self,
        name: &str,
        sql: &str,
        rows: impl Iterator<Item = (i64, V)>,
    ) -> Result<(), TooLarge> {
        let mut record = Record::default();
        let mut leaf = Page::begin(&mut self.pages, Kind::TableLeaf)?;
        // The pages of the level below the root, each with its greatest id.
        let mut leaves = Vec::new();
        let mut last = 0;
        for (id, values) in rows {
            // The id stands beside the record, which has NULL in its place.
            record.begin();
            record.add(Bound::None);
            values.for_each(|values| match values.into() {
                Piece::One(value) => record.add(value),
                Piece::Texts(texts, lengths) => record.add_texts(texts, lengths),
                Piece::Same(values) => record.add_all(values),
            });
            record.end(Some(id), MOST_OF_A_RECORD)?;
            if !leaf.add(&mut self.pages, &record.cell()) {
                leaves.push((leaf.end(&mut self.pages, None), last));
                leaf = Page::begin(&mut self.pages, Kind::TableLeaf)?;
                leaf.add(&mut self.pages, &record.cell());
            }
            last = id;
        }
        let last = leaf.end(&mut self.pages, None);
        let leaves = leaves.into_iter().map(|(leaf, greatest)| {
            let mut key = Vec::new();
            varint(&mut key, greatest.cast_unsigned());
            (leaf, key)
        });
        let root = self.root(Kind::TableInterior, leaves, last)?;
        let (name, sql) = (name.to_owned(), sql.to_owned());
        self.parts.push(Part { kind: "table", table: name.clone(), name, root, sql });
        Ok(())
    }

    /// Adds an index. `sql`: the statement that makes it; `keys`: in its order, each with the values of its columns and then
    /// the row's id.
    pub fn index<'v, V: Iterator<Item = Bound<'v>>>(
        &mut self,
        name: &str,
        table: &str,
        sql: &str,
        keys: impl Iterator<Item = V>,
    ) -> Result<(), TooLarge> {
        let mut record = Record::default();
        let mut leaf = Page::begin(&mut self.pages, Kind::IndexLeaf)?;
        // The pages of the level below the root, each with the key after it, which is in the root alone.
        let mut leaves = Vec::new();
        let mut last = Vec::new();
        for values in keys {
            record.begin();
            values.for_each(|value| record.add(value));
            record.end(None, MOST_OF_A_KEY)?;
            if !leaf.add(&mut self.pages, &record.cell()) {
                // Not the new one: the page that begins must not stay empty.
                leaf.take_back(last.len());
                leaves.push((leaf.end(&mut self.pages, None), std::mem::take(&mut last)));
                leaf = Page::begin(&mut self.pages, Kind::IndexLeaf)?;
                leaf.add(&mut self.pages, &record.cell());
            }
            last.clear();
            record.cell().into_iter().for_each(|part| last.extend_from_slice(part));
        }
        let last = leaf.end(&mut self.pages, None);
        let root = self.root(Kind::IndexInterior, leaves.into_iter(), last)?;
        let (name, table, sql) = (name.to_owned(), table.to_owned(), sql.to_owned());
        self.parts.push(Part { kind: "index", name, table, root, sql });
        Ok(())
    }

    /// The page above these leaves and the last one: each leaf with what parts it from the next.
    fn root(
        &mut self,
        kind: Kind,
        leaves: impl ExactSizeIterator<Item = (usize, Vec<u8>)>,
        last: usize,
    ) -> Result<usize, TooLarge> {
        if leaves.len() == 0 {
            return Ok(last);
        }
        let mut interior = Page::begin(&mut self.pages, kind)?;
        for (leaf, key) in leaves {
            if !interior.add(&mut self.pages, &[&number(leaf)?, &key]) {
                return Err(TooLarge);
            }
        }
        Ok(interior.end(&mut self.pages, Some(number(last)?)))
    }

    /// The database's bytes.
    pub fn finish(mut self) -> Result<Vec<u8>, TooLarge> {
        let mut schema = Page::first();
        let mut record = Record::default();
        for (part, id) in self.parts.iter().zip(1..) {
            let root = i64::try_from(part.root).map_err(|_| TooLarge)?;
            let [kind, name, table, sql] = [part.kind, &part.name, &part.table, &part.sql].map(Bound::Text);
            record.begin();
            for value in [kind, name, table, Bound::Integer(root), sql] {
                record.add(value);
            }
            record.end(Some(id), MOST_OF_A_RECORD)?;
            if !schema.add(&mut self.pages, &record.cell()) {
                return Err(TooLarge);
            }
        }
        schema.end(&mut self.pages, None);
        let pages = number(self.pages.len() / PAGE)?;
        // By the offsets of the file's header; what is left out is 0.
        let header: [(usize, &[u8]); 8] = [
            (0, b"SQLite format 3\0"),
            // The page size, 1 for 65,536; versions of a file without a WAL; the fixed shares of a payload.
            (16, &[0, 1, 1, 1, 0, 64, 32, 32]),
            (24, &[0, 0, 0, 1]),
            (28, &pages),
            // Of the schema: its version and its format.
            (40, &[0, 0, 0, 1, 0, 0, 0, 4]),
            // UTF-8.
            (56, &[0, 0, 0, 1]),
            // The change for which the number of pages is right, as above.
            (92, &[0, 0, 0, 1]),
            (96, &3_045_000_u32.to_be_bytes()),
        ];
        for (at, bytes) in header {
            write(&mut self.pages, at, bytes);
        }
        Ok(self.pages)
    }
}

fn number(value: usize) -> Result<[u8; 4], TooLarge> {
    u32::try_from(value).map(u32::to_be_bytes).map_err(|_| TooLarge)
}
