use super::{Location, Protocol, Security};
use crate::fault::Key;

const SECRETS: [&str; 3] = ["joe", "s3cret", "hidden"];

fn http(url: &str) -> Location {
    Location::parse(Protocol::Http, url, "", "").unwrap_or_else(|fault| panic!("{url}: {fault}"))
}

fn ftp(url: &str) -> Location {
    Location::parse(Protocol::Ftp, url, "", "").unwrap_or_else(|fault| panic!("{url}: {fault}"))
}

#[test]
fn a_url_without_login_is_shown_as_it_was_written() {
    for url in ["http://Example.COM/a b/ü.csv?x=1#top", "HTTPS://example.com:443/", "http://[::1]:8080/a@b"] {
        assert_eq!(http(&format!("  {url} ")).without_login(), url);
    }
    assert_eq!(ftp("FTPS://h/x;type=i").without_login(), "FTPS://h/x;type=i");
}

#[test]
fn a_login_is_taken_from_the_url_and_not_shown() {
    for (location, shown) in [
        (http("http://joe:s3cret@h/a?b=c"), "http://h/a?b=c"),
        (http("https://joe:s3cret@h:8443/a"), "https://h:8443/a"),
        (ftp("ftp://joe:s3cret@h/a"), "ftp://h/a"),
        (ftp("ftps://joe:s3cret@h:990/a"), "ftps://h:990/a"),
        (http("http://joe:s3cret@h\\a"), "http://h/a"),
    ] {
        assert_eq!(location.login(), Some(("joe", "s3cret")));
        assert_eq!(location.without_login(), shown);
        let debug = format!("{location:?}");
        assert!(SECRETS.iter().all(|secret| !debug.contains(secret)), "{debug}");
    }
    assert_eq!(http("http://joe@h/").login(), Some(("joe", "")));
    assert_eq!(http("http://h/").login(), None);
    assert_eq!(http("http://@h/").login(), None);
    assert_eq!(http("http://@h/").without_login(), "http://h/");
    assert_eq!(ftp("ftp://a%40b:c%3Ad%20%C3%BC@h/x").login(), Some(("a@b", "c:d ü")));
}

/// The login is cut off before the URL is parsed: at the place where its parser sees it.
#[test]
fn a_url_is_cut_where_its_parser_cuts_it() {
    for written in [
        "http://joe:s3cret@h/",
        "http://allowed.example@evil.example/",
        "http://allowed.example:80@evil.example:81/@other",
        "http://allowed.example\\@evil.example/",
        "http://allowed.example/@evil.example/",
        "http://allowed.example?@evil.example/",
        "http://allowed.example#@evil.example/",
        "http://a@b:c@d@evil.example/",
        "http://a:b:c:@[::1]:8080/x",
        "http://:b@h/",
        "http://a%40b:%zz@h/",
        "http://joe@h\\i@j/",
    ] {
        let parsed = url::Url::parse(written).expect(written);
        let location = http_or_fault(written);
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = (decoded(parsed.username()), decoded(parsed.password().unwrap_or_default()));
        match location {
            Ok(location) => {
                assert_eq!(location.host().to_string(), parsed.host_str().unwrap(), "{written}");
                assert_eq!(location.port(), parsed.port_or_known_default().unwrap(), "{written}");
                let found = location.login().map(|(user, word)| (user.to_owned(), word.to_owned()));
                assert_eq!(found.unwrap_or_default(), login, "{written}");
                assert!(!location.without_login().contains("s3cret"));
            }
            Err(fault) => assert!(login.0.is_empty() && !login.1.is_empty(), "{written}: {fault}"),
        }
    }
    for written in ["http://joe:s3cret@", "http://joe@:80/", "http://joe@?x", "http://joe@#", "http://joe@\\h/"] {
        assert!(url::Url::parse(written).is_err(), "{written}");
        assert!(http_or_fault(written).expect_err(written).message.contains("is not one: empty host"));
    }
}

fn http_or_fault(url: &str) -> Result<Location, crate::fault::Fault> {
    Location::parse(Protocol::Http, url, "", "")
}

