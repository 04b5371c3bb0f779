//! The calls, and what must hold after them.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use import_cji::ffi::{self, cji_engine};
use import_cji_fuzz::common::web::Web;
use import_cji_fuzz::common::{parsed, taken};
use import_cji_fuzz::{all_pages, is_done, is_imported, split_ws};
use serde_json::{Value, json};

use super::input::{Input, Text};
use super::store::Work;
use super::usual::{
    CAMPAIGNS, CHANGES, DEFINITIONS, FILTERS, IDS, OPTIONS, OUTCOMES, QUESTIONS, RECORDS, SWITCHES, TEAMS,
};

/// What the host's functions saw.
#[derive(Default)]
struct Seen {
    replies: AtomicU32,
    cancels: AtomicBool,
}

unsafe extern "C" fn on_reply(reply: *const c_char, seen: *mut c_void) {
    // SAFETY: the library's text lives during the call, and `Host` keeps what it saw until its engines are closed.
    let (reply, seen) = unsafe { (CStr::from_ptr(reply), &*seen.cast::<Seen>()) };
    is_imported(&parsed(reply.to_str().expect("UTF-8")));
    seen.replies.fetch_add(1, Ordering::Relaxed);
}

unsafe extern "C" fn on_progress(job: *const c_char, seen: *mut c_void) -> i32 {
    // SAFETY: as above.
    let (job, seen) = unsafe { (CStr::from_ptr(job), &*seen.cast::<Seen>()) };
    adds_up(&parsed(job.to_str().expect("UTF-8")));
    seen.cancels.load(Ordering::Relaxed).into()
}

/// "read = inserted + updated + skipped + rejected".
fn adds_up(job: &Value) {
    let count = |name: &str| job[name].as_u64().unwrap_or_else(|| panic!("{name}: {job}"));
    assert_eq!(count("read"), count("inserted") + count("updated") + count("skipped") + count("rejected"), "{job}");
}

fn json(reply: *mut c_char) -> Value {
    // SAFETY: the library's, and freed here alone.
    let reply = parsed(unsafe { taken(reply) });
    is_done(&reply);
    reply
}

/// One or two engines of one file.
pub struct Host<'w> {
    work: &'w Work,
    web: &'w Web,
    engines: [*mut cji_engine; 2],
    seen: Box<Seen>,
    /// A worker was started once.
    worker: bool,
}

impl<'w> Host<'w> {
    pub fn open(work: &'w Work, web: &'w Web, input: &mut Input) -> Self {
        let mut host = Host { work, web, engines: [ptr::null_mut(); 2], seen: Box::default(), worker: false };
        host.engines[0] = host.engine(OPTIONS[usize::from(input.byte()) % OPTIONS.len()]);
        assert!(!host.engines[0].is_null());
        host
    }

    fn engine(&self, options: &str) -> *mut cji_engine {
        let network = r#","allow_hosts":["127.0.0.1"],"retries":0,"idle_timeout_s":0.5,"connect_timeout_s":0.5}"#;
        let options = options.strip_suffix('}').map_or_else(|| options.to_owned(), |start| format!("{start}{network}"));
        self.open_at(&Text::new(self.work.store().to_str().expect("UTF-8")), &Text::new(options), true)
    }

    fn open_at(&self, location: &Text, options: &Text, tell: bool) -> *mut cji_engine {
        let mut error = ptr::null_mut();
        let place = if tell { &raw mut error } else { ptr::null_mut() };
        // SAFETY: live texts, a place or NULL.
        let engine = unsafe { ffi::cji_engine_open(location.as_ptr(), options.as_ptr(), place) };
        assert_eq!(engine.is_null() && tell, !error.is_null());
        if !error.is_null() {
            assert!(!is_done(&json(error)));
        }
        engine
    }

