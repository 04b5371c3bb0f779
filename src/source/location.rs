//! `Location`: a checked URL with its login (the parameters `context`, `source_user` and `source_pwd`).

use std::fmt;

use percent_encoding::percent_decode_str;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::fault::{Fault, Key};

/// The parameter `source`, where it is not `data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `http`: an `http://` or `https://` URL.
    Http,
    /// `ftp`: an `ftp://` or `ftps://` URL.
    Ftp,
}

impl Protocol {
    /// The value of `source`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Http => "http",
            Protocol::Ftp => "ftp",
        }
    }
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// Not at all.
    Plain,
    /// TLS from the first byte: https, and ftps on port 990.
    Tls,
    /// FTP that turns to TLS before the login: ftps on every other port.
    AuthTls,
}

/// Where a file is, and who asks for it.
#[derive(Clone)]
pub struct Location {
    protocol: Protocol,
    security: Security,
    /// Without login and fragment; of an `ftps` URL with the scheme `ftp`, whose rules of parsing it follows.
    url: Url,
    host: Host<String>,
    port: u16,
    login: Option<Login>,
    shown: String,
}

#[derive(Clone)]
struct Login {
    user: Zeroizing<String>,
    password: Zeroizing<String>,
}

impl Location {
    /// Checks the URL and the login. "It wins over a login in the URL" (the header): a `source_user` replaces the
    /// URL's whole login, a `source_pwd` alone its password.
    ///
    /// A fault names the parameter; it never quotes the URL, in which a mistyped login may stand anywhere.
    pub fn parse(protocol: Protocol, url: &str, user: &str, password: &str) -> Result<Location, Fault> {
        let checked = check_url(protocol, url);
        let login_faults = [("source_user", user), ("source_pwd", password)]
            .into_iter()
            .filter(|(_, value)| value.bytes().any(is_line_breaking))
            .map(|(name, _)| bad(format!("{name}: holds CR, LF or NUL")));
        let mut faults: Vec<Fault> = checked.as_ref().err().cloned().into_iter().chain(login_faults).collect();
        let login = match &checked {
            Ok(checked) if faults.is_empty() => {
                login(protocol, checked.userinfo, user, password).map_err(|f| faults.push(f))
            }
            _ => Err(()),
        };
        // "All complaints about parameters come in one message" (the header).
        let (Ok(checked), Ok(login)) = (checked, login) else {
            let key = faults.first().map_or(Key::ParameterBad, |fault| fault.key.clone());
            let messages: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
            return Err(Fault::new(key, messages.join("; ")));
        };
        Self::of(protocol, url.trim(), checked, login)
    }

    fn of(protocol: Protocol, written: &str, checked: Checked<'_>, login: Option<Login>) -> Result<Self, Fault> {
        let Checked { url: parsed, userinfo, secure } = checked;
        let host = match parsed.host() {
            Some(host) if host != Host::Domain("") => host.to_owned(),
            _ => return Err(context("names no host")),
        };
        let port = parsed.port_or_known_default().filter(|port| *port > 0).ok_or_else(|| context("has a bad port"))?;
        let security = match (secure, protocol) {
            (false, _) => Security::Plain,
            (true, Protocol::Ftp) if port != 990 => Security::AuthTls,
            (true, _) => Security::Tls,
        };
        let mut url = parsed;
        url.set_fragment(None);
        let shown = if userinfo.is_some() {
            let mut text = url.to_string();
            if secure && protocol == Protocol::Ftp {
                text.insert("ftp".len(), 's');
            }
            text
        } else {
            written.to_string()
        };
        let location = Location { protocol, security, url, host, port, login, shown };
        if protocol == Protocol::Ftp {
            location.check_ftp_path()?;
        }
        Ok(location)
    }

    /// The URL as jobs and messages show it.
    pub fn without_login(&self) -> String {
        self.shown.clone()
    }

    /// User and password, from the parameters or from the URL.
    pub fn login(&self) -> Option<(&str, &str)> {
        self.login.as_ref().map(|login| (login.user.as_str(), login.password.as_str()))
    }