#[test]
fn the_parameters_win_over_the_url() {
    let login = |url: &str, user: &str, password: &str| {
        let location = Location::parse(Protocol::Ftp, url, user, password).expect("a good URL");
        location.login().map(|(user, password)| (user.to_string(), password.to_string()))
    };
    let pair = |user: &str, password: &str| Some((user.to_string(), password.to_string()));
    assert_eq!(login("ftp://joe:s3cret@h/x", "ann", "hidden"), pair("ann", "hidden"));
    assert_eq!(login("ftp://joe:s3cret@h/x", "ann", ""), pair("ann", ""));
    assert_eq!(login("ftp://joe:s3cret@h/x", "", "hidden"), pair("joe", "hidden"));
    assert_eq!(login("ftp://h/x", "ann", "hidden"), pair("ann", "hidden"));
}

#[test]
fn what_is_wrong_is_named_and_no_login_is_repeated() {
    use Protocol::{Ftp, Http};
    for (protocol, url, user, password, key, named) in [
        (Http, "", "", "", Key::ContextEmpty, "context: is empty"),
        (Http, " \t ", "", "", Key::ContextEmpty, "context: is empty"),
        (Http, "ftp://h/x", "", "", Key::ParameterBad, "context: must be an http:// or https:// URL"),
        (Ftp, "http://h/x", "", "", Key::ParameterBad, "context: must be an ftp:// or ftps:// URL"),
        (Http, "joe:s3cret@h/x", "", "", Key::ParameterBad, "context: must be"),
        (Http, "http:h/x", "", "", Key::ParameterBad, "context: must be"),
        (Http, "http:///h/x", "", "", Key::ParameterBad, "context: the URL names no host"),
        (Http, "http://\\h/x", "", "", Key::ParameterBad, "context: the URL names no host"),
        (Http, "http://joe:s3cret@/x", "", "", Key::ParameterBad, "context: the URL is not one"),
        (Http, "http://joe:s3cret@h:65536/x", "", "", Key::ParameterBad, "invalid port"),
        (Http, "http://joe:s3cret@h:0/x", "", "", Key::ParameterBad, "bad port"),
        (Http, "http://joe:s3c/ret@h/x", "", "", Key::ParameterBad, "invalid port"),
        (Http, "http://h/x\r\nHost: y", "", "", Key::ParameterBad, "control character"),
        (Http, "http://h/x\n", "", "", Key::ParameterBad, "control character"),
        (Http, "http://h/a\0b", "", "", Key::ParameterBad, "control character"),
        (Http, "ht\ttp://h/", "", "", Key::ParameterBad, "control character"),
        (Http, "http://h/x%0d%0aHost:y", "", "", Key::ParameterBad, "encoded CR, LF or NUL"),
        (Http, "http://h/?q=%00", "", "", Key::ParameterBad, "encoded CR, LF or NUL"),
        (Http, "http://joe%0A:s3cret@h/", "", "", Key::ParameterBad, "encoded CR, LF or NUL"),
        (Http, "http://joe:s3cret%0D@h/", "", "", Key::ParameterBad, "encoded CR, LF or NUL"),
        (Http, "http://joe:%ff@h/", "", "", Key::ParameterBad, "context: the URL has a login that is not UTF-8"),
        (Ftp, "ftp://h/a%0d%0aDELE b", "", "", Key::ParameterBad, "encoded CR, LF or NUL"),
        (Ftp, "ftp://h", "", "", Key::ParameterBad, "names no file"),
        (Ftp, "ftp://h/folder/", "", "", Key::ParameterBad, "names no file"),
        (Ftp, "ftp://h/folder;type=d", "", "", Key::ParameterBad, "names a folder"),
        (Http, "http://h/", "joe\r\nX: y", "s3cret", Key::ParameterBad, "source_user: holds CR, LF or NUL"),
        (Http, "http://h/", "joe", "s3cret\n", Key::ParameterBad, "source_pwd: holds CR, LF or NUL"),
        (Http, "http://h/", "", "hidden", Key::ParameterBad, "source_user: is empty"),
        (Http, "http://h/", "joe:hidden", "s3cret", Key::ParameterBad, "source_user: the user's name can't hold ':'"),
        (Http, "http://joe%3Ahidden:s3cret@h/", "", "", Key::ParameterBad, "context: the user's name can't hold ':'"),
    ] {
        let fault = Location::parse(protocol, url, user, password).expect_err(url);
        assert_eq!(fault.key, key, "{url:?}: {fault}");
        assert!(fault.message.contains(named), "{url:?}: {fault}");
        assert!(SECRETS.iter().all(|secret| !fault.message.contains(secret)), "{url:?}: {fault}");
    }
}

