//! Fetching from vsftpd, proftpd and pyftpdlib.

use std::path::PathBuf;

use import_cji::source::NetworkOptions;

use crate::servers::{Cut, Cutter, Proftpd, PyFtpd, PyFtpdSettings, Vsftpd};
use crate::{fetch, fetch_with, folder_with, long_list, options};

const PY_USER: &str = "ann@example.com";
const PY_PASSWORD: &str = "p%w: d/\u{fc}";
const PRO_USER: &str = "ann";
const PRO_PASSWORD: &str = "geheim!";

fn trusting(ca_file: Option<PathBuf>) -> NetworkOptions {
    NetworkOptions { ca_file, ..options() }
}

/// A file comes whole from `port`, one that is not there is not found, and a broken transfer is resumed.
fn serves(port: u16, list: &[u8], user: &str, password: &str) {
    let get = |port: u16, path: &str| fetch_with(options(), &format!("ftp://127.0.0.1:{port}/{path}"), user, password);
    assert_eq!(get(port, "list.csv").whole(), list);
    let message = get(port, "none.csv").message();
    assert!(message.contains("550") && !message.contains("attempt"), "{message}");
    for how in [Cut::Close(300_000), Cut::Reset(200_000)] {
        let cutter = Cutter::ftp(port, move |number| (number < 2).then_some(how));
        assert_eq!(get(cutter.port(), "list.csv").whole(), list, "{how:?}");
        assert_eq!(cutter.connections(), 3);
    }
    // The control connection breaks at the first transfer's beginning.
    let cutter = Cutter::start(port, |number| (number == 0).then_some(Cut::Close(250)));
    assert_eq!(get(cutter.port(), "list.csv").whole(), list);
}

/// The same over TLS, where the lines can't be looked into.
fn serves_tls(url: &str, list: &[u8], user: &str, password: &str, ca_file: Option<PathBuf>) {
    let options = trusting(ca_file);
    assert_eq!(fetch_with(options.clone(), url, user, password).whole(), list);
    let message = fetch_with(options.clone(), &url.replace("list.csv", "none.csv"), user, password).message();
    assert!(message.contains("550"), "{message}");
    let untrusting = fetch_with(crate::options(), url, user, password).message();
    assert!(untrusting.contains("certificate is not accepted") && !untrusting.contains("attempt"), "{untrusting}");
}

#[test]
fn vsftpd_serves() {
    let list = long_list();
    let folder = folder_with(&list);
    let Some(vsftpd) = Vsftpd::start(folder.path()) else { return };
    serves(vsftpd.port, &list, "", "");
    let message =
        fetch_with(options(), &format!("ftp://127.0.0.1:{}/list.csv", vsftpd.port), "nobody-here", "x").message();
    assert!(message.contains("530") && !message.contains("attempt"), "{message}");
}

#[test]
fn vsftpd_serves_over_tls_and_wants_the_session_reused() {
    let list = long_list();
    let folder = folder_with(&list);
    let Some(vsftpd) = Vsftpd::start_tls(folder.path()) else { return };
    for host in ["127.0.0.1", "localhost"] {
        serves_tls(&format!("ftps://{host}:{}/list.csv", vsftpd.port), &list, "", "", vsftpd.ca_file());
    }
    let message = fetch(&format!("ftp://127.0.0.1:{}/list.csv", vsftpd.port)).message();
    assert!(message.contains("530"), "{message}");
}

#[test]
fn vsftpd_serves_over_implicit_tls() {
    let list = long_list();
    let folder = folder_with(&list);
    let Some(vsftpd) = Vsftpd::start_implicit(folder.path()) else { return };
    serves_tls("ftps://127.0.0.9:990/list.csv", &list, "", "", vsftpd.ca_file());
}

#[test]
fn a_server_without_tls_gets_no_login_over_ftps() {
    let folder = folder_with(b"x");
    let Some(pyftpd) = PyFtpd::start(folder.path(), &PyFtpdSettings::default()) else { return };
    let message =
        fetch_with(options(), &format!("ftps://127.0.0.1:{}/list.csv", pyftpd.port), "ann", "secret").message();
    assert!(message.contains("to TLS"), "{message}");
    assert!(!pyftpd.log().contains("USER"), "{}", pyftpd.log());
}

#[test]
fn proftpd_serves() {
    let list = long_list();
    let folder = folder_with(&list);
    let Some(proftpd) = Proftpd::start(folder.path()) else { return };
    serves(proftpd.port, &list, PRO_USER, PRO_PASSWORD);
    let url = format!("ftps://127.0.0.1:{}/list.csv", proftpd.port);
    serves_tls(&url, &list, PRO_USER, PRO_PASSWORD, Some(proftpd.ca_file()));
}

