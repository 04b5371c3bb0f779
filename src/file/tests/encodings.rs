//! Encodings: told, declared, or looked at.

use encoding_rs::{
    BIG5, EUC_KR, GB18030, ISO_2022_JP, SHIFT_JIS, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254,
};

use super::*;

fn encoded(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    let (bytes, _, unmappable) = encoding.encode(text);
    assert!(!unmappable, "{text}");
    bytes.into_owned()
}

const NAMES: &[(&Encoding, &str, &str)] = &[
    (GB18030, "GBK", "张三,1\n李四,2\n上海市黄浦区南京东路,3\n"),
    (BIG5, "Big5", "陳大文,1\n林志玲,2\n新北市板橋區,3\n"),
    (SHIFT_JIS, "Shift_JIS", "山田太郎,1\nﾔﾏﾀﾞ,2\n神戸市中央区,3\n"),
    (EUC_KR, "EUC-KR", "김철수,1\n이영희,2\n대구광역시,3\n"),
    (WINDOWS_1250, "windows-1250", "Łukasz Wójcik,1\nJiří Dvořák,2\nČeské Budějovice,3\n"),
    (WINDOWS_1251, "windows-1251", "Иван Петров,1\nАнна,2\nСанкт-Петербург,3\n"),
    (WINDOWS_1252, "windows-1252", "Jürgen Müller,1\nFrançois,2\nSão Paulo,3\n"),
    (WINDOWS_1253, "windows-1253", "Γιώργος,1\nΜαρία,2\nΘεσσαλονίκη,3\n"),
    (WINDOWS_1254, "windows-1254", "Şükrü Yılmaz,1\nAyşe,2\nİzmir,3\n"),
];

#[test]
fn an_encoding_is_detected_by_its_look() {
    for (encoding, name, names) in NAMES {
        let mut table = open(&encoded(&format!("name,phone1\n{names}"), encoding));
        assert_eq!(table.encoding(), *name);
        assert!(table.warnings()[0].contains(name));
        let read: String = rows(&mut table).iter().map(|row| row[3..].replace('|', ",") + "\n").collect();
        assert_eq!(read, *names);
    }
}

#[test]
fn a_broken_byte_does_not_hide_the_encoding() {
    for (encoding, name, names) in NAMES.iter().filter(|(encoding, ..)| !encoding.is_single_byte()) {
        let mut bytes = encoded(&format!("name,phone1\n{names}"), encoding);
        bytes.extend(b"Jo\xFFe,4\nAnn,5\nBob,\xFF\n");
        let mut table = open(&bytes);
        assert_eq!(table.encoding(), *name);
        let read = rows(&mut table);
        let byte = bytes.len() - 16;
        assert_eq!(read[3], format!("5: Jo\u{FFFD}e|4 !byte {byte} of the file, in column 1, is not {name} text"));
        assert_eq!(read[4], "6: Ann|5");
        let byte = bytes.len() - 1;
        assert_eq!(read[5], format!("7: Bob|\u{FFFD} !byte {byte} of the file, in column 2, is not {name} text"));
    }
}

#[test]
fn nearly_all_bytes_decide_for_utf8() {
    let mut bytes = "name,phone1\nJürgen,1\nMüller,2\nGünther,3\n".as_bytes().to_vec();
    bytes.extend(b"Bj\xF6rn,4\n");
    let mut table = open_with(&bytes, 0, Some("windows-1252"), limits()).unwrap();
    assert_eq!(table.encoding(), "UTF-8");
    assert_eq!(rows(&mut table)[3], "5: Bj\u{FFFD}rn|4 !byte 46 of the file, in column 1, is not UTF-8 text");
}

#[test]
fn a_declared_charset_wins_over_the_look() {
    let bytes = encoded("name,phone1\nИван Петров,1\nАнна,2\n", WINDOWS_1251);
    for (charset, encoding) in [
        (Some("iso-8859-1"), "windows-1252"),
        (Some(" Shift_JIS "), "windows-1251"),
        (Some("utf-8"), "windows-1251"),
        (Some("x-nonsense"), "windows-1251"),
        (Some(""), "windows-1251"),
        (None, "windows-1251"),
    ] {
        let table = open_with(&bytes, 0, charset, limits()).unwrap();
        assert_eq!(table.encoding(), encoding, "{charset:?}");
        assert_eq!(table.warnings().is_empty(), charset == Some("iso-8859-1"), "{charset:?}");
    }
}

#[test]
fn names_that_come_late_decide_too() {
    let (encoding, name, names) = NAMES[0];
    let mut text = format!("name,phone1\n{}", "Joe,1380000\n".repeat(100_000));
    text.push_str(names);
    let mut table = open(&encoded(&text, encoding));
    assert_eq!(table.encoding(), name);
    let read = rows(&mut table);
    assert_eq!(read.last().unwrap(), "100004: 上海市黄浦区南京东路|3");
    assert!(read.iter().all(|row| !row.contains('!')));
}

#[test]
fn titles_tell_the_encoding_where_the_rest_says_little() {
    for (encoding, titles) in [(GB18030, "phone1,电话"), (BIG5, "姓名,phone1"), (WINDOWS_1251, "ФИО,phone1")] {
        let bytes = encoded(&format!("{titles}\nJoe,138\n"), encoding);
        let mut table = open(&bytes);
        assert_eq!(table.title().unwrap().cells.join(","), titles);
        assert_eq!(rows(&mut table), ["2: Joe|138"]);
    }
}

