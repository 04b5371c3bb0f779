//! A host of the library: it calls the functions of the C ABI, with texts, and reads the replies.

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use import_cji::ffi;
use serde_json::{Value, json};

/// The measured campaign's id.
pub const CAMPAIGN: &str = "1";

/// An open store with a team, an agent and a campaign of the default fields.
pub struct Host(*mut ffi::cji_engine);

// SAFETY: "Every function may be called from any thread, with one handle shared by all of them."
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: nobody else closes it.
        unsafe { ffi::cji_engine_close(self.0) }
    }
}

/// What an import's parameters are beside the login and the campaign.
#[derive(Clone, Copy)]
pub struct Import<'i> {
    pub source: &'i str,
    pub context: &'i str,
    pub phone_field: &'i str,
    pub priority_field: &'i str,
    pub dupway: &'i str,
}

impl<'i> Import<'i> {
    pub fn file(url: &'i str) -> Self {
        Self { source: "http", context: url, phone_field: "phone1", priority_field: "", dupway: "update" }
    }

    pub fn record(record: &'i str) -> Self {
        Self { source: "data", context: record, ..Self::file("") }
    }
}

impl Host {
    /// Opens the store; makes it, and what an import needs, where it is not there.
    pub fn at(path: &str, durability: &str) -> Self {
        let host = Self::open(path, durability);
        done(&host.call(|engine| {
            let [team, name] = ["team", "The team"].map(c_text);
            // SAFETY: a live engine and live texts; so in all of these.
            unsafe { ffi::cji_team_add(engine, team.as_ptr(), name.as_ptr()) }
        }));
        done(&host.call(|engine| {
            let [team, kind, user, form, password] = ["team", "agent", "1001", "plaintext", "secret"].map(c_text);
            let (team, kind, user) = (team.as_ptr(), kind.as_ptr(), user.as_ptr());
            unsafe { ffi::cji_user_set(engine, team, kind, user, form.as_ptr(), password.as_ptr()) }
        }));
        if host.campaign()["code"] == 2 {
            done(&host.call(|engine| {
                let definition = json!({"name": "The campaign", "id": CAMPAIGN}).to_string();
                let [team, definition] = ["team", &definition].map(c_text);
                unsafe { ffi::cji_campaign_add(engine, team.as_ptr(), definition.as_ptr()) }
            }));
        }
        host
    }

    /// Opens a store that is there.
    pub fn open(path: &str, durability: &str) -> Self {
        let options = json!({"timezone": "UTC", "durability": durability}).to_string();
        let (path, options) = (c_text(path), c_text(&options));
        let mut error = ptr::null_mut();
        // SAFETY: live texts and a place for the failure.
        let engine = unsafe { ffi::cji_engine_open(path.as_ptr(), options.as_ptr(), &raw mut error) };
        assert!(!engine.is_null(), "{}", taken(error));
        Self(engine)
    }

    /// Has the password verified, which takes long and is remembered: by a record that has no key, and so is refused.
    pub fn log_in(&self) {
        assert_eq!(self.import(&Import::record("name=Nobody"))["code"], 2, "nothing is imported");
    }

    /// `import_cji` with its 22 parameters.
    pub fn import(&self, import: &Import<'_>) -> Value {
        #[rustfmt::skip]
        let texts = [
            "team", "agent", "1001", "plaintext", "secret", "Campaign", CAMPAIGN, import.source, import.context,
            "", "", "", "", import.phone_field, import.priority_field, "", "no", "no", import.dupway,
            "ignoreDuplicate", "skip", "",
        ].map(c_text);
        let p = texts.each_ref().map(|text| text.as_ptr());
        #[rustfmt::skip]
        let reply = self.call(|engine| unsafe {
            ffi::import_cji(
                engine, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13],
                p[14], p[15], p[16], p[17], p[18], p[19], p[20], p[21],
            )
        });
        reply
    }

    /// The job that an import of a file was.
    pub fn job(&self, id: &str) -> Value {
        let id = c_text(id);
        data(self.call(|engine| unsafe { ffi::cji_job_get(engine, id.as_ptr()) }))
    }

    /// How many customers the campaign has, and how many entries its dial list.
    pub fn counts(&self) -> (u64, u64) {
        let campaign = data(self.campaign());
        let count = |name: &str| campaign[name].as_u64().expect("a count");
        (count("customers"), count("dial_list"))
    }

    fn campaign(&self) -> Value {
        let id = c_text(CAMPAIGN);
        self.call(|engine| unsafe { ffi::cji_campaign_get(engine, id.as_ptr()) })
    }

    /// The customer with this number, as it is stored.
    pub fn customer(&self, phone1: &str) -> Value {
        let filter = json!({"where": {"phone1": phone1}}).to_string();
        let [id, filter] = [CAMPAIGN, &filter].map(c_text);
        let found = self.call(|engine| unsafe { ffi::cji_customer_list(engine, id.as_ptr(), filter.as_ptr()) });
        data(found)["customers"][0].take()
    }

    fn call(&self, function: impl FnOnce(*mut ffi::cji_engine) -> *mut c_char) -> Value {
        let reply = taken(function(self.0));
        serde_json::from_str(&reply).unwrap_or_else(|e| panic!("a reply is JSON ({e}): {reply}"))
    }
}

/// The message of a reply that must be code 1.
pub fn done(reply: &Value) -> &str {
    assert_eq!(reply["code"], 1, "{reply}");
    reply["message"].as_str().expect("a message")
}

fn data(mut reply: Value) -> Value {
    done(&reply);
    reply["data"].take()
}

/// Copies an owned text and frees it.
fn taken(text: *mut c_char) -> String {
    assert!(!text.is_null(), "a reply is never NULL");
    // SAFETY: it came from the library, and is freed once.
    unsafe {
        let copy = CStr::from_ptr(text).to_str().expect("a reply is UTF-8").to_owned();
        ffi::cji_text_free(text);
        copy
    }
}

fn c_text(text: &str) -> CString {
    CString::new(text).expect("no NUL inside")
}