    /// An engine; sometimes NULL, which is also what is left of a closed one.
    fn pick(&self, input: &mut Input) -> *mut cji_engine {
        match input.byte() {
            255 => ptr::null_mut(),
            byte if byte & 1 != 0 && !self.engines[1].is_null() => self.engines[1],
            _ => self.engines[0],
        }
    }

    fn import(&self, engine: *mut cji_engine, input: &mut Input) {
        let is_file = input.byte() & 1 != 0;
        let url = self.web.url();
        let login = self.web.url_with("u:p%40");
        let urls = [url.as_str(), url.as_str(), &login, "http://127.0.0.1:1/", "http://169.254.169.254/", "gopher://x"];
        let [sources, contexts]: [&[&str]; 2] =
            if is_file { [&["http", "http", "HTTP", "ftp"], &urls] } else { [&["data"], &RECORDS] };
        let lists: [&[&str]; 22] = [
            &["team"],
            &["agent"],
            &["1001"],
            &["plaintext"],
            &["secret"],
            &["Campaign"],
            &CAMPAIGNS,
            sources,
            contexts,
            &["", "u"],
            &["", "p"],
            &["", "", "2020-01-01 00:00:00", "2099-01-01", "never"],
            &["", "0", "1", "2", "-1"],
            &["", "phone1", "Phone 1", "n", "nothing"],
            &["", "prio", "n"],
            &["", "when", "born"],
            &SWITCHES,
            &SWITCHES,
            &["", "update", "skip", "update"],
            &["", "all", "ignoreSuccess", "ignoreDuplicate"],
            &["", "skip", "unassignToCurrent", "reassignToCurrent"],
            &["", "done", "unset"],
        ];
        // A wrong password costs as much as a right one: it is tried now and then only.
        let hostile = input.byte();
        let t = std::array::from_fn::<Text, 22, _>(|at| match at {
            0..=5 if hostile != 255 => Text::new(lists[at][0]),
            _ => input.text(lists[at]),
        });
        let p = t.each_ref().map(Text::as_ptr);
        let seen = self.seen.replies.load(Ordering::Relaxed);
        #[rustfmt::skip]
        // SAFETY: an engine or NULL, and live texts.
        let done = unsafe {
            if hostile & 1 != 0 {
                let reply = ffi::import_ws(
                    engine, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13],
                    p[14], p[15], p[16], p[17], p[18], p[19], p[20],
                );
                split_ws(&taken(reply)).0
            } else {
                let reply = ffi::import_cji(
                    engine, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13],
                    p[14], p[15], p[16], p[17], p[18], p[19], p[20], p[21],
                );
                is_imported(&json(reply))
            }
        };
        let called = self.seen.replies.load(Ordering::Relaxed) - seen;
        assert!(!(done && engine.is_null()));
        // The worker's jobs call back at any time.
        assert!(self.worker || called <= 1);
    }

    fn query_string(&self, input: &mut Input) -> Text {
        let record = RECORDS[usize::from(input.byte()) % RECORDS.len()].replace('|', "%7C").replace('+', "%2B");
        let words = input.text(&["", "&phone_field=phone1&priority_field=prio", "&dupway=update&_=1", "&user=twice"]);
        Text::new(format!(
            "EVENT=Import&callback=f&orgidentity=team&usertype=account&user=boss&pwdtype=md5\
             &password=5ebe2294ecd0e0f08eab7690d2a6ee69&modeltype=campaign&model_id=1&source=data&context={record}{}",
            words.to_str()
        ))
    }

    pub fn call(&mut self, which: u8, input: &mut Input) {
        let e = self.pick(input);
        let folder = self.work.folder().to_str().expect("UTF-8").to_owned();
        let (store, rejects) = (format!("{folder}/store.db"), format!("{folder}/rejects.csv"));
        let nowhere = format!("{folder}/none/rejects.csv");
        macro_rules! call {
            ($function:ident($($usual:expr),*)) => {{
                // SAFETY: an engine or NULL, and texts that live to the end of the statement.
                let reply = json(unsafe { ffi::$function(e, $(input.text($usual).as_ptr()),*) });
                assert!(!(e.is_null() && is_done(&reply)), "{reply}");
            }};
        }
        match which % 36 {
            0..=9 => self.import(e, input),
            10 => {
                let query = self.query_string(input);
                // SAFETY: an engine or NULL, and a live text.
                split_ws(&unsafe { taken(ffi::import_event(e, query.as_ptr())) });
            }
            11 => {
                let query = self.query_string(input);
                // SAFETY: an engine or NULL, and a live text.
                let reply = unsafe { taken(ffi::import_jsonp(e, query.as_ptr())) };
                let json = reply.strip_prefix("f(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(&reply);
                is_imported(&parsed(json));
            }
            12 => call!(cji_team_add(&TEAMS, &["A", ""])),
            13 => match input.byte() {
                // A hash costs as much as a check.
                255 => call!(cji_user_set(&TEAMS, &["agent"], &["1001", "new"], &["plaintext", "md5"], &["secret"])),
                _ => call!(cji_user_disable(&["other"], &["agent", "account"], &["1001", "nobody"])),
            },
            14 => call!(cji_main_table_define(&TEAMS, &DEFINITIONS)),
            15 => call!(cji_campaign_add(&TEAMS, &DEFINITIONS)),
            16 => call!(cji_campaign_get(&CAMPAIGNS)),
            17 => call!(cji_job_get(&IDS)),
            18 => call!(cji_job_list(&FILTERS)),
            19 => call!(cji_job_cancel(&IDS)),
            20 => {
                let id = input.text(&IDS);
                let paths = [rejects.as_str(), &nowhere, &store, "", &folder];
                let path = Text::new(paths[usize::from(input.byte()) % paths.len()]);
                // SAFETY: an engine or NULL, and live texts.
                json(unsafe { ffi::cji_job_rejects(e, id.as_ptr(), path.as_ptr()) });
            }
            21 | 22 => call!(cji_jobs_run_due()),
            23 => {
                self.worker = true;
                call!(cji_worker_start());
            }
            24 => call!(cji_worker_stop()),
            25 => {
                let (name, on) = (input.text(&["done", " done "]), input.byte() & 3 != 0);
                let seen = (&raw const *self.seen).cast_mut().cast();
                // SAFETY: an engine or NULL; `seen` lives until the engines are closed.
                json(unsafe { ffi::cji_callback_set(e, name.as_ptr(), on.then_some(on_reply as _), seen) });
            }
            26 => {
                let byte = input.byte();
                self.seen.cancels.store(byte & 4 != 0, Ordering::Relaxed);
                let seen = (&raw const *self.seen).cast_mut().cast();
                // SAFETY: as above.
                json(unsafe { ffi::cji_progress_set(e, (byte & 3 != 0).then_some(on_progress as _), seen) });
            }
            27 => call!(cji_customer_list(&CAMPAIGNS, &FILTERS)),
            28 => call!(cji_customer_set(&CAMPAIGNS, &IDS, &CHANGES)),
            29 => call!(cji_dial_list(&CAMPAIGNS, &FILTERS)),
            30 => {
                let (campaign, limit, lease) = (input.text(&CAMPAIGNS), input.number(), input.number());
                // SAFETY: an engine or NULL, and a live text.
                json(unsafe { ffi::cji_dial_next(e, campaign.as_ptr(), limit, lease) });
            }
            31 => call!(cji_dial_done(&CAMPAIGNS, &IDS, &OUTCOMES)),
            32 => call!(cji_query(&QUESTIONS, &["", "[]", "[1,\"a\"]", "[null,[]]"])),
            33 => {
                // SAFETY: NULL is allowed.
                unsafe { (ffi::cji_text_free(ptr::null_mut()), ffi::cji_engine_close(ptr::null_mut())) };
                assert_eq!(ffi::cji_abi_version(), ffi::CJI_ABI_VERSION);
            }
            34 => {
                // SAFETY: no other call uses the second engine, and it is forgotten here.
                unsafe { ffi::cji_engine_close(self.engines[1]) };
                self.engines[1] = self.engine(OPTIONS[usize::from(input.byte()) % OPTIONS.len()]);
            }
            _ => {
                let places = [format!("{folder}/other.db"), nowhere.clone(), folder.clone(), String::new()];
                let location = Text::new(&places[usize::from(input.byte()) % places.len()]);
                let options = input.text(&OPTIONS);
                let engine = self.open_at(&location, &options, input.byte() & 1 != 0);
                // SAFETY: nobody else has it.
                unsafe { ffi::cji_engine_close(engine) };
            }
        }
    }

    /// What the lists, the counts and the indexes say agrees.
    pub fn check(&self) {
        let e = self.engines[0];
        // The worker would change what is counted.
        for engine in self.engines.into_iter().filter(|engine| !engine.is_null()) {
            // SAFETY: a live engine.
            json(unsafe { ffi::cji_worker_stop(engine) });
        }
        let ask = |sql: &str| self.ask(sql);
        for campaign in ask("SELECT id, package FROM campaign") {
            let id = Text::new(campaign[0].to_string());
            // SAFETY: a live engine and live texts, here and below.
            let shown = json(unsafe { ffi::cji_campaign_get(e, id.as_ptr()) })["data"].clone();
            let customers = all_pages("customers", |filter| {
                json(unsafe { ffi::cji_customer_list(e, id.as_ptr(), Text::new(filter).as_ptr()) })
            });
            let entries = all_pages("entries", |filter| {
                json(unsafe { ffi::cji_dial_list(e, id.as_ptr(), Text::new(filter).as_ptr()) })
            });
            assert_eq!(shown["customers"], customers.len(), "{shown}");
            assert_eq!(shown["dial_list"], entries.len(), "{shown}");
            for customer in &customers {
                assert_eq!(customer["package"], campaign[1]);
                let mut key = serde_json::Map::new();
                for name in shown["unique_key"].as_array().expect("a key") {
                    let name = name.as_str().expect("a name");
                    key.insert(name.to_owned(), customer["fields"][name].clone());
                }
                let scope = if shown["main_table"] == true { "main_table" } else { "package" };
                let filter = Text::new(json!({ "where": key, "scope": scope }).to_string());
                let found = json(unsafe { ffi::cji_customer_list(e, id.as_ptr(), filter.as_ptr()) });
                if key.values().all(|value| value.is_null() || value == "") {
                    continue;
                }
                assert_eq!(found["data"]["customers"], json!([customer]), "{found}");
            }
        }
        let jobs = all_pages("jobs", |filter| json(unsafe { ffi::cji_job_list(e, Text::new(filter).as_ptr()) }));
        for job in &jobs {
            adds_up(job);
            let rejects = ask(&format!("SELECT count(*) FROM job_reject WHERE job = {}", job["id"]));
            assert_eq!(rejects[0][0], job["rejected"], "{job}");
            assert!(job.get("source_pwd").is_none());
        }
    }

    fn ask(&self, sql: &str) -> Vec<Value> {
        // SAFETY: a live engine and live texts.
        let reply = json(unsafe { ffi::cji_query(self.engines[0], Text::new(sql).as_ptr(), ptr::null()) });
        reply["data"]["rows"].as_array().unwrap_or_else(|| panic!("{reply}")).clone()
    }

    /// Closes the engines; true where a job has not ended.
    pub fn close(self) -> bool {
        let open = self.ask("SELECT count(*) FROM job WHERE state IN ('scheduled', 'running')");
        for engine in self.engines {
            // SAFETY: NULL, or an engine that is used no more.
            unsafe { ffi::cji_engine_close(engine) };
        }
        open[0][0] != 0
    }
}
