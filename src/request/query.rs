//! Query strings of the HTTP surfaces: `application/x-www-form-urlencoded` in UTF-8.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use zeroize::Zeroize;

use super::{COUNT, NAMES};
use crate::fault::{Fault, Key, shown};

/// What a query string holds: the parameters by position, and the two words of the surfaces themselves.
#[derive(Debug)]
pub struct Query<'a> {
    /// The 22 parameters; left out: empty.
    pub parameters: [Cow<'a, [u8]>; COUNT],
    /// `EVENT`.
    pub event: Option<Cow<'a, [u8]>>,
    /// `callback`.
    pub callback: Option<Cow<'a, [u8]>>,
    /// The parameters that were given twice.
    twice: Vec<String>,
    /// The first parameter that is ignored, and is not UTF-8.
    broken: Option<String>,
}

/// Passwords may be among the texts.
impl Drop for Query<'_> {
    fn drop(&mut self) {
        self.parameters.iter_mut().for_each(wipe);
    }
}

/// What was decoded is wiped; the rest is the caller's.
fn wipe(text: &mut Cow<'_, [u8]>) {
    if let Cow::Owned(bytes) = text {
        bytes.zeroize();
    }
}

impl Query<'_> {
    /// Of two callbacks none can be called.
    pub fn refuse_twice_callback(&self) -> Result<(), Fault> {
        if self.twice.iter().any(|name| name == "callback") { self.refuse_twice() } else { Ok(()) }
    }

    /// "a parameter given twice, is a failure".
    pub fn refuse_twice(&self) -> Result<(), Fault> {
        let names: Vec<String> = self.twice.iter().map(|name| shown(name)).collect();
        let (noun, verb) = if names.len() == 1 { ("parameter", "is") } else { ("parameters", "are") };
        if names.is_empty() {
            return Ok(());
        }
        let message = format!("the {noun} {} {verb} given twice", names.join(", "));
        Err(Fault::new(Key::ParameterBad, message))
    }
}

impl Query<'_> {
    /// "Invalid UTF-8 in any argument is a failure": also where nobody looks at it. Of the known parameters their checks tell.
    pub fn refuse_broken(&self) -> Result<(), Fault> {
        match &self.broken {
            Some(name) => {
                Err(Fault::new(Key::ParameterBad, format!("query: the parameter {} is not valid UTF-8", shown(name))))
            }
            None => Ok(()),
        }
    }
}

/// Reads a query string; unknown parameters are ignored.
pub fn read(query: &[u8]) -> Query<'_> {
    let parameters = [const { Cow::Borrowed(&[] as &[u8]) }; COUNT];
    let mut read = Query { parameters, event: None, callback: None, twice: Vec::new(), broken: None };
    let mut seen = [false; COUNT];
    for pair in query.strip_prefix(b"?").unwrap_or(query).split(|&b| b == b'&') {
        let (name, value) = match memchr::memchr(b'=', pair) {
            Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
            None => (pair, &[] as &[u8]),
        };
        let name = decode(name);
        let value = decode(value);
        let twice = match name.as_ref() {
            b"EVENT" => read.event.replace(value).is_some(),
            b"callback" => read.callback.replace(value).is_some(),
            name => {
                let slot = NAMES.iter().zip(read.parameters.iter_mut()).zip(seen.iter_mut());
                if let Some(((_, parameter), seen)) = slot.into_iter().find(|((known, _), _)| known.as_bytes() == name)
                {
                    wipe(&mut std::mem::replace(parameter, value));
                    std::mem::replace(seen, true)
                } else {
                    if read.broken.is_none() && std::str::from_utf8(pair).is_err() {
                        read.broken = Some(String::from_utf8_lossy(name).into_owned());
                    }
                    false
                }
            }
        };
        if twice && !read.twice.iter().any(|known| known.as_bytes() == name.as_ref()) {
            read.twice.push(String::from_utf8_lossy(&name).into_owned());
        }
    }
    read
}

/// `+` is a space, `%XX` a byte.
fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'+', b'%', text).is_none() {
        return Cow::Borrowed(text);
    }
    // With all its room from the start: a text that grows leaves copies behind.
    let mut decoded = Vec::with_capacity(text.len());
    for (at, part) in text.split(|&byte| byte == b'+').enumerate() {
        if at > 0 {
            decoded.push(b' ');
        }
        decoded.extend(percent_decode(part));
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_taken_apart() {
        let query = read(b"EVENT=Import&user=a%2Bb+c&orgidentity=+%+25%2&_=17&context=name%3D%E5%BC%A0&callback=f");
        assert_eq!(query.event.as_deref(), Some(b"Import" as &[u8]));
        assert_eq!(query.callback.as_deref(), Some(b"f" as &[u8]));
        assert_eq!(query.parameters[2].as_ref(), b"a+b c");
        assert_eq!(query.parameters[8].as_ref(), "name=张".as_bytes());
        assert_eq!(query.parameters[0].as_ref(), b" % 25%2");
        assert_eq!(query.parameters[1].as_ref(), b"");
    }

    #[test]
    fn a_parameter_given_twice_is_a_fault() {
        for query in ["user=a&user=a", "EVENT=Import&EVENT=Import", "callback=a&callback=b", "user&user="] {
            assert!(read(query.as_bytes()).refuse_twice().unwrap_err().message.contains("twice"), "{query}");
        }
        assert!(read(b"_=1&_=2&x=1&x=1").refuse_twice().is_ok());
    }

    #[test]
    fn all_parameters_given_twice_are_named_once() {
        let fault = read(b"user=a&user=b&user=c&callback=f&callback=g").refuse_twice().unwrap_err();
        assert_eq!(fault.message, "the parameters 'user', 'callback' are given twice");
    }

    #[test]
    fn of_two_callbacks_none_is_called_whatever_else_is_given_twice() {
        assert!(read(b"user=a&user=b&callback=f&callback=g").refuse_twice_callback().is_err());
        assert!(read(b"user=a&user=b&callback=f").refuse_twice_callback().is_ok());
    }
}
