//! What the head of an HTTP answer says of the body that follows.

use std::time::Duration;

use ureq::Body;
use ureq::http::{HeaderMap, HeaderValue, Response, Version, header};

use super::super::trouble::Trouble;

/// What may be done with an answer.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The whole file follows.
    Whole,
    /// The part that was asked for follows.
    Part,
    /// The file is elsewhere.
    Elsewhere(String),
    /// The part that was asked for is not there any more.
    Changed,
}

/// Judges the status line.
pub(super) fn judge<B>(answer: &Response<B>, asked_part: bool) -> Result<Verdict, Trouble> {
    let status = answer.status();
    let named = match status.canonical_reason() {
        Some(reason) => format!("the server answered {} {reason}", status.as_u16()),
        None => format!("the server answered {}", status.as_u16()),
    };
    match status.as_u16() {
        200 | 203 => Ok(Verdict::Whole),
        206 if asked_part => Ok(Verdict::Part),
        416 if asked_part => Ok(Verdict::Changed),
        301 | 302 | 303 | 307 | 308 => match text(answer.headers(), header::LOCATION) {
            Some(target) => Ok(Verdict::Elsewhere(target.to_string())),
            None => Err(Trouble::lasting(format!("{named} without saying where"))),
        },
        404 | 410 => Err(Trouble::not_found(named)),
        408 | 425 | 429 | 500..=599 => Err(Trouble { pause: retry_after(answer.headers()), ..Trouble::passing(named) }),
        _ => Err(Trouble::lasting(named)),
    }
}

/// `Retry-After`, where it is a number of seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = text(headers, header::RETRY_AFTER)?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// How the body ends, and whether it can be gone on with later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// `Content-Length`.
    pub length: Option<u64>,
    /// True where nothing but the end of the connection ends the body.
    pub ends_with_connection: bool,
    /// What proves the file to be the same: a strong `ETag` or `Last-Modified`.
    pub validator: Option<String>,
    /// `ETag` and `Last-Modified` as they came, whatever they prove.
    pub etag: Option<HeaderValue>,
    pub last_modified: Option<HeaderValue>,
    pub encoding: Option<String>,
    pub charset: Option<String>,
}

impl Head {
    /// Refuses a body that can't be read as it stands.
    pub fn read(answer: &Response<Body>) -> Result<Self, Trouble> {
        let headers = answer.headers();
        let chunked = match text(headers, header::TRANSFER_ENCODING) {
            None => false,
            Some(coding) if coding.trim().eq_ignore_ascii_case("identity") => false,
            Some(coding) if coding.trim().eq_ignore_ascii_case("chunked") && answer.version() != Version::HTTP_10 => {
                true
            }
            Some(_) => {
                return Err(Trouble::lasting("the server's Transfer-Encoding is not chunked"));
            }
        };
        let encoding = match text(headers, header::CONTENT_ENCODING).map(|e| e.trim().to_ascii_lowercase()) {
            None => None,
            Some(name) if name.is_empty() || name == "identity" => None,
            Some(name) if name == "gzip" || name == "x-gzip" => Some("gzip".to_string()),
            Some(name) => {
                let name: String = name.chars().filter(char::is_ascii_graphic).take(30).collect();
                return Err(Trouble::lasting(format!(
                    "the server sent Content-Encoding '{name}', which nobody asked for; only gzip is undone"
                )));
            }
        };
        // `ureq` tells none for an empty body, nor for one that it would decode.
        let told = text(headers, header::CONTENT_LENGTH).and_then(|length| length.trim().parse().ok());
        let length = answer.body().content_length().or_else(|| told.filter(|_| !chunked));
        Ok(Self {
            length,
            ends_with_connection: length.is_none() && !chunked,
            validator: validator(headers),
            etag: headers.get(header::ETAG).cloned(),
            last_modified: headers.get(header::LAST_MODIFIED).cloned(),
            encoding,
            charset: text(headers, header::CONTENT_TYPE).and_then(charset),
        })
    }