    /// The parameter `source`.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) fn security(&self) -> Security {
        self.security
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn host(&self) -> &Host<String> {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The file's name as an FTP server gets it, as bytes: relative to the login's folder, as in every FTP URL; a path that
    /// begins with `%2F` is absolute. A `?` is a character like any other.
    pub(super) fn ftp_path(&self) -> Vec<u8> {
        let path = self.url.path();
        let mut text = path.strip_prefix('/').unwrap_or(path).to_string();
        if let Some(query) = self.url.query() {
            text.push('?');
            text.push_str(query);
        }
        let typed = text.len().checked_sub(";type=x".len()).and_then(|at| text.split_at_checked(at));
        let name = match typed {
            Some((name, kind)) if kind.to_ascii_lowercase().starts_with(";type=") => name,
            _ => text.as_str(),
        };
        percent_decode_str(name).collect()
    }

    fn check_ftp_path(&self) -> Result<(), Fault> {
        let path = self.ftp_path();
        if path.is_empty() || path.ends_with(b"/") {
            return Err(context("names no file"));
        }
        if self.url.path().to_ascii_lowercase().ends_with(";type=d") {
            return Err(context("names a folder (;type=d), not a file"));
        }
        Ok(())
    }

    /// Where an answer of this location sends the fetch, without any login that the answer brings.
    ///
    /// "Http and https only, never from https to http. The login goes to the same scheme, host and port only, and from http to
    /// https of the same host" (docs/behaviour.md).
    pub(super) fn redirected(&self, from: &Url, target: &str) -> Result<(Url, bool), String> {
        let mut to = from.join(target).map_err(|_| "it redirects to what is no URL".to_string())?;
        match (from.scheme(), to.scheme()) {
            ("https", "http") => return Err("it redirects from https to http".into()),
            (_, "http" | "https") => {}
            _ => return Err("it redirects to what is neither http nor https".into()),
        }
        if percent_decode_str(to.as_str()).any(is_line_breaking) {
            return Err("it redirects to a URL with CR, LF or NUL".into());
        }
        if to.host_str().is_none_or(str::is_empty) || to.port_or_known_default().is_none_or(|port| port == 0) {
            return Err("it redirects to a URL without host or port".into());
        }
        to.set_fragment(None);
        take_login(&mut to);
        let same_host = to.host() == self.url.host();
        let same_port = to.port_or_known_default() == self.url.port_or_known_default();
        let trusted = match (self.url.scheme(), to.scheme()) {
            ("http", "https") => same_host,
            (one, other) => one == other && same_host && same_port,
        };
        Ok((to, trusted))
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location")
            .field("url", &self.shown)
            .field("login", &self.login.as_ref().map(|_| "…"))
            .finish_non_exhaustive()
    }
}

/// A fault of the URL.
fn context(why: &str) -> Fault {
    bad(format!("context: the URL {why}"))
}

fn bad(message: String) -> Fault {
    Fault::new(Key::ParameterBad, message)
}

fn is_line_breaking(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// What stands between `//` and the path.
fn authority(written: &str) -> &str {
    let rest = written.split_once("//").map_or(written, |(_, rest)| rest);
    rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest)
}

fn take_login(url: &mut Url) {
    // Fails for URLs without host alone, which have no login.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

/// A URL that was parsed.
struct Checked<'u> {
    /// Without its login, of which no parser makes copies so.
    url: Url,
    /// What stands before the `@`, as it was written.
    userinfo: Option<&'u str>,
    /// The scheme asks for TLS.
    secure: bool,
}

fn check_url(protocol: Protocol, url: &str) -> Result<Checked<'_>, Fault> {
    if url.trim().is_empty() {
        return Err(Fault::new(Key::ContextEmpty, "context: is empty, must be a URL"));
    }
    if url.contains(|c: char| c.is_ascii_control()) {
        return Err(context("holds a control character (such as CR, LF or NUL)"));
    }
    let checked = parse_url(protocol, url.trim())?;
    let parsed = &checked.url;
    for part in [checked.userinfo.unwrap_or(""), parsed.path(), parsed.query().unwrap_or("")] {
        if percent_decode_str(part).any(is_line_breaking) {
            return Err(context("holds an encoded CR, LF or NUL"));
        }
    }
    Ok(checked)
}

fn parse_url(protocol: Protocol, written: &str) -> Result<Checked<'_>, Fault> {
    let (expected, plain, secure) = match protocol {
        Protocol::Http => ("an http:// or https:// URL", "http", "https"),
        Protocol::Ftp => ("an ftp:// or ftps:// URL", "ftp", "ftps"),
    };
    let wrong = || Fault::new(Key::ParameterBad, format!("context: must be {expected}"));
    let (scheme, rest) = written.split_once("://").ok_or_else(wrong)?;
    let is_secure = if scheme.eq_ignore_ascii_case(plain) {
        false
    } else if scheme.eq_ignore_ascii_case(secure) {
        true
    } else {
        return Err(wrong());
    };
    if rest.starts_with(['/', '\\']) {
        return Err(context("names no host"));
    }
    let (userinfo, rest) = match authority(written).rsplit_once('@') {
        Some((userinfo, _)) => (Some(userinfo), rest.get(userinfo.len() + 1..).unwrap_or_default()),
        None => (None, rest),
    };
    if userinfo.is_some() && (rest.is_empty() || rest.starts_with(['/', '\\', '?', '#', ':'])) {
        return Err(context("is not one: empty host"));
    }
    let scheme = if protocol == Protocol::Ftp { plain } else { scheme };
    let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|error| context(&format!("is not one: {error}")))?;
    Ok(Checked { url, userinfo, secure: is_secure })
}

fn login(protocol: Protocol, userinfo: Option<&str>, user: &str, password: &str) -> Result<Option<Login>, Fault> {
    let decoded = |text: &str| {
        // With all its room from the start: a text that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
        bytes.extend(percent_decode_str(text));
        let text = std::str::from_utf8(&bytes).map_err(|_| context("has a login that is not UTF-8"))?;
        Ok(Zeroizing::new(text.to_owned()))
    };
    let (in_url, password_in_url) = userinfo.map_or(("", ""), |text| text.split_once(':').unwrap_or((text, "")));
    let (user, password, named) = if user.is_empty() {
        let in_url = decoded(in_url)?;
        let password =
            if password.is_empty() { decoded(password_in_url)? } else { Zeroizing::new(password.to_string()) };
        (in_url, password, "context")
    } else {
        (Zeroizing::new(user.to_string()), Zeroizing::new(password.to_string()), "source_user")
    };
    if user.is_empty() {
        if password.is_empty() {
            return Ok(None);
        }
        return Err(Fault::new(Key::ParameterBad, "source_user: is empty, but there is a password"));
    }
    if protocol == Protocol::Http && user.contains(':') {
        return Err(Fault::new(Key::ParameterBad, format!("{named}: the user's name can't hold ':' over http")));
    }
    Ok(Some(Login { user, password }))
}

#[cfg(test)]
mod tests;
