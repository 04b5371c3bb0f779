//! Which encoding a file is in ("A file" in docs/behaviour.md): a byte order mark; else UTF-8 if nearly all of
//! its bytes that are not ASCII are that; else the charset that the server declares, on the same terms; else detected.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, DecoderResult, EUC_JP, EUC_KR, Encoding, GBK, ISO_2022_JP, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_874,
    WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257,
    WINDOWS_1258,
};

use super::short::or_gbk;
use super::survey::{Sample, Survey};
use crate::fault::shown;

/// "Nearly all": at most one of this many non-ASCII bytes is broken. Text of another encoding is UTF-8 by chance in a
/// fifth of its bytes at most, so that a small file with a damaged name is still told from one of another encoding.
const ONE_BROKEN_OF: u64 = 5;

/// The encodings whose detection one damaged byte would spoil.
const MULTIBYTE: [&Encoding; 5] = [GBK, BIG5, SHIFT_JIS, EUC_KR, EUC_JP];

/// The encodings in which titles are tried.
const TITLED: [&Encoding; 15] = [
    GBK,
    BIG5,
    SHIFT_JIS,
    EUC_KR,
    EUC_JP,
    WINDOWS_1252,
    WINDOWS_1250,
    WINDOWS_1251,
    WINDOWS_1253,
    WINDOWS_1254,
    WINDOWS_1255,
    WINDOWS_1256,
    WINDOWS_1257,
    WINDOWS_1258,
    WINDOWS_874,
];

/// The encoding that the first bytes give away, with the length of its mark; of UTF-16 without one, the server may tell it.
pub(super) fn by_mark(head: &[u8], declared: Option<&str>) -> Option<(&'static Encoding, usize)> {
    let utf16 = || {
        let declared = label(declared).and_then(|label| declared_utf16(head, label));
        declared.or_else(|| unmarked_utf16(head))
    };
    let marked = Encoding::for_bom(head).map(|(encoding, length)| (encoding, marks(head, length)));
    marked.or_else(|| utf16().map(|encoding| (encoding, 0)))
}

/// The length of a mark that is there again and again: who joins texts, or marks one that is marked, leaves several.
fn marks(head: &[u8], length: usize) -> usize {
    let mark = head.get(..length);
    head.chunks_exact(length).take_while(|bytes| Some(*bytes) == mark).count() * length
}

/// The declared charset as a label.
fn label(declared: Option<&str>) -> Option<&str> {
    declared.map(|label| label.trim_matches([' ', '\t', '"', '\''])).filter(|label| !label.is_empty())
}

/// UTF-16 that the server declares. Of the order of its bytes the label is no proof: `utf-16` may mean either.
fn declared_utf16(head: &[u8], label: &str) -> Option<&'static Encoding> {
    let declared = Encoding::for_label(label.as_bytes())?;
    let other = match declared {
        it if it == UTF_16LE => UTF_16BE,
        it if it == UTF_16BE => UTF_16LE,
        _ => return None,
    };
    [declared, other].into_iter().find(|encoding| is_utf16(head, encoding))
}

/// Whether nearly all of it is valid UTF-16. Most bytes of any file are, so what parts cells and rows must be written in it
/// as well: in a text of single bytes a NUL stands beside that by chance alone. Some of the single bytes that look like it
/// are halves of other characters.
fn is_utf16(head: &[u8], encoding: &'static Encoding) -> bool {
    let parts = |byte: u8| matches!(byte, b'\r' | b'\n' | b',' | b';' | b'\t' | b'|');
    let units = || {
        head.as_chunks().0.iter().map(|unit| match encoding == UTF_16LE {
            true => u16::from_le_bytes(*unit),
            false => u16::from_be_bytes(*unit),
        })
    };
    let broken = char::decode_utf16(units()).filter(Result::is_err).count() as u64;
    let wide = units().filter(|unit| u8::try_from(*unit).is_ok_and(parts)).count();
    let narrow = head.iter().filter(|byte| parts(**byte)).count();
    wide > 0 && wide.saturating_mul(8) >= narrow && broken.saturating_mul(2 * ONE_BROKEN_OF) <= head.len() as u64
}

/// UTF-16 without its mark: the upper halves of commas, digits and line ends are 0, on one side only. A line end must
/// be among them: short rows of even length with a NUL in each would else look alike.
fn unmarked_utf16(head: &[u8]) -> Option<&'static Encoding> {
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let (upper, lower, encoding) = if odd > even { (odd, even, UTF_16LE) } else { (even, odd, UTF_16BE) };
    let enough = upper >= 4 && upper.saturating_mul(12) >= head.len();
    let line_end = head.chunks_exact(2).any(|pair| match pair {
        [low, 0] if encoding == UTF_16LE => matches!(low, b'\r' | b'\n'),
        [0, low] if encoding == UTF_16BE => matches!(low, b'\r' | b'\n'),
        _ => false,
    });
    (enough && line_end && lower.saturating_mul(50) <= upper && head.len().is_multiple_of(2)).then_some(encoding)
}

