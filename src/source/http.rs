//! HTTP and HTTPS, by `ureq`: which request is made, and when its answer is the whole file.

mod answer;
mod transport;

use std::io::Read;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::config::Config;
use ureq::http::{Request, Response, header};
use ureq::{Agent, Body};
use url::Url;
use zeroize::Zeroizing;

use self::answer::{Head, Verdict};
use self::transport::{NoLookup, Ready, Secret, Stream, Wire};
use super::Fetched;
use super::attempts::Attempt;
use super::connect::Connections;
use super::intake::Intake;
use super::location::Location;
use super::tls::{Steady, Trust};
use super::trouble::Trouble;

/// "At most five, http and https only, never from https to http" (docs/behaviour.md).
const MOST_REDIRECTS: usize = 5;

/// Whatever `ureq` takes from the environment as it makes its defaults (a proxy) is thrown away here, once per process.
static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    Config::builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .user_agent(concat!("import-cji/", env!("CARGO_PKG_VERSION")))
        .accept("*/*")
        .accept_encoding("identity")
        .build()
});

/// One file over HTTP.
pub(super) struct Download<'a> {
    location: &'a Location,
    connections: &'a Connections,
    trust: &'a Trust,
    intake: Intake<'a>,
    partial: Option<Partial>,
}

/// What an earlier attempt got of the file, and from where: another URL may serve another file under the same time.
struct Partial {
    url: Url,
    head: Head,
    validator: String,
    total: Option<u64>,
}

impl<'a> Download<'a> {
    pub fn new(location: &'a Location, connections: &'a Connections, trust: &'a Trust, intake: Intake<'a>) -> Self {
        Self { location, connections, trust, intake, partial: None }
    }

    /// Asks `url` for the file, or for what is missing of it.
    fn ask(&self, url: &Url, with_login: bool) -> Result<(Response<Body>, bool), Trouble> {
        let host = url.host().map(|named| named.to_owned());
        let (Some(host), Some(port)) = (host, url.port_or_known_default()) else {
            return Err(Trouble::lasting("the URL names no host"));
        };
        let connection = self.connections.open(&host, port)?;
        let idle = self.connections.idle_timeout;
        let stream = if url.scheme() == "https" {
            let session = self.trust.sessions(&host)?;
            Stream::Tls(Box::new(session.open(connection.socket, idle)?))
        } else {
            Stream::Plain(Steady(connection.socket))
        };
        let wire =
            Wire { stream, hold: connection.hold, idle, secret: with_login.then(|| self.authorization()).flatten() };
        let mut request = Request::get(url.as_str());
        let begun = self.partial.as_ref().filter(|partial| partial.url == *url && self.intake.len() > 0);
        if let Some(partial) = begun {
            request = request
                .header(header::RANGE, format!("bytes={}-", self.intake.len()))
                .header(header::IF_RANGE, &partial.validator);
        }
        let request = request.body(()).map_err(|_| Trouble::lasting("the URL can't be asked for"))?;
        let agent = Agent::with_parts(CONFIG.clone(), Ready::new(wire), NoLookup);
        let answer = agent.run(request).map_err(|error| self.trouble(&error))?;
        Ok((answer, begun.is_some()))
    }

    /// Basic, before it is asked for: one request less, and old servers that never ask are served too.
    fn authorization(&self) -> Option<Secret> {
        let (user, password) = self.location.login()?;
        // Put together at once: a text that grows leaves copies behind.
        let pair = Zeroizing::new([user, ":", password].concat());
        let coded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        Some(Secret(Zeroizing::new([b"Authorization: Basic ", coded.as_bytes(), b"\r\n"].concat())))
    }

