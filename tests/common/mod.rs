//! The harness of the outer tests: it drives the library through the functions of its C ABI, as a host would.
//!
//! [`Library`] is one open engine with a method for each C function: texts in, replies out. [`Host`] is a library with a
//! team, an agent and a campaign, and an import whose 22 parameters have usable defaults, so that a test names only what
//! it changes:
//!
//! ```ignore
//! let host = Host::new();
//! done(&host.import(&[("context", "name=Joe||phone1=13800001111"), ("phone_field", "phone1")]));
//! assert_eq!(host.customers()[0]["fields"]["name"], "Joe");
//! ```
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod abi;
pub mod child;
pub mod content;
pub mod disk;
pub mod web;

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::{Path, PathBuf};
use std::ptr;

use import_cji::ffi;
use serde_json::{Value, json};

/// The 22 parameters of an import, in their order.
#[rustfmt::skip]
pub const PARAMETERS: [&str; 22] = [
    "orgidentity", "usertype", "user", "pwdtype", "password", "modeltype", "model_id", "source", "context",
    "source_user", "source_pwd", "exetime", "delrow", "phone_field", "priority_field", "dialtime_field", "emptyagent",
    "resetstatus", "dupway", "dupdiallist", "changepackage", "callbackFuc",
];

/// The password of [`Host`]'s agent.
pub const PASSWORD: &str = "secret";

/// A default campaign's record that is new in a new store.
pub const JOE: &str = "name=Joe||phone1=13800001111";

/// No parameter changed.
pub const DEFAULTS: &[(&str, &str)] = &[];

/// The header that hosts include.
pub fn header() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("include/import_cji.h")
}

/// The versions that tests/data/releases keeps.
pub fn releases() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/releases");
    let entries = std::fs::read_dir(folder).expect("tests/data/releases");
    let mut versions: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    versions.sort();
    versions
}

/// The shared library that cargo built with this test.
pub fn shared_library() -> PathBuf {
    built("libimport_cji.so")
}

/// The static library that cargo built with this test.
pub fn static_library() -> PathBuf {
    built("libimport_cji.a")
}

/// What cargo built lies beside the test's own program.
fn built(name: &str) -> PathBuf {
    let program = std::env::current_exe().expect("the path of this test");
    let beside = program.parent().expect("a folder").join(name);
    assert!(beside.exists(), "{} is not built", beside.display());
    beside
}

/// The message of a reply that must be code 1.
#[track_caller]
pub fn done(reply: &Value) -> &str {
    assert_eq!(reply["code"], 1, "{reply}");
    reply["message"].as_str().expect("a message")
}

/// The message of a reply that must be code 2.
#[track_caller]
pub fn failed(reply: &Value) -> &str {
    assert_eq!(reply["code"], 2, "{reply}");
    reply["message"].as_str().expect("a message")
}

/// The reply must be code 2, and its message must hold each of `words`, without regard to case.
#[track_caller]
pub fn failed_naming(reply: &Value, words: &[&str]) {
    let message = failed(reply).to_lowercase();
    for word in words {
        assert!(message.contains(&word.to_lowercase()), "'{word}' is not named in: {message}");
    }
}

/// The data of a reply that must be code 1.
#[track_caller]
pub fn data(reply: &Value) -> &Value {
    done(reply);
    reply.get("data").unwrap_or_else(|| panic!("no data: {reply}"))
}

/// One open engine, with a method for each function of the C ABI.
#[derive(Debug)]
pub struct Library {
    engine: *mut ffi::cji_engine,
}

// SAFETY: "Every function may be called from any thread, with one handle shared by all of them."
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: nobody else closes it.
        unsafe { ffi::cji_engine_close(self.engine) }
    }
}

