//! Segments in the table `customer_index_block`: each a sorted sequence of blocks, found, written and merged.
//!
//! A block's id says where it belongs: the index, the segment, its first place. So all blocks of a segment lie side by side
//! in the table, in order; one is a page of its own.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::entry::{Block, Entry, LAST_PLACE, OF_A_BLOCK, PLACE_BITS, Place, blocks};
use crate::fault::{Fault, Key};
use crate::store::storage;

/// The bits of a segment's number.
const SEGMENT_BITS: u32 = 6;
/// The greatest number of a segment.
const LAST_SEGMENT: i64 = (1 << SEGMENT_BITS) - 1;
/// The greatest number of an index.
const LAST_INDEX: i64 = (1 << (i64::BITS - 1 - SEGMENT_BITS - PLACE_BITS)) - 1;

/// The segment that entries come to one by one: a single block, of which nothing is recorded.
const RECENT: i64 = 0;

/// As many segments of one size make one of the next.
const FANOUT: usize = 8;
/// The numbers of segments that only merges take, one for each size that is being merged.
const KEPT_FOR_MERGES: i64 = 8;

/// The most entries of a segment that a few new ones are merged into at once.
pub(super) const SMALL: usize = 32 * OF_A_BLOCK;

/// Up to how many places are looked for one by one.
const FEW: usize = 64;

/// The blocks of a segment, which begins at ?1, from the one in which ?2 lies to the one in which ?3 does.
const BLOCKS: &str = "SELECT entries FROM customer_index_block
    WHERE id BETWEEN ifnull((SELECT max(id) FROM customer_index_block WHERE id BETWEEN ?1 AND ?2), ?1) AND ?3
    ORDER BY id";

/// The block of a segment, which begins at ?1, in which ?2 lies.
const LAST_BLOCK: &str = "SELECT entries FROM customer_index_block WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1";

/// Of each segment of the index ?1 with an entry newer than ?3, and of the recent entries, the block in which the place ?2
/// lies, or NULL. A segment's blocks begin at (index * 2^6 + segment) * 2^37.
const LAST_BLOCKS: &str = "SELECT (SELECT entries FROM customer_index_block
            WHERE id BETWEEN (?1 << 6 | s.segment) << 37 AND (?1 << 6 | s.segment) << 37 | ?2 ORDER BY id DESC LIMIT 1)
    FROM (SELECT segment FROM customer_index_segment WHERE customer_index = ?1 AND stamp > ?3 UNION ALL VALUES (0)) s";

/// A segment of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    number: i64,
    entries: usize,
    /// The segment that it is being merged into.
    target: Option<i64>,
    /// Of its newest entry.
    stamp: i64,
}

impl Segment {
    /// 0 below 4,096 entries, then one more for each 8 times as many.
    fn size(&self) -> u32 {
        (self.entries >> 9).max(1).ilog2() / FANOUT.ilog2()
    }
}

/// The segments of one index.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'c> {
    c: &'c Connection,
    index: i64,
}

impl<'c> Segments<'c> {
    /// Those of this index.
    pub fn of(c: &'c Connection, index: i64) -> Result<Self, Fault> {
        match (0..=LAST_INDEX).contains(&index) {
            true => Ok(Self { c, index }),
            false => Err(Fault::new(Key::Storage, "the store has too many customer tables")),
        }
    }

    /// Finds who is at these places, which are in order and don't overlap but by being equal: pairs of the range's position
    /// and a customer. Segments with no entry newer than `since` are passed over, but for the recent entries.
    pub fn find(
        &self,
        wanted: &[RangeInclusive<Place>],
        since: i64,
        found: &mut Vec<(usize, i64)>,
    ) -> Result<(), Fault> {
        if wanted.len() <= FEW && wanted.iter().all(|places| places.start() == places.end()) {
            return self.find_few(wanted, since, found);
        }
        let recent = Segment { number: RECENT, entries: OF_A_BLOCK, target: None, stamp: i64::MAX };
        let newer = self.all()?.into_iter().filter(|segment| segment.stamp > since);
        let wanted = Places::new(wanted);
        newer.chain([recent]).try_for_each(|segment| self.find_in(&segment, &wanted, found))
    }

