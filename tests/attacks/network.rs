//! Where a URL, a redirect or an answer of the name service leads a fetch.

use std::net::UdpSocket;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::common::child::given;
use crate::common::web::{Web, respond};
use crate::common::{Host, done, failed_naming};

const LIST: &str = "name,phone1\nAnn,1001\n";

fn fetched(host: &Host, url: &str) -> Value {
    host.import(&[("source", if url.starts_with("ftp") { "ftp" } else { "http" }), ("context", url)])
}

#[test]
fn a_link_local_address_is_refused_however_it_is_written() {
    let host = Host::with_options(&json!({"retries": 0, "connect_timeout_s": 1}));
    for address in [
        "169.254.169.254",
        "2852039166",
        "0xA9FEA9FE",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "169.16689662",
        "169.254.43518",
        "%31%36%39.254.169.254",
        "１６９.254.169.254",
        "169。254。169。254",
        "169.254.169.254.",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[fe80::1]",
    ] {
        for url in
            [format!("http://{address}/latest"), format!("http://joe:word@{address}:80/"), format!("ftp://{address}/a")]
        {
            failed_naming(&fetched(&host, &url), &["allow_hosts", "link-local"]);
        }
    }
}

#[test]
fn a_redirect_to_what_is_not_allowed_is_refused() {
    for target in
        ["http://169.254.169.254/", "http://0xa9fea9fe/", "//[::ffff:a9fe:a9fe]/", "http://x@169.254.169.254/"]
    {
        let headers = format!("Location: {target}\r\n");
        let web = Web::new(move |_, stream| respond(stream, "302 Found", &headers, b""));
        failed_naming(&fetched(&Host::new(), &web.url()), &["allow_hosts", "link-local"]);
    }
    let inner = Web::csv(LIST);
    let headers = format!("Location: {}\r\n", inner.url().replace("127.0.0.1", "127.0.0.2"));
    let web = Web::new(move |_, stream| respond(stream, "302 Found", &headers, b""));
    let host = Host::with_options(&json!({"allow_hosts": ["127.0.0.1"]}));
    failed_naming(&fetched(&host, &web.url()), &["allow_hosts", "127.0.0.2"]);
    assert!(inner.requests().is_empty());
}

#[test]
fn the_address_that_means_this_machine_is_allowed_as_itself_alone() {
    let web = Web::csv(LIST);
    let host = Host::with_options(&json!({"allow_hosts": ["10.0.0.0/8", "fd00::/8", "example.com"]}));
    for address in ["127.0.0.1", "0.0.0.0", "0", "127.1", "0x7f000001", "[::ffff:127.0.0.1]", "[::]", "localhost"] {
        failed_naming(&fetched(&host, &web.url().replace("127.0.0.1", address)), &["allow_hosts"]);
    }
    let other = web.url().replace("http://", "http://example.com@");
    failed_naming(&fetched(&host, &other), &["allow_hosts", "127.0.0.1"]);
    assert!(web.requests().is_empty());
}

/// Answers for the names of this test: each `A` with these addresses, everything else with nothing.
fn serve_names(asked: &'static AtomicUsize) {
    let socket = UdpSocket::bind("127.0.0.1:53").expect("the port of the name service");
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let query = &query[..length];
            let name_end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("a name") + 1;
            let first = String::from_utf8_lossy(&query[13..13 + usize::from(query[12])]).into_owned();
            let (kind, end) = (query[name_end + 1], name_end + 4);
            let times = if kind == 1 && first == "rebind" { asked.fetch_add(1, Ordering::SeqCst) } else { 0 };
            let addresses: &[&[u8]] = match (first.as_str(), kind, times) {
                ("meta", 1, _) => &[&[169, 254, 169, 254]],
                ("both", 1, _) => &[&[169, 254, 169, 254], &[127, 0, 0, 1]],
                ("rebind", 1, 0) | ("here", 1, _) => &[&[127, 0, 0, 1]],
                ("rebind", 1, _) => &[&[127, 0, 0, 2]],
                ("zero", 1, _) => &[&[0, 0, 0, 0]],
                ("mapped", 28, _) => &[&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 169, 254, 169, 254]],
                _ => &[],
            };
            let mut answer = query[..end].to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::try_from(addresses.len()).unwrap(), 0, 0, 0, 0]);
            for address in addresses {
                answer.extend([0xC0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, u8::try_from(address.len()).unwrap()]);
                answer.extend_from_slice(address);
            }
            let _ = socket.send_to(&answer, from);
        }
    });
}

#[test]
fn role_ask_names() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    if given("NAMES").is_none() {
        return;
    }
    serve_names(&ASKED);
    let web = Web::csv(LIST);
    let at = |name: &str| web.url().replace("127.0.0.1", &format!("{name}.test"));
    let open = || Host::with_options(&json!({"retries": 0, "connect_timeout_s": 5}));
    let listed = |hosts: &[&str]| Host::with_options(&json!({"retries": 0, "allow_hosts": hosts}));
    for name in ["meta", "mapped"] {
        failed_naming(&fetched(&open(), &at(name)), &["allow_hosts", "link-local"]);
        failed_naming(&fetched(&listed(&[&format!("{name}.test")]), &at(name)), &["allow_hosts", "link-local"]);
    }
    failed_naming(&fetched(&listed(&["10.0.0.0/8"]), &at("here")), &["allow_hosts", "127.0.0.1"]);
    failed_naming(&fetched(&listed(&["127.0.0.0/8"]), &at("zero")), &["allow_hosts", "0.0.0.0"]);
    assert!(web.requests().is_empty());
    // Of several addresses only the allowed ones are tried.
    done(&fetched(&open(), &at("both")));
    done(&fetched(&listed(&["here.test"]), &at("here")));
    // One lookup for a connection: what was checked is what is connected to.
    let host = listed(&["127.0.0.1"]);
    done(&fetched(&host, &at("rebind")));
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    failed_naming(&fetched(&host, &at("rebind")), &["allow_hosts", "127.0.0.2"]);
    assert_eq!(web.requests().len(), 3);
}

/// In a network of its own, whose name service is this test.
#[test]
fn the_address_that_a_name_service_tells_is_checked_and_is_the_one_connected_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    std::fs::write(folder.path().join("nsswitch.conf"), "hosts: files dns\n").unwrap();
    let ready = "ip link set lo up 2>/dev/null || python3 -c 'import fcntl, socket, struct; s = socket.socket(); \
                 fcntl.ioctl(s, 0x8914, struct.pack(\"16sh\", b\"lo\", 0x49))'; \
                 mount --bind resolv.conf /etc/resolv.conf && mount --bind nsswitch.conf /etc/nsswitch.conf || exit 77; \
                 exec \"$@\"";
    let ran = Command::new("unshare")
        .args(["--net", "--mount", "--map-root-user", "sh", "-c", ready, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "network::role_ask_names", "--nocapture"])
        .env("CJI_TEST_NAMES", "1")
        .current_dir(folder.path())
        .output();
    let Some(ran) = ran.ok().filter(|ran| ran.status.code() != Some(77) && ran.status.code() != Some(1)) else {
        println!("SKIPPED: no right to a network of one's own (unshare)");
        return;
    };
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}
