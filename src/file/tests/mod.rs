//! The room through its door.

mod breaking_off;
mod encodings;
mod twin;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::rejects::RejectsFile;
use super::*;

pub(super) struct Fields(pub &'static [&'static str]);

impl Titles for Fields {
    fn field(&self, title: &str) -> Option<usize> {
        self.0.iter().position(|field| field.to_lowercase() == title.trim().to_lowercase())
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

pub(super) const FIELDS: Fields = Fields(&["name", "phone1", "city", "姓名", "电话", "фио", "číslo"]);

pub(super) fn limits() -> Limits {
    Limits { max_file_bytes: 1 << 32, max_row_bytes: 1 << 20 }
}

/// A file of these bytes; it is removed when the first half is dropped.
pub(super) fn spooled(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

pub(super) fn open_with(
    bytes: &[u8],
    delrow: u64,
    charset: Option<&str>,
    limits: Limits,
) -> Result<Table<'static>, Fault> {
    let file = spooled(bytes);
    // The scout opens the file again: it must stay.
    let (_, path) = file.keep().unwrap();
    let table = Table::open(Opening { path: &path, charset, delrow, titles: &FIELDS, limits }, &|| true);
    KEPT.with_borrow_mut(|kept| kept.push(Kept(path)));
    table
}

struct Kept(PathBuf);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

thread_local! {
    static KEPT: std::cell::RefCell<Vec<Kept>> = const { std::cell::RefCell::new(Vec::new()) };
}

pub(super) fn open(bytes: &[u8]) -> Table<'static> {
    open_with(bytes, 0, None, limits()).unwrap()
}

/// All rows, as `line: cell|cell !defect`.
pub(super) fn rows(table: &mut Table<'_>) -> Vec<String> {
    let mut row = Row::new();
    let mut all = Vec::new();
    while table.next(&mut row).unwrap() {
        let cells: Vec<&str> = row.cells().collect();
        let defect = row.defect().map(|defect| format!(" !{defect}")).unwrap_or_default();
        all.push(format!("{}: {}{defect}", row.line(), cells.join("|")));
    }
    all
}

fn read(text: &str) -> Vec<String> {
    rows(&mut open(text.as_bytes()))
}

#[test]
fn rows_have_the_number_of_their_first_line() {
    let cases: &[(&str, &[&str])] = &[
        ("name,phone1\nJoe,138\n", &["2: Joe|138"]),
        ("name,phone1\r\nJoe,138\r\nAnn,139", &["2: Joe|138", "3: Ann|139"]),
        ("name,phone1\rJoe,138\rAnn,139\r", &["2: Joe|138", "3: Ann|139"]),
        ("name,phone1\nJoe,138\r\nAnn,139\rBob,140", &["2: Joe|138", "3: Ann|139", "4: Bob|140"]),
        ("name,phone1\n\n\nJoe,138\n   \n\t\nAnn,139\n\n", &["4: Joe|138", "7: Ann|139"]),
        ("name,phone1\n\"J\noe\",138\nAnn,139\n", &["2: J\noe|138", "4: Ann|139"]),
        ("name,phone1\n\"J\r\n\r\noe\",138\r\nAnn,139\n", &["2: J\r\n\r\noe|138", "5: Ann|139"]),
        ("name,phone1\n\"J\roe\",138\rAnn,139\r", &["2: J\roe|138", "4: Ann|139"]),
        ("name,phone1", &[]),
        ("name,phone1\n", &[]),
        ("name,phone1\nJoe,138\n\x1a", &["2: Joe|138"]),
        ("name,phone1\nJoe,138\x1a\x1a", &["2: Joe|138"]),
        ("name,phone1\r\nJoe,138\r\n\x1a\r\n", &["2: Joe|138"]),
        ("name,phone1\nJoe,138\n\x1a\nAnn,139\n\x1a\x1a\n \x1a", &["2: Joe|138", "4: Ann|139"]),
        ("name,phone1\nJoe,\"138\"", &["2: Joe|138"]),
        ("name,phone1\nJoe,\"\"", &["2: Joe|"]),
        ("name,phone1\n,\n", &["2: |"]),
        ("\n\nname,phone1\nJoe,138\n", &["4: Joe|138"]),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), *expected, "{text:?}");
    }
}