/// A method that gives texts to a C function and parses its JSON reply.
macro_rules! calls {
    ($($(#[$doc:meta])* $method:ident => $function:ident($($text:ident),*);)*) => {$(
        $(#[$doc])*
        pub fn $method(&self, $($text: impl AsRef<[u8]>),*) -> Value {
            $(let $text = c_text($text.as_ref());)*
            // SAFETY: a live engine and live texts.
            parsed(unsafe { taken(ffi::$function(self.engine, $($text.as_ptr()),*)) })
        }
    )*};
}

impl Library {
    /// Opens a store, or gives the failure reply.
    pub fn open(location: impl AsRef<[u8]>, options: impl AsRef<[u8]>) -> Result<Self, Value> {
        let (location, options) = (c_text(location.as_ref()), c_text(options.as_ref()));
        let mut error = ptr::null_mut();
        // SAFETY: live texts and a place for the failure.
        let engine = unsafe { ffi::cji_engine_open(location.as_ptr(), options.as_ptr(), &raw mut error) };
        if engine.is_null() {
            // SAFETY: a failure was left.
            return Err(parsed(unsafe { taken(error) }));
        }
        assert!(error.is_null(), "on success *error is NULL");
        Ok(Library { engine })
    }

    /// A store that ends with the test, in UTC.
    pub fn in_memory() -> Self {
        Self::open(":memory:", r#"{"timezone":"UTC"}"#).expect("a store in memory")
    }

    /// `import_cji` with the 22 parameters in their order.
    pub fn import_cji(&self, parameters: &[Vec<u8>; 22]) -> Value {
        let c = parameters.each_ref().map(|parameter| c_text(parameter));
        let p = c.each_ref().map(|parameter| parameter.as_ptr());
        #[rustfmt::skip]
        // SAFETY: a live engine and live texts.
        let reply = unsafe {
            taken(ffi::import_cji(
                self.engine, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13],
                p[14], p[15], p[16], p[17], p[18], p[19], p[20], p[21],
            ))
        };
        parsed(reply)
    }

    /// `import_ws` with the first 21 parameters.
    pub fn import_ws(&self, parameters: &[Vec<u8>; 22]) -> String {
        let c = parameters.each_ref().map(|parameter| c_text(parameter));
        let p = c.each_ref().map(|parameter| parameter.as_ptr());
        #[rustfmt::skip]
        // SAFETY: a live engine and live texts.
        let reply = unsafe {
            taken(ffi::import_ws(
                self.engine, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13],
                p[14], p[15], p[16], p[17], p[18], p[19], p[20],
            ))
        };
        reply
    }

    pub fn import_event(&self, query: impl AsRef<[u8]>) -> String {
        let query = c_text(query.as_ref());
        // SAFETY: a live engine and a live text.
        unsafe { taken(ffi::import_event(self.engine, query.as_ptr())) }
    }

    pub fn import_jsonp(&self, query: impl AsRef<[u8]>) -> String {
        let query = c_text(query.as_ref());
        // SAFETY: a live engine and a live text.
        unsafe { taken(ffi::import_jsonp(self.engine, query.as_ptr())) }
    }

    calls! {
        team_add => cji_team_add(orgidentity, name);
        user_set => cji_user_set(orgidentity, usertype, user, pwdtype, password);
        user_disable => cji_user_disable(orgidentity, usertype, user);
        main_table_define => cji_main_table_define(orgidentity, definition);
        campaign_add => cji_campaign_add(orgidentity, definition);
        campaign_get => cji_campaign_get(campaign_id);
        job_get => cji_job_get(job_id);
        job_list => cji_job_list(filter);
        job_cancel => cji_job_cancel(job_id);
        job_rejects => cji_job_rejects(job_id, path);
        jobs_run_due => cji_jobs_run_due();
        worker_start => cji_worker_start();
        worker_stop => cji_worker_stop();
        customer_list => cji_customer_list(campaign_id, filter);
        customer_set => cji_customer_set(campaign_id, customer_id, changes);
        dial_list => cji_dial_list(campaign_id, filter);
        dial_done => cji_dial_done(campaign_id, entry_id, outcome);
        query => cji_query(sql, arguments);
    }

    pub fn dial_next(&self, campaign_id: &str, limit: i32, lease_seconds: i32) -> Value {
        let campaign_id = c_text(campaign_id.as_bytes());
        // SAFETY: a live engine and a live text.
        parsed(unsafe { taken(ffi::cji_dial_next(self.engine, campaign_id.as_ptr(), limit, lease_seconds)) })
    }

    /// Sets a callback that lives as long as the test program: it may be any closure.
    pub fn callback_set(&self, name: &str, callback: impl Fn(&str) + Send + Sync + 'static) -> Value {
        let callback: Box<CallbackClosure> = Box::new(Box::new(callback));
        let name = c_text(name.as_bytes());
        let user_data = Box::into_raw(callback).cast();
        // SAFETY: the closure is never freed.
        parsed(unsafe { taken(ffi::cji_callback_set(self.engine, name.as_ptr(), Some(call_closure), user_data)) })
    }

    /// Takes a callback's name away.
    pub fn callback_remove(&self, name: &str) -> Value {
        let name = c_text(name.as_bytes());
        // SAFETY: NULL takes the name away.
        parsed(unsafe { taken(ffi::cji_callback_set(self.engine, name.as_ptr(), None, ptr::null_mut())) })
    }

    /// Sets the function that watches running jobs; it answers true to cancel.
    pub fn progress_set(&self, progress: impl Fn(&str) -> bool + Send + Sync + 'static) -> Value {
        let progress: Box<ProgressClosure> = Box::new(Box::new(progress));
        let user_data = Box::into_raw(progress).cast();
        // SAFETY: the closure is never freed.
        parsed(unsafe { taken(ffi::cji_progress_set(self.engine, Some(call_progress), user_data)) })
    }

    /// Takes the watching function away.
    pub fn progress_remove(&self) -> Value {
        // SAFETY: NULL takes it away.
        parsed(unsafe { taken(ffi::cji_progress_set(self.engine, None, ptr::null_mut())) })
    }

    /// For what the methods do not cover.
    pub fn as_ptr(&self) -> *mut ffi::cji_engine {
        self.engine
    }
}

/// A test's own function behind `user_data`.
type CallbackClosure = Box<dyn Fn(&str) + Send + Sync>;
type ProgressClosure = Box<dyn Fn(&str) -> bool + Send + Sync>;

unsafe extern "C" fn call_closure(reply: *const c_char, user_data: *mut c_void) {
    // SAFETY: `callback_set` gave this pointer and never frees it; the library's text is live.
    let (closure, reply) = unsafe { (&*user_data.cast::<CallbackClosure>(), CStr::from_ptr(reply)) };
    closure(reply.to_str().expect("UTF-8"));
}

unsafe extern "C" fn call_progress(job: *const c_char, user_data: *mut c_void) -> i32 {
    // SAFETY: as above.
    let (closure, job) = unsafe { (&*user_data.cast::<ProgressClosure>(), CStr::from_ptr(job)) };
    closure(job.to_str().expect("UTF-8")).into()
}

/// Copies an owned text and frees it.
///
/// # Safety
/// `text` came from the library and was not freed.
pub unsafe fn taken(text: *mut c_char) -> String {
    assert!(!text.is_null(), "a reply is never NULL");
    // SAFETY: the caller promises it.
    unsafe {
        let copy = CStr::from_ptr(text).to_str().expect("a reply is UTF-8").to_owned();
        ffi::cji_text_free(text);
        copy
    }
}

/// A NUL-terminated copy.
pub fn c_text(bytes: &[u8]) -> CString {
    CString::new(bytes).expect("no NUL inside")
}

/// A reply's JSON.
#[track_caller]
pub fn parsed(reply: impl AsRef<str>) -> Value {
    let reply = reply.as_ref();
    serde_json::from_str(reply).unwrap_or_else(|e| panic!("a reply is JSON ({e}): {reply}"))
}

/// A library with the team `team`, the agent `1001` whose password is [`PASSWORD`], and one campaign.
#[derive(Debug)]
pub struct Host {
    pub library: Library,
    /// The campaign's id, which is the default `model_id`.
    pub campaign: String,
}

impl std::ops::Deref for Host {
    type Target = Library;

    fn deref(&self) -> &Library {
        &self.library
    }
}

impl Host {
    /// In memory, in UTC, with a campaign of the default fields.
    pub fn new() -> Self {
        Self::with(&json!({}), &json!({}))
    }

    /// In memory, with a campaign of this definition; its name may be left out.
    pub fn with_campaign(definition: &Value) -> Self {
        Self::with(&json!({}), definition)
    }

    /// In memory, with these options; the zone is UTC where they name none.
    pub fn with_options(options: &Value) -> Self {
        Self::with(options, &json!({}))
    }

    pub fn with(options: &Value, definition: &Value) -> Self {
        Self::at(":memory:", options, definition)
    }

    /// A new store at this place.
    pub fn at(location: impl AsRef<Path>, options: &Value, definition: &Value) -> Self {
        let library =
            Library::open(location.as_ref().as_os_str().as_encoded_bytes(), in_utc(options)).expect("a store");
        done(&library.team_add("team", "The team"));
        done(&library.user_set("team", "agent", "1001", "plaintext", PASSWORD));
        let mut host = Host { library, campaign: String::new() };
        host.campaign = host.campaign(definition);
        host
    }

    /// A further campaign of the team; its name may be left out.
    #[track_caller]
    pub fn campaign(&self, definition: &Value) -> String {
        let mut definition = definition.clone();
        definition.as_object_mut().expect("an object").entry("name").or_insert_with(|| json!("A campaign"));
        done(&self.campaign_add("team", definition.to_string())).to_owned()
    }

    /// The 22 parameters: the defaults, changed where a test names them.
    pub fn parameters<V: AsRef<[u8]>>(&self, changes: &[(&str, V)]) -> [Vec<u8>; 22] {
        let defaults = [
            ("orgidentity", "team"),
            ("usertype", "agent"),
            ("user", "1001"),
            ("pwdtype", "plaintext"),
            ("password", PASSWORD),
            ("modeltype", "Campaign"),
            ("model_id", self.campaign.as_str()),
            ("source", "data"),
            ("context", JOE),
        ];
        for (name, _) in changes {
            assert!(PARAMETERS.contains(name), "{name} is no parameter");
        }
        PARAMETERS.map(|parameter| {
            let named = |(name, _): &&(&str, V)| *name == parameter;
            let default = || defaults.iter().find(|(name, _)| *name == parameter).map_or("", |(_, value)| value);
            changes.iter().find(named).map_or_else(|| default().into(), |(_, value)| value.as_ref().to_vec())
        })
    }

    /// `import_cji` of [`JOE`], changed where the test names it. The reply has exactly `code` and `message`.
    #[track_caller]
    pub fn import<V: AsRef<[u8]>>(&self, changes: &[(&str, V)]) -> Value {
        let reply = self.import_cji(&self.parameters(changes));
        let object = reply.as_object().expect("an object");
        assert!(object.len() == 2 && object["code"].is_u64() && object["message"].is_string(), "{reply}");
        reply
    }

    /// Imports one record, which must succeed, and gives the message.
    #[track_caller]
    pub fn record(&self, context: &str) -> String {
        done(&self.import(&[("context", context)])).to_owned()
    }

    /// The query string of the parameters, for `import_event` and `import_jsonp`; those left at "" are left out.
    pub fn query_string(&self, changes: &[(&str, &str)]) -> String {
        let parameters = self.parameters(changes);
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in PARAMETERS.iter().zip(&parameters) {
            if !value.is_empty() {
                query.append_pair(name, std::str::from_utf8(value).expect("UTF-8"));
            }
        }
        query.finish()
    }

    /// The customers of the host's campaign by id, up to 1000.
    #[track_caller]
    pub fn customers(&self) -> Vec<Value> {
        self.customers_of(&self.campaign)
    }

    #[track_caller]
    pub fn customers_of(&self, campaign: &str) -> Vec<Value> {
        let listed = self.customer_list(campaign, r#"{"limit":1000}"#);
        data(&listed)["customers"].as_array().expect("customers").clone()
    }

    /// The dial list of the host's campaign by id, up to 1000 entries.
    #[track_caller]
    pub fn entries(&self) -> Vec<Value> {
        self.entries_of(&self.campaign)
    }

    #[track_caller]
    pub fn entries_of(&self, campaign: &str) -> Vec<Value> {
        let listed = self.dial_list(campaign, r#"{"limit":1000}"#);
        data(&listed)["entries"].as_array().expect("entries").clone()
    }

    /// The job of an http or ftp import that must have succeeded.
    #[track_caller]
    pub fn job_of(&self, reply: &Value) -> Value {
        data(&self.job_get(done(reply))).clone()
    }

    /// Changes the one customer of the host's campaign.
    #[track_caller]
    pub fn change(&self, customer: &Value, changes: &Value) {
        done(&self.customer_set(&self.campaign, customer["id"].to_string(), changes.to_string()));
    }
}

/// The options with the zone UTC where they name none.
fn in_utc(options: &Value) -> String {
    let mut options = options.clone();
    options.as_object_mut().expect("an object").entry("timezone").or_insert_with(|| json!("UTC"));
    options.to_string()
}

/// Says loudly that a test could not run here; under CI that is a failure.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "SKIPPED, which CI does not allow: {reason}");
    // Not through the captured standard error, so that it is seen in a run that passes.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("\nSKIPPED: {reason}\n").as_bytes());
}