    /// The same for few places, as records' are: by one statement each, which costs less than to begin one for each segment.
    fn find_few(
        &self,
        wanted: &[RangeInclusive<Place>],
        since: i64,
        found: &mut Vec<(usize, i64)>,
    ) -> Result<(), Fault> {
        let mut select = self.c.prepare_cached(LAST_BLOCKS).map_err(storage)?;
        for (at, places) in wanted.iter().enumerate() {
            let mut rows = select.query([self.index, places.start().cast_signed(), since]).map_err(storage)?;
            while let Some(row) = rows.next().map_err(storage)? {
                let entries = row.get_ref(0).map_err(storage)?;
                if let Some(entries) = entries.as_blob_or_null().map_err(|error| storage(error.into()))? {
                    let (_, entries) = Block::new(entries).at(places, 0);
                    found.extend(entries.map(|entry| (at, entry.customer())));
                }
            }
        }
        Ok(())
    }

    /// How many entries there are, but for the recent ones.
    pub fn entries(&self) -> Result<usize, Fault> {
        Ok(self.all()?.iter().map(|segment| segment.entries).sum())
    }

    /// The stamp of the newest entry, but for the recent ones: it rises with each addition.
    pub fn stamp(&self) -> Result<i64, Fault> {
        Ok(self.all()?.iter().map(|segment| segment.stamp).max().unwrap_or(0))
    }

    fn find_in(&self, segment: &Segment, wanted: &Places<'_>, found: &mut Vec<(usize, i64)>) -> Result<(), Fault> {
        let places = wanted.places;
        let (Some(first), Some(last)) = (places.first(), places.last()) else { return Ok(()) };
        let all = *first.start()..=*last.end();
        // To read a block next to the last one costs a third of finding one.
        if places.len() <= segment.entries / OF_A_BLOCK / 3 {
            return places.iter().enumerate().try_for_each(|(at, places)| {
                self.visit(segment.number, places, |block| {
                    found.extend(block.at(places, 0).1.map(|entry| (at, entry.customer())));
                })
            });
        }
        // To look at an entry costs a sixteenth of finding a place among them.
        if !wanted.map.is_empty() && segment.entries / 16 <= places.len() {
            return self.visit(segment.number, &all, |block| {
                for entry in block.that(|place| wanted.may_have(place)) {
                    found.extend(wanted.at(entry.place()).map(|at| (at, entry.customer())));
                }
            });
        }
        let mut next = 0;
        self.visit(segment.number, &all, |block| {
            let Some(end) = block.last_place() else { return };
            let (mut from, first) = (0, next);
            for (at, places) in places.iter().enumerate().skip(first).take_while(|(_, p)| *p.start() <= end) {
                let (place, entries) = block.at(places, from);
                found.extend(entries.map(|entry| (at, entry.customer())));
                from = place;
                // What goes on in the next block is asked for there again.
                if *places.end() <= end {
                    next = at + 1;
                }
            }
        })
    }