#[test]
fn a_quote_that_never_ends_costs_one_line() {
    let never = "a quote never ends";
    let cases: &[(&str, &[&str])] = &[
        ("name,phone1\n\"Bad,138\nAnn,139\n", &["2: \"Bad|138 !N", "3: Ann|139"]),
        ("name,phone1\nA,1\n\"Bad,138", &["2: A|1", "3: \"Bad|138 !N"]),
        ("name,phone1\nA,\"Bad\n", &["2: A|\"Bad !N"]),
        ("name,phone1\nA,\"\n", &["2: A|\" !N"]),
        ("name,phone1\n\"B,1\n\"C,2\n\"D,3", &["2: \"B|1 !N", "3: \"C|2 !N", "4: \"D|3 !N"]),
        // The next quoted cell shows that the first quote was a stray one.
        ("name,phone1\n\"Bad,1\nAnn,2\n\"Smith, J\",3\n", &["2: \"Bad|1 !N", "3: Ann|2", "4: Smith, J|3"]),
        ("name,phone1\n\"Bad,1\nAnn,\"2\"\n", &["2: \"Bad|1 !N", "3: Ann|2"]),
        // A cell that did run over a line end, then one that never ends.
        ("name,phone1\n\"J\noe\",\"138\n", &["2: \"J !N", "3: oe\"|\"138 !N"]),
        // Text after a closing quote stays.
        ("name,phone1\n\"Joe\" M,1\nAnn,2\n", &["2: Joe M|1", "3: Ann|2"]),
        ("name,phone1\n5\" pipe,1\nAnn\"s,2\n", &["2: 5\" pipe|1", "3: Ann\"s|2"]),
    ];
    for (text, expected) in cases {
        let expected: Vec<String> = expected.iter().map(|row| row.replace("!N", &format!("!{never}"))).collect();
        assert_eq!(read(text), expected, "{text:?}");
    }
}

