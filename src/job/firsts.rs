//! The first row of each key: what is known while a file is looked through.

use std::hint::black_box;

/// The bits of a row's number in its slot; those above are of its key's fingerprint.
const ROW_BITS: u32 = 24;
const ROW_MASK: u64 = (1 << ROW_BITS) - 1;

/// The bits of a fingerprint that tell in which of the tables its key is, and the most slots of each.
const TABLE_BITS: u32 = 5;
const MOST_SLOTS: usize = 1 << 16;

/// The first row of each key, by the front of the key's fingerprint. As many tables, since memory that is had in small
/// pieces goes back where it came from.
#[derive(Debug, Default)]
pub struct Firsts {
    tables: [Slots; 1 << TABLE_BITS],
    most_slots: Option<usize>,
}

/// A hash table with eight bytes a slot, half full at most. An empty slot is 0.
#[derive(Debug, Default)]
struct Slots {
    slots: Vec<u64>,
    used: usize,
}

impl Firsts {
    /// Those of about a million keys at most: 16 MiB.
    pub fn bounded() -> Self {
        Self { most_slots: Some(MOST_SLOTS), ..Self::default() }
    }

    /// The fingerprints of all keys, in order, without their last bits. `None`: there is no memory for them.
    pub fn fingerprints(&self) -> Option<Vec<u64>> {
        let mut fingerprints = Vec::new();
        fingerprints.try_reserve_exact(self.tables.iter().map(|table| table.used).sum()).ok()?;
        let slots = self.tables.iter().flat_map(|table| &table.slots).filter(|slot| **slot != 0);
        fingerprints.extend(slots.map(|slot| slot & !ROW_MASK));
        fingerprints.sort_unstable();
        Some(fingerprints)
    }

    fn table(&mut self, fingerprint: u64) -> Option<&mut Slots> {
        usize::try_from(fingerprint >> (u64::BITS - TABLE_BITS)).ok().and_then(|at| self.tables.get_mut(at))
    }

    /// Has the memory ready where these keys are looked for next.
    pub fn touch(&mut self, fingerprints: &[Option<u64>]) {
        let slot = |fingerprint: u64| {
            let slots = &self.table(fingerprint)?.slots;
            slots.get(place(fingerprint, slots.len())).copied()
        };
        black_box(fingerprints.iter().flatten().copied().filter_map(slot).fold(0, u64::wrapping_add));
    }

    /// The first row of this key, which is this one where there was none before. `None`: there is no room for one more.
    pub fn first(&mut self, fingerprint: u64, row: u32) -> Option<u32> {
        let most = self.most_slots;
        let table = self.table(fingerprint)?;
        if table.used * 2 >= table.slots.len() {
            table.grow(most)?;
        }
        let slot = (fingerprint & !ROW_MASK) | (u64::from(row) + 1);
        let met = put(&mut table.slots, slot);
        table.used += usize::from(met == slot);
        u32::try_from((met & ROW_MASK) - 1).ok()
    }
}

impl Slots {
    fn grow(&mut self, most: Option<usize>) -> Option<()> {
        let count = (self.slots.len() * 2).max(64);
        let mut slots = Vec::new();
        if most.is_some_and(|most| count > most) || slots.try_reserve_exact(count).is_err() {
            return None;
        }
        slots.resize(count, 0);
        for slot in self.slots.iter().filter(|slot| **slot != 0) {
            put(&mut slots, *slot);
        }
        self.slots = slots;
        Some(())
    }
}

/// Where a key is looked for first, in a table of so many slots.
fn place(fingerprint: u64, slots: usize) -> usize {
    const BITS: u32 = 32;
    let front = (fingerprint << TABLE_BITS) >> (u64::BITS - BITS);
    usize::try_from((front * slots as u64) >> BITS).unwrap_or(0)
}

/// Puts a slot's content in its place, unless one of the same key is there; what is there then. Some slot must be empty.
fn put(slots: &mut [u64], content: u64) -> u64 {
    let mask = slots.len() - 1;
    let mut at = place(content, slots.len());
    loop {
        match slots.get_mut(at & mask) {
            Some(slot) if *slot == 0 => {
                *slot = content;
                return content;
            }
            Some(slot) if *slot >> ROW_BITS != content >> ROW_BITS => at += 1,
            Some(slot) => return *slot,
            None => return content,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GROUND: u64 = 1 << (u64::BITS - 1 - TABLE_BITS);

    #[test]
    fn the_first_row_of_each_key_is_known_until_there_is_no_room() {
        let mut firsts = Firsts::bounded();
        // Spread evenly over the tables, as fingerprints are.
        let print = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut row = 0;
        while let Some(first) = firsts.first(print(u64::from(row)), row) {
            assert_eq!(first, row);
            let earlier = row / 2;
            assert!(firsts.first(print(u64::from(earlier)), row).is_none_or(|first| first == earlier));
            row += 1;
        }
        assert!((900_000..1_100_000).contains(&row), "{row}");
    }

    #[test]
    fn keys_whose_fingerprints_lie_close_together_are_kept_apart() {
        let mut firsts = Firsts::default();
        let prints: Vec<u64> = (0..300).map(|n| GROUND + (n << ROW_BITS)).collect();
        firsts.touch(&prints.iter().copied().map(Some).collect::<Vec<_>>());
        let mut find = |row| prints.iter().map(|print| firsts.first(*print, row)).collect::<Vec<_>>();
        assert_eq!(find(5), vec![Some(5); 300]);
        assert_eq!(find(6), vec![Some(5); 300]);
    }

    proptest! {
        #[test]
        fn firsts_are_what_a_map_says(keys in prop::collection::vec(0..400_u64, 0..1_500)) {
            let mut firsts = Firsts::default();
            let mut known = std::collections::HashMap::new();
            for (row, key) in (0..).zip(keys) {
                let first = *known.entry(key).or_insert(row);
                let print = key.wrapping_mul(0xD134_2543_DE82_EF95);
                prop_assert_eq!(firsts.first(print, row), Some(first));
            }
        }
    }
}
