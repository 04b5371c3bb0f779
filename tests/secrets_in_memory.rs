//! "Secrets in memory are wiped": a process imports with passwords that nobody knows, wipes the texts that it gave, and is
//! searched for them by its parent, in all of its writable memory. That process takes nothing back that Rust's part of the
//! library frees: no leftover is overwritten by luck.

mod common;
#[path = "servers/mod.rs"]
mod servers;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_char;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use common::child::{given, say};
use common::web::Web;
use common::{Host, Library, parsed, taken};
use import_cji::ffi;
use serde_json::json;
use servers::{Nginx, PyFtpd, PyFtpdSettings, RogueFtp, RogueFtpPlay};
use zeroize::{Zeroize, Zeroizing};

/// Once told to, it keeps all that is freed as it was then.
struct Keeping(AtomicBool);

#[global_allocator]
static ALLOCATOR: Keeping = Keeping(AtomicBool::new(false));

// SAFETY: all is done by the system's allocator; to free nothing is no harm.
unsafe impl GlobalAlloc for Keeping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        if !self.0.load(Ordering::Relaxed) {
            // SAFETY: as above.
            unsafe { System.dealloc(place, layout) }
        }
    }
}

/// The letters of each secret.
const LENGTH: usize = 48;
/// Freed memory keeps parts: as many letters of a secret as these are found.
const PART: usize = 12;

/// The passwords of one run: of the agent, a wrong one, of the file server, and the agent's MD5.
const COUNT: usize = 4;
type Secrets = Zeroizing<[u8; COUNT * LENGTH]>;

/// What a child does. `{0}` to `{3}` stand for the secrets, `{port}` for the server's.
#[rustfmt::skip]
const DEEDS: [(&str, &[(&str, &str)]); 11] = [
    ("a password is set", &[]),
    ("a record", &[("password", "{0}")]),
    ("a record with an MD5", &[("pwdtype", "md5"), ("password", "{3}")]),
    ("a wrong password", &[("password", "{1}")]),
    ("a query string", &[("password", "%7B{0}+"), ("source", "http"), ("context", "http://127.0.0.1:{port}/a"), ("source_user", "ann"), ("source_pwd", "+{2}%20")]),
    ("http", &[("password", "{0}"), ("source", "http"), ("context", "http://127.0.0.1:{port}/a"), ("source_user", "ann"), ("source_pwd", "{2}")]),
    ("a login in the URL", &[("password", "{0}"), ("source", "http"), ("context", "http://ann:{2}@127.0.0.1:{port}/a")]),
    ("https", &[("password", "{0}"), ("source", "http"), ("context", "https://127.0.0.1:{port}/private/list.csv"), ("source_user", "ann"), ("source_pwd", "{2}")]),
    ("ftp", &[("password", "{0}"), ("source", "ftp"), ("context", "ftp://127.0.0.1:{port}/a.csv"), ("source_user", "ann"), ("source_pwd", "{2}")]),
    ("ftps", &[("password", "{0}"), ("source", "ftp"), ("context", "ftps://127.0.0.1:{port}/a.csv"), ("source_user", "ann"), ("source_pwd", "{2}")]),
    ("a job for later", &[("password", "{0}"), ("source", "http"), ("context", "http://ann:{2}@127.0.0.1:{port}/a"), ("exetime", "2001-01-01 00:00:00")]),
];

/// A text for the library, which is wiped when it has been used.
fn text(template: &str, secrets: &Secrets, port: &str) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(4096));
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.extend_from_slice(before.as_bytes());
        let (name, after) = after.split_once('}').expect("a name");
        match name.parse::<usize>() {
            Ok(n) => {
                let length = if n == 3 { 32 } else { LENGTH };
                text.extend_from_slice(&secrets[n * LENGTH..n * LENGTH + length]);
            }
            Err(_) => text.extend_from_slice(port.as_bytes()),
        }
        rest = after;
    }
    text.extend_from_slice(rest.as_bytes());
    text.push(0);
    assert!(text.len() < 4096);
    text
}

fn pointer(text: &[u8]) -> *const c_char {
    text.as_ptr().cast()
}

