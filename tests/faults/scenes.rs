//! What a host does before the power is cut. Each scene runs in a process of its own, which leaves a tape.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::sound::Fact;
use super::stage::{self, Kind, Watch};
use super::tape::Tape;
use crate::common::child::{Process, given};
use crate::common::web::Web;
use crate::common::{Host, Library, done};

/// A scene: what is there before it, and what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// A new store, its catalogue, records by several threads, a dialer.
    Records,
    /// Records so long that the log is brought into the database again and again.
    Long,
    /// Files: imported, scheduled, cancelled; rejected rows.
    Files,
    /// A file of many chunks, whose reader makes checkpoints.
    LongFile,
    /// A file that a worker imports.
    Worker,
    /// A store of version 1 is opened.
    Upgrade,
}

impl Scene {
    pub const ALL: [Scene; 6] =
        [Scene::Records, Scene::Long, Scene::Files, Scene::LongFile, Scene::Worker, Scene::Upgrade];

    fn named(name: &str) -> Self {
        *Self::ALL.iter().find(|scene| format!("{scene:?}") == name).expect("a scene")
    }

    /// The job that imports its file.
    pub fn job(self) -> Option<i64> {
        match self {
            Scene::Files => Some(2),
            Scene::LongFile => Some(2 + SEGMENTS),
            Scene::Worker => Some(1),
            Scene::Records | Scene::Long | Scene::Upgrade => None,
        }
    }

    /// Puts what is there before it into an empty folder.
    pub fn prepare(self, folder: &Path) {
        match self {
            Scene::Records | Scene::Long => {}
            Scene::Files | Scene::LongFile | Scene::Worker => {
                let host = Host::at(store(folder), &json!({}), &json!({}));
                (0..40).for_each(|n| drop(host.record(&format!("name=Old {n}||phone1=1390000{n:04}||city=Village"))));
                for file in (0..SEGMENTS).filter(|_| self == Scene::LongFile) {
                    let rows: String = (0..420).map(|n| format!("137{file:04}{n:04}\n")).collect();
                    let web = Web::csv(format!("phone1\n{rows}"));
                    done(&host.import(&[("source", "http"), ("context", &*web.url())]));
                }
            }
            Scene::Upgrade => {
                let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stores/version-1.db.gz");
                let mut unpacked = File::create(store(folder)).unwrap();
                std::io::copy(&mut GzDecoder::new(File::open(packed).unwrap()), &mut unpacked).unwrap();
            }
        }
    }

    /// The file that is fetched.
    pub fn file(self) -> String {
        let (rows, memo) = if self == Scene::LongFile { (2_000, 4_000) } else { (400, 20) };
        let mut text = String::from("name,phone1,memo,prio\n");
        for n in 0..rows {
            match n % 20 {
                7 => text.push_str(&format!("No number {n},,memo,1\n")),
                11 => text.push_str(&format!("Columns {n},138{n:08},memo,1,one,too,many\n")),
                13 => text.push_str(&format!("Again {n},138{:08},again,{}\n", n / 2, n % 5)),
                17 => text.push_str(&format!("Stored {n},1390000{:04},again,{}\n", n % 40, n % 5)),
                _ => text.push_str(&format!("Customer {n},138{n:08},{},{}\n", "m".repeat(memo), n % 5)),
            }
        }
        text
    }
}

/// The segments that the index of the long file's campaign has before: one more, and they are merged.
pub const SEGMENTS: i64 = 7;

pub const LOGIN: (&str, &str) = ("joe", "hush-hush");

/// Serves the scene's file to who logs in.
pub fn server(scene: Scene) -> Web {
    Web::guarded("am9lOmh1c2gtaHVzaA==", &scene.file())
}

/// Where a folder's store is.
pub fn store(folder: &Path) -> PathBuf {
    folder.join("calls.db")
}

/// Opens the store of a folder.
pub fn open(folder: &Path, durability: &str) -> Result<Library, Value> {
    open_with(folder, durability, false)
}

/// The same; `background`: who makes a job does not run it.
pub fn open_with(folder: &Path, durability: &str, background: bool) -> Result<Library, Value> {
    let options = json!({"timezone": "UTC", "durability": durability, "retries": 0, "background": background});
    Library::open(store(folder).to_str().unwrap(), options.to_string())
}

