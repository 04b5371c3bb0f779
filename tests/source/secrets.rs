//! A login is in no log, no message, no warning and no `Debug`.

use std::sync::{Mutex, Once};

use crate::servers::{Act, PyFtpd, PyFtpdSettings, RogueFtp, RogueFtpPlay, RogueHttp};
use crate::{fetch, fetch_with, folder_with, location, options};

const USER: &str = "hermione-granger";
const PASSWORD: &str = "alohomora-4711";

/// Another login, that servers repeat: what they say does get into the log.
const REPEATED: (&str, &str) = ("ronald-weasley", "scabbers-0815");

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Capture;

impl log::Log for Capture {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        LINES.lock().expect("lines").push(format!("{} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// Keeps everything that any library of this process logs.
fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Capture).expect("the first logger");
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// Finds the login in every form in which a careless library may write it: as it is, in Basic authorization, as bytes, and in a
/// dump, whose rows hold but parts of it.
fn is_told(text: &str) -> bool {
    use base64::Engine as _;
    let coded = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let bytes = format!("{:?}", PASSWORD.as_bytes());
    let parts_of = |whole: &str, length: usize| -> Vec<String> {
        whole.as_bytes().windows(length).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    };
    let mut parts = [parts_of(USER, 8), parts_of(PASSWORD, 7), parts_of(&coded, 10)].concat();
    parts.push(bytes.trim_matches(['[', ']']).to_string());
    parts.iter().any(|part| text.contains(part))
}

/// All that a fetch with this login says, with the login in the parameters and in the URL.
fn says(url: &str, (name, word): (&str, &str)) -> Vec<String> {
    let in_url = url.replace("//", &format!("//{name}:{word}@"));
    let mut said = Vec::new();
    for (url, user, password) in [(url, name, word), (&in_url, "", "")] {
        said.push(format!("{:?}", fetch_with(options(), url, user, password).fetched));
        let location = location(url, user, password);
        assert_eq!(location.login(), Some((name, word)));
        said.push(format!("{location:?} {location:#?} {}", location.without_login()));
    }
    said
}

#[test]
fn a_login_is_in_no_message_even_if_the_server_repeats_it() {
    let web = RogueHttp::start(|request| match request.path.as_str() {
        "/401" => {
            vec![Act::Send(Act::head("401 scabbers-0815", &["WWW-Authenticate: Basic realm=\"ronald-weasley\""]))]
        }
        _ => vec![Act::Send(Act::head("302 F", &["Location: http://ronald-weasley:scabbers-0815@127.0.0.1:1/"]))],
    });
    let repeats = |verb: &str, _| match verb {
        "USER" => Some("331 Password required for ronald-weasley.".to_string()),
        "PASS" => Some("530 User ronald-weasley with scabbers-0815 can't log in.".to_string()),
        _ => None,
    };
    let ftp = RogueFtp::start(RogueFtpPlay { replies: Box::new(repeats), ..RogueFtpPlay::default() });
    for url in [web.url("/401"), web.url("/away"), ftp.url("/list.csv")] {
        for text in says(&url, REPEATED) {
            assert!(!text.contains(REPEATED.0) && !text.contains(REPEATED.1), "{text}");
        }
    }
    assert!(web.requests().iter().filter(|request| request.header("Authorization").is_some()).count() >= 4);
}

#[test]
fn a_login_is_in_no_log() {
    capture();
    let web = RogueHttp::start(|_| vec![Act::Send(Act::whole(b"phone1"))]);
    let ftp = RogueFtp::start(RogueFtpPlay::default());
    for url in [web.url("/list.csv"), ftp.url("/list.csv")] {
        for text in says(&url, (USER, PASSWORD)) {
            assert!(!is_told(&text), "{text}");
        }
    }
    assert_eq!(web.requests().iter().filter(|request| request.header("Authorization").is_some()).count(), 2);
    assert_eq!(ftp.commands().iter().filter(|line| **line == format!("PASS {PASSWORD}")).count(), 2);
    let logged = LINES.lock().expect("lines").clone();
    let of = |target: &str| logged.iter().any(|line| line.starts_with(target));
    assert!(of("suppaftp") && of("ureq"), "nothing was logged");
    for line in &logged {
        assert!(!is_told(line), "{line}");
    }
}

#[test]
fn the_guard_against_telling_sees_what_it_should() {
    assert!(is_told("PASS alohomora-4711"));
    assert!(is_told("6e65 2d67 7261 6e67 6572 3a61 6c6f 686f  ne-granger:aloho"));
    assert!(is_told("Authorization: Basic aGVybWlvbmUtZ3Jhbmdlcjphb..."));
    assert!(is_told("[80, 65, 83, 83, 32, 97, 108, 111, 104, 111, 109, 111, 114, 97, 45, 52, 55, 49, 49]"));
    assert!(!is_told("PASS \u{E001}"));
}

#[test]
fn a_real_server_gets_the_login_that_the_log_does_not() {
    capture();
    let folder = folder_with(b"phone1");
    let Some(pyftpd) = PyFtpd::start(folder.path(), &PyFtpdSettings::default()) else { return };
    let url = format!("ftp://127.0.0.1:{}/list.csv", pyftpd.port);
    assert_eq!(fetch_with(options(), &url, "ann@example.com", "p%w: d/\u{fc}").whole(), b"phone1");
    fetch(&url).whole();
    let logged = LINES.lock().expect("lines").clone();
    assert!(!logged.iter().any(|line| line.contains("p%w: d/")));
}
