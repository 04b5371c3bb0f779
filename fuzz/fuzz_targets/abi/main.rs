//! Any sequence of calls over the whole C ABI, with arguments that no careful host would give: each call answers in its
//! form, the counts add up, and the store is whole when it is closed.
#![no_main]

mod calls;
mod input;
mod store;
mod usual;

use import_cji_fuzz::common::web::{Web, respond};
use libfuzzer_sys::fuzz_target;
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use calls::Host;
use input::Input;
use store::{Template, Work};

/// What the file server answers.
#[derive(Clone, Default)]
struct Answer {
    body: Vec<u8>,
    status: u8,
}

struct Server {
    web: Web,
    answer: Arc<Mutex<Answer>>,
}

impl Server {
    fn start() -> Self {
        let answer = Arc::new(Mutex::new(Answer::default()));
        let given = Arc::clone(&answer);
        let web = Web::new(move |_, stream| {
            let Answer { body, status } = given.lock().expect("an answer").clone();
            let length = body.len();
            match status % 8 {
                0 => respond(stream, "404 Not Found", "", &body),
                1 => respond(stream, "302 Found", "Location: http://169.254.169.254/\r\n", &body),
                2 => {
                    // Cut short.
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", length + 1);
                    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
                }
                3 => drop(stream.write_all(&body)),
                4 => respond(stream, "200 OK", "Content-Type: text/csv; charset=gbk\r\n", &body),
                _ => respond(stream, "200 OK", "", &body),
            }
        });
        Server { web, answer }
    }
}

fuzz_target!(|bytes: &[u8]| {
    static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
    static TEMPLATE: LazyLock<Template> = LazyLock::new(Template::make);
    let mut input = Input::of(bytes);
    let work = Work::of(&TEMPLATE);
    let mut host = Host::open(&work, &SERVER.web, &mut input);
    for _ in 0..40 {
        if input.is_empty() {
            break;
        }
        match input.byte() {
            byte if byte >= 240 => {
                *SERVER.answer.lock().expect("an answer") = Answer { status: input.byte(), body: input.file() };
            }
            byte => host.call(byte, &mut input),
        }
    }
    host.check();
    let open_jobs = host.close();
    work.check(open_jobs);
});
