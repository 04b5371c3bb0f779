//! The forms of an answer: JSON, the vendor's `|Retuen|` text, JSONP.

use serde::Serialize;
use serde_json::Value;

use crate::fault::{Fault, Key};
use crate::memory::{self, Page};

/// What every function answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// True: code 1, done. False: code 2, failed.
    pub done: bool,
    /// A sentence, a key or an id. Never holds `|Retuen|`.
    pub message: String,
    /// What a reading function read.
    pub data: Option<Value>,
}

impl Reply {
    /// Code 1 with this message.
    pub fn done(message: impl Into<String>) -> Self {
        Self { done: true, message: splittable(message.into()), data: None }
    }

    /// Code 1 with what was read.
    pub fn data(data: Value) -> Self {
        Self { data: Some(data), ..Self::done("") }
    }

    /// Code 2 with this message.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { done: false, ..Self::done(message) }
    }

    /// 1: done, 2: failed.
    pub fn code(&self) -> u8 {
        if self.done { 1 } else { 2 }
    }

    /// `{"code":1,"message":"…"}`, with `"data"` where something was read.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Answer<'r> {
            code: u8,
            message: &'r str,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<&'r Value>,
        }
        let (mut page, data) = (Page::default(), self.data.as_ref());
        let written = serde_json::to_writer(&mut page, &Answer { code: self.code(), message: &self.message, data });
        match written.ok().and_then(|()| String::from_utf8(page.0).ok()) {
            Some(json) => json,
            None => format!(r#"{{"code":2,"message":"{}"}}"#, memory::none("the answer").message),
        }
    }

    /// `|Retuen|1|Retuen|message`, spelled as the vendor's clients split it.
    pub fn to_ws(&self) -> String {
        format!("|Retuen|{}|Retuen|{}", self.code(), self.message)
    }

    /// `callback({…})`, safe to stand in a page's script.
    pub fn to_jsonp(&self, callback: &str) -> String {
        format!("{callback}({})", self.to_page_json())
    }

    /// JSON in which nothing can be taken for a tag or the end of a line, whatever it is sent as.
    pub fn to_page_json(&self) -> String {
        let mut json = String::new();
        for c in self.to_json().chars() {
            match c {
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => json.push(c),
            }
        }
        json
    }
}

impl From<Fault> for Reply {
    fn from(fault: Fault) -> Self {
        Self::failed(fault.message)
    }
}

/// Clients split replies on `|Retuen|`, so no message may hold it.
fn splittable(message: String) -> String {
    if message.contains("|Retuen|") { message.replace("|Retuen|", "/Retuen/") } else { message }
}

/// True where `name` may stand before the parenthesis of a JSONP reply: `[A-Za-z_$][A-Za-z0-9_$.]{0,127}`.
pub fn is_jsonp_callback(name: &str) -> bool {
    let bytes = name.as_bytes();
    let opens = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b == b'$';
    bytes.first().is_some_and(|&b| opens(b))
        && bytes.len() <= 128
        && bytes.iter().all(|&b| opens(b) || b.is_ascii_digit() || b == b'.')
}

/// How the message of an import is told: as text or as the vendor's key (option `messages`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Messages {
    /// English text.
    #[default]
    Text,
    /// `BackMsg_83` and its like.
    BackMsg,
}

impl Messages {
    /// The message in this form.
    pub fn tell(self, key: &Key, text: impl Into<String>) -> String {
        match self {
            Messages::Text => text.into(),
            Messages::BackMsg => key.to_string(),
        }
    }
}
