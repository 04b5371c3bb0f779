//! The rules of rows against a naive twin that sees the whole text at once, and against the csv crate.

use super::*;

/// What the twin says of a record; the cells of an over-long one are not told.
#[derive(Debug, PartialEq)]
struct Twin {
    line: u64,
    cells: Vec<String>,
    never_ends: bool,
    long: bool,
}

/// A record's cells and its end, or the begin of the cell whose quote never ends.
fn parse(text: &[u8], delimiter: u8) -> Result<(Vec<String>, usize), usize> {
    let is_end = |i: usize| i == text.len() || text[i] == b'\n' || text[i] == b'\r';
    let mut cells = Vec::new();
    let mut i = 0;
    loop {
        let (start, mut cell) = (i, Vec::new());
        if text.get(i) == Some(&b'"') {
            i += 1;
            let mut crossed = false;
            loop {
                match text.get(i) {
                    None => return Err(start),
                    Some(b'"') if text.get(i + 1) == Some(&b'"') => {
                        cell.push(b'"');
                        i += 2;
                    }
                    Some(b'"') => break,
                    Some(c) => {
                        crossed |= is_end(i);
                        cell.push(*c);
                        i += 1;
                    }
                }
            }
            i += 1;
            if crossed && !is_end(i) && text[i] != delimiter {
                return Err(start);
            }
        }
        while !is_end(i) && text[i] != delimiter {
            cell.push(text[i]);
            i += 1;
        }
        cells.push(String::from_utf8(cell).unwrap());
        if is_end(i) {
            return Ok((cells, i));
        }
        i += 1;
    }
}

fn twin(text: &[u8], delimiter: u8, max: usize) -> Vec<Twin> {
    let mut records = Vec::new();
    let (mut at, mut line) = (0, 2);
    while at < text.len() {
        let rest = &text[at..];
        let first = rest.iter().position(|b| b"\r\n".contains(b)).unwrap_or(rest.len());
        let (cells, end, never_ends) = if let Ok((cells, end)) = parse(rest, delimiter) {
            (cells, end, false)
        } else {
            let open = parse(&rest[..first], delimiter).unwrap_err();
            let mut cells = Vec::new();
            if open > 0 {
                cells = parse(&rest[..open - 1], delimiter).unwrap().0;
            }
            let open = std::str::from_utf8(&rest[open..first]).unwrap();
            cells.extend(open.split(delimiter as char).map(str::to_owned));
            (cells, first, true)
        };
        let blank = rest[..end].iter().all(|b| b" \t".contains(b) && *b != delimiter);
        if !blank {
            let long = end > max;
            let cells = if long { Vec::new() } else { cells };
            records.push(Twin { line, cells, never_ends, long });
        }
        let next = end + if rest[end..].starts_with(b"\r\n") { 2 } else { usize::from(end < rest.len()) };
        let mut i = 0;
        while i < next {
            i += if rest[i..].starts_with(b"\r\n") { 2 } else { 1 };
            line += u64::from(b"\r\n".contains(&rest[i - 1]));
        }
        at += next;
    }
    records
}

fn ours(file: &[u8], max_row_bytes: usize, chunk: usize) -> Vec<Twin> {
    let spooled = spooled(file);
    let limits = Limits { max_row_bytes, ..limits() };
    let opening = Opening { path: spooled.path(), charset: None, delrow: 0, titles: &FIELDS, limits };
    let mut table = Table::open_by(opening, chunk, &|| true).unwrap();
    let mut row = Row::new();
    let mut records = Vec::new();
    while table.next(&mut row).unwrap() {
        let defect = row.defect().unwrap_or_default();
        let long = defect.contains("max_row_bytes");
        let cells = if long { Vec::new() } else { row.cells().map(str::to_owned).collect() };
        records.push(Twin { line: row.line(), cells, never_ends: defect.contains("never ends"), long });
    }
    records
}

