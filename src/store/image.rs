//! A small SQLite database written straight into memory, page by page, with tables whose rows are known and in order. SQLite
//! then takes the rows over by one statement, record by record: that costs a quarter of what it takes to bind each value and
//! have SQLite make the record of them.
//!
//! Source of the form: SQLite's "Database File Format". Only what a table of few, known rows needs is written: no
//! overflow pages, no free pages, two levels of pages at most. What does not fit is told, and is written another way.

use super::bulk::Bound;

/// The largest that SQLite knows: so two levels are enough.
const PAGE: usize = 65_536;
/// The file's header, on the first page.
const FILE_HEADER: usize = 100;
const LEAF_HEADER: usize = 8;
const INTERIOR_HEADER: usize = 12;
const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;
/// The largest record that needs no overflow page.
const MOST_OF_A_RECORD: usize = PAGE - 35;

/// Rows that this form can't hold: a record over 64 KiB, gigabytes of rows, more than there is memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// A database in the making.
#[derive(Debug)]
pub struct Image {
    pages: Vec<u8>,
    /// Its `sqlite_schema`: names, root pages and statements.
    tables: Vec<(String, usize, String)>,
}

impl Image {
    /// An empty database, with room for so many bytes of rows.
    pub fn new(bytes: usize) -> Result<Self, TooLarge> {
        let mut pages = Vec::new();
        pages.try_reserve(bytes + bytes / 2 + 4 * PAGE).map_err(|_| TooLarge)?;
        pages.resize(PAGE, 0);
        Ok(Self { pages, tables: Vec::new() })
    }

    /// Adds a table. `sql`: the statement that makes it, whose first column is `id INTEGER PRIMARY KEY`; `rows`: in the order
    /// of their ids, each with the values of its other columns.
    pub fn table<'v, V: Iterator<Item = Bound<'v>>>(
        &mut self,
        name: &str,
        sql: &str,
        rows: impl Iterator<Item = (i64, V)>,
    ) -> Result<(), TooLarge> {
        let mut record = Record::default();
        let mut leaf = Page::begin(&mut self.pages, LEAF, LEAF_HEADER)?;
        // The pages of the level below the root, each with its greatest id.
        let mut leaves = Vec::new();
        let mut last = 0;
        for (id, values) in rows {
            // The id stands beside the record, which has NULL in its place.
            record.make(id, std::iter::once(Bound::None).chain(values))?;
            if !leaf.has_room(record.cell.len()) {
                leaves.push((leaf.end(&mut self.pages, None), last));
                leaf = Page::begin(&mut self.pages, LEAF, LEAF_HEADER)?;
            }
            leaf.add(&mut self.pages, &record.cell);
            last = id;
        }
        let mut root = leaf.end(&mut self.pages, None);
        if !leaves.is_empty() {
            let right = root;
            let mut interior = Page::begin(&mut self.pages, INTERIOR, INTERIOR_HEADER)?;
            for (leaf, greatest) in leaves {
                let mut cell = number(leaf)?.to_vec();
                varint(&mut cell, greatest.cast_unsigned());
                if !interior.has_room(cell.len()) {
                    return Err(TooLarge);
                }
                interior.add(&mut self.pages, &cell);
            }
            root = interior.end(&mut self.pages, Some(number(right)?));
        }
        self.tables.push((name.to_owned(), root, sql.to_owned()));
        Ok(())
    }

