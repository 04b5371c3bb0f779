//! Entries: a place and the customer that is found there; and blocks of them.

use std::ops::RangeInclusive;

use crate::fault::{Fault, Key};

/// The bits of a place.
pub const PLACE_BITS: u32 = 37;
/// The bits of a customer's id; 8.8 trillion.
const CUSTOMER_BITS: u32 = 43;
/// The bits of a shared place that are of the customer's id.
const SPREAD_BITS: u32 = 12;
/// The bytes of an entry in a block.
const BYTES: usize = 10;

/// As many entries as fill one page of SQLite's.
pub const OF_A_BLOCK: usize = 405;

/// Where a fingerprint stands in its index.
pub type Place = u64;

/// The greatest place.
pub const LAST_PLACE: Place = (1 << PLACE_BITS) - 1;

/// What the values of an index are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No two customers share one: a fingerprint has one place.
    Unique,
    /// Any number of customers may share one (a switchboard's number): a fingerprint has 4,096 places, which they are
    /// spread over by their ids, so that no place gets so many as to be a burden.
    Shared,
}

impl Kind {
    /// The place of a customer under this fingerprint.
    fn place(self, fingerprint: u64, customer: i64) -> Place {
        let first = *self.places(fingerprint).start();
        match self {
            Kind::Unique => first,
            Kind::Shared => first | (customer.cast_unsigned() & ((1 << SPREAD_BITS) - 1)),
        }
    }

    /// All places under this fingerprint.
    pub fn places(self, fingerprint: u64) -> RangeInclusive<Place> {
        let place = fingerprint >> (u64::BITS - PLACE_BITS);
        match self {
            Kind::Unique => place..=place,
            Kind::Shared => {
                let spread = (1 << SPREAD_BITS) - 1;
                place & !spread..=place | spread
            }
        }
    }
}

/// A customer at its place. Entries are in the order of places, then of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry(u128);

impl Entry {
    /// The entry of a customer that has a value with this fingerprint.
    pub fn new(kind: Kind, fingerprint: u64, customer: i64) -> Result<Self, Fault> {
        if !(0..1 << CUSTOMER_BITS).contains(&customer) {
            return Err(Fault::new(Key::Storage, format!("a customer's id is {customer}: too large for its index")));
        }
        let place = kind.place(fingerprint, customer);
        Ok(Self(u128::from(place) << CUSTOMER_BITS | u128::from(customer.cast_unsigned())))
    }

    /// Where it stands.
    pub fn place(self) -> Place {
        u64::try_from(self.0 >> CUSTOMER_BITS).unwrap_or(LAST_PLACE)
    }

    /// The customer's id.
    pub fn customer(self) -> i64 {
        i64::try_from(self.0 & ((1 << CUSTOMER_BITS) - 1)).unwrap_or(0)
    }

    fn bytes(self) -> [u8; BYTES] {
        self.0.to_be_bytes().last_chunk().copied().unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Self {
        let head = bytes.first_chunk().map_or(0, |head| u16::from_be_bytes(*head));
        let tail = bytes.last_chunk().map_or(0, |tail| u64::from_be_bytes(*tail));
        Self(u128::from(head) << u64::BITS | u128::from(tail))
    }
}

/// A block's entries, as they are stored.
#[derive(Clone, Copy, Debug)]
pub struct Block<'b>(&'b [u8]);

impl<'b> Block<'b> {
    /// The block of these bytes.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// How many entries it has.
    pub fn len(self) -> usize {
        self.0.len() / BYTES
    }

    /// The place of an entry, without the rest of it.
    fn place(self, at: usize) -> Option<Place> {
        place_of(self.0.get(at * BYTES..)?)
    }

    /// The greatest place.
    pub fn last_place(self) -> Option<Place> {
        self.place(self.len().checked_sub(1)?)
    }

    /// All entries, in order.
    pub fn entries(self) -> impl Iterator<Item = Entry> + 'b {
        self.0.chunks_exact(BYTES).map(Entry::read)
    }

    /// The same block with some entries more, in order like the others.
    pub fn with(self, entries: &[Entry]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() + entries.len() * BYTES);
        bytes.extend_from_slice(self.0);
        for entry in entries.iter().map(|entry| entry.bytes()) {
            let known = bytes.as_chunks().0;
            let at = known.partition_point(|known| *known < entry);
            if known.get(at) != Some(&entry) {
                bytes.splice(at * BYTES..at * BYTES, entry);
            }
        }
        bytes
    }

    /// The entries at these places, and where the first of them stands, or would: `from` or later. In steps that grow, as who
    /// looks for many places in order finds the next one near.
    pub fn at(self, places: &RangeInclusive<Place>, from: usize) -> (usize, impl Iterator<Item = Entry> + use<'b>) {
        let is_before = |at: usize| self.place(at).is_some_and(|place| place < *places.start());
        let (mut from, mut step) = (from, 1);
        while is_before(from + step - 1) {
            from += step;
            step *= 2;
        }
        let mut to = self.len().min(from + step);
        while from < to {
            let middle = usize::midpoint(from, to);
            if is_before(middle) { from = middle + 1 } else { to = middle }
        }
        let end = *places.end();
        let entries = self.0.get(from * BYTES..).unwrap_or_default().chunks_exact(BYTES).map(Entry::read);
        (from, entries.take_while(move |entry| entry.place() <= end))
    }

    /// The entries at places that `may` be wanted, which is asked of each.
    pub fn that(self, may: impl Fn(Place) -> bool) -> impl Iterator<Item = Entry> {
        self.0.chunks_exact(BYTES).filter(move |entry| place_of(entry).is_some_and(&may)).map(Entry::read)
    }
}

/// The place of the entry that these bytes begin with.
fn place_of(entry: &[u8]) -> Option<Place> {
    entry.first_chunk().map(|head| u64::from_be_bytes(*head) >> (u64::BITS - PLACE_BITS))
}

/// Entries in their order, cut into blocks: a full page each, but never between two of the same place.
pub fn blocks(entries: &[Entry]) -> impl Iterator<Item = (Place, Vec<u8>)> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let first = rest.first()?.place();
        let mut end = rest.len().min(OF_A_BLOCK);
        while end < rest.len() && place_at(rest, end) == place_at(rest, end - 1) {
            end += 1;
        }
        let (block, after) = rest.split_at_checked(end)?;
        rest = after;
        let mut bytes = Vec::with_capacity(block.len() * BYTES);
        for entry in block {
            bytes.extend_from_slice(&entry.bytes());
        }
        Some((first, bytes))
    })
}

fn place_at(entries: &[Entry], at: usize) -> Option<Place> {
    entries.get(at).map(|entry| entry.place())
}