    /// Reads the blocks that may have entries at these places, in order.
    fn visit(&self, segment: i64, places: &RangeInclusive<Place>, mut see: impl FnMut(Block<'_>)) -> Result<(), Fault> {
        let ids = [self.id(segment, 0), self.id(segment, *places.start()), self.id(segment, *places.end())];
        // No place is in two blocks, and the recent entries are in one: that is found by half the work.
        let (sql, ids) = match segment == RECENT || places.start() == places.end() {
            true => (LAST_BLOCK, &ids[..2]),
            false => (BLOCKS, &ids[..]),
        };
        let mut select = self.c.prepare_cached(sql).map_err(storage)?;
        let mut rows = select.query(params_from_iter(ids)).map_err(storage)?;
        while let Some(row) = rows.next().map_err(storage)? {
            let entries = row.get_ref(0).map_err(storage)?;
            see(Block::new(entries.as_blob().map_err(|error| storage(error.into()))?));
        }
        Ok(())
    }

    /// Takes new entries up, whose order does not matter, and does a part of the merging that is due: the more came, the
    /// larger a part, so that the segments stay few.
    pub fn add(&self, mut entries: Vec<Entry>) -> Result<(), Fault> {
        const LEAST: usize = 4_096;
        const SHARE: usize = 20;
        const RECORDS: usize = 8;
        if entries.is_empty() || entries.len() <= RECORDS && self.add_few(&entries)? {
            return Ok(());
        }
        let budget = LEAST.max(entries.len() * SHARE);
        self.visit(RECENT, &(0..=LAST_PLACE), |block| entries.extend(block.entries()))?;
        entries.sort();
        entries.dedup();
        if entries.len() <= OF_A_BLOCK {
            return blocks(&entries).try_for_each(|(_, bytes)| self.write_recent(&bytes));
        }
        self.delete(RECENT, LAST_PLACE)?;
        // Above that of a segment which goes, too: who looked ahead looks through what has a higher one alone.
        let stamp = self.stamp()? + 1;
        if entries.len() <= SMALL / FANOUT {
            self.take_small(&mut entries)?;
        }
        let number = self.room()?;
        self.write(number, &entries)?;
        self.record(Segment { number, entries: entries.len(), target: None, stamp })?;
        self.merge(budget).map(drop)
    }

    /// Takes a small segment's entries too, where there is one: records that come one by one make few segments, then.
    fn take_small(&self, entries: &mut Vec<Entry>) -> Result<(), Fault> {
        let all = self.all()?;
        let is_still = |s: &Segment| s.target.is_none() && all.iter().all(|other| other.target != Some(s.number));
        let small = all.iter().find(|segment| segment.entries + entries.len() <= SMALL && is_still(segment));
        let Some(small) = small else { return Ok(()) };
        self.visit(small.number, &(0..=LAST_PLACE), |block| entries.extend(block.entries()))?;
        self.delete(small.number, LAST_PLACE)?;
        self.forget(small.number)?;
        entries.sort();
        entries.dedup();
        Ok(())
    }

    /// Puts entries between the recent ones, where their block has room; else false.
    fn add_few(&self, entries: &[Entry]) -> Result<bool, Fault> {
        let mut with = None;
        self.visit(RECENT, &(0..=LAST_PLACE), |block| with = Some(block.with(entries)))?;
        let with = with.unwrap_or_else(|| Block::new(&[]).with(entries));
        let has_room = Block::new(&with).len() <= OF_A_BLOCK;
        if has_room {
            self.write_recent(&with)?;
        }
        Ok(has_room)
    }

    /// Writes the recent entries, whose block is named by the first place of all, so that it keeps its name.
    fn write_recent(&self, block: &[u8]) -> Result<(), Fault> {
        let sql = "INSERT OR REPLACE INTO customer_index_block (id, entries) VALUES (?1, ?2)";
        let mut replace = self.c.prepare_cached(sql).map_err(storage)?;
        replace.execute(params![self.id(RECENT, 0), block]).map(drop).map_err(storage)
    }

    /// A number for a new segment. Some are kept for the targets of merges.
    fn room(&self) -> Result<i64, Fault> {
        loop {
            if let Some(free) = free(&self.all()?, LAST_SEGMENT - KEPT_FOR_MERGES) {
                return Ok(free);
            }
            if !self.merge(usize::MAX)? {
                return Err(Fault::new(Key::Storage, "an index of customers has no room for a segment"));
            }
        }
    }

    /// Moves about as many entries as `budget` from segments of one size into their merged one. False: none was due.
    fn merge(&self, budget: usize) -> Result<bool, Fault> {
        let all = self.all()?;
        let inputs = due(&all);
        let Some(first) = inputs.first() else { return Ok(false) };
        let target = first.target.or_else(|| free(&all, LAST_SEGMENT));
        let target =
            target.ok_or_else(|| Fault::new(Key::Storage, "an index of customers has no room to be merged"))?;
        let end = self.end_of_step(&inputs, budget)?;
        let mut moved = Vec::new();
        for input in &inputs {
            let before = moved.len();
            self.take(input.number, end, &mut moved)?;
            match input.entries.saturating_sub(moved.len() - before) {
                0 => self.forget(input.number)?,
                left => self.record(Segment { entries: left, target: Some(target), ..*input })?,
            }
        }
        moved.sort();
        moved.dedup();
        self.write(target, &moved)?;
        let before = all.iter().find(|segment| segment.number == target);
        let entries = before.map_or(0, |segment| segment.entries) + moved.len();
        let stamp = inputs.iter().chain(before).map(|segment| segment.stamp).max().unwrap_or(0);
        self.record(Segment { number: target, entries, target: None, stamp })?;
        Ok(true)
    }

    /// Up to which place a step of a merge goes: none of the inputs gives more than its share of the budget.
    fn end_of_step(&self, inputs: &[Segment], budget: usize) -> Result<Place, Fault> {
        let blocks = (budget / OF_A_BLOCK / inputs.len().max(1)).max(1);
        let sql = "SELECT id FROM customer_index_block WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1 OFFSET ?3";
        let mut select = self.c.prepare_cached(sql).map_err(storage)?;
        let mut end = LAST_PLACE;
        for input in inputs {
            let (from, to) = (self.id(input.number, 0), self.id(input.number, LAST_PLACE));
            let beyond = select.query_row(params![from, to, blocks.cast_signed()], |row| row.get::<_, i64>(0));
            if let Some(id) = beyond.optional().map_err(storage)? {
                end = end.min((id - from).cast_unsigned().saturating_sub(1));
            }
        }
        Ok(end)
    }

    /// Takes the entries up to this place out of a segment.
    fn take(&self, segment: i64, end: Place, taken: &mut Vec<Entry>) -> Result<(), Fault> {
        let mut left = Vec::new();
        let all = 0..=end;
        self.visit(segment, &all, |block| {
            let (gone, stays): (Vec<_>, Vec<_>) = block.entries().partition(|entry| all.contains(&entry.place()));
            taken.extend(gone);
            left.extend(stays);
        })?;
        self.delete(segment, end)?;
        self.write(segment, &left)
    }

    /// Removes the blocks that begin up to this place.
    fn delete(&self, segment: i64, end: Place) -> Result<(), Fault> {
        let sql = "DELETE FROM customer_index_block WHERE id BETWEEN ?1 AND ?2";
        let mut delete = self.c.prepare_cached(sql).map_err(storage)?;
        delete.execute([self.id(segment, 0), self.id(segment, end)]).map(drop).map_err(storage)
    }

    /// Writes entries, in order, as blocks of a segment that has none at their places.
    fn write(&self, segment: i64, entries: &[Entry]) -> Result<(), Fault> {
        let sql = "INSERT INTO customer_index_block (id, entries) VALUES (?1, ?2)";
        let mut insert = self.c.prepare_cached(sql).map_err(storage)?;
        blocks(entries).try_for_each(|(first, bytes)| {
            insert.execute(params![self.id(segment, first), bytes]).map(drop).map_err(storage)
        })
    }

    /// Records what a segment is now.
    fn record(&self, segment: Segment) -> Result<(), Fault> {
        let sql = "INSERT OR REPLACE INTO customer_index_segment (customer_index, segment, entries, target, stamp)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut upsert = self.c.prepare_cached(sql).map_err(storage)?;
        let Segment { number, entries, target, stamp } = segment;
        let row = params![self.index, number, i64::try_from(entries).unwrap_or(i64::MAX), target, stamp];
        upsert.execute(row).map(drop).map_err(storage)
    }

    /// Removes everything.
    pub fn delete_all(&self) -> Result<(), Fault> {
        let (from, to) = (self.id(RECENT, 0), self.id(LAST_SEGMENT, LAST_PLACE));
        self.c.execute("DELETE FROM customer_index_block WHERE id BETWEEN ?1 AND ?2", [from, to]).map_err(storage)?;
        let sql = "DELETE FROM customer_index_segment WHERE customer_index = ?1";
        self.c.execute(sql, [self.index]).map(drop).map_err(storage)
    }

    fn forget(&self, segment: i64) -> Result<(), Fault> {
        let sql = "DELETE FROM customer_index_segment WHERE customer_index = ?1 AND segment = ?2";
        let mut delete = self.c.prepare_cached(sql).map_err(storage)?;
        delete.execute([self.index, segment]).map(drop).map_err(storage)
    }

    fn all(&self) -> Result<Vec<Segment>, Fault> {
        let sql = "SELECT segment, entries, target, stamp FROM customer_index_segment WHERE customer_index = ?1";
        let mut select = self.c.prepare_cached(sql).map_err(storage)?;
        let rows = select.query_map([self.index], |row| {
            let entries = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
            Ok(Segment { number: row.get(0)?, entries, target: row.get(2)?, stamp: row.get(3)? })
        });
        rows.and_then(Iterator::collect).map_err(storage)
    }

    /// The id of the block of a segment that begins at this place.
    fn id(&self, segment: i64, first: Place) -> i64 {
        (self.index << SEGMENT_BITS | segment) << PLACE_BITS | first.cast_signed()
    }
}

/// Places that are looked for, in order; and a map with a bit for each small part of all places, which tells of nearly every
/// other place that it is not among them.
#[derive(Debug)]
struct Places<'w> {
    places: &'w [RangeInclusive<Place>],
    /// Empty where there are too few places for it.
    map: Vec<u64>,
    /// The bits of a place that its bit does not tell.
    shift: u32,
}