#[test]
fn pyftpdlib_serves() {
    let list = long_list();
    let folder = folder_with(&list);
    let name = "a b/\u{540d}\u{5355}.csv";
    std::fs::create_dir(folder.path().join("a b")).expect("a folder");
    std::fs::write(folder.path().join(name), "phone1\n").expect("a file");
    let Some(pyftpd) = PyFtpd::start(folder.path(), &PyFtpdSettings::default()) else { return };
    serves(pyftpd.port, &list, PY_USER, PY_PASSWORD);
    serves(pyftpd.port, &list, "", "");
    let url = format!("ftp://127.0.0.1:{}/a%20b/%E5%90%8D%E5%8D%95.csv", pyftpd.port);
    assert_eq!(fetch(&url).whole(), b"phone1\n");
    let in_url = url.replace("//", "//ann%40example.com:p%25w%3A%20d%2F%C3%BC@");
    assert_eq!(fetch(&in_url).whole(), b"phone1\n");
}

#[test]
fn pyftpdlib_serves_over_tls() {
    let list = long_list();
    let folder = folder_with(&list);
    let Some(pyftpd) = PyFtpd::start(folder.path(), &PyFtpdSettings { tls: true, ..PyFtpdSettings::default() }) else {
        return;
    };
    let url = format!("ftps://127.0.0.1:{}/list.csv", pyftpd.port);
    serves_tls(&url, &list, PY_USER, PY_PASSWORD, pyftpd.ca_file());
}

#[test]
fn tls_that_ends_without_a_word_is_whole_only_if_the_size_says_so() {
    let list = long_list();
    let folder = folder_with(&list);
    for (without, whole) in [(vec![], true), (vec!["SIZE"], false)] {
        let settings = PyFtpdSettings { tls: true, rude: true, without, ..PyFtpdSettings::default() };
        let Some(pyftpd) = PyFtpd::start(folder.path(), &settings) else { return };
        let options = NetworkOptions { retries: 0, ..trusting(pyftpd.ca_file()) };
        let outcome = fetch_with(options, &format!("ftps://127.0.0.1:{}/list.csv", pyftpd.port), PY_USER, PY_PASSWORD);
        if whole {
            assert_eq!(outcome.whole(), list);
        } else {
            assert!(outcome.message().contains("ended too early"));
        }
    }
}

#[test]
fn servers_of_every_age_serve() {
    let list = long_list();
    let folder = folder_with(&list);
    let tell = |without: &[&'static str]| PyFtpdSettings { without: without.to_vec(), ..PyFtpdSettings::default() };
    for settings in [
        tell(&["EPSV"]),
        tell(&["SIZE", "MDTM"]),
        tell(&["EPSV", "SIZE", "MDTM", "REST", "OPTS", "FEAT"]),
        PyFtpdSettings { pasv_address: Some("10.11.12.13"), ..tell(&["EPSV"]) },
    ] {
        let Some(pyftpd) = PyFtpd::start(folder.path(), &settings) else { return };
        let url = format!("ftp://127.0.0.1:{}/list.csv", pyftpd.port);
        assert_eq!(fetch(&url).whole(), list, "{settings:?}");
    }
}

#[test]
fn a_file_comes_over_ipv6() {
    let list = long_list();
    let folder = folder_with(&list);
    let Some(pyftpd) = PyFtpd::start(folder.path(), &PyFtpdSettings::default()) else { return };
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        println!("SKIPPED: no IPv6 here");
        return;
    }
    let cutter =
        Cutter::ftp_on("::1".parse().expect("an address"), pyftpd.port, |n| (n == 0).then_some(Cut::Close(5000)));
    assert_eq!(fetch(&format!("ftp://[::1]:{}/list.csv", cutter.port())).whole(), list);
}

#[test]
fn allow_hosts_holds_for_ftp() {
    let folder = folder_with(b"phone1");
    let Some(pyftpd) = PyFtpd::start(folder.path(), &PyFtpdSettings::default()) else { return };
    for (host, listed, allowed) in
        [("localhost", "localhost", true), ("127.0.0.1", "127.0.0.1", true), ("127.0.0.1", "10.0.0.0/8", false)]
    {
        let options = NetworkOptions { allow_hosts: Some(vec![listed.to_string()]), ..options() };
        let outcome = fetch_with(options, &format!("ftp://{host}:{}/list.csv", pyftpd.port), "", "");
        assert_eq!(outcome.fetched.is_ok(), allowed, "{host} {listed}");
    }
}
