//! A record, as SQLite keeps it.

use super::TooLarge;
use crate::store::bulk::Bound;

/// A row or key as a leaf's cell, or a stretch of one; its memory serves for one after the other.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What stands before the values: the payload's length, the id, the header.
    front: Vec<u8>,
    types: Vec<u8>,
    body: Vec<u8>,
}

impl Record {
    pub fn begin(&mut self) {
        self.front.clear();
        self.types.clear();
        self.body.clear();
    }

    pub fn add(&mut self, value: Bound<'_>) {
        match value {
            Bound::None => self.types.push(0),
            Bound::Text(text) => self.add_texts(text, std::iter::once(text.len())),
            Bound::Integer(number) => {
                let (kind, bytes) = integer(number);
                self.types.push(kind);
                let all = number.to_be_bytes();
                self.body.extend_from_slice(all.get(all.len() - bytes..).unwrap_or_default());
            }
        }
    }

    /// One of one value.
    pub fn of(value: Bound<'_>) -> Self {
        let mut record = Self::default();
        record.add(value);
        record
    }

    /// Adds the values of another.
    pub fn add_all(&mut self, of: &Record) {
        self.types.extend_from_slice(&of.types);
        self.body.extend_from_slice(&of.body);
    }

    /// The bytes of its values.
    pub fn bytes(&self) -> usize {
        self.types.len() + self.body.len()
    }

    pub fn add_texts(&mut self, texts: &str, lengths: impl Iterator<Item = usize>) {
        lengths.for_each(|length| varint(&mut self.types, length as u64 * 2 + 13));
        self.body.extend_from_slice(texts.as_bytes());
    }

    /// `id`: of a table's row; `most`: the bytes that the record may have.
    pub fn end(&mut self, id: Option<i64>, most: usize) -> Result<(), TooLarge> {
        // The header's length counts itself.
        let own = if self.types.len() < 0x7f { 1 } else { 2 };
        let header = self.types.len() + own;
        let payload = header + self.body.len();
        if payload > most || header >= 0x4000 {
            return Err(TooLarge);
        }
        varint(&mut self.front, payload as u64);
        if let Some(id) = id {
            varint(&mut self.front, id.cast_unsigned());
        }
        varint(&mut self.front, header as u64);
        Ok(())
    }

    /// The cell, in parts.
    pub fn cell(&self) -> [&[u8]; 3] {
        [&self.front, &self.types, &self.body]
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
pub fn varint(to: &mut Vec<u8>, value: u64) {
    match value {
        0..0x80 => to.push(low_byte(value)),
        0x80..0x4000 => to.extend_from_slice(&[low_byte(value >> 7) | 0x80, low_byte(value) & 0x7f]),
        _ => long_varint(to, value),
    }
}

fn long_varint(to: &mut Vec<u8>, value: u64) {
    let mut out = [0; 9];
    let (mut rest, mut from) = (value, out.len());
    if value >> 56 != 0 {
        from -= 1;
        out.last_mut().into_iter().for_each(|last| *last = low_byte(rest));
        rest >>= 8;
    }
    // The last byte alone has its high bit clear.
    let mut more = if from == out.len() { 0 } else { 0x80 };
    for (at, byte) in out.iter_mut().enumerate().take(from).rev() {
        *byte = low_byte(rest & 0x7f) | more;
        (rest, more, from) = (rest >> 7, 0x80, at);
        if rest == 0 && value >> 56 == 0 {
            break;
        }
    }
    to.extend_from_slice(out.get(from..).unwrap_or_default());
}

fn low_byte(value: u64) -> u8 {
    let [.., byte] = value.to_be_bytes();
    byte
}
