use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{Durability, storage};
use super::*;

fn store() -> Store {
    let store = Store::open(":memory:", Durability::Full).unwrap();
    let make = |c: &rusqlite::Transaction<'_>| c.execute_batch("CREATE TABLE seen (n INTEGER)").map_err(storage);
    store.write(make).unwrap();
    store
}

/// Each of `count` threads writes its number and then does what `end` says, when all of them wait already.
fn together(
    store: &Store,
    count: i64,
    end: impl Fn(i64) -> Result<i64, Fault> + Copy + Send + 'static,
) -> Vec<End<i64>> {
    thread::scope(|scope| {
        let held = store.writer.lock();
        let one = |n| {
            move || {
                store.write_in_group(move |c| {
                    c.execute("INSERT INTO seen VALUES (?1)", [n]).map_err(storage)?;
                    end(n)
                })
            }
        };
        let threads: Vec<_> = (0..count).map(|n| scope.spawn(one(n))).collect();
        while store.group.queue().tasks.len() < usize::try_from(count).unwrap() {
            thread::sleep(Duration::from_millis(1));
        }
        drop(held);
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    })
}

/// Counts the commits from now on.
fn commits_of(store: &Store) -> Arc<AtomicUsize> {
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commits);
    let count = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    store.writer.lock().commit_hook(Some(count)).unwrap();
    commits
}

fn seen(store: &Store) -> Vec<i64> {
    let read = |c: &Connection| {
        let mut select = c.prepare("SELECT n FROM seen ORDER BY n").map_err(storage)?;
        let rows = select.query_map([], |row| row.get(0)).and_then(Iterator::collect);
        rows.map_err(storage)
    };
    store.read(read).unwrap()
}

#[test]
fn those_who_wait_together_are_committed_together() {
    let store = store();
    let commits = commits_of(&store);
    let ends = together(&store, 8, Ok);
    assert!(ends.iter().enumerate().all(|(n, end)| matches!(end, Ok(Ok(told)) if usize::try_from(*told) == Ok(n))));
    assert_eq!(seen(&store), (0..8).collect::<Vec<_>>());
    assert_eq!(commits.load(Ordering::Relaxed), 1);
}

#[test]
fn long_writes_are_not_all_in_one_transaction() {
    let store = store();
    let commits = commits_of(&store);
    let slow = |n| {
        thread::sleep(LONGEST * 2);
        Ok(n)
    };
    assert!(together(&store, 5, slow).iter().all(|end| matches!(end, Ok(Ok(_)))));
    assert_eq!(seen(&store), (0..5).collect::<Vec<_>>());
    assert_eq!(commits.load(Ordering::Relaxed), 5);
}

#[test]
fn what_one_fails_for_is_its_own() {
    let store = store();
    let ends = together(&store, 8, |n| match n % 3 {
        0 => Ok(n),
        1 => Err(Fault::new(Key::RecordBad, format!("{n} failed"))),
        _ => panic!("{n} panicked"),
    });
    for (n, end) in ends.iter().enumerate() {
        match (n % 3, end) {
            (0, Ok(Ok(told))) => assert_eq!(usize::try_from(*told), Ok(n)),
            (1, Ok(Err(fault))) => assert_eq!(fault.message, format!("{n} failed")),
            (2, Err(panic)) => assert_eq!(panic.downcast_ref(), Some(&format!("{n} panicked"))),
            _ => panic!("{n}: {end:?}"),
        }
    }
    assert_eq!(seen(&store), [0, 3, 6]);
}

#[test]
fn none_is_told_of_success_where_the_commit_fails() {
    let store = store();
    store.writer.lock().commit_hook(Some(|| true)).unwrap();
    let ends = together(&store, 3, Ok);
    assert!(ends.iter().all(|end| matches!(end, Ok(Err(fault)) if fault.message.contains("the store failed"))));
    store.writer.lock().commit_hook(None::<fn() -> bool>).unwrap();
    assert!(seen(&store).is_empty());
    assert!(together(&store, 3, Ok).iter().all(|end| matches!(end, Ok(Ok(_)))));
    assert_eq!(seen(&store), [0, 1, 2]);
}

#[test]
fn one_alone_that_fails_leaves_nothing() {
    let store = store();
    let ends = together(&store, 1, |_| Err(Fault::new(Key::RecordBad, "no")));
    assert!(matches!(&ends[..], [Ok(Err(fault))] if fault.message == "no"));
    assert!(matches!(&together(&store, 1, |_| panic!("oh"))[..], [Err(_)]));
    assert!(seen(&store).is_empty());
}