#[test]
fn role_import() {
    let (Some(path), Some(deed), Some(port)) = (given("PATH"), given("DEED"), given("PORT")) else { return };
    let options = given("OPTIONS").unwrap_or_default();
    ALLOCATOR.0.store(true, Ordering::Relaxed);
    let mut secrets: Secrets = Zeroizing::new([0; COUNT * LENGTH]);
    let mut input = File::from(std::io::stdin().as_fd().try_clone_to_owned().expect("the input"));
    input.read_exact(secrets.as_mut_slice()).expect("the secrets");
    let library = Library::open(&path, options).expect("the store");
    let (deed, changes) = DEEDS.iter().find(|(name, _)| *name == deed).expect("a deed");
    if changes.is_empty() {
        let password = text("{0}", &secrets, "");
        let login = [c"team", c"agent", c"1001", c"plaintext"].map(|text| text.as_ptr());
        // SAFETY: a live engine and live texts.
        let reply = unsafe {
            let [team, usertype, user, pwdtype] = login;
            taken(ffi::cji_user_set(library.as_ptr(), team, usertype, user, pwdtype, pointer(&password)))
        };
        assert_eq!(parsed(reply)["code"], 1);
    } else {
        import(&library, deed, changes, &secrets, &port);
    }
    if given("KEEP").is_some() {
        drop(text("{2}", &secrets, "").to_vec());
    }
    secrets.zeroize();
    say("done:");
    let _ = input.read(&mut [0]);
}

fn import(library: &Library, deed: &str, changes: &[(&str, &str)], secrets: &Secrets, port: &str) {
    let host = Host { library: Library::in_memory(), campaign: "1".into() };
    let defaults = host.parameters(common::DEFAULTS);
    let value = |(name, default): (&&str, &Vec<u8>)| {
        let given = changes.iter().find(|(changed, _)| changed == name);
        let template = given.map_or(std::str::from_utf8(default).expect("UTF-8"), |(_, template)| template);
        text(template, secrets, port)
    };
    let texts: Vec<Zeroizing<Vec<u8>>> = common::PARAMETERS.iter().zip(&defaults).map(value).collect();
    let p: Vec<*const c_char> = texts.iter().map(|text| pointer(text)).collect();
    if deed == "a query string" {
        let mut query = Zeroizing::new(Vec::with_capacity(65_536));
        query.extend_from_slice(b"EVENT=Import");
        for (name, text) in common::PARAMETERS.iter().zip(&texts) {
            query.extend_from_slice(format!("&{name}=").as_bytes());
            query.extend_from_slice(&text[..text.len() - 1]);
        }
        query.push(0);
        // SAFETY: a live engine and a live text.
        unsafe { taken(ffi::import_event(library.as_ptr(), pointer(&query))) };
        return;
    }
    #[rustfmt::skip]
    // SAFETY: a live engine and live texts.
    unsafe {
        taken(ffi::import_cji(
            library.as_ptr(), p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13],
            p[14], p[15], p[16], p[17], p[18], p[19], p[20], p[21],
        ))
    };
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn run(path: &Path, deed: &str, port: u16, secrets: &Secrets, more: &[(&str, String)]) -> Running {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "role_import", "--nocapture", "--test-threads=1"]).env("CJI_TEST_DEED", deed);
    command.env("CJI_TEST_PATH", path).env("CJI_TEST_PORT", port.to_string()).env("RUST_BACKTRACE", "0");
    command.envs(more.iter().map(|(name, value)| (format!("CJI_TEST_{name}"), value)));
    let mut running = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process"));
    running.0.stdin.as_mut().expect("its input").write_all(secrets.as_slice()).expect("the secrets are told");
    let mut told = Vec::new();
    let out = running.0.stdout.as_mut().expect("its output");
    while !told.ends_with(b"done:") {
        let mut byte = [0];
        assert!(out.read(&mut byte).is_ok_and(|read| read == 1), "{deed}: {}", String::from_utf8_lossy(&told));
        told.push(byte[0]);
    }
    running
}

/// Where in its writable memory a process holds a part of one of these.
fn found(process: &Running, secrets: &[(&str, Vec<u8>)]) -> Vec<String> {
    let place = format!("/proc/{}", process.0.id());
    let mut memory = File::open(format!("{place}/mem")).expect("a parent may read its child's memory");
    let mut found = Vec::new();
    let mut searched = 0;
    for line in fs::read_to_string(format!("{place}/maps")).expect("its maps").lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').expect("a range");
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).expect("an address"));
        let mut bytes = vec![0; usize::try_from(to - from).expect("a size")];
        // Some that the kernel shares out are not to be read.
        let read = memory.seek(SeekFrom::Start(from)).and_then(|_| memory.read_exact(&mut bytes));
        if read.is_err() {
            continue;
        }
        searched += bytes.len();
        for (name, secret) in secrets {
            // Each run of half as many letters more than these holds one of them.
            for part in secret.windows(PART).step_by(PART / 2) {
                if let Some(at) = memchr::memmem::find(&bytes, part) {
                    let around = &bytes[at.saturating_sub(48)..(at + 64).min(bytes.len())];
                    let around = around.escape_ascii();
                    found.push(format!(
                        "{name} in {} at {at:#x}: …{around}…",
                        words.clone().last().unwrap_or("no file")
                    ));
                    break;
                }
            }
        }
    }
    assert!(searched > 1 << 20, "{searched} bytes were searched");
    found
}

