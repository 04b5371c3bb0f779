//! Where an HTTP server may send a fetch, and what goes along.

use crate::servers::{Act, HttpRequest, RogueHttp};
use crate::{fetch, fetch_with, options};

const FILE: &[u8] = b"phone1\r\n13800000001\r\n";

#[test]
fn redirects_end_after_five() {
    let chain = |request: &HttpRequest| {
        let hop: usize = request.path.trim_start_matches('/').parse().unwrap_or(0);
        match hop {
            0 => vec![Act::Send(Act::whole(FILE))],
            hop => vec![Act::Send(Act::head("302 F", &[&format!("Location: /{}", hop - 1)]))],
        }
    };
    let server = RogueHttp::start(chain);
    assert_eq!(fetch(&server.url("/5")).whole(), FILE);
    let message = fetch(&server.url("/6")).message();
    assert!(message.contains("redirects more than 5 times"), "{message}");
    let around = RogueHttp::start(|_| vec![Act::Send(Act::head("301 F", &["Location: /"]))]);
    assert!(fetch(&around.url("/")).message().contains("redirects more than 5 times"));
    assert_eq!(around.requests().len(), 6);
}

#[test]
fn redirects_lead_to_http_alone() {
    for target in [
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "gopher://x/",
        "javascript:1",
        "http://127.0.0.1:0/",
        "http://[::1/",
        "/%0d%0aX",
    ] {
        let line = format!("Location: {target}");
        let server = RogueHttp::start(move |_| vec![Act::Send(Act::head("302 F", &[&line]))]);
        let message = fetch(&server.url("/")).message();
        assert!(message.contains("the server can't be followed"), "{target}: {message}");
        assert!(!message.contains("passwd"), "{message}");
    }
}

#[test]
fn a_login_goes_to_its_own_server_alone() {
    let other = RogueHttp::start(|_| vec![Act::Send(Act::whole(FILE))]);
    let target = format!("Location: http://other:word@127.0.0.1:{}/", other.port());
    let server = RogueHttp::start(move |request| match request.path.as_str() {
        "/list" => vec![Act::Send(Act::head("302 F", &["Location: /next"]))],
        _ => vec![Act::Send(Act::head("302 F", &[&target]))],
    });
    assert_eq!(fetch_with(options(), &server.url("/list"), "ann", "secret").whole(), FILE);
    let logins: Vec<bool> = server.requests().iter().map(|r| r.header("Authorization").is_some()).collect();
    assert_eq!(logins, [true, true]);
    assert_eq!(server.requests()[0].header("Authorization"), Some("Basic YW5uOnNlY3JldA=="));
    assert_eq!(other.requests()[0].header("Authorization"), None);
}