#[test]
fn many_threads_write_all_the_time_and_others_in_between() {
    let store = store();
    let one = |store: &Store, n: i64| {
        store.write_in_group(move |c| c.execute("INSERT INTO seen VALUES (?1)", [n]).map_err(storage)).unwrap();
    };
    thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || (0..300).for_each(|n| one(store, thread * 1_000 + n)));
        }
        for n in 0..50 {
            store.write(|c| c.execute("INSERT INTO seen VALUES (?1)", [-n]).map_err(storage)).unwrap();
        }
    });
    assert_eq!(seen(&store).len(), 8 * 300 + 50);
    assert!(!store.group.queue().is_led);
}

/// A number to be written with others of its parity; the list has who was written together.
struct Number(i64, fn(i64) -> Result<(), Fault>, Arc<Mutex<Vec<Vec<i64>>>>);

impl Work for Number {
    type Told = i64;

    fn goes_with(&self, other: &Self) -> bool {
        self.0 % 2 == other.0 % 2
    }

    fn write(all: &[&Self], chunk: &mut Chunk<'_>) -> Result<Vec<i64>, Fault> {
        all[0].2.lock().unwrap().push(all.iter().map(|number| number.0).collect());
        for Number(n, end, _) in all {
            chunk.c().execute("INSERT INTO seen VALUES (?1)", [n]).map_err(storage)?;
            end(*n)?;
        }
        Ok(all.iter().map(|number| number.0 * 10).collect())
    }
}

/// Numbers 0 to 9, and something else, which wait together: how each ended, and who was written together.
fn numbers(store: &Store, end: fn(i64) -> Result<(), Fault>) -> (Vec<End<i64>>, Vec<Vec<i64>>) {
    let written = Arc::new(Mutex::default());
    let ends = thread::scope(|scope| {
        let held = store.writer.lock();
        let one = |n| {
            let number = Number(n, end, Arc::clone(&written));
            move || store.write_together(number)
        };
        let wait_for = |count| {
            while store.group.queue().tasks.len() < count {
                thread::sleep(Duration::from_millis(1));
            }
        };
        // In their order; something else is in the middle.
        let threads: Vec<_> = (0..10)
            .map(|n| {
                let thread = scope.spawn(one(n));
                wait_for(usize::try_from(n).unwrap() + 1 + usize::from(n > 5));
                if n == 5 {
                    scope.spawn(|| {
                        let insert = "INSERT INTO seen VALUES (99)";
                        let _ = store.write_in_group(|c| c.execute(insert, []).map_err(storage));
                    });
                    wait_for(7);
                }
                thread
            })
            .collect();
        drop(held);
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let written = written.lock().unwrap().clone();
    (ends, written)
}

#[test]
fn what_goes_together_is_written_together() {
    let store = store();
    let (ends, written) = numbers(&store, |_| Ok(()));
    assert!(ends.iter().zip(0..).all(|(end, n)| matches!(end, Ok(Ok(told)) if *told == n * 10)), "{ends:?}");
    assert_eq!(written, [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]);
    assert_eq!(seen(&store), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 99]);
}

#[test]
fn where_those_together_fail_each_is_written_by_itself() {
    let store = store();
    let (ends, written) = numbers(&store, |n| match n {
        4 => Err(Fault::new(Key::RecordBad, "4 failed")),
        8 => panic!("8 panicked"),
        _ => Ok(()),
    });
    for (end, n) in ends.iter().zip(0..) {
        match (n, end) {
            (4, Ok(Err(fault))) => assert_eq!(fault.message, "4 failed"),
            (8, Err(panic)) => assert_eq!(panic.downcast_ref(), Some(&"8 panicked")),
            (_, Ok(Ok(told))) => assert_eq!(*told, n * 10),
            _ => panic!("{n}: {end:?}"),
        }
    }
    let mut alone: Vec<_> = written.iter().filter(|numbers| numbers.len() == 1).flatten().collect();
    alone.sort_unstable();
    assert_eq!(alone, [&0, &2, &4, &6, &8], "{written:?}");
    assert_eq!(seen(&store), [0, 1, 2, 3, 5, 6, 7, 9, 99]);
}

/// As on a full disk.
#[test]
fn where_those_together_lose_the_transaction_each_is_written_by_itself() {
    let store = store();
    let trigger = "CREATE TRIGGER no_third BEFORE INSERT ON seen WHEN (SELECT count(*) FROM seen) = 2
                   BEGIN SELECT RAISE(ROLLBACK, 'no room'); END";
    store.writer.lock().execute_batch(trigger).unwrap();
    store.writer.lock().set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true).unwrap();
    let (ends, written) = numbers(&store, |_| Ok(()));
    assert!(written.iter().any(|numbers| numbers.len() > 1));
    let good = ends.iter().filter(|end| matches!(end, Ok(Ok(_)))).count();
    assert!(ends.iter().all(Result::is_ok));
    assert_eq!(seen(&store).iter().filter(|n| **n < 99).count(), good);
}
