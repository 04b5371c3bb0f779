//! Values as the store keeps them: phones normalized, whole numbers, local times.

use std::borrow::Cow;

use crate::field::FieldType;
use crate::time::{Zone, show};

/// Why a type refuses a value; follows the field's name and the value in a message.
pub type Refusal = &'static str;

/// The value of a cell or piece as the field's type stores it; empty (also: only white space): no value.
pub fn normalize<'a>(kind: FieldType, text: &'a str, zone: &Zone) -> Result<Cow<'a, str>, Refusal> {
    if is_blank(text) {
        return Ok(Cow::Borrowed(""));
    }
    let trimmed = if kind == FieldType::Text { text } else { text.trim() };
    match kind {
        // RFC 4180: spaces are part of a cell. (A record's pieces were trimmed before.)
        FieldType::Text => Ok(Cow::Borrowed(text)),
        FieldType::Phone => phone(trimmed),
        FieldType::Integer => integer(trimmed),
        FieldType::Datetime => datetime(trimmed, zone),
    }
}

/// True for a text that is empty or only white space.
pub fn is_blank(text: &str) -> bool {
    text.trim_start().is_empty()
}

/// A phone: white space and `- . / ( )` go, full-width digits and signs become ASCII; what is left must hold a digit.
/// Nothing else is refused but what a spreadsheet or a data frame makes of a long number.
pub fn phone(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'+') && text.bytes().any(|b| b.is_ascii_digit()) {
        return Ok(Cow::Borrowed(text));
    }
    let ascii: String = text.chars().map(half_width).collect();
    let parts = |c: &char| c.is_whitespace() || matches!(c, '(' | ')');
    let kept: String = ascii.chars().filter(|c| !parts(c) && !matches!(c, '-' | '.' | '/')).collect();
    if ascii.contains(['e', 'E', '.']) {
        // The point of a number is seen before it goes, what else parted its digits when all has gone.
        let joined: String = ascii.chars().filter(|c| !parts(c)).collect();
        if is_float(&joined) || is_float(&kept) {
            return Err("is a spreadsheet's rounded number, not a phone");
        }
        if has_decimal_point(&joined) {
            return Err("is a number with a decimal point, as a spreadsheet or a data frame writes it, not a phone");
        }
    }
    if !kept.bytes().any(|b| b.is_ascii_digit()) {
        return Err("is no phone: it holds no digit");
    }
    Ok(Cow::Owned(kept))
}

/// Full-width digits and signs (U+FF01 to U+FF5E, letters left alone) as ASCII.
fn half_width(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => {
            let ascii = u8::try_from(u32::from(c) - 0xFEE0).unwrap_or(b'?');
            if ascii.is_ascii_alphabetic() { c } else { char::from(ascii) }
        }
        '\u{3000}' => ' ',
        c => c,
    }
}

/// `13812345678.0`: without its point it would be another's number. People's own points part groups of three digits or more.
fn has_decimal_point(text: &str) -> bool {
    let Some((whole, part)) = text.split_once('.') else { return false };
    let whole = whole.strip_prefix('+').unwrap_or(whole);
    !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit()) && matches!(part, "0" | "00")
}

/// `1.38E+10`: digits, perhaps a fraction, an exponent. Without a fraction the exponent must have its sign, since
/// `138E10` may be meant so.
fn is_float(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let mantissa = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (fraction, mantissa_fits) = match mantissa.split_once(['.', ',']) {
        Some((whole, part)) => (true, digits(whole) && (part.is_empty() || digits(part))),
        None => (false, digits(mantissa)),
    };
    let (signed, exponent) = match exponent.strip_prefix(['+', '-']) {
        Some(rest) => (true, rest),
        None => (false, exponent),
    };
    mantissa_fits && digits(exponent) && (fraction || signed)
}

fn integer(text: &str) -> Result<Cow<'_, str>, Refusal> {
    let number: i64 = text.parse().map_err(|_| "is no whole number of 64 bits")?;
    Ok(Cow::Owned(number.to_string()))
}

