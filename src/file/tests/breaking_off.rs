//! The reading of a file is broken off soon after somebody wants that, wherever it is.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const SIZE: usize = 8 << 20;

/// Reads a file to its end, as long as the first questions, so many, are answered with yes: how many there were.
fn questions(bytes: &[u8], limits: Limits, answered: usize) -> (usize, Result<(), Fault>) {
    let file = spooled(bytes);
    let asked = AtomicUsize::new(0);
    let goes_on = || asked.fetch_add(1, Ordering::Relaxed) < answered;
    let read = || {
        let opening = Opening { path: file.path(), charset: None, delrow: 0, titles: &FIELDS, limits };
        let mut table = Table::open(opening, &goes_on)?;
        let mut row = Row::new();
        while table.next(&mut row)? {}
        Ok(())
    };
    let ended = read();
    (asked.load(Ordering::Relaxed), ended)
}

#[test]
fn the_reading_asks_for_each_mebibyte_whether_to_go_on_and_ends_with_the_first_no() {
    let rows = "name,phone1\n".repeat(SIZE / 12).into_bytes();
    let one_row = [&b"name,phone1\n"[..], &vec![b'x'; SIZE]].concat();
    let blank = [&b"name,phone1\n"[..], &vec![b'\n'; SIZE]].concat();
    let quote = [&b"name,phone1\n\""[..], &b"x\n".repeat(SIZE / 2)].concat();
    let marked = [b"\xEF\xBB\xBF", &one_row[..]].concat();
    let empty = packed(b"");
    let cases = [
        ("rows", rows.clone()),
        ("a row without end", one_row),
        ("the same, its encoding known", marked),
        ("blank lines", blank),
        ("a quote without end", quote),
        ("gzip", packed(&rows)),
        ("gzip in gzip", packed(&packed(&rows))),
        ("empty members of gzip", [packed(b"name,phone1\n"), empty.repeat(40_000)].concat()),
        ("zeros after gzip", [packed(b"name,phone1\n"), vec![0; SIZE]].concat()),
    ];
    for (what, bytes) in cases {
        for max_row_bytes in [1 << 20, 1 << 30] {
            let limits = Limits { max_row_bytes, ..limits() };
            let (all, ended) = questions(&bytes, limits, usize::MAX);
            assert_eq!(ended, Ok(()), "{what}");
            assert!(all >= SIZE >> 20, "{what}: {all} questions");
            for answered in [0, 1, all / 2, all - 1] {
                let (asked, ended) = questions(&bytes, limits, answered);
                assert_eq!(ended.unwrap_err().key, Key::StorageForNow, "{what}: {answered} of {all}");
                assert_eq!(asked, answered + 1, "{what}");
            }
        }
    }
}

#[test]
fn little_is_read_between_two_questions_however_much_is_wanted() {
    let file = spooled(&vec![b'x'; SIZE]);
    let mut bytes = Bytes::open(file.path(), SIZE as u64, &|| true).unwrap();
    let mut into = vec![0; SIZE];
    let mut whole = 0;
    loop {
        match bytes.pull(&mut into).unwrap() {
            0 => break,
            n => {
                assert!(n <= 1 << 20, "{n}");
                whole += n;
            }
        }
    }
    assert_eq!(whole, SIZE);
}