/// Runs a scene in another process; gives what it left. `fail_sync`: this sync fails, and nothing that it should write is ever
/// written.
pub fn recorded(scene: Scene, durability: &str, url: &str, fail_sync: u64) -> Tape {
    let folder = tempfile::tempdir().unwrap();
    let (stage, tape) = (folder.path().join("stage"), folder.path().join("tape"));
    fs::create_dir(&stage).unwrap();
    scene.prepare(&stage);
    let values = [
        ("SCENE", &*format!("{scene:?}")),
        ("STAGE", stage.to_str().unwrap()),
        ("TAPE", tape.to_str().unwrap()),
        ("DURABILITY", durability),
        ("URL", url),
        ("FAIL_SYNC", &fail_sync.to_string()),
    ];
    Process::run("scenes::the_process_whose_power_is_cut", &values).join();
    Tape::load(&tape)
}

#[test]
fn the_process_whose_power_is_cut() {
    let Some(scene) = given("SCENE") else { return };
    let value = |name: &str| given(name).expect("a value");
    let (stage, durability) = (PathBuf::from(value("STAGE")), value("DURABILITY"));
    let play = Play { scene: Scene::named(&scene), folder: &stage, durability: &durability, url: value("URL") };
    let watch = stage::watch(&stage, given("TAPE").is_some());
    match value("FAIL_SYNC").parse().unwrap() {
        0 => {}
        k => watch.fail_at(Kind::Unsynced, k),
    }
    play.run(&watch);
    if let Some(tape) = given("TAPE") {
        watch.tape().save(Path::new(&tape));
    }
}

/// A scene that is being played.
struct Play<'a> {
    scene: Scene,
    folder: &'a Path,
    durability: &'a str,
    url: String,
}

/// The facts that one thread reports, in their order.
struct Reporter<'w> {
    watch: &'w Watch,
    thread: usize,
}

impl Reporter<'_> {
    /// Reports a fact, where the reply says that it is one.
    fn says(&self, reply: &Value, fact: impl FnOnce(&Value) -> Fact) {
        if reply["code"] == 1 {
            self.watch.said(serde_json::to_string(&(self.thread, fact(reply))).unwrap());
        }
    }
}