fn datetime<'a>(text: &str, zone: &Zone) -> Result<Cow<'a, str>, Refusal> {
    match zone.read(text) {
        Ok(None) => Ok(Cow::Borrowed("")),
        Ok(Some(civil)) => Ok(Cow::Owned(show(civil))),
        Err(_) => Err("is no time: give it as YYYY-MM-DD HH:MM:SS"),
    }
}

/// A priority: a whole number of 32 bits; empty: 0.
pub fn priority(text: &str) -> Result<i32, Refusal> {
    match text.trim() {
        "" => Ok(0),
        text => text.parse().map_err(|_| "is no priority: a whole number of 32 bits is needed"),
    }
}

/// A dial time in seconds since 1970; empty, `NULL` and zeros: none. A date alone is its midnight.
pub fn dial_time(text: &str, zone: &Zone) -> Result<Option<i64>, Refusal> {
    match zone.read(text) {
        Ok(civil) => Ok(civil.map(|c| zone.seconds(c))),
        Err(_) => Err("is no dial time: give it as YYYY-MM-DD HH:MM:SS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones() {
        for (text, stored) in [
            ("13800138000", "13800138000"),
            (" 138-0013 8000\t", "13800138000"),
            ("+49 (0)30/123.456-7", "+490301234567"),
            ("138xxxx88x8", "138xxxx88x8"),
            ("＋８６（１０）１２３４－５６７８", "+861012345678"),
            ("０１２３　４５６", "0123456"),
            ("138E10", "138E10"),
            ("ext. 5", "ext5"),
        ] {
            assert_eq!(phone(text).unwrap(), stored, "{text}");
        }
    }

    #[test]
    fn what_is_no_phone() {
        for text in ["+", "none", "-", "()", "1.38E+10", "1,38E+10", "1.38e10", "1E+11", "１．３８Ｅ+10".trim(), "＋"]
        {
            let refused = phone(text).is_err();
            // Full-width letters stay, so a full-width E makes no float.
            assert_eq!(refused, !text.contains('Ｅ'), "{text}");
        }
    }

    #[test]
    fn a_float_is_refused_whatever_parts_its_digits() {
        for text in
            ["1.38 E+10", "1 38E+10", "(1)38E+10", "1.38E +10", "1-38E+10", "13/8E+10", "１．３８　E＋１０", "138E-10"]
        {
            assert!(phone(text).is_err(), "{text}");
        }
        for (text, stored) in [("1 38E10", "138E10"), ("1.3.8E10", "138E10"), ("room 7E+1", "room7E+1")] {
            assert_eq!(phone(text).unwrap(), stored, "{text}");
        }
    }

    #[test]
    fn a_whole_number_with_a_decimal_point_is_no_phone() {
        for text in ["13812345678.0", " 13812345678.00 ", "+4930123456.0", "138 1234 5678.0", "１３８．０"] {
            assert!(phone(text).unwrap_err().contains("decimal point"), "{text}");
        }
        for (text, stored) in [
            ("13812345678.", "13812345678"),
            ("030.01", "03001"),
            ("212.555.0000", "2125550000"),
            ("(212) 555.0000", "2125550000"),
            ("030.0x0", "0300x0"),
            ("555.000", "555000"),
            (".00", "00"),
        ] {
            assert_eq!(phone(text).unwrap(), stored, "{text}");
        }
    }

    #[test]
    fn integers_priorities_times() {
        let utc = Zone::named("UTC").unwrap();
        let int = |t| normalize(FieldType::Integer, t, &utc).map(Cow::into_owned);
        assert_eq!(int(" 007 "), Ok("7".to_owned()));
        assert_eq!(int("-9223372036854775808"), Ok("-9223372036854775808".to_owned()));
        assert!(int("9223372036854775808").is_err());
        assert!(int("1.0").is_err());
        assert_eq!(int(""), Ok(String::new()));
        assert_eq!((priority("-3"), priority(" "), priority("2147483648").is_err()), (Ok(-3), Ok(0), true));
        assert_eq!(dial_time("1970-01-02", &utc), Ok(Some(86_400)));
        assert_eq!(dial_time("", &utc), Ok(None));
        assert!(dial_time("later", &utc).is_err());
    }
}
