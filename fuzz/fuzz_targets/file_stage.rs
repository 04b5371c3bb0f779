//! Any bytes as a file: no panic, bounded rows, lines in order, every line of data in a row, and rejected rows that
//! come back cell for cell.
#![no_main]

use std::io::Write as _;

use import_cji::file::rejects::{RejectsFile, is_of_rejects};
use import_cji::file::{Limits, Opening, Row, Table, Titles};
use libfuzzer_sys::fuzz_target;

struct Fields;

impl Titles for Fields {
    fn field(&self, title: &str) -> Option<usize> {
        ["name", "phone1", "x", "姓名"].iter().position(|field| *field == title.trim().to_lowercase())
    }

    fn count(&self) -> usize {
        4
    }
}

fn spooled(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new_in("/dev/shm").expect("a temporary file");
    file.write_all(bytes).expect("a temporary file");
    file
}

/// The lines of a text, their ends cut off.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        lines.push(&rest[..end]);
        let after = &rest[end..];
        rest = after.strip_prefix("\r\n").or_else(|| after.get(1..)).unwrap_or_default();
    }
    lines
}

struct Found {
    line: u64,
    /// Lines that it goes on for; `None`: it was cut.
    more: Option<u64>,
    cells: Vec<String>,
}

fn read(table: &mut Table, max_row_bytes: usize) -> Vec<Found> {
    let mut row = Row::new();
    let mut found: Vec<Found> = Vec::new();
    while table.next(&mut row).expect("an open file can be read to its end") {
        assert!(found.last().is_none_or(|last| last.line < row.line()));
        assert!(row.cells().map(str::len).sum::<usize>() <= max_row_bytes * 3);
        let cells: Vec<String> = row.cells().map(str::to_owned).collect();
        let defect = row.defect().unwrap_or_default();
        let ends = cells.iter().map(|cell| lines(&format!("{cell}.")).len() as u64 - 1).sum();
        found.push(Found { line: row.line(), more: (!defect.contains("is cut")).then_some(ends), cells });
    }
    assert!(!table.next(&mut row).expect("the end stays the end"));
    found
}

/// Between the rows there are only blank lines.
fn account(text: &str, first: u64, delimiter: u8, found: &[Found]) {
    let lines = lines(text.trim_end_matches('\x1a'));
    let is_blank = |line: u64| {
        let line = lines.get(line as usize - 1).unwrap_or_else(|| panic!("no line {line}"));
        line.bytes().all(|b| matches!(b, b' ' | b'\t' | 0x1a) && b != delimiter)
    };
    // Before the first row the delimiter is not known yet: a line of tabs is blank there.
    let may_be_blank =
        |line: u64| lines.get(line as usize - 1).is_some_and(|line| line.trim_matches([' ', '\t', '\x1a']).is_empty());
    let mut next = first;
    for (at, row) in found.iter().enumerate() {
        let skipped = if at == 0 { (next..row.line).all(may_be_blank) } else { (next..row.line).all(is_blank) };
        assert!(skipped, "lines {next} to {}", row.line);
        assert!(!is_blank(row.line) || row.more != Some(0));
        let Some(more) = row.more else { return };
        next = row.line + more + 1;
    }
    assert!((next..=lines.len() as u64).all(is_blank), "lines from {next} on");
}

fuzz_target!(|input: &[u8]| {
    let [setting, bytes @ ..] = input else { return };
    let delrow = u64::from(setting & 3);
    let max_row_bytes = [16, 64, 4096, 1 << 20][usize::from(setting >> 2 & 3)];
    let charsets = ["", "gbk", "utf-8", "shift_jis", "utf-16", "utf-16be", "iso-2022-jp", "big5"];
    let charset = Some(charsets[usize::from(setting >> 4 & 7)]);
    let limits = Limits { max_file_bytes: 4 << 20, max_row_bytes };
    let spool = spooled(bytes);
    let opening = Opening { path: spool.path(), charset, delrow, titles: &Fields, limits };
    let Ok(mut table) = Table::open(opening, &|| true) else { return };
    let title = table.title().cloned();
    let found = read(&mut table, max_row_bytes);

    let packed = bytes.starts_with(&[0x1f, 0x8b]);
    if !packed {
        let encoding = encoding_rs::Encoding::for_label(table.encoding().as_bytes()).expect("a known encoding");
        let mark = encoding_rs::Encoding::for_bom(bytes).map_or(0, |(_, length)| length);
        let (text, _) = encoding.decode_without_bom_handling(&bytes[mark..]);
        let text = if mark > 0 { text.trim_start_matches('\u{FEFF}') } else { &*text };
        // A title may take more than its line; with a line that names the delimiter, data begins later too.
        let first = match (&title, delrow) {
            (Some(_), 0) => found.first().map_or(u64::MAX, |row| row.line),
            (None, 0) => found.first().map_or(u64::MAX, |row| row.line),
            _ => delrow + 1,
        };
        if first != u64::MAX {
            account(text, first, table.delimiter(), &found);
        }
    }

    let Some(title) = title else { return };
    let folder = tempfile::tempdir_in("/dev/shm").expect("a temporary folder");
    let path = folder.path().join("rejects.csv");
    let mut rejects = RejectsFile::create(&path, &title.cells, |_| false).expect("a new file");
    for row in &found {
        rejects.write(row.cells.iter().map(String::as_str), row.line, "why").expect("room");
    }
    rejects.finish().expect("room");
    let limits = Limits { max_file_bytes: 1 << 30, max_row_bytes: 1 << 28 };
    let opening = Opening { path: &path, charset: None, delrow: 0, titles: &Fields, limits };
    let Ok(mut again) = Table::open(opening, &|| true) else { return };
    let Some(header) = again.title().filter(|_| again.delimiter() == b',') else { return };
    if !title.cells.iter().any(|cell| is_of_rejects(cell)) {
        let width = title.cells.len();
        assert_eq!(header.cells[..width], title.cells[..]);
        let back = read(&mut again, 1 << 28);
        assert_eq!(back.len(), found.len());
        for (back, row) in back.iter().zip(&found) {
            let own = row.cells.len().min(width);
            assert_eq!(back.cells[..own], row.cells[..own]);
            assert_eq!(back.cells[width], row.line.to_string());
            assert_eq!(back.cells[width + 2..], row.cells[own..]);
        }
    }
});