    /// Whether this head of a part tells of no other version of the file than the whole's head did. A part is the answer to
    /// `If-Range`, so that one that names no version is taken. If it names one, then by the same words: also a weak tag, which
    /// proves no version, can show another.
    pub fn is_part_of(&self, whole: &Head) -> bool {
        match (&self.etag, &self.last_modified) {
            (Some(tag), _) => whole.etag.as_ref() == Some(tag),
            (None, Some(time)) => whole.last_modified.as_ref() == Some(time),
            (None, None) => true,
        }
    }
}

/// The validator for `If-Range`. A `Last-Modified` of this very moment proves nothing: the file may change within the second.
fn validator(headers: &HeaderMap) -> Option<String> {
    if text(headers, header::ACCEPT_RANGES).is_some_and(|ranges| ranges.trim().eq_ignore_ascii_case("none")) {
        return None;
    }
    match text(headers, header::ETAG) {
        Some(tag) if tag.starts_with('"') && tag.len() > 2 && tag.is_ascii() => Some(tag.to_string()),
        // A weak tag says that the file may differ in its bytes, whatever its time says.
        Some(_) => None,
        None => text(headers, header::LAST_MODIFIED)
            .filter(|time| time.is_ascii() && text(headers, header::DATE) != Some(time))
            .map(ToString::to_string),
    }
}

/// `Content-Range: bytes 5-9/10` as `(5, 9, 10)`.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let range = text(headers, header::CONTENT_RANGE)?.trim().strip_prefix("bytes ")?;
    let (part, total) = range.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?, total.trim().parse().ok()?))
}

fn charset(content_type: &str) -> Option<String> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then(|| value.to_string())
    })
}

/// A header's value. Old servers write file names there in bytes that a header may not hold.
fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

#[cfg(test)]
mod tests {
    use ureq::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{charset, content_range, validator};

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).expect("a name"), HeaderValue::from_str(value).expect("a value"))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn a_charset_is_found_among_the_parameters() {
        for (content_type, expected) in [
            ("text/csv; charset=gbk", Some("gbk")),
            ("text/csv;header=present; Charset = \"GB18030\" ", Some("GB18030")),
            ("text/csv; charset='utf-8'", Some("utf-8")),
            ("text/csv; charset=", None),
            ("charset=gbk", None),
            ("text/csv", None),
        ] {
            assert_eq!(charset(content_type).as_deref(), expected, "{content_type}");
        }
    }

    #[test]
    fn a_content_range_is_read_or_not_at_all() {
        for (range, expected) in [
            ("bytes 5-9/10", Some((5, 9, 10))),
            ("bytes  5 - 9 / 10", Some((5, 9, 10))),
            ("bytes 5-9/*", None),
            ("bytes */10", None),
            ("bytes 5-/10", None),
            ("items 5-9/10", None),
            ("bytes 5-9", None),
            ("bytes 5-99999999999999999999/10", None),
        ] {
            assert_eq!(content_range(&headers(&[("content-range", range)])), expected, "{range}");
        }
    }

    #[test]
    fn only_what_proves_the_file_the_same_is_a_validator() {
        let (then, now) = ("Sat, 03 Jan 2026 10:00:00 GMT", "Sat, 03 Jan 2026 11:00:00 GMT");
        for (lines, expected) in [
            (&[("etag", "\"v\"")][..], Some("\"v\"")),
            (&[("etag", "\"v\""), ("last-modified", then)], Some("\"v\"")),
            (&[("last-modified", then)], Some(then)),
            (&[("last-modified", then), ("date", now)], Some(then)),
            (&[("last-modified", now), ("date", now)], None),
            (&[("etag", "W/\"v\""), ("last-modified", then)], None),
            (&[("etag", "\"\"")], None),
            (&[("etag", "\"ü\"")], None),
            (&[("etag", "\"v\""), ("accept-ranges", "None")], None),
            (&[], None),
        ] {
            assert_eq!(validator(&headers(lines)).as_deref(), expected, "{lines:?}");
        }
    }
}