#[test]
fn all_complaints_come_in_one_message() {
    let fault = Location::parse(Protocol::Http, "", "a\n", "b\r").expect_err("three faults");
    assert_eq!(fault.key, Key::ContextEmpty);
    assert_eq!(
        fault.message,
        "context: is empty, must be a URL; source_user: holds CR, LF or NUL; source_pwd: holds CR, LF or NUL"
    );
}

#[test]
fn the_scheme_and_the_port_say_how_it_is_protected() {
    for (location, port, security) in [
        (http("http://h/"), 80, Security::Plain),
        (http("https://h/"), 443, Security::Tls),
        (http("https://h:80/"), 80, Security::Tls),
        (ftp("ftp://h/x"), 21, Security::Plain),
        (ftp("ftp://h:990/x"), 990, Security::Plain),
        (ftp("ftps://h/x"), 21, Security::AuthTls),
        (ftp("ftps://h:2121/x"), 2121, Security::AuthTls),
        (ftp("ftps://h:990/x"), 990, Security::Tls),
    ] {
        assert_eq!((location.port(), location.security()), (port, security), "{location:?}");
    }
}

#[test]
fn an_ftp_path_is_decoded_and_relative() {
    for (url, path) in [
        ("ftp://h/a/b.csv", &b"a/b.csv"[..]),
        ("ftp://h/%2Fa/b.csv", b"/a/b.csv"),
        ("ftp://h/a%20b/%E5.csv", b"a b/\xE5.csv"),
        ("ftps://h/a?b.csv", b"a?b.csv"),
        ("ftp://h/b.csv;type=I", b"b.csv"),
        ("ftp://h/b;type=zip.csv", b"b;type=zip.csv"),
        ("ftp://h/ü", "ü".as_bytes()),
        ("ftp://h/x/../b.csv", b"b.csv"),
    ] {
        assert_eq!(ftp(url).ftp_path(), path, "{url}");
    }
}

#[test]
fn a_redirect_keeps_the_login_with_its_server() {
    for (url, target, to, with_login) in [
        ("http://h/a", "/b", "http://h/b", true),
        ("http://h/a", "b?c#d", "http://h/b?c", true),
        ("http://h/a", "//h/b", "http://h/b", true),
        ("http://h/a", "http://H:80/b", "http://h/b", true),
        ("http://h/a", "http://h:81/b", "http://h:81/b", false),
        ("http://h/a", "http://i/b", "http://i/b", false),
        ("http://h/a", "http://h.i/b", "http://h.i/b", false),
        ("http://h/a", "http://joe:s3cret@i/b", "http://i/b", false),
        ("http://h/a", "https://h/b", "https://h/b", true),
        ("http://h:81/a", "https://h:444/b", "https://h:444/b", true),
        ("http://h/a", "https://i/b", "https://i/b", false),
        ("https://h/a", "https://h:444/b", "https://h:444/b", false),
        ("https://h/a", "https://h:443/b", "https://h/b", true),
    ] {
        let location = http(url);
        let (found, trusted) =
            location.redirected(location.url(), target).unwrap_or_else(|why| panic!("{target}: {why}"));
        assert_eq!((found.as_str(), trusted), (to, with_login), "{url} to {target}");
    }
    let location = http("https://h/a");
    for target in
        ["http://h/b", "ftp://h/b", "file:///b", "data:,b", "http://[/", "https://h/%00", "https://h:0/", "mailto:a@b"]
    {
        let why = location.redirected(location.url(), target).expect_err(target);
        assert!(why.starts_with("it redirects"), "{why}");
    }
}
