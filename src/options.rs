//! The options of an engine, as JSON (`cji_engine_open` in the header).

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::fault::{Fault, Key, shown};
use crate::json::{self, present};
use crate::reply::Messages;
use crate::source::NetworkOptions;
use crate::store::Durability;
use crate::time::Zone;

/// The checked options.
#[derive(Debug)]
pub struct Options {
    /// The zone of all local times.
    pub zone: Zone,
    /// True: an immediate import of a file is queued.
    pub background: bool,
    /// The form of an import's message.
    pub messages: Messages,
    /// What survives what.
    pub durability: Durability,
    /// Of fetches.
    pub network: NetworkOptions,
    /// The most bytes of a file, before and after gzip is undone.
    pub max_file_bytes: u64,
    /// The most bytes of a row.
    pub max_row_bytes: usize,
    /// Where fetched files lie; `None`: beside the database.
    pub spool_dir: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Text {
    #[serde(deserialize_with = "present")]
    timezone: Option<String>,
    background: bool,
    messages: String,
    durability: String,
    connect_timeout_s: f64,
    idle_timeout_s: f64,
    total_timeout_s: f64,
    retries: u32,
    max_file_bytes: u64,
    max_row_bytes: u64,
    #[serde(deserialize_with = "present")]
    allow_hosts: Option<Vec<String>>,
    #[serde(deserialize_with = "present")]
    ca_file: Option<String>,
    #[serde(deserialize_with = "present")]
    spool_dir: Option<String>,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            timezone: None,
            background: false,
            messages: "text".to_owned(),
            durability: "full".to_owned(),
            connect_timeout_s: 10.0,
            idle_timeout_s: 60.0,
            total_timeout_s: 3_600.0,
            retries: 3,
            max_file_bytes: 4 << 30,
            max_row_bytes: 1 << 20,
            allow_hosts: None,
            ca_file: None,
            spool_dir: None,
        }
    }
}

impl Options {
    /// Reads the options; empty: all defaults.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let text: Text = json::object_or_empty("options", text)?;
        let zone = match &text.timezone {
            None => Zone::system(),
            Some(name) => {
                Zone::named(name).ok_or_else(|| bad(format!("timezone {} is no IANA time zone", shown(name))))?
            }
        };
        let messages = match text.messages.as_str() {
            "text" => Messages::Text,
            "backmsg" => Messages::BackMsg,
            other => return Err(bad(format!("messages {} is neither text nor backmsg", shown(other)))),
        };
        let durability = match text.durability.as_str() {
            "full" => Durability::Full,
            "normal" => Durability::Normal,
            other => return Err(bad(format!("durability {} is neither full nor normal", shown(other)))),
        };
        let network = NetworkOptions {
            connect_timeout: seconds("connect_timeout_s", text.connect_timeout_s)?,
            idle_timeout: seconds("idle_timeout_s", text.idle_timeout_s)?,
            total_timeout: seconds("total_timeout_s", text.total_timeout_s)?,
            retries: text.retries,
            max_file_bytes: text.max_file_bytes,
            allow_hosts: text.allow_hosts,
            ca_file: text.ca_file.map(|path| absolute("ca_file", &path)).transpose()?,
            ..NetworkOptions::default()
        };
        let max_row_bytes = usize::try_from(text.max_row_bytes).ok().filter(|&bytes| bytes > 0);
        if text.max_file_bytes == 0 || max_row_bytes.is_none() {
            return Err(bad("max_file_bytes and max_row_bytes must be more than 0"));
        }
        let spool_dir = text.spool_dir.filter(|dir| !dir.is_empty());
        let spool_dir = spool_dir.map(|dir| absolute("spool_dir", &dir)).transpose()?;
        if let Some(dir) = spool_dir.as_ref().filter(|dir| !dir.is_dir()) {
            return Err(bad(format!("spool_dir {} is no folder", shown(&dir.display().to_string()))));
        }
        Ok(Self {
            zone,
            background: text.background,
            messages,
            durability,
            network,
            max_file_bytes: text.max_file_bytes,
            max_row_bytes: max_row_bytes.unwrap_or(1 << 20),
            spool_dir,
        })
    }
}

fn seconds(name: &str, seconds: f64) -> Result<Duration, Fault> {
    // More than a `Duration` holds is as good as for ever: the network cuts it to a year.
    Duration::try_from_secs_f64(seconds.min(f64::from(u32::MAX)))
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| bad(format!("{name} {seconds} is no time above 0")))
}

/// A path as it is now: the host may change its working directory.
fn absolute(name: &str, path: &str) -> Result<PathBuf, Fault> {
    std::path::absolute(path).map_err(|error| bad(format!("{name} {}: {error}", shown(path))))
}

fn bad(what: impl AsRef<str>) -> Fault {
    Fault::new(Key::ParameterBad, format!("options: {}", what.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_what_they_were_when_the_working_directory_changes() {
        let options = Options::read(r#"{"spool_dir":"src","ca_file":"ca.pem"}"#).unwrap();
        let folder = std::env::current_dir().unwrap();
        assert_eq!(options.spool_dir, Some(folder.join("src")));
        assert_eq!(options.network.ca_file, Some(folder.join("ca.pem")));
    }
}
