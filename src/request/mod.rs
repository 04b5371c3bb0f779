//! The 22 parameters of an import: their table, and the checked value that they become.

mod complaints;
mod parse;
pub mod query;

use zeroize::Zeroizing;

use crate::merge::Rules;
use crate::source::{Location, Protocol};
use crate::time::Seconds;

pub use complaints::Complaints;
pub use parse::{parse, parse_login};

/// How many parameters an import has.
pub const COUNT: usize = 22;

/// The parameters in their order (the vendor's).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
#[expect(missing_docs, reason = "each is described in the header under the same name")]
pub enum Parameter {
    Orgidentity,
    Usertype,
    User,
    Pwdtype,
    Password,
    Modeltype,
    ModelId,
    Source,
    Context,
    SourceUser,
    SourcePwd,
    Exetime,
    Delrow,
    PhoneField,
    PriorityField,
    DialtimeField,
    Emptyagent,
    Resetstatus,
    Dupway,
    Dupdiallist,
    Changepackage,
    CallbackFuc,
}

/// The names of the parameters, as the vendor spells them.
pub const NAMES: [&str; COUNT] = [
    "orgidentity",
    "usertype",
    "user",
    "pwdtype",
    "password",
    "modeltype",
    "model_id",
    "source",
    "context",
    "source_user",
    "source_pwd",
    "exetime",
    "delrow",
    "phone_field",
    "priority_field",
    "dialtime_field",
    "emptyagent",
    "resetstatus",
    "dupway",
    "dupdiallist",
    "changepackage",
    "callbackFuc",
];

impl Parameter {
    /// The vendor's name.
    pub fn name(self) -> &'static str {
        NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

/// The texts of the parameters as they came; they may not be UTF-8.
pub type Texts<'a> = [&'a [u8]; COUNT];

/// Whose login it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserType {
    /// An agent.
    Agent,
    /// An account.
    Account,
}

impl UserType {
    /// The value of `usertype`.
    pub fn name(self) -> &'static str {
        match self {
            UserType::Agent => "agent",
            UserType::Account => "account",
        }
    }
}

/// Who asks.
#[derive(Clone)]
pub struct Login {
    /// The team.
    pub orgidentity: String,
    /// Agent or account.
    pub usertype: UserType,
    /// Its name.
    pub user: String,
    /// The MD5 of the password, 32 lower-case hex digits.
    pub md5: Zeroizing<String>,
}

/// What is imported.
#[derive(Clone)]
pub enum Source {
    /// One record.
    Data(String),
    /// A CSV file.
    File(FileSource),
}

/// Where a file comes from, and when.
#[derive(Clone)]
pub struct FileSource {
    /// The checked URL with its login.
    pub location: Location,
    /// How it is fetched.
    pub protocol: Protocol,
    /// `None`: now.
    pub run_at: Option<Seconds>,
    /// Lines to remove from the top.
    pub delrow: u64,
}

/// A checked import.
#[derive(Clone)]
pub struct Request {
    /// Who asks.
    pub login: Login,
    /// The campaign's id.
    pub campaign: i64,
    /// What is imported.
    pub source: Source,
    /// How it goes into the campaign.
    pub intake: Intake,
    /// The name of a callback; empty: none.
    pub callback: String,
}

/// What the import does with each record: kept with the job of a file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Intake {
    /// The number's field; empty: no dial list.
    pub phone_field: String,
    /// The priority's field, column or piece; empty: priority 0.
    pub priority_field: String,
    /// The dial time's field, column or piece; empty: now.
    pub dialtime_field: String,
    /// What becomes of a duplicate.
    pub rules: Rules,
}
