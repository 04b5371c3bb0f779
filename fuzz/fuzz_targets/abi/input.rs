//! Arguments out of a fuzzer's bytes.

use std::ffi::{CString, c_char};
use std::ptr;

use import_cji_fuzz::before_nul;
use import_cji_fuzz::common::c_text;

use super::usual::FILES;

/// Bytes that are used up from the front; where none are left, they are zeros.
pub struct Input<'a>(&'a [u8]);

/// An argument: NULL, or a text.
pub struct Text(Option<CString>);

impl Text {
    pub fn new(text: impl AsRef<[u8]>) -> Self {
        Text(Some(c_text(before_nul(text.as_ref()))))
    }

    pub fn as_ptr(&self) -> *const c_char {
        self.0.as_ref().map_or(ptr::null(), |text| text.as_ptr())
    }

    pub fn to_str(&self) -> &str {
        self.0.as_ref().and_then(|text| text.to_str().ok()).unwrap_or_default()
    }
}

impl<'a> Input<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Input(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (first, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        first
    }

    pub fn number(&mut self) -> i32 {
        match self.byte() {
            byte @ 0..=200 => byte.into(),
            201..=220 => -1,
            221..=240 => i32::MAX,
            _ => i32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()]),
        }
    }

    pub fn file(&mut self) -> Vec<u8> {
        match self.byte() {
            byte @ 0..=127 => FILES[usize::from(byte) % FILES.len()].to_vec(),
            byte => {
                let length = usize::from(byte - 128) * 4;
                self.bytes(length).to_vec()
            }
        }
    }

    /// Mostly one of the usual values.
    pub fn text(&mut self, usual: &[&str]) -> Text {
        match self.byte() {
            255 => Text(None),
            254 => Text::new(b"\xff\xfe\x80"),
            253 => Text::new("x".repeat(100_000)),
            252 => Text::new("||a=\u{feff}\u{2028}<'\";--%00|Retuen|\u{1}\u{7f}"),
            251 => Text::new(r#"{"name":1,"where":[],"fields":null,"id":-1}"#),
            250 => Text::new("-1"),
            249 => Text::new("9223372036854775808"),
            248 => Text::new(""),
            240..=247 => {
                let length = self.byte().into();
                Text::new(self.bytes(length))
            }
            byte if usual.is_empty() => Text::new([byte]),
            byte => Text::new(usual[usize::from(byte) % usual.len()]),
        }
    }
}
