//! What an import says of itself: the vendor's keys, and the fault that carries one of them with a sentence.

use std::fmt;
use std::io;

/// The vendor's message keys ("Replies" in docs/behaviour.md), given instead of text by `"messages": "backmsg"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// 01: one of the first five parameters is empty.
    LoginEmpty,
    /// 02: no such team.
    TeamUnknown,
    /// 03: the agent or its password is wrong.
    AgentWrong,
    /// 63: the account or its password is wrong.
    AccountWrong,
    /// 28: another bad parameter.
    ParameterBad,
    /// 70: `modeltype` or `model_id` empty or wrong.
    ModelBad,
    /// 71: `context` empty, or a record with nothing in it.
    ContextEmpty,
    /// 72: `source` empty or wrong.
    SourceBad,
    /// 73: no such campaign.
    CampaignUnknown,
    /// 74: the file's header fits no field.
    HeaderUnfit,
    /// 75: the record can't be used.
    RecordBad,
    /// 76: a required field is missing.
    RequiredMissing {
        /// The field's display name.
        display: String,
        /// The field's name.
        field: String,
    },
    /// 77: a duplicate's status was reset.
    StatusReset,
    /// 78: a duplicate's fields or package changed.
    CustomerUpdated,
    /// 79: a duplicate's agent was cleared.
    AgentCleared,
    /// 80: a duplicate was put on the dial list.
    DuplicateListed,
    /// 81: nothing to do.
    NothingToDo,
    /// 83: a new customer, on the dial list too.
    AddedAndListed,
    /// 84: a new customer.
    Added,
    /// 85: the store failed.
    Storage,
    /// 85 too: the store or the spool failed in a way that may pass, such as a full disk. It ends no job.
    StorageForNow,
    /// 86: not a CSV file.
    NotCsv,
    /// 87: the job could not be made.
    JobNotMade,
    /// 89: the fetch failed.
    FetchFailed,
    /// 404: the file is not there.
    FileNotFound,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Key::LoginEmpty => "01",
            Key::TeamUnknown => "02",
            Key::AgentWrong => "03",
            Key::AccountWrong => "63",
            Key::ParameterBad => "28",
            Key::ModelBad => "70",
            Key::ContextEmpty => "71",
            Key::SourceBad => "72",
            Key::CampaignUnknown => "73",
            Key::HeaderUnfit => "74",
            Key::RecordBad => "75",
            Key::RequiredMissing { display, field } => {
                return write!(f, "BackMsg_76[{display}({field})]");
            }
            Key::StatusReset => "77",
            Key::CustomerUpdated => "78",
            Key::AgentCleared => "79",
            Key::DuplicateListed => "80",
            Key::NothingToDo => "81",
            Key::AddedAndListed => "83",
            Key::Added => "84",
            Key::Storage | Key::StorageForNow => "85",
            Key::NotCsv => "86",
            Key::JobNotMade => "87",
            Key::FetchFailed => "89",
            Key::FileNotFound => "404",
        };
        write!(f, "BackMsg_{number}")
    }
}

/// A refusal or a failure: the vendor's key, and a sentence that says what is wrong and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The vendor's key.
    pub key: Key,
    /// English text; names the parameter, piece, row or file. Holds no login.
    pub message: String,
}

impl Fault {
    /// A fault with this key and this sentence.
    pub fn new(key: Key, message: impl Into<String>) -> Self {
        Self { key, message: message.into() }
    }

    /// The same fault with `context` before its sentence.
    #[must_use]
    pub fn within(self, context: &str) -> Self {
        Self { message: format!("{context}: {}", self.message), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Key {
    /// The key of a failure of a disk.
    pub fn of_disk(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge | Kind::ReadOnlyFilesystem => {
                Key::StorageForNow
            }
            Kind::OutOfMemory | Kind::StaleNetworkFileHandle => Key::StorageForNow,
            // EIO, EMFILE and ENFILE have no kind of their own.
            _ if matches!(error.raw_os_error(), Some(libc::EIO | libc::EMFILE | libc::ENFILE)) => Key::StorageForNow,
            _ => Key::Storage,
        }
    }
}

/// `text` as it may stand in a message: quoted, one line, cut after 60 characters.
pub fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    format!("'{short}'")
}