/// Random numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[test]
fn rows_are_what_a_naive_twin_says() {
    let mut dice = Dice(7);
    for round in 0..30_000 {
        let delimiter = *dice.pick(b",;\t|");
        let end = *dice.pick(&["\n", "\r", "\r\n"]);
        let quotes = dice.roll(4);
        let pieces = ["a", "b", "é", " ", "\n", "\r\n", "\r", "\"", "\"", "\"\"", "D", "D"];
        let text: String = (0..dice.roll(40))
            .map(|_| match *dice.pick(&pieces) {
                "D" => (delimiter as char).to_string(),
                "\"" if quotes == 0 => "x".to_owned(),
                piece => piece.to_owned(),
            })
            .collect();
        let head = format!("name{}phone1{end}", delimiter as char);
        // A CR at the end of the title would join an LF at the begin of the text.
        let text = format!("x{text}");
        let max = *dice.pick(&[1, 3, 8, 20, 1 << 20]);
        // The title row must fit as well.
        let max = if max < 20 { max + 12 } else { max };
        let chunk = *dice.pick(&[16, 17, 19, 23, 64 * 1024]);
        let expected = twin(text.as_bytes(), delimiter, max);
        let whole = head + &text;
        assert_eq!(ours(whole.as_bytes(), max, chunk), expected, "{round}: {whole:?}, max {max}, by {chunk}");
        if round % 4 == 0 {
            assert_eq!(ours(&utf16(&whole), max, chunk), expected, "{round}: {whole:?}, max {max}, by {chunk}");
        }
    }
}

/// Long enough that open quotes are decided by the scout, again and again.
#[test]
fn far_quotes_are_what_a_naive_twin_says() {
    let mut dice = Dice(11);
    for round in 0..3000 {
        let pieces =
            ["\"", "a,b\n", "a,b\n", "a,b\n", "a,b\n", "a,b\n", "\"\"", "\n", ",", "\"x\"\n", "aaaaaaaaaaaaaaaa"];
        let text: String = (0..dice.roll(200)).map(|_| *dice.pick(&pieces)).collect();
        let text = format!("x{text}");
        let max = 12 + dice.roll(10);
        let expected = twin(text.as_bytes(), b',', max);
        let whole = format!("name,phone1\n{text}");
        assert_eq!(ours(whole.as_bytes(), max, 16), expected, "{round}: {whole:?}, max {max}");
        assert_eq!(ours(&packed(whole.as_bytes()), max, 16), expected, "{round}: {whole:?}, max {max}");
    }
}

#[test]
fn well_formed_rows_are_what_the_csv_crate_wrote() {
    let mut dice = Dice(13);
    for round in 0..5000 {
        let delimiter = *dice.pick(b",;\t|");
        let (terminator, style) = (dice.roll(2), dice.roll(2));
        let mut writer = csv::WriterBuilder::new();
        writer.delimiter(delimiter).flexible(true);
        if terminator == 0 {
            writer.terminator(csv::Terminator::CRLF);
        }
        if style == 0 {
            writer.quote_style(csv::QuoteStyle::Always);
        }
        let mut writer = writer.from_writer(Vec::new());
        writer.write_record(["name", "phone1"]).unwrap();
        let mut table = Vec::new();
        for _ in 0..dice.roll(6) {
            let cells: Vec<String> = (0..2 + dice.roll(3))
                .map(|_| {
                    let pieces = ["a", "東京", ",", ";", "\t", "|", "\"", "\n", "\r", "\r\n", " ", "'", "\u{FEFF}"];
                    (0..dice.roll(5)).map(|_| *dice.pick(&pieces)).collect()
                })
                .collect();
            writer.write_record(&cells).unwrap();
            table.push(cells);
        }
        let file = writer.into_inner().unwrap();
        let chunk = *dice.pick(&[16, 21, 4096]);
        let read = ours(&file, 1 << 20, chunk);
        let text = String::from_utf8_lossy(&file);
        assert!(read.iter().all(|row| !row.never_ends && !row.long), "{round}: {text:?}");
        let cells: Vec<_> = read.into_iter().map(|row| row.cells).collect();
        assert_eq!(cells, table, "{round}: {text:?}");
    }
}

#[test]
fn a_table_can_go_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Table>();
    is_send::<RejectsFile>();
}
