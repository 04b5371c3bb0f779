//! What a file is that is no CSV: refused by its name, so that the user knows what the server really sent.

use crate::fault::{Fault, Key};

/// First bytes that name a kind of file.
const MAGIC: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook (XLSX)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"PK\x07\x08", "a ZIP archive"),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an old Excel workbook (XLS) or another Office document"),
    (b"\x09\x08\x10\x00\x00\x06\x05\x00", "an old Excel workbook (XLS)"),
    (b"%PDF-", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xFF\xD8\xFF", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive"),
    (b"Rar!\x1A\x07", "a RAR archive"),
    (b"\xFD7zXZ\x00", "an xz archive"),
    (b"\x28\xB5\x2F\xFD", "a Zstandard archive"),
    (b"\x1F\x8B", "gzip inside gzip inside gzip"),
    (b"\x1F\x9D", "a compress (.Z) archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x7FELF", "a program"),
    // With the first byte of a page, or of the footer.
    (b"PAR1\x15", "a Parquet file"),
    (b"\xFF\xFE\x00\x00", "UTF-32 text"),
    (b"\x00\x00\xFE\xFF", "UTF-32 text"),
];

/// What follows `BZh` and a digit in a bzip2 archive: the begin of a block, or of the end.
const BZIP2_NEXT: [&[u8]; 2] = [b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"];

/// First words of a text that is no CSV, in lower case, after white space.
const MARKUP: &[(&str, &str)] = &[
    ("<!doctype html", "an HTML page"),
    ("<html", "an HTML page"),
    ("<head", "an HTML page"),
    ("<body", "an HTML page"),
    ("<table", "an HTML page"),
    ("<script", "an HTML page"),
    ("<meta", "an HTML page"),
    ("<title", "an HTML page"),
    ("<div", "an HTML page"),
    ("<!--", "an HTML page"),
    ("<?xml", "an XML document"),
    ("<?php", "a PHP program"),
];

/// Refuses a file by its first bytes, gzip already undone.
pub(super) fn refuse_bytes(head: &[u8]) -> Result<(), Fault> {
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(refusal(name));
    }
    if let Some([b'1'..=b'9', next @ ..]) = head.strip_prefix(b"BZh")
        && BZIP2_NEXT.iter().any(|known| next.starts_with(known))
    {
        return Err(refusal("a bzip2 archive"));
    }
    if head.get(257..262) == Some(b"ustar") {
        return Err(refusal("a tar archive"));
    }
    Ok(())
}

/// Refuses a file by its first bytes as text.
pub(super) fn refuse_text(head: &[u8]) -> Result<(), Fault> {
    let word = head.trim_ascii_start();
    for (start, name) in MARKUP {
        let first = word.get(..start.len()).unwrap_or_default();
        let after = word.get(start.len()).copied().unwrap_or(b'>');
        // `<headcount>` may be a title.
        let whole = !start.ends_with(|c: char| c.is_ascii_alphabetic()) || !after.is_ascii_alphanumeric();
        if first.eq_ignore_ascii_case(start.as_bytes()) && whole {
            return Err(refusal(name));
        }
    }
    let mut tokens = word.iter().filter(|b| !b.is_ascii_whitespace());
    if matches!((tokens.next(), tokens.next()), (Some(b'{'), Some(b'"')) | (Some(b'['), Some(b'{'))) {
        return Err(refusal("a JSON document"));
    }
    Ok(())
}

/// Refuses a file that is no text at all; not for UTF-16, where every second byte may be 0.
pub(super) fn refuse_binary(head: &[u8]) -> Result<(), Fault> {
    if is_binary(head) { Err(refusal("a binary file")) } else { Ok(()) }
}

/// Whether text this is not: control characters of several kinds, or of one kind in great number. A text with
/// some NULs is still text: they cost their rows.
fn is_binary(head: &[u8]) -> bool {
    let mut kinds = 0_u32;
    let mut controls = 0_usize;
    for byte in head {
        if *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | 0x1A) {
            controls += 1;
            kinds |= 1 << byte;
        }
    }
    let many = kinds.count_ones() >= 4 && controls.saturating_mul(50) > head.len();
    many || controls.saturating_mul(2) > head.len()
}

fn refusal(name: &str) -> Fault {
    Fault::new(Key::NotCsv, format!("the server sent {name}, not CSV"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(head: &[u8]) -> Result<(), Fault> {
        refuse_bytes(head)?;
        refuse_text(head)?;
        refuse_binary(head)
    }

    #[test]
    fn files_that_are_no_csv_are_named() {
        let named: &[(&[u8], &str)] = &[
            (b"PK\x03\x04\x14\0", "XLSX"),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0", "XLS"),
            (b"%PDF-1.7\n", "PDF"),
            (b"\n  <!DOCTYPE HTML>\n<html>", "HTML"),
            (b"<HTML lang=en>", "HTML"),
            (b"<table border=1>", "HTML"),
            (b"<?xml version=\"1.0\"?><Workbook>", "XML"),
            (b"{\"error\": \"no such file\"}", "JSON"),
            (b"[ {\"a\":1}]", "JSON"),
            (b"PAR1\x15\x04\x15\x10", "Parquet"),
            (b"BZh91AY&SY\x94\x01", "bzip2"),
            (b"BZh1\x17\x72\x45\x38\x50\x90\0\0\0\0", "bzip2"),
            (b"\x00\x01\x02\x03\x04\x05", "binary"),
            (b"\0\0\0\0\0\0\0\0", "binary"),
        ];
        for (head, name) in named {
            let fault = refuse(head).expect_err(name);
            assert!(fault.message.contains(name), "{}", fault.message);
        }
    }

    #[test]
    fn texts_that_look_a_little_like_something_else_pass() {
        let texts: &[&[u8]] = &[
            b"name,phone1\nJoe,138\n",
            b"<headcount>,phone1\n",
            b"<name>;<phone1>\n",
            b"PK,phone1\n",
            b"PAR1,phone1\n",
            b"PAR1",
            b"BZh9,phone1\n",
            b"BZh1",
            b"name,phone1\nJo\0e,138\nA\x07n,139\n",
            b"[Report],2024\n",
            b"",
            "\u{59d3}\u{540d},\u{7535}\u{8bdd}\n".as_bytes(),
        ];
        for text in texts {
            assert_eq!(refuse(text), Ok(()), "{text:?}");
        }
    }
}