/// Random letters, which stand in a URL as they are.
fn secrets() -> Secrets {
    use md5::Digest;
    let mut secrets: Secrets = Zeroizing::new([0; COUNT * LENGTH]);
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(secrets.as_mut_slice())).expect("random bytes");
    secrets.iter_mut().for_each(|byte| *byte = b"abcdefghijkmnpqrstuvwxyz23456789"[usize::from(*byte % 32)]);
    let md5 = md5::Md5::digest(&secrets[..LENGTH]);
    let hex: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
    secrets[3 * LENGTH..][..32].copy_from_slice(hex.as_bytes());
    secrets
}

fn named(secrets: &Secrets) -> Vec<(&'static str, Vec<u8>)> {
    use base64::Engine as _;
    use md5::Digest;
    let of = |n: usize| secrets[n * LENGTH..(n + 1) * LENGTH].to_vec();
    let coded = base64::engine::general_purpose::STANDARD.encode([b"ann:".as_slice(), &of(2)].concat());
    let wrong = md5::Md5::digest(of(1)).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    vec![
        ("the password", of(0)),
        ("the wrong password", of(1)),
        ("the file server's password", of(2)),
        ("the password's MD5", secrets[3 * LENGTH..][..32].to_vec()),
        ("the password's MD5 as bytes", md5::Md5::digest(of(0)).to_vec()),
        ("the wrong password's MD5", wrong.into_bytes()),
        // Without its first letters, which are of the user.
        ("Basic authorization", coded.as_bytes()[8..].to_vec()),
    ]
}

/// A store with the agent's password, made by another process than the one that is searched.
fn prepared(folder: &Path, secrets: &Secrets) -> std::path::PathBuf {
    let path = folder.join("calls.db");
    let host = Host::at(&path, &json!({}), &json!({"id": "1"}));
    let password = std::str::from_utf8(&secrets[..LENGTH]).expect("letters");
    common::done(&host.user_set("team", "agent", "1001", "plaintext", password));
    path
}

#[test]
fn what_is_freed_and_not_wiped_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = secrets();
    let path = prepared(folder.path(), &secrets);
    let process = run(&path, "a record", 0, &secrets, &[("KEEP", String::new())]);
    let found = found(&process, &named(&secrets));
    assert!(found.iter().any(|found| found.starts_with("the file server's password")), "{found:?}");
}

#[test]
fn no_password_stays_in_the_memory_of_the_process() {
    let list = "name,phone1\nAnn,1001\n";
    let folder = tempfile::tempdir().unwrap();
    servers::open_to_all(folder.path());
    fs::write(folder.path().join("list.csv"), list).unwrap();
    let web = Web::csv(list);
    let ftp = RogueFtp::start(RogueFtpPlay { file: list.into(), ..RogueFtpPlay::default() });
    let nginx = Nginx::start(folder.path());
    let ftps = PyFtpd::start(folder.path(), &PyFtpdSettings { tls: true, ..PyFtpdSettings::default() });
    let port_of = |url: &str| url.split([':', '/']).find_map(|part| part.parse::<u16>().ok()).expect("a port");
    let mut left = Vec::new();
    for (deed, _) in DEEDS {
        let (port, ca_file) = match deed {
            "https" => match &nginx {
                Some(nginx) => (nginx.https, Some(nginx.ca_file())),
                None => continue,
            },
            "ftps" => match &ftps {
                Some(ftps) => (ftps.port, ftps.ca_file()),
                None => continue,
            },
            "ftp" => (port_of(&ftp.url("/")), None),
            _ => (port_of(&web.url()), None),
        };
        if given("ONLY").is_some_and(|only| only != deed) {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let secrets = secrets();
        let path = prepared(folder.path(), &secrets);
        let options = json!({"retries": 0, "ca_file": ca_file.unwrap_or_default()});
        let options = options.as_object().unwrap().iter().filter(|(_, value)| **value != "");
        let options = serde_json::Value::Object(options.map(|(k, v)| (k.clone(), v.clone())).collect());
        let process = run(&path, deed, port, &secrets, &[("OPTIONS", options.to_string())]);
        left.extend(found(&process, &named(&secrets)).into_iter().map(|found| format!("{deed}: {found}")));
    }
    assert!(left.is_empty(), "\n{}", left.join("\n"));
    let served = web.requests().iter().filter(|request| request.to_lowercase().contains("authorization:")).count();
    assert!(given("ONLY").is_some() || served == 3, "{served} of them logged in");
    let said = ftp.commands().iter().filter(|command| command.starts_with("PASS ")).count();
    assert!(given("ONLY").is_some() || said == 1);
}