#[test]
fn titles_tell_the_encoding_wherever_the_title_row_may_stand() {
    let titles = [(GB18030, "phone1;电话"), (WINDOWS_1250, "Číslo;phone1"), (WINDOWS_1251, "ФИО;phone1")];
    for (encoding, titles) in titles {
        for (before, delrow) in [("  \n", 0), ("sep=;\r\n", 0), (" \r\t\r\"SEP=;\"\r \r", 0), ("\n \nReport\n", 4)] {
            let bytes = encoded(&format!("{before}{titles}\nJ;138\n"), encoding);
            let table = open_with(&bytes, delrow, None, limits()).unwrap();
            let title = table.title().map(|title| title.cells.join(";"));
            assert_eq!(title.as_deref(), Some(titles), "after {before:?}");
        }
    }
}

#[test]
fn a_mark_that_is_repeated_is_no_text() {
    for times in [1, 2, 3, 400] {
        let text = format!("{}name,phone1\nJoe,1\n", "\u{FEFF}".repeat(times));
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let [utf8, packed] = [text.as_bytes().to_vec(), packed(text.as_bytes())];
        for bytes in [utf8, packed, little] {
            let mut table = open(&bytes);
            assert_eq!(table.title().unwrap().cells, ["name", "phone1"]);
            assert_eq!(rows(&mut table), ["2: Joe|1"]);
        }
    }
    let found = rows(&mut open(b"\xEF\xBB\xBF\xEF\xBB\xBFname,phone1\nJo\xFFe,1\n"));
    assert_eq!(found, ["2: Jo\u{FFFD}e|1 !byte 21 of the file, in column 1, is not UTF-8 text"]);
}

#[test]
fn utf16_is_told_by_its_mark_or_by_its_zeros() {
    let text = "姓名,phone1\r\n张三,138\r\n\"J\noe\",139\r\n";
    let units: Vec<u16> = text.encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for (mark, bytes, name) in [
        (&b"\xFF\xFE"[..], &little, "UTF-16LE"),
        (b"\xFE\xFF", &big, "UTF-16BE"),
        (b"", &little, "UTF-16LE"),
        (b"", &big, "UTF-16BE"),
    ] {
        let mut table = open(&[mark, bytes].concat());
        assert_eq!(table.encoding(), name);
        assert_eq!(rows(&mut table), ["2: 张三|138", "3: J\noe|139"]);
    }
}

#[test]
fn utf16_that_is_declared_may_hold_any_character() {
    let text = format!("姓名,phone1\r\n{}", "张一丁上不,1\r\n第一〇〇路上,2\r\n".repeat(30));
    for (unit, name) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], "UTF-16LE"), (u16::to_be_bytes, "UTF-16BE")] {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(unit).collect();
        assert!(
            open_with(&bytes, 0, None, limits()).is_ok_and(|table| table.title().is_none()),
            "without it, nothing tells"
        );
        for charset in ["utf-16", "UTF-16LE", "utf-16be", " \"unicode\""] {
            for bytes in [bytes.clone(), packed(&bytes)] {
                let mut table = open_with(&bytes, 0, Some(charset), limits()).unwrap();
                assert_eq!((table.encoding(), table.warnings().len()), (name, 0), "{charset}");
                let read = rows(&mut table);
                assert_eq!((read.len(), &*read[59]), (60, "61: 第一〇〇路上|2"), "{charset}");
            }
        }
    }
}

#[test]
fn utf16_is_not_believed_of_other_bytes() {
    let nul = "name,phone1\nJo\0e,1\nAnn,2\n\0Bob,3\nEve,4\nMax,5\nZoë,6\nIda,7\n";
    for charset in ["utf-16", "utf-16le", "utf-16be"] {
        let table = open_with(nul.as_bytes(), 0, Some(charset), limits()).unwrap();
        assert_eq!(table.encoding(), "UTF-8");
        for (encoding, name, names) in NAMES {
            let bytes = encoded(&format!("name,phone1\n{names}"), encoding);
            assert_eq!(open_with(&bytes, 0, Some(charset), limits()).unwrap().encoding(), *name);
        }
        // Four halves of pairs in a dozen characters.
        let bytes: Vec<u8> = [0xD800_u16, 0xD800, 0xD800, 0xDC00, 0xDC00]
            .iter()
            .copied()
            .chain("a,b\n1,2\n".encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(
            !open_with(&bytes, 0, Some(charset), limits()).is_ok_and(|table| table.encoding().starts_with("UTF-16"))
        );
    }
}

#[test]
fn iso_2022_jp_is_told_by_the_server_alone() {
    let text = "name,phone1\n山田太郎,1\n神戸市中央区,2\n";
    let bytes = encoded(text, ISO_2022_JP);
    let mut table = open_with(&bytes, 0, Some("ISO-2022-JP"), limits()).unwrap();
    assert_eq!((table.encoding(), table.warnings().len()), ("ISO-2022-JP", 0));
    assert_eq!(rows(&mut table), ["2: 山田太郎|1", "3: 神戸市中央区|2"]);
    for (bytes, name) in [(text.as_bytes(), "UTF-8"), (&encoded(text, SHIFT_JIS), "Shift_JIS")] {
        assert_eq!(open_with(bytes, 0, Some("iso-2022-jp"), limits()).unwrap().encoding(), name);
    }
}

#[test]
fn half_a_character_at_the_end_costs_its_row() {
    let mut bytes = encoded("name,phone1\n张三,1\n李四,2\n王五,3\n赵六,", GB18030);
    bytes.push(0xD5);
    let found = rows(&mut open(&bytes));
    assert_eq!(found[3], "5: 赵六|\u{FFFD} !byte 39 of the file, in column 2, is not GBK text");
    let odd = [b"\xFF\xFE".to_vec(), "name\nJoe".encode_utf16().flat_map(u16::to_le_bytes).collect(), vec![b'x']];
    let found = rows(&mut open(&odd.concat()));
    assert_eq!(found, ["2: Joe\u{FFFD} !byte 19 of the file, in column 1, is not UTF-16LE text"]);
}
