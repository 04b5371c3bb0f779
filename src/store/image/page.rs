//! A page of a tree.

use super::TooLarge;

/// The largest page that SQLite knows: so two levels are enough.
pub const PAGE: usize = 65_536;
/// The file's header, on the first page.
const FILE_HEADER: usize = 100;
/// A leaf's header; those of other pages have the number of one more page at their end.
const HEADER: usize = 8;

/// What a page is, as its first byte says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    IndexInterior = 0x02,
    TableInterior = 0x05,
    IndexLeaf = 0x0a,
    TableLeaf = 0x0d,
}

/// A page: pointers to its cells grow from its front, the cells from its end.
#[derive(Debug)]
pub struct Page {
    /// Where it begins.
    at: usize,
    /// Where its header begins, within it.
    header: usize,
    kind: Kind,
    cells: u16,
    slots: usize,
    content: usize,
}

impl Page {
    /// The file's first page, the only one of its schema.
    pub fn first() -> Self {
        Self { at: 0, header: FILE_HEADER, kind: Kind::TableLeaf, cells: 0, slots: FILE_HEADER + HEADER, content: PAGE }
    }

    /// A page after all others.
    pub fn begin(pages: &mut Vec<u8>, kind: Kind) -> Result<Self, TooLarge> {
        let at = pages.len();
        pages.try_reserve(PAGE).map_err(|_| TooLarge)?;
        pages.resize(at + PAGE, 0);
        let slots = match kind {
            Kind::TableLeaf | Kind::IndexLeaf => HEADER,
            Kind::TableInterior | Kind::IndexInterior => HEADER + 4,
        };
        Ok(Self { at, header: 0, kind, cells: 0, slots, content: PAGE })
    }

    /// Adds a cell, given in parts. False: there is no room for it.
    pub fn add(&mut self, pages: &mut [u8], cell: &[&[u8]]) -> bool {
        let length: usize = cell.iter().map(|part| part.len()).sum();
        if self.slots + 2 + length > self.content {
            return false;
        }
        self.content -= length;
        let mut at = self.at + self.content;
        for part in cell {
            write(pages, at, part);
            at += part.len();
        }
        write(pages, self.at + self.slots, &low(self.content));
        self.slots += 2;
        self.cells += 1;
        true
    }

    /// Gives the last cell up, of so many bytes.
    pub fn take_back(&mut self, cell: usize) {
        self.content += cell;
        self.slots -= 2;
        self.cells -= 1;
    }

    /// Writes its header, and gives its number. `right`: of an interior page, the last page below it.
    pub fn end(self, pages: &mut [u8], right: Option<[u8; 4]>) -> usize {
        let ([c, d], [e, f]) = (self.cells.to_be_bytes(), low(self.content));
        let header = self.at + self.header;
        write(pages, header, &[self.kind as u8, 0, 0, c, d, e, f, 0]);
        write(pages, header + HEADER, right.as_ref().map_or(&[], |right| right));
        self.at / PAGE + 1
    }
}

/// The two low bytes; so 65,536 is 0, as SQLite has it.
fn low(value: usize) -> [u8; 2] {
    let [.., a, b] = value.to_be_bytes();
    [a, b]
}

pub fn write(pages: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = pages.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