#[test]
fn the_title_row_and_the_delimiter_are_found_together() {
    type Case = (&'static str, u64, Option<(&'static [&'static str], u64)>, u8, usize);
    let cases: &[Case] = &[
        ("name,phone1\nJoe,1\n", 0, Some((&["name", "phone1"], 1)), b',', 1),
        ("name;phone1\nJoe;1\n", 0, Some((&["name", "phone1"], 1)), b';', 1),
        ("name\tphone1\nJoe\t1\n", 0, Some((&["name", "phone1"], 1)), b'\t', 1),
        ("name|phone1\nJoe|1\n", 0, Some((&["name", "phone1"], 1)), b'|', 1),
        ("\"NAME \";\" Phone1\"\nJoe;1\n", 0, Some((&["NAME ", " Phone1"], 1)), b';', 1),
        ("a,b,c;name;phone1\nx;1;2\n", 0, Some((&["a,b,c", "name", "phone1"], 1)), b';', 1),
        ("name;\"Phone\n1\";phone1\nJoe;x;1\n", 0, Some((&["name", "Phone\n1", "phone1"], 1)), b';', 1),
        ("\"name\n\";phone1\nJoe;1\n", 0, Some((&["name\n", "phone1"], 1)), b';', 1),
        ("name;\"phone1\nJoe;1\n", 0, Some((&["name", "phone1"], 1)), b';', 1),
        ("sep=;\nname;phone1\nJoe;1\n", 0, Some((&["name", "phone1"], 2)), b';', 1),
        ("Report\nname;phone1\n\nJoe;1\n", 3, Some((&["name", "phone1"], 2)), b';', 1),
        ("name,x\nname,phone1\nphone1,name\nJoe,1\n", 3, Some((&["name", "phone1"], 2)), b',', 1),
        ("name\nphone1,x,y\nJoe\n", 2, Some((&["name"], 1)), b',', 1),
        ("Report\nJoe;1\n", 1, None, b';', 1),
        ("x;y\nJoe,a;1\n", 1, None, b';', 1),
        ("Joe;1\n", 0, None, b';', 1),
        ("Joe\n", 0, None, b',', 1),
        ("name,phone1\nJoe,1\n", 9, Some((&["name", "phone1"], 1)), b',', 0),
        ("a,\"b\nc\",d\nJoe,1\n", 1, None, b',', 2),
    ];
    for (text, delrow, title, delimiter, count) in cases {
        let mut table = open_with(text.as_bytes(), *delrow, None, limits()).unwrap();
        let expected =
            title.map(|(cells, line)| Title { cells: cells.iter().map(|c| (*c).to_owned()).collect(), line });
        assert_eq!(table.title().cloned(), expected, "{text:?}");
        assert_eq!(table.delimiter(), *delimiter, "{text:?}");
        let first = table.first_row().map(<[String]>::to_vec);
        let all = rows(&mut table);
        assert_eq!(first.is_some(), title.is_none() && *count > 0, "{text:?}");
        assert_eq!(all.len(), *count, "{text:?} {all:?}");
    }
}

#[test]
fn a_file_with_nothing_in_it_is_refused() {
    for bytes in [&b""[..], b"\n\n", b"\xEF\xBB\xBF", b"\xFF\xFE", b"  \r\n", &packed(b"")] {
        let fault = open_with(bytes, 0, None, limits()).err().unwrap();
        assert!(fault.message.contains("empty"), "{bytes:?}: {fault}");
    }
}

pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_is_undone() {
    let text = b"name,phone1\nJoe,138\n";
    let two = [packed(&text[..14]), packed(&text[14..])].concat();
    let padded = [packed(text), vec![0; 100_000]].concat();
    for bytes in [packed(text), two, padded, packed(&packed(text))] {
        assert_eq!(rows(&mut open(&bytes)), ["2: Joe|138"]);
    }
}

#[test]
fn damaged_gzip_is_refused() {
    let whole = packed("name,phone1\nJoe,138\n".repeat(1000).as_bytes());
    let cut = &whole[..whole.len() - 9];
    let mut flipped = whole.clone();
    let last = flipped.len() - 5;
    flipped[last] ^= 1;
    let thrice = packed(&packed(&packed(b"name")));
    let trailing = [&whole[..], b"junk"].concat();
    let cases = [(cut, "cut off"), (&flipped, "damaged"), (&thrice, "gzip inside"), (&trailing, "other bytes")];
    for (bytes, reason) in cases {
        let fault = open_with(bytes, 0, None, limits()).err().unwrap();
        assert_eq!(fault.key, Key::NotCsv);
        assert!(fault.message.contains(reason), "{fault}");
    }
}

#[test]
fn sizes_are_bounded_before_and_after_gzip() {
    let text = "name,phone1\nJoe,138\n".repeat(100);
    let small = Limits { max_file_bytes: 1000, ..limits() };
    for bytes in [text.clone().into_bytes(), packed(text.as_bytes())] {
        let fault = open_with(&bytes, 0, None, small).err().unwrap();
        assert!(fault.message.contains("max_file_bytes (1000)"), "{fault}");
    }
    let exact = Limits { max_file_bytes: text.len() as u64, ..limits() };
    assert!(open_with(text.as_bytes(), 0, None, exact).is_ok());
}

#[test]
fn an_over_long_row_costs_itself() {
    let long = "x".repeat(50);
    let small = Limits { max_row_bytes: 40, ..limits() };
    let text = format!("name,phone1\n{long},1\nJoe,138\n\"{long}\n{long}\",2\nAnn,139\n\"{long}\nBob,140\n");
    let mut table = open_with(text.as_bytes(), 0, None, small).unwrap();
    let found = rows(&mut table);
    assert!(
        found[0].starts_with("2: xxx")
            && found[0].ends_with("the row has 52 bytes, more than max_row_bytes (40), and is cut")
    );
    assert_eq!(found[1], "3: Joe|138");
    assert!(found[2].starts_with("4: xxx") && found[2].contains("has 105 bytes"), "{}", found[2]);
    assert_eq!(found[3], "6: Ann|139");
    assert!(found[4].starts_with("7: ") && found[4].contains("never ends"), "{}", found[4]);
    assert_eq!(found[5], "8: Bob|140");
    assert_eq!(found.len(), 6);
}

#[test]
fn a_broken_byte_costs_its_row() {
    let text = "name,phone1\n张三,1\n李四\u{1}\u{2},2\n王五,3\n";
    let utf8: Vec<u8> = text.bytes().map(|b| if b == 1 { 0xFF } else { b }).filter(|b| *b != 2).collect();
    let found = rows(&mut open(&utf8));
    assert_eq!(
        found,
        ["2: 张三|1", "3: 李四\u{FFFD}|2 !byte 28 of the file, in column 1, is not UTF-8 text", "4: 王五|3"]
    );
}

#[test]
fn a_nul_costs_its_row() {
    assert_eq!(read("name,phone1\nJ\0oe,1\nAnn,2\n"), ["2: J\0oe|1 !the row holds a NUL", "3: Ann|2"]);
}

#[test]
fn rejected_rows_come_back_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rejects.csv");
    let title = ["name", "phone1"].map(str::to_owned);
    let mut file = RejectsFile::create(&path, &title, |_| false).unwrap();
    file.write(["=1+2", ""], 2, "no number").unwrap();
    file.write(["\"Bad, J", "1\n2"], 3, "it's \"bad\"").unwrap();
    file.write(["short"], 5, "1 column").unwrap();
    file.write(["a", "b", "c", "", "d"], 6, "5 columns").unwrap();
    file.finish().unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        written,
        "name,phone1,reject_line,reject_reason\n=1+2,,2,no number\n\"\"\"Bad, J\",\"1\n2\",3,\"it's \"\"bad\"\"\"\n\
         short,,5,1 column\na,b,6,5 columns,c,,d\n"
    );
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_title_that_begins_with_a_marks_character_is_not_taken_for_a_mark() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rejects.csv");
    let mut file = RejectsFile::create(&path, &["\u{FEFF}e".to_owned()], |_| false).unwrap();
    file.write(["x"], 2, "y").unwrap();
    file.finish().unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("\"\u{FEFF}e\","));
}

