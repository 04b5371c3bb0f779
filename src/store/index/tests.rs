//! The index against a naive twin: a list of all that was put in.

#![expect(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "numbers are small"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::Connection;

use super::Index;
use super::entry::{Entry, Kind, OF_A_BLOCK};
use super::segments::{SMALL, Segments};
use crate::catalog;
use crate::fault::Key;
use crate::store::{Campaign, Durability, Memory, Store};

const INDEX: i64 = 3;

fn database() -> Connection {
    let c = Connection::open_in_memory().unwrap();
    c.execute_batch(include_str!("../schema.sql")).unwrap();
    // Other indexes' blocks before and after, that no question may touch.
    for other in [INDEX - 1, INDEX + 1] {
        let entry = Entry::new(Kind::Unique, u64::MAX, 7).unwrap();
        Segments::of(&c, other).unwrap().add(vec![entry]).unwrap();
    }
    c
}

/// Something like a hash: the same for the same number.
fn fingerprint(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

/// All pairs that the index knows for these numbers.
fn found(c: &Connection, kind: Kind, numbers: &[u64]) -> BTreeSet<(u64, i64)> {
    let mut wanted: Vec<(u64, u64)> = numbers.iter().map(|&n| (fingerprint(n), n)).collect();
    wanted.sort_unstable();
    let places: Vec<_> = wanted.iter().map(|&(fingerprint, _)| kind.places(fingerprint)).collect();
    let mut found = Vec::new();
    Segments::of(c, INDEX).unwrap().find(&places, 0, &mut found).unwrap();
    found.into_iter().map(|(at, customer)| (wanted[at].1, customer)).collect()
}

fn segments(c: &Connection) -> Vec<(i64, i64, Option<i64>)> {
    let sql = "SELECT segment, entries, target FROM customer_index_segment WHERE customer_index = ?1";
    let mut select = c.prepare(sql).unwrap();
    let rows = select.query_map([INDEX], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// What is recorded of each segment is what its blocks hold, in order and without overlap.
fn check(c: &Connection) {
    for (segment, entries, _) in segments(c) {
        let first = (INDEX << 6 | segment) << 37;
        assert_ne!(segment, 0);
        let sql = "SELECT id, entries FROM customer_index_block WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
        let mut select = c.prepare(sql).unwrap();
        let rows = select.query_map([first, first + (1 << 37) - 1], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let rows: Vec<(i64, Vec<u8>)> = rows.collect::<Result<_, _>>().unwrap();
        let all: Vec<&[u8]> = rows.iter().flat_map(|(_, entries)| entries.chunks(10)).collect();
        assert!(all.is_sorted() && all.len() as i64 == entries, "segment {segment}: {} of {entries}", all.len());
        for (id, block) in &rows {
            let place = u64::from_be_bytes(block[..8].try_into().unwrap()) >> 27;
            assert_eq!(id - first, place as i64, "a block is named by its first place");
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// This many customers, from this number on, each with the number modulo that.
    Add(u64, u64, u64),
    Find(Vec<u64>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let add =
        (prop_oneof![Just(1_u64), 1..40_u64, 300..5_000_u64], 0..9_000_u64, prop_oneof![1..5_u64, 1..100_000_u64]);
    let find = prop_oneof![prop::collection::vec(0..20_000_u64, 1..4), prop::collection::vec(0..20_000_u64, 200..600)];
    let step = prop_oneof![
        4 => add.prop_map(|(count, first, modulo)| Step::Add(count, first, modulo)),
        1 => find.prop_map(Step::Find),
    ];
    prop::collection::vec(step, 1..60)
}

fn holds(kind: Kind, steps: &[Step]) {
    let c = database();
    let mut twin: BTreeSet<(u64, i64)> = BTreeSet::new();
    let mut next = 1_i64;
    for step in steps {
        match step {
            Step::Add(count, first, modulo) => {
                let pairs: Vec<(u64, i64)> = (0..*count).map(|n| ((first + n) % modulo, next + n as i64)).collect();
                next += *count as i64;
                let entries = pairs.iter().map(|&(n, customer)| Entry::new(kind, fingerprint(n), customer).unwrap());
                Segments::of(&c, INDEX).unwrap().add(entries.collect()).unwrap();
                twin.extend(pairs);
            }
            Step::Find(numbers) => {
                let mut numbers = numbers.clone();
                numbers.sort_unstable();
                numbers.dedup();
                let wanted: BTreeSet<_> =
                    twin.iter().filter(|(n, _)| numbers.binary_search(n).is_ok()).copied().collect();
                let found = found(&c, kind, &numbers);
                assert!(found.is_superset(&wanted), "not found: {:?}", wanted.difference(&found).next());
                // Others are met by chance alone, and these numbers' fingerprints are not that many.
                assert!(found.len() <= wanted.len() + 2, "{} found, {} wanted", found.len(), wanted.len());
                // One by one, as records ask.
                for n in twin.iter().map(|(n, _)| *n).step_by(twin.len() / 8 + 1).chain(numbers.first().copied()) {
                    let alone = self::found(&c, kind, &[n]);
                    let wanted: BTreeSet<_> = twin.range((n, 0)..=(n, i64::MAX)).copied().collect();
                    assert!(alone.is_superset(&wanted) && alone.len() <= wanted.len() + 1, "{n}: {alone:?} {wanted:?}");
                }
            }
        }
    }
    check(&c);
    assert!(segments(&c).len() < 40);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_index_of_keys_finds_whom_a_list_finds(steps in steps()) {
        holds(Kind::Unique, &steps);
    }

    #[test]
    fn an_index_of_phones_finds_whom_a_list_finds(steps in steps()) {
        holds(Kind::Shared, &steps);
    }
}

#[test]
fn entries_that_come_one_by_one_stay_in_one_block_until_it_is_full() {
    let c = database();
    for customer in 1..=OF_A_BLOCK as i64 + 1 {
        let entry = Entry::new(Kind::Unique, fingerprint(customer as u64), customer).unwrap();
        Segments::of(&c, INDEX).unwrap().add(vec![entry]).unwrap();
        let blocks: i64 = c.query_row("SELECT count(*) FROM customer_index_block", [], |row| row.get(0)).unwrap();
        assert_eq!(blocks - 2, 1 + i64::from(customer > OF_A_BLOCK as i64), "{customer}");
    }
    check(&c);
}

/// Else a record's key would be looked up in many.
#[test]
fn entries_that_come_one_by_one_make_few_segments() {
    let c = database();
    for customer in 1..=SMALL as i64 {
        let entry = Entry::new(Kind::Unique, fingerprint(customer as u64), customer).unwrap();
        Segments::of(&c, INDEX).unwrap().add(vec![entry]).unwrap();
        assert!(segments(&c).len() <= 1, "{customer}");
    }
    check(&c);
    let all: Vec<u64> = (1..=SMALL as u64).collect();
    assert_eq!(found(&c, Kind::Unique, &all).len(), SMALL);
}

#[test]
fn a_block_fills_a_page() {
    let c = database();
    let entries = (0..100_000).map(|n| Entry::new(Kind::Unique, fingerprint(n), n as i64).unwrap());
    Segments::of(&c, INDEX).unwrap().add(entries.collect()).unwrap();
    let pages: i64 = c.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    // Beside the blocks there are the other tables' pages.
    assert!((247..310).contains(&pages), "{pages} pages");
}

#[test]
fn a_number_that_everyone_has_is_no_burden() {
    let c = database();
    for chunk in 0..20 {
        let entries = (0..20_000).map(|n| Entry::new(Kind::Shared, fingerprint(1), chunk * 20_000 + n).unwrap());
        Segments::of(&c, INDEX).unwrap().add(entries.collect()).unwrap();
    }
    check(&c);
    let sql = "SELECT max(length(entries)) FROM customer_index_block";
    let largest: i64 = c.query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(largest <= 10 * (OF_A_BLOCK as i64 + 400_000 / 4_096 + 1), "{largest} bytes in a block");
    assert_eq!(found(&c, Kind::Shared, &[1]).len(), 400_000);
}

#[test]
fn a_merge_goes_on_over_many_calls_and_loses_nothing() {
    let c = database();
    let index = Segments::of(&c, INDEX).unwrap();
    let (mut next, mut merging) = (0_u64, 0);
    for count in std::iter::repeat_n(30_000, 9).chain(std::iter::repeat_n(1_700, 200)) {
        let entries = (next..next + count).map(|n| Entry::new(Kind::Unique, fingerprint(n), n as i64).unwrap());
        index.add(entries.collect()).unwrap();
        next += count;
        merging += usize::from(segments(&c).iter().any(|(_, _, target)| target.is_some()));
        if next % 7 == 0 {
            check(&c);
        }
    }
    assert!(merging > 5, "the merge was done at once, so that this test shows nothing");
    check(&c);
    let all: Vec<u64> = (0..next).collect();
    assert_eq!(found(&c, Kind::Unique, &all).len(), next as usize);
}

/// What is found ahead, and what is newer, together are all.
#[test]
fn who_looked_ahead_looks_through_what_is_newer_alone() {
    let c = database();
    let index = Segments::of(&c, INDEX).unwrap();
    let add = |from: u64, count: u64| {
        let entries = (from..from + count).map(|n| Entry::new(Kind::Unique, fingerprint(n), n as i64).unwrap());
        index.add(entries.collect()).unwrap();
    };
    let mut wanted: Vec<_> = (0..60_000).map(|n| Kind::Unique.places(fingerprint(n))).collect();
    wanted.sort_unstable_by_key(|places| *places.start());
    add(0, 20_000);
    add(20_000, 3);
    let (mut all, mut next) = (0, 20_003);
    for count in [1, 1, 400, 1, 5_000, 5_000, 5_000, 1, 300, 300, 5_000, 5_000, 1] {
        let stamp = index.stamp().unwrap();
        let mut ahead = Vec::new();
        index.find(&wanted, 0, &mut ahead).unwrap();
        assert_eq!(ahead.len() as u64, next);
        add(next, count);
        next += count;
        let mut newer = Vec::new();
        index.find(&wanted, stamp, &mut newer).unwrap();
        let found: BTreeSet<_> = ahead.iter().chain(&newer).collect();
        assert_eq!(found.len() as u64, next);
        all += usize::from(newer.len() as u64 == next);
    }
    assert_eq!(all, 0, "everything was looked through again");
}

/// What was looked up for many batches at once serves those of whom all were asked for, and no other.
#[test]
fn who_is_known_is_found_and_who_was_not_asked_for_too() {
    let c = database();
    let index = Index { number: INDEX, kind: Kind::Unique, fields: vec![0] };
    let add = |from: u64, to: u64| index.add(&c, (from..to).map(|n| (fingerprint(n), n as i64))).unwrap();
    let sorted = |numbers: std::ops::Range<u64>| {
        let mut fingerprints: Vec<_> = numbers.map(fingerprint).collect();
        fingerprints.sort_unstable();
        fingerprints
    };
    add(0, 20_000);
    let mut known = index.known(&c).unwrap();
    // Their last bits are not known; half of them are nobody's yet.
    let asked: Vec<u64> = sorted(10_000..30_000).iter().map(|fingerprint| fingerprint & !0xFF_FFFF).collect();
    for some in asked.chunks(3_000) {
        assert!(index.look(&c, some, &mut known).unwrap());
    }
    add(20_000, 21_000);
    for (batch, is_known) in
        [(10_000..13_000, true), (19_500..20_500, true), (29_000..29_100, true), (9_000..11_000, false)]
    {
        let fingerprints = sorted(batch.clone());
        let told = known.of(&index, &fingerprints);
        assert_eq!(told.is_some(), is_known, "{batch:?}");
        let stored = batch.clone().filter(|n| *n < 21_000).map(|n| n as i64).collect::<BTreeSet<_>>();
        let scouted = index.scout(&c, &fingerprints, Some(&known)).unwrap();
        let found = index.find_since(&c, &fingerprints, &scouted).unwrap();
        for (at, customer) in &found {
            assert_eq!(fingerprints[*at], fingerprint(*customer as u64), "{batch:?}");
        }
        let found: BTreeSet<i64> = found.into_iter().map(|(_, customer)| customer).collect();
        assert_eq!(found, stored, "{batch:?}");
    }
    let none = index.known(&c).unwrap();
    assert!(none.of(&index, &sorted(0..5)).is_none());
}

#[test]
fn an_index_goes_with_all_its_entries() {
    let c = database();
    let entries = (0..5_000).map(|n| Entry::new(Kind::Unique, fingerprint(n), n as i64).unwrap());
    let index = Segments::of(&c, INDEX).unwrap();
    index.add(entries.collect()).unwrap();
    index.delete_all().unwrap();
    assert!(segments(&c).is_empty() && found(&c, Kind::Unique, &[1, 2, 3]).is_empty());
    let others: i64 = c.query_row("SELECT count(*) FROM customer_index_block", [], |row| row.get(0)).unwrap();
    assert_eq!(others, 2);
}

/// A campaign that was read before its main table was defined anew knows fields and a key that are old.
#[test]
fn what_is_known_of_a_main_table_ends_when_it_is_defined_anew() {
    let store = Store::open(":memory:", Durability::Full).unwrap();
    store.team_add("team", "").unwrap();
    let definition = catalog::campaign(r#"{"name":"A","main_table":true}"#).unwrap();
    let id = store.campaign_add("team", &definition).unwrap();
    let campaign = store.campaign(id).unwrap().unwrap();
    let known = |campaign: &Campaign| store.chunk(&mut Memory::default(), |chunk| chunk.customers(campaign).map(drop));
    known(&campaign).unwrap();
    // The same key by name, but another type: texts that were no numbers would be taken for some.
    let fields = r#"{"fields":[{"name":"phone1"},{"name":"tel","type":"phone"}],"unique_key":["phone1"]}"#;
    store.team_add("other", "").unwrap();
    for _ in 0..2 {
        store.main_table_define("other", &catalog::main_table(fields).unwrap()).unwrap();
    }
    known(&campaign).unwrap();
    assert!(Arc::ptr_eq(&campaign, &store.campaign(id).unwrap().unwrap()), "another team's is nothing to it");
    store.main_table_define("team", &catalog::main_table(fields).unwrap()).unwrap();
    let refused = known(&campaign).unwrap_err();
    assert!(refused.message.contains("defined anew") && refused.key == Key::StorageForNow, "{refused:?}");
    let campaign = store.campaign(id).unwrap().unwrap();
    assert_eq!(campaign.fields.all().len(), 2, "it is read again");
    known(&campaign).unwrap();
}