impl Play<'_> {
    fn run(&self, watch: &Watch) {
        let reporter = Reporter { watch, thread: 0 };
        match self.scene {
            Scene::Records => self.records(watch),
            Scene::Long => self.long(&reporter),
            Scene::Files | Scene::LongFile => self.files(&reporter),
            Scene::Worker => self.worker(&reporter),
            Scene::Upgrade => {
                let library = self.open();
                reporter.says(&json!({"code": 1}), |_| Fact::Version(2));
                let again = library.customer_set("1", "5", r#"{"agent":"7"}"#);
                reporter.says(&again, |_| Fact::Agent { customer: 5, agent: "7".into() });
            }
        }
    }

    /// Opens the store, however often it takes.
    fn open(&self) -> Library {
        open(self.folder, self.durability).or_else(|_| open(self.folder, self.durability)).expect("a store")
    }

    /// A host with a campaign. What fails is done again: what was promised counts, not what was refused.
    fn host(&self, reporter: &Reporter<'_>) -> Host {
        let library = self.open();
        let twice = |call: &dyn Fn() -> Value| Some(call()).filter(|reply| reply["code"] == 1).unwrap_or_else(call);
        reporter.says(&twice(&|| library.team_add("team", "The team")), |_| Fact::Team("team".into()));
        let user = |name: &str| library.user_set("team", "agent", name, "plaintext", crate::common::PASSWORD);
        reporter.says(&twice(&|| user("1001")), |_| Fact::User("1001".into()));
        let added = twice(&|| library.campaign_add("team", r#"{"name":"A campaign","id":"1"}"#));
        reporter.says(&added, |_| Fact::Campaign(1));
        Host { library, campaign: "1".into() }
    }

    fn records(&self, watch: &Watch) {
        const THREADS: usize = 4;
        const EACH: usize = 12;
        let reporter = Reporter { watch, thread: 0 };
        let host = self.host(&reporter);
        let record = |reporter: &Reporter<'_>, phone: &str| {
            let context = format!("name=Joe||phone1={phone}");
            let reply = host.import(&[("context", &*context), ("phone_field", "phone1")]);
            reporter.says(&reply, |_| Fact::Record { phone: phone.into() });
        };
        (0..THREADS).for_each(|n| record(&reporter, &format!("1370000{n:04}")));
        thread::scope(|scope| {
            for number in 0..THREADS {
                let record = &record;
                scope.spawn(move || {
                    let reporter = Reporter { watch, thread: number + 1 };
                    (0..EACH).for_each(|n| record(&reporter, &format!("138{number:04}{n:04}")));
                });
            }
            scope.spawn(|| {
                let reporter = Reporter { watch, thread: THREADS + 1 };
                for n in 1..=THREADS {
                    let reply = host.customer_set("1", n.to_string(), json!({"agent": n.to_string()}).to_string());
                    reporter.says(&reply, |_| Fact::Agent { customer: n, agent: n.to_string() });
                    let fields: Vec<_> = (0..=n).map(|n| json!({"name": format!("f{n}"), "type": "phone"})).collect();
                    let table = json!({"fields": fields, "unique_key": ["f0"]}).to_string();
                    let reply = host.main_table_define("team", &table);
                    reporter.says(&reply, |_| Fact::MainTable { fields: n + 1 });
                    let reply = host.campaign_add("team", r#"{"name":"Another","main_table":true}"#);
                    reporter.says(&reply, |reply| Fact::Campaign(done(reply).parse().unwrap()));
                }
            });
            let reporter = Reporter { watch, thread: THREADS + 2 };
            for _ in 0..10 {
                let leased = host.dial_next("1", 2, 3_600);
                let entries = leased["data"]["entries"].as_array().cloned().unwrap_or_default();
                let ids: Vec<i64> = entries.iter().map(|entry| entry["id"].as_i64().unwrap()).collect();
                let Some(&id) = ids.first() else { continue };
                reporter.says(&leased, |_| Fact::Leased(ids));
                let ended = host.dial_done("1", id.to_string(), r#"{"outcome":"done"}"#);
                reporter.says(&ended, |_| Fact::Called(id));
            }
        });
        reporter.says(&host.user_disable("team", "agent", "1001"), |_| Fact::Disabled("1001".into()));
    }

    fn long(&self, reporter: &Reporter<'_>) {
        let host = self.host(reporter);
        let memo = "long ".repeat(180_000);
        for n in 0..24 {
            let phone = format!("138{n:08}");
            let reply =
                host.import(&[("context", format!("phone1={phone}||memo={memo}")), ("phone_field", "phone1".into())]);
            reporter.says(&reply, |_| Fact::Record { phone });
        }
    }

    /// Makes the job of this number. One that was not made is made again, so that the next has its own number in any case.
    fn job(&self, host: &Host, number: i64, exetime: &str) -> Value {
        let reply = self.import(host, exetime);
        let is_made = host.job_get(number.to_string())["code"] == 1;
        if is_made { reply } else { self.import(host, exetime) }
    }

    fn import(&self, host: &Host, exetime: &str) -> Value {
        host.import(&[
            ("source", "http"),
            ("context", &*self.url),
            ("source_user", LOGIN.0),
            ("source_pwd", LOGIN.1),
            ("exetime", exetime),
            ("phone_field", "phone1"),
            ("priority_field", "prio"),
            ("dupway", "update"),
            ("dupdiallist", "all"),
        ])
    }

    fn worker(&self, reporter: &Reporter<'_>) {
        let library = open_with(self.folder, self.durability, true);
        let library = library.or_else(|_| open_with(self.folder, self.durability, true)).expect("a store");
        let host = Host { library, campaign: "1".into() };
        let state = || host.job_get("1")["data"]["state"].clone();
        done(&host.worker_start());
        let made = self.job(&host, 1, "");
        reporter.says(&made, |_| Fact::Job { id: 1, state: "scheduled".into() });
        let deadline = Instant::now() + Duration::from_secs(20);
        while state() != "succeeded" && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        let ended = json!({"code": u8::from(state() == "succeeded")});
        reporter.says(&ended, |_| Fact::Job { id: 1, state: "succeeded".into() });
        done(&host.worker_stop());
    }

    fn files(&self, reporter: &Reporter<'_>) {
        let host = Host { library: self.open(), campaign: "1".into() };
        let own = self.scene.job().expect("a job");
        let job = |number: i64, exetime: &str| self.job(&host, number, exetime);
        let id = |reply: &Value| done(reply).parse().unwrap();
        let made = job(own - 1, "2040-01-01 00:00:00");
        reporter.says(&made, |reply| Fact::Job { id: id(reply), state: "scheduled".into() });
        let ran = job(own, "");
        reporter.says(&ran, |reply| Fact::Job { id: id(reply), state: "succeeded".into() });
        if ran["code"] == 1 {
            let path = self.folder.join("rejects.csv");
            let wrote = host.job_rejects(done(&ran), path.to_str().unwrap());
            reporter.says(&wrote, |_| Fact::Rejects);
        }
        let third = job(own + 1, "2040-01-01 00:00:00");
        reporter.says(&third, |reply| Fact::Job { id: id(reply), state: "scheduled".into() });
        if third["code"] == 1 {
            let cancelled = host.job_cancel(done(&third));
            reporter.says(&cancelled, |_| Fact::Job { id: id(&third), state: "cancelled".into() });
        }
    }
}