#[test]
fn an_earlier_rounds_columns_are_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rejects.csv");
    let title = ["name", "reject_line", "reject_reason", "city"].map(str::to_owned);
    let mut file = RejectsFile::create(&path, &title, |_| false).unwrap();
    file.write(["Joe", "7", "old", "Bern", "more"], 2, "new").unwrap();
    file.finish().unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, "name,city,reject_line,reject_reason\nJoe,Bern,2,new,more\n");
}

#[test]
fn an_earlier_rounds_columns_are_replaced_wherever_they_stand() {
    for (title, written) in [
        (&["reject_line", "name", "city"][..], "name,city,reject_line,reject_reason\nb,c,2,new,d\n"),
        (&["name", "REJECT_REASON ", "city"], "name,city,reject_line,reject_reason\na,c,2,new,d\n"),
        (&["name", "city", "Reject_Reason"], "name,city,reject_line,reject_reason\na,b,2,new,d\n"),
        (&["reject_reason", "name", "Reject_Line"], "name,reject_line,reject_reason\nb,2,new,d\n"),
        (
            &["reject_line", "\u{FEFF}e"],
            "\"\u{FEFF}e\",\"reject_line\",\"reject_reason\"\n\"b\",\"2\",\"new\",\"c\",\"d\"\n",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rejects.csv");
        let title: Vec<String> = title.iter().map(|title| (*title).to_owned()).collect();
        let mut file = RejectsFile::create(&path, &title, |_| false).unwrap();
        file.write(["a", "b", "c", "d"], 2, "new").unwrap();
        file.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), written, "{title:?}");
    }
}

#[test]
fn a_field_that_is_named_like_one_of_the_columns_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rejects.csv");
    let title = ["reject_line", "phone1", "Reject_Reason"].map(str::to_owned);
    let mut file = RejectsFile::create(&path, &title, |title| title == "Reject_Reason").unwrap();
    file.write(["5", "x", "why"], 2, "new").unwrap();
    file.finish().unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, "phone1,Reject_Reason,reject_line,reject_reason\nx,why,2,new\n");
}

#[test]
fn a_file_that_is_not_finished_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rejects.csv");
    std::fs::write(&path, "older").unwrap();
    let file = RejectsFile::create(&path, &[], |_| false).unwrap();
    drop(file);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "older");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}