impl<'w> Places<'w> {
    fn new(places: &'w [RangeInclusive<Place>]) -> Self {
        const FEW: usize = 16;
        /// A part has at least all places of a fingerprint, and the map at most 512 KiB.
        const MOST_BITS: u32 = 22;
        if places.len() < FEW {
            return Self { places, map: Vec::new(), shift: 0 };
        }
        let bits = (places.len() * 64).next_power_of_two().ilog2().min(MOST_BITS);
        let mut wanted = Self { places, map: vec![0; 1 << (bits - u64::BITS.ilog2())], shift: PLACE_BITS - bits };
        for place in places {
            let (word, bit) = wanted.bit(*place.start());
            wanted.map.get_mut(word).into_iter().for_each(|word| *word |= bit);
        }
        wanted
    }

    fn bit(&self, place: Place) -> (usize, u64) {
        let part = place >> self.shift;
        (usize::try_from(part / u64::from(u64::BITS)).unwrap_or(usize::MAX), 1 << (part % u64::from(u64::BITS)))
    }

    fn may_have(&self, place: Place) -> bool {
        let (word, bit) = self.bit(place);
        self.map.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The positions of those that this place is of.
    fn at(&self, place: Place) -> impl Iterator<Item = usize> {
        let from = self.places.partition_point(|places| *places.end() < place);
        let of = self.places.iter().enumerate().skip(from).take_while(move |(_, places)| *places.start() <= place);
        of.map(|(at, _)| at)
    }
}

/// The least number that no segment has, up to `last`.
fn free(all: &[Segment], last: i64) -> Option<i64> {
    (RECENT + 1..=last).find(|number| all.iter().all(|segment| segment.number != *number))
}

/// The segments whose merging goes on, or is to begin: those that are done soonest.
fn due(all: &[Segment]) -> Vec<Segment> {
    let mut begun: BTreeMap<i64, Vec<Segment>> = BTreeMap::new();
    let mut ready: BTreeMap<u32, Vec<Segment>> = BTreeMap::new();
    for segment in all {
        match segment.target {
            Some(target) => begun.entry(target).or_default().push(*segment),
            None if all.iter().any(|other| other.target == Some(segment.number)) => {}
            None => ready.entry(segment.size()).or_default().push(*segment),
        }
    }
    ready.retain(|_, segments| segments.len() >= FANOUT);
    let work = |segments: &Vec<Segment>| segments.iter().map(|segment| segment.entries).sum::<usize>();
    begun.into_values().chain(ready.into_values()).min_by_key(work).unwrap_or_default()
}