/// The encoding of a file without a mark, with what the user should know about it. `named` says how many of the
/// campaign's fields the title rows name in an encoding by titles that are not ASCII.
pub(super) fn of_survey(
    survey: &Survey,
    declared: Option<&str>,
    named: impl Fn(&'static Encoding) -> usize,
) -> (&'static Encoding, Option<String>) {
    let label = label(declared);
    // It has ASCII bytes alone: nothing but the server tells it from UTF-8.
    if survey.high == 0 && label.and_then(known) == Some(ISO_2022_JP) {
        return (ISO_2022_JP, None);
    }
    if survey.broken.saturating_mul(ONE_BROKEN_OF) <= survey.high {
        return (UTF_8, None);
    }
    if let Some(declared) = label.and_then(known)
        && Fit::of(&survey.sample, declared).is_near()
    {
        return (declared, None);
    }
    let detected = detect(&survey.sample, named);
    let server = match label {
        Some(label) => format!("the server's charset {} does not fit", shown(label)),
        None => "no charset was declared".to_owned(),
    };
    (detected, Some(format!("{server}: the file was read as {}, by its look", detected.name())))
}

/// The encoding that a label means, if it can be the one of a file that is neither UTF-8 nor UTF-16.
fn known(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label_no_replacement(label.as_bytes())?;
    (encoding != UTF_8 && encoding != UTF_16LE && encoding != UTF_16BE).then_some(encoding)
}

/// What the sample looks like. Titles that name fields in one encoding are the best proof. The detector drops a
/// multi-byte encoding at the first byte that is broken in it, so it is asked again about the lines that are whole in
/// each encoding which fits nearly all of them.
fn detect(sample: &Sample, named: impl Fn(&'static Encoding) -> usize) -> &'static Encoding {
    let all = or_gbk(guess(sample.lines()), sample.lines());
    let mut best = (all, named(all));
    for encoding in TITLED {
        let named = named(encoding);
        if named > best.1 && Fit::of(sample, encoding).is_near() {
            best = (encoding, named);
        }
    }
    if best.1 > 0 || MULTIBYTE.contains(&all) {
        return best.0;
    }
    let again = MULTIBYTE.into_iter().find(|encoding| {
        let fit = Fit::of(sample, encoding);
        let whole = || sample.lines().filter(|line| is_whole(line, encoding));
        fit.broken > 0
            && fit.broken.saturating_mul(8) <= fit.high
            && whole().count() * 2 >= sample.lines().count()
            && guess(whole()) == *encoding
    });
    again.unwrap_or(all)
}

fn guess<'a>(lines: impl Iterator<Item = &'a [u8]>) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    for line in lines {
        detector.feed(line, false);
    }
    detector.feed(b"", true);
    let guessed = detector.guess(None, Utf8Detection::Deny);
    // Never a reason to read all of a file with another replacement: it maps every byte.
    if guessed == UTF_8 { WINDOWS_1252 } else { guessed }
}

fn is_whole(line: &[u8], encoding: &'static Encoding) -> bool {
    encoding.decode_without_bom_handling_and_without_replacement(line).is_some()
}

/// How well a sample fits an encoding.
struct Fit {
    high: u64,
    broken: u64,
}

impl Fit {
    fn of(sample: &Sample, encoding: &'static Encoding) -> Fit {
        let mut fit = Fit { high: 0, broken: 0 };
        let mut scratch = [0_u8; 4096];
        for line in sample.lines() {
            fit.high += line.iter().filter(|b| !b.is_ascii()).count() as u64;
            let mut decoder = encoding.new_decoder_without_bom_handling();
            let mut left = line;
            loop {
                let (result, read, _) = decoder.decode_to_utf8_without_replacement(left, &mut scratch, true);
                left = left.get(read..).unwrap_or_default();
                match result {
                    DecoderResult::InputEmpty => break,
                    DecoderResult::OutputFull => {}
                    DecoderResult::Malformed(length, _) => fit.broken += u64::from(length),
                }
            }
        }
        fit
    }

    fn is_near(&self) -> bool {
        self.broken.saturating_mul(ONE_BROKEN_OF) <= self.high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_decides() {
        type Case = (&'static [u8], Option<(&'static Encoding, usize)>);
        let cases: &[Case] = &[
            (b"\xEF\xBB\xBFname", Some((UTF_8, 3))),
            (b"\xEF\xBB\xBF\xEF\xBB\xBFname", Some((UTF_8, 6))),
            (b"\xEF\xBB\xBF\xEF\xBB", Some((UTF_8, 3))),
            (b"\xFF\xFEn\0", Some((UTF_16LE, 2))),
            (b"\xFE\xFF\0n", Some((UTF_16BE, 2))),
            (b"\xFE\xFF\xFE\xFF\xFE\xFF\0n", Some((UTF_16BE, 6))),
            (b"n\0a\0m\0e\0,\0p\0\n\0", Some((UTF_16LE, 0))),
            (b"\0n\0a\0m\0e\0,\0p\0\n", Some((UTF_16BE, 0))),
            (b"name,phone1\nJo\0e,1\n", None),
            (b"name\n\nA\0,1B\0,2C\0,3D\0,4\n\n", None),
            (b"name", None),
            (b"", None),
        ];
        for (head, expected) in cases {
            assert_eq!(by_mark(head, None), *expected, "{head:?}");
        }
    }
}