    /// Follows redirects to an answer with a body.
    fn answer(&self) -> Result<(Url, Verdict, Response<Body>), Trouble> {
        let mut url = self.location.url().clone();
        let mut with_login = true;
        for _ in 0..=MOST_REDIRECTS {
            let (answer, asked_part) = self.ask(&url, with_login)?;
            match answer::judge(&answer, asked_part)? {
                Verdict::Elsewhere(target) => {
                    (url, with_login) = self
                        .location
                        .redirected(&url, &target)
                        .map_err(|why| Trouble::lasting(format!("the server can't be followed: {why}")))?;
                }
                verdict => return Ok((url, verdict, answer)),
            }
        }
        Err(Trouble::lasting(format!("the server redirects more than {MOST_REDIRECTS} times")))
    }

    /// Readies the spool for the body, and tells how long the file is.
    fn begin(&mut self, url: Url, verdict: &Verdict, answer: &Response<Body>) -> Result<(Head, Option<u64>), Trouble> {
        let head = Head::read(answer)?;
        if let (Verdict::Part, Some(partial)) = (verdict, &self.partial) {
            let here = self.intake.len();
            let fits = match answer::content_range(answer.headers()) {
                Some((first, last, total)) => {
                    first == here
                        && last.checked_add(1) == Some(total)
                        && partial.total.is_none_or(|known| known == total)
                        && head.length.is_none_or(|length| length == total.saturating_sub(here))
                }
                None => false,
            };
            if fits && head.is_part_of(&partial.head) && head.encoding == partial.head.encoding {
                let total = answer::content_range(answer.headers()).map(|(_, _, total)| total);
                let head = Head {
                    charset: partial.head.charset.clone().or(head.charset),
                    ends_with_connection: false,
                    ..head
                };
                self.intake.announce(total)?;
                return Ok((head, total));
            }
        }
        self.intake.clear()?;
        self.partial = None;
        if !matches!(verdict, Verdict::Whole) {
            return Err(Trouble::passing("the file changed on the server between two attempts"));
        }
        self.intake.announce(head.length)?;
        self.partial =
            head.validator.clone().map(|validator| Partial { url, head: head.clone(), validator, total: head.length });
        let total = head.length;
        Ok((head, total))
    }

    /// Takes the body to its end.
    fn take(&mut self, body: Body) -> Result<(), Trouble> {
        let mut reader = body.into_reader();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(amount) => self.intake.append(buffer.get(..amount).unwrap_or_default())?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
                    let trouble = match inner {
                        Some(inner) => self.trouble(inner),
                        None => Trouble::of_io(&error, self.connections.idle_timeout),
                    };
                    return Err(trouble.after(&self.intake.progress()));
                }
            }
        }
    }

    /// What an error of `ureq` means. Its own text stays unsaid, since it may quote the server.
    fn trouble(&self, error: &ureq::Error) -> Trouble {
        match error {
            ureq::Error::Io(error) => Trouble::of_io(error, self.connections.idle_timeout),
            ureq::Error::BodyStalled => Trouble::passing("the connection ended too early"),
            ureq::Error::Protocol(_) | ureq::Error::Http(_) => Trouble::lasting("the server's answer is not HTTP"),
            ureq::Error::LargeResponseHeader(..) => Trouble::lasting("the head of the server's answer has no end"),
            _ => Trouble::lasting("the request can't be made"),
        }
    }
}

impl Attempt for Download<'_> {
    fn run(&mut self) -> Result<Fetched, Trouble> {
        let (url, verdict, answer) = self.answer()?;
        let (head, total) = self.begin(url, &verdict, &answer)?;
        self.take(answer.into_body())?;
        let sent = self.intake.len();
        match total {
            Some(total) if sent < total => {
                let progress = self.intake.progress();
                return Err(Trouble::passing(format!("the connection ended too early after {progress}")));
            }
            // What is too much is no beginning of the file.
            Some(total) if sent > total => {
                self.partial = None;
                return Err(Trouble::passing(format!(
                    "the server said that the file has {total} bytes, but sent {sent}"
                )));
            }
            _ => {}
        }
        let mut warnings = Vec::new();
        if head.ends_with_connection {
            warnings.push(
                "the server did not say how long the file is: it was taken to be whole when the connection ended"
                    .into(),
            );
        }
        Ok(Fetched { bytes: sent, charset: head.charset, warnings })
    }
}
