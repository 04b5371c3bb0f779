//! The C ABI from Rust: texts in, replies out.

use std::error::Error;
use std::ffi::{CStr, CString, c_char};
use std::path::Path;
use std::ptr;

use import_cji::ffi::{cji_engine, cji_engine_close, cji_engine_open, cji_text_free};
use serde_json::Value;

/// One open engine.
pub struct Library {
    engine: *mut cji_engine,
}

/// A reply with code 1.
pub struct Reply {
    /// As it came.
    pub text: String,
    pub message: String,
    /// `null` where the function reads nothing.
    pub data: Value,
}

/// Calls a function of the C ABI with these texts after the engine; code 2 is an error.
macro_rules! call {
    ($library:expr, $function:ident $(, $text:expr)* $(,)?) => {
        // Each text lives until the call has returned.
        $library.taken(|engine| unsafe { $function(engine $(, $crate::library::text($text.as_ref()).as_ptr())*) })
    };
}
pub(crate) use call;

impl Library {
    /// Opens a database, and makes it where there is none.
    pub fn open(location: &Path, options: &str) -> Result<Self, Box<dyn Error>> {
        let location = CString::new(location.as_os_str().as_encoded_bytes())?;
        let mut failure = ptr::null_mut();
        // SAFETY: live texts, and a place for the failure.
        let engine = unsafe { cji_engine_open(location.as_ptr(), text(options).as_ptr(), &raw mut failure) };
        if engine.is_null() {
            read(failure)?;
        }
        Ok(Library { engine })
    }

    /// Calls and reads the reply.
    pub fn taken(&self, function: impl FnOnce(*mut cji_engine) -> *mut c_char) -> Result<Reply, Box<dyn Error>> {
        read(function(self.engine))
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: no other call uses the engine, and it is used no more.
        unsafe { cji_engine_close(self.engine) }
    }
}

/// A NUL-terminated copy; what stands after a NUL of its own is cut off.
pub fn text(text: &str) -> CString {
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}

/// Copies a reply, frees it, and reads it.
fn read(reply: *mut c_char) -> Result<Reply, Box<dyn Error>> {
    // SAFETY: the library gave this text, which is never NULL, and it is freed once.
    let copy = unsafe {
        let copy = CStr::from_ptr(reply).to_string_lossy().into_owned();
        cji_text_free(reply);
        copy
    };
    let mut reply: Value = serde_json::from_str(&copy)?;
    let message = reply["message"].as_str().unwrap_or_default().to_owned();
    if reply["code"] != 1 {
        return Err(message.into());
    }
    Ok(Reply { text: copy, message, data: reply["data"].take() })
}
