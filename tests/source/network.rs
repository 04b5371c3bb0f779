//! The options of the network, and what a `Network` costs.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use import_cji::source::{Network, NetworkOptions, Spool};

use crate::servers::{Act, Certificates, RogueHttp};
use crate::{location, options};

fn refused(options: NetworkOptions) -> String {
    Network::new(options).expect_err("bad options").message
}

#[test]
fn a_bad_option_is_named() {
    let hosts = |entry: &str| NetworkOptions { allow_hosts: Some(vec![entry.into()]), ..options() };
    assert!(refused(hosts("*.example.com")).starts_with("allow_hosts: '*.example.com'"));
    for (zero, name) in [
        (NetworkOptions { connect_timeout: Duration::ZERO, ..options() }, "connect_timeout_s: "),
        (NetworkOptions { idle_timeout: Duration::ZERO, ..options() }, "idle_timeout_s: "),
        (NetworkOptions { total_timeout: Duration::ZERO, ..options() }, "total_timeout_s: "),
    ] {
        assert!(refused(zero).starts_with(name));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("roots.pem");
    let roots = || NetworkOptions { ca_file: Some(file.clone()), ..options() };
    assert!(refused(roots()).contains("can't be read"));
    for (content, said) in [
        ("", "holds no certificate"),
        ("phone1\n1", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", "is not a PEM file"),
    ] {
        std::fs::write(&file, content).expect("a file");
        let message = refused(roots());
        assert!(message.starts_with("ca_file: ") && message.contains(said), "{content:?}: {message}");
    }
    if let Some(certificates) = Certificates::make() {
        let mut bundle = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_string();
        bundle.push_str(&std::fs::read_to_string(certificates.root()).expect("a root"));
        std::fs::write(&file, bundle).expect("a file");
        assert!(Network::new(roots()).is_ok());
    }
}

#[test]
fn a_network_costs_next_to_nothing_before_its_first_fetch() {
    let best = (0..20).map(|_| {
        let begun = Instant::now();
        let network = Network::new(NetworkOptions::default()).expect("good options");
        drop(network);
        begun.elapsed()
    });
    let best = best.min().expect("twenty");
    assert!(best < Duration::from_micros(200), "{best:?}");
}

#[test]
fn one_network_serves_many_threads() {
    let server = RogueHttp::start(|request| vec![Act::Send(Act::whole(request.path.as_bytes()))]);
    let network = Network::new(options()).expect("good options");
    let folder = tempfile::tempdir().expect("a folder");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (network, server, folder) = (&network, &server, &folder);
            scope.spawn(move || {
                for turn in 0..10 {
                    let path = format!("/{thread}/{turn}");
                    let mut spool = Spool::create(folder.path(), &thread.to_string()).expect("a spool");
                    let fetched = network
                        .fetch(&location(&server.url(&path), "", ""), &mut spool, &mut |_| ControlFlow::Continue(()));
                    assert!(fetched.is_ok());
                    assert_eq!(std::fs::read_to_string(spool.path()).expect("a spool"), path);
                }
            });
        }
    });
}