    /// The database's bytes.
    pub fn finish(mut self) -> Result<Vec<u8>, TooLarge> {
        let mut schema =
            Page { at: 0, header: FILE_HEADER, kind: LEAF, cells: 0, slots: FILE_HEADER + LEAF_HEADER, content: PAGE };
        let mut record = Record::default();
        for ((name, root, sql), id) in self.tables.iter().zip(1..) {
            let root = i64::try_from(*root).map_err(|_| TooLarge)?;
            let values =
                [Bound::Text("table"), Bound::Text(name), Bound::Text(name), Bound::Integer(root), Bound::Text(sql)];
            record.make(id, values.into_iter())?;
            if !schema.has_room(record.cell.len()) {
                return Err(TooLarge);
            }
            schema.add(&mut self.pages, &record.cell);
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

/// A page of a table's tree: pointers to its cells grow from its front, the cells from its end.
#[derive(Debug)]
struct Page {
    /// Where it begins.
    at: usize,
    /// Where its header begins, within it.
    header: usize,
    kind: u8,
    cells: u16,
    slots: usize,
    content: usize,
}

impl Page {
    fn begin(pages: &mut Vec<u8>, kind: u8, header: usize) -> Result<Self, TooLarge> {
        let at = pages.len();
        pages.try_reserve(PAGE).map_err(|_| TooLarge)?;
        pages.resize(at + PAGE, 0);
        Ok(Self { at, header: 0, kind, cells: 0, slots: header, content: PAGE })
    }

    fn has_room(&self, cell: usize) -> bool {
        self.slots + 2 + cell <= self.content
    }

    fn add(&mut self, pages: &mut [u8], cell: &[u8]) {
        self.content -= cell.len();
        write(pages, self.at + self.content, cell);
        write(pages, self.at + self.slots, &low(self.content));
        self.slots += 2;
        self.cells += 1;
    }

    /// Writes its header, and gives its number. `right`: of an interior page, the last page below it.
    fn end(self, pages: &mut [u8], right: Option<[u8; 4]>) -> usize {
        let ([c, d], [e, f]) = (self.cells.to_be_bytes(), low(self.content));
        let header = self.at + self.header;
        write(pages, header, &[self.kind, 0, 0, c, d, e, f, 0]);
        write(pages, header + LEAF_HEADER, right.as_ref().map_or(&[], |right| right));
        self.at / PAGE + 1
    }
}

/// A row as a leaf's cell; its memory serves for one after the other.
#[derive(Debug, Default)]
struct Record {
    types: Vec<u8>,
    body: Vec<u8>,
    cell: Vec<u8>,
}

impl Record {
    fn make<'v>(&mut self, id: i64, values: impl Iterator<Item = Bound<'v>>) -> Result<(), TooLarge> {
        self.types.clear();
        self.body.clear();
        self.cell.clear();
        for value in values {
            match value {
                Bound::None => self.types.push(0),
                Bound::Text(text) => {
                    varint(&mut self.types, text.len() as u64 * 2 + 13);
                    self.body.extend_from_slice(text.as_bytes());
                }
                Bound::Integer(number) => {
                    let (kind, bytes) = integer(number);
                    self.types.push(kind);
                    let all = number.to_be_bytes();
                    self.body.extend_from_slice(all.get(all.len() - bytes..).unwrap_or_default());
                }
            }
        }
        // The header's length counts itself.
        let own = if self.types.len() < 0x7f { 1 } else { 2 };
        let header = self.types.len() + own;
        let payload = header + self.body.len();
        if payload > MOST_OF_A_RECORD || header >= 0x4000 {
            return Err(TooLarge);
        }
        varint(&mut self.cell, payload as u64);
        varint(&mut self.cell, id.cast_unsigned());
        varint(&mut self.cell, header as u64);
        self.cell.extend_from_slice(&self.types);
        self.cell.extend_from_slice(&self.body);
        Ok(())
    }
}

/// The serial type of an integer, and in how many bytes it is written.
fn integer(number: i64) -> (u8, usize) {
    match number {
        0 => (8, 0),
        1 => (9, 0),
        _ => match 65 - if number < 0 { number.leading_ones() } else { number.leading_zeros() } {
            0..=8 => (1, 1),
            9..=16 => (2, 2),
            17..=24 => (3, 3),
            25..=32 => (4, 4),
            33..=48 => (5, 6),
            _ => (6, 8),
        },
    }
}

/// Seven bits a byte, the highest first; of nine bytes the last has eight.
fn varint(to: &mut Vec<u8>, value: u64) {
    if let Ok(small @ ..0x80) = u8::try_from(value) {
        return to.push(small);
    }
    let bytes = if value >> 56 == 0 { (64 - value.leading_zeros()).div_ceil(7) } else { 9 };
    let mut rest = value;
    let mut out = [0; 9];
    for (at, byte) in out.iter_mut().take(bytes as usize).enumerate().rev() {
        if at == 8 {
            *byte = low_byte(rest);
            rest >>= 8;
        } else {
            *byte = low_byte(rest & 0x7f) | if at + 1 < bytes as usize { 0x80 } else { 0 };
            rest >>= 7;
        }
    }
    to.extend_from_slice(out.get(..bytes as usize).unwrap_or_default());
}

fn low_byte(value: u64) -> u8 {
    let [.., byte] = value.to_be_bytes();
    byte
}

/// The two low bytes; so 65,536 is 0, as SQLite has it.
fn low(value: usize) -> [u8; 2] {
    let [.., a, b] = value.to_be_bytes();
    [a, b]
}

fn number(value: usize) -> Result<[u8; 4], TooLarge> {
    u32::try_from(value).map(u32::to_be_bytes).map_err(|_| TooLarge)
}

fn write(pages: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = pages.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;
    use rusqlite::types::Value;

    use super::*;

    const SQL: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT NOT NULL, c TEXT) STRICT";

    type Rows = Vec<(i64, Option<i64>, String, Option<String>)>;

    fn image(rows: &Rows) -> Result<Vec<u8>, TooLarge> {
        let text = |text: &'_ Option<String>| text.is_some();
        let mut image = Image::new(0)?;
        image.table(
            "empty",
            "CREATE TABLE empty (id INTEGER PRIMARY KEY)",
            std::iter::empty::<(i64, std::iter::Empty<_>)>(),
        )?;
        image.table(
            "t",
            SQL,
            rows.iter().map(|(id, a, b, c)| {
                let last = if text(c) { Bound::Text(c.as_deref().unwrap_or_default()) } else { Bound::None };
                (*id, [Bound::from(*a), Bound::Text(b), last].into_iter())
            }),
        )?;
        image.finish()
    }

    /// What SQLite reads in it; it must also find nothing wrong.
    fn read(image: &[u8]) -> Rows {
        let mut c = Connection::open_in_memory().unwrap();
        c.deserialize_read_exact("main", image, image.len(), true).unwrap();
        let check: String = c.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        assert_eq!(c.query_row("SELECT count(*) FROM empty", [], |row| row.get(0)), Ok(0));
        let mut select = c.prepare("SELECT id, a, b, c FROM t").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn sqlite_reads_back_every_integer_and_text() {
        let near = |at: i64| [at.wrapping_sub(1), at, at.wrapping_add(1)];
        let edges: Vec<i64> = (0..64).flat_map(|bit| near(1_i64.wrapping_shl(bit))).chain(near(0)).collect();
        let mut ids: Vec<i64> = edges.clone();
        ids.sort_unstable();
        ids.dedup();
        let rows: Rows = ids
            .iter()
            .enumerate()
            .map(|(n, &id)| (id, Some(id.wrapping_neg()), "ü".repeat(n), (n % 3 > 0).then(|| "x".repeat(n * 40))))
            .collect();
        assert_eq!(read(&image(&rows).unwrap()), rows);
        assert_eq!(read(&image(&Rows::new()).unwrap()), []);
    }

    #[test]
    fn many_rows_take_two_levels() {
        let rows: Rows = (1..=30_000).map(|n| (n * 3, None, format!("name {n}"), Some("é".repeat(40)))).collect();
        let image = image(&rows).unwrap();
        assert!(image.len() > 30 * PAGE);
        assert_eq!(read(&image), rows);
    }

    #[test]
    fn a_record_that_needs_another_page_is_too_large() {
        let with = |length: usize| image(&vec![(1, None, "x".repeat(length), None)]);
        // Its header: its own length and four types, one of them of three bytes.
        let longest = MOST_OF_A_RECORD - 7;
        assert_eq!(read(&with(longest).unwrap())[0].2.len(), longest);
        assert_eq!(with(longest + 1), Err(TooLarge));
    }

    #[test]
    fn a_table_of_a_thousand_columns_is_read() {
        let columns: Vec<String> = (0..1_000).map(|n| format!("c{n} TEXT")).collect();
        let sql = format!("CREATE TABLE wide (id INTEGER PRIMARY KEY, {}) STRICT", columns.join(", "));
        let texts: Vec<String> = (0..1_000).map(|n| "y".repeat(n % 60)).collect();
        let mut image = Image::new(0).unwrap();
        let row = |id| (id, texts.iter().map(|text| Bound::Text(text)));
        image.table("wide", &sql, [1, 2, 9].into_iter().map(row)).unwrap();
        let image = image.finish().unwrap();
        let mut c = Connection::open_in_memory().unwrap();
        c.deserialize_read_exact("main", &image[..], image.len(), true).unwrap();
        let check: String = c.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        let last: Value = c.query_row("SELECT c999 FROM wide WHERE id = 9", [], |row| row.get(0)).unwrap();
        assert_eq!(last, Value::Text("y".repeat(999 % 60)));
    }

    proptest! {
        #[test]
        fn sqlite_reads_what_was_written(
            rows in prop::collection::btree_map(any::<i64>(), (any::<Option<i64>>(), ".{0,300}", any::<Option<String>>()), 0..400)
        ) {
            let rows: Rows = rows.into_iter().map(|(id, (a, b, c))| (id, a, b, c)).collect();
            prop_assert_eq!(read(&image(&rows).unwrap()), rows);
        }
    }
}
