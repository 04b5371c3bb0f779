//! C text to Rust's and back.

use std::ffi::{CStr, CString, c_char};

use crate::memory;
use crate::reply::Reply;

/// The bytes of a C text. "A NULL text counts as `""`."
///
/// # Safety
/// `text` is NULL or NUL-terminated, and stays as it is during the call.
pub(super) unsafe fn bytes<'call>(text: *const c_char) -> &'call [u8] {
    if text.is_null() {
        return b"";
    }
    // SAFETY: not NULL, and the caller promises the rest.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

/// A C text as UTF-8, or a failure that names the parameter. "Text that is not UTF-8 is a failure that names the parameter."
///
/// # Safety
/// `text` is NULL or NUL-terminated, and stays as it is during the call.
pub(super) unsafe fn utf8<'call>(text: *const c_char, parameter: &str) -> Result<&'call str, Reply> {
    // SAFETY: the same promise.
    let bytes = unsafe { bytes(text) };
    memory::ask_for_text(parameter, bytes.len())?;
    std::str::from_utf8(bytes).map_err(|e| {
        let good = e.valid_up_to();
        Reply::failed(format!("{parameter}: not valid UTF-8 after byte {good}"))
    })
}

/// A text that the caller owns and frees with `cji_text_free`.
pub(super) fn owned(text: String) -> *mut c_char {
    terminated(text).into_raw()
}

/// `text` as C text. JSON escapes NUL; in the `|Retuen|` form, where it can't stand, it is left out.
pub(super) fn terminated(text: String) -> CString {
    CString::new(text).unwrap_or_else(|e| {
        let mut bytes = e.into_vec();
        bytes.retain(|&byte| byte != 0);
        CString::new(bytes).unwrap_or_default()
    })
}

/// Takes back what [`owned`] gave out.
///
/// # Safety
/// `text` is NULL or came from [`owned`], and is used no more.
pub(super) unsafe fn free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the caller promises that this is the pointer of `into_raw`, given back once.
        drop(unsafe { CString::from_raw(text) });
    }
}

/// Leaves an owned text, or NULL, where the caller wants it; frees it where the caller wants none.
///
/// # Safety
/// `text` is as for [`free`]; `place` is NULL or may be written.
pub(super) unsafe fn leave(text: *mut c_char, place: *mut *mut c_char) {
    // SAFETY: the caller promises both.
    unsafe {
        if place.is_null() {
            free(text);
        } else {
            place.write(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_counts_as_the_empty_text() {
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { utf8(std::ptr::null(), "name") }, Ok(""));
    }

    #[test]
    fn broken_utf8_names_the_parameter_and_the_place() {
        // SAFETY: a literal lives for ever.
        let refusal = unsafe { utf8(c"ab\xff".as_ptr(), "orgidentity") }.unwrap_err();
        assert_eq!(refusal.message, "orgidentity: not valid UTF-8 after byte 2");
    }

    #[test]
    fn a_nul_does_not_cut_an_answer() {
        assert_eq!(terminated("a\0b".to_owned()).as_bytes(), b"ab");
    }
}
