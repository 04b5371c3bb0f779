use super::*;
use crate::request::{Login, parse_login};
use crate::store::Durability;

/// Attempts one after the other, each as soon as the one before is over; gives the pauses between them.
fn pauses(guesses: &mut Guesses, count: usize) -> Vec<i64> {
    let one = |guesses: &mut Guesses| {
        let wait_ms = i64::try_from(turn(guesses).expect("a turn").as_millis()).unwrap();
        pass(guesses, wait_ms);
        wait_ms
    };
    (0..count).map(|_| one(guesses)).collect()
}

fn pass(guesses: &mut Guesses, ms: i64) {
    guesses.age_ms += ms;
    guesses.busy_ms -= ms;
}

fn login(user: &str) -> Login {
    parse_login("team", "agent", user, "plaintext", "wrong").unwrap()
}

#[test]
fn ten_are_free_and_then_the_delay_doubles_up_to_two_seconds() {
    let mut guesses = Guesses::default();
    let pauses = pauses(&mut guesses, 25);
    assert_eq!(pauses[..11], [0; 11]);
    assert_eq!(pauses[11..17], [50, 100, 200, 400, 800, 1_600], "{pauses:?}");
    assert_eq!(pauses[17..], [2_000; 8]);
}

#[test]
fn what_is_counted_halves_every_minute() {
    let mut guesses = Guesses::default();
    pauses(&mut guesses, 40);
    pass(&mut guesses, 2_000);
    assert!(!is_free(guesses));
    pass(&mut guesses, 43_000);
    assert!(is_free(guesses), "{guesses:?}");
    pass(&mut guesses, 600_000);
    assert!(settled(guesses).failures < 0.02);
}

#[test]
fn those_who_would_wait_too_long_are_refused_and_not_counted() {
    let mut guesses = Guesses::default();
    pauses(&mut guesses, 40);
    let turns: Vec<Turn> = (0..50).map(|_| turn(&mut guesses)).collect();
    let waits: Vec<u128> = turns.iter().flatten().map(Duration::as_millis).collect();
    assert_eq!(waits, [2_000, 4_000]);
    assert!(turns.iter().skip(2).all(|turn| *turn == Err(Duration::from_secs(6))), "{turns:?}");
    pass(&mut guesses, 6_000);
    assert_eq!(turn(&mut guesses), Ok(Duration::ZERO), "nobody is locked out");
}

/// Four in each process may pass before their first is counted.
#[test]
fn those_who_pass_while_it_becomes_too_many_fill_the_queue_and_do_not_empty_it() {
    let mut guesses = Guesses::default();
    (0..100).for_each(|_| add(&mut guesses));
    assert_eq!(turn(&mut guesses), Err(Duration::from_secs(7)));
}

#[test]
fn a_right_password_gives_its_turn_back() {
    let mut guesses = Guesses::default();
    pauses(&mut guesses, 14);
    pass(&mut guesses, 2_000);
    for _ in 0..20 {
        assert_eq!(turn(&mut guesses), Ok(Duration::ZERO));
        take_back(&mut guesses);
    }
    assert!(guesses.failures < 14.1, "{guesses:?}");

    let (store, guessing) = (Store::open(":memory:", Durability::Full).unwrap(), Guessing::default());
    let bucket = store.guess_bucket(&login("7"));
    store.guesses_change(bucket, |guesses| guesses.failures = 12.0).unwrap();
    for is_right in [true, false] {
        let attempt = guessing.attempt(&store, bucket).unwrap();
        assert!(store.guesses(bucket).unwrap().failures > 12.9, "those who wait are counted first");
        attempt.end(is_right);
        let failures = store.guesses(bucket).unwrap().failures;
        assert_eq!(failures < 12.1, is_right, "{failures}");
    }
}

#[test]
fn a_clock_that_was_lost_locks_nobody_out() {
    let mut guesses = Guesses { failures: 16.0, age_ms: -1_000_000_000, busy_ms: 1_000_000_000 };
    assert_eq!(turn(&mut guesses), Ok(Duration::ZERO));
    for failures in [f64::NAN, f64::INFINITY, -5.0, 1e300] {
        let mut guesses = Guesses { failures, age_ms: i64::MIN, busy_ms: i64::MAX };
        assert!(turn(&mut guesses).is_ok_and(|wait| wait.is_zero()) && guesses.failures.is_finite(), "{failures}");
    }
}

#[test]
fn a_right_password_that_nobody_guesses_at_writes_nothing() {
    let (store, guessing) = (Store::open(":memory:", Durability::Full).unwrap(), Guessing::default());
    let bucket = store.guess_bucket(&login("7"));
    guessing.attempt(&store, bucket).unwrap().end(true);
    assert_eq!(store.guesses(bucket), Ok(Guesses::default()));
    guessing.attempt(&store, bucket).unwrap().end(false);
    assert!(store.guesses(bucket).is_ok_and(|guesses| guesses.failures > 0.9));
}

/// As on a full disk.
#[test]
fn where_the_store_can_not_be_written_the_process_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let store = Store::open(path.to_str().unwrap(), Durability::Normal).unwrap();
    let bucket = store.guess_bucket(&login("7"));
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE login_guess").unwrap();
    let guessing = Guessing::default();
    let since = Instant::now();
    for _ in 0..13 {
        guessing.attempt(&store, bucket).unwrap().end(false);
    }
    assert!(since.elapsed() >= Duration::from_millis(100), "{:?}", since.elapsed());
    assert!(guessing.guesses_here(bucket).is_some_and(|guesses| guesses.failures > 11.0));
    let other = store.guess_bucket(&login("8"));
    guessing.attempt(&store, other).unwrap().end(true);
}

#[test]
fn buckets_are_many_and_differ_between_stores() {
    let stores = [0, 1].map(|_| Store::open(":memory:", Durability::Full).unwrap());
    let of = |store: &Store| (0..100).map(|n| store.guess_bucket(&login(&n.to_string()))).collect::<Vec<_>>();
    let [one, other] = stores.each_ref().map(of);
    assert!(one.iter().all(|bucket| (0..4_096).contains(bucket)));
    assert!(one.iter().collect::<std::collections::BTreeSet<_>>().len() > 80);
    assert_ne!(one, other);
}
