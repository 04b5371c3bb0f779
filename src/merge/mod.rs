//! What becomes of a record: the rules of "Duplicates" in docs/behaviour.md as pure functions.

mod decide;
mod fold;

pub use decide::{Change, Decision, Found, Package, decide};
pub use fold::{Entry, Groups, Outcome, Slot, fold, group};

use serde::{Deserialize, Serialize};

/// What becomes of a duplicate: parameters 17 to 21.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// `emptyagent`: its agent is cleared.
    pub empty_agent: bool,
    /// `resetstatus`: its status becomes open.
    pub reset_status: bool,
    /// `dupway`.
    pub dupway: Dupway,
    /// `dupdiallist`.
    pub dial_list: DupDialList,
    /// `changepackage`.
    pub change_package: ChangePackage,
}

impl Rules {
    /// Duplicates are updated, and nothing else is done to them.
    #[cfg(test)]
    pub const UPDATE: Self = Self {
        empty_agent: false,
        reset_status: false,
        dupway: Dupway::Update,
        dial_list: DupDialList::IgnoreDuplicate,
        change_package: ChangePackage::Skip,
    };

    /// True where no duplicate is put on the dial list.
    pub fn lists_none(self) -> bool {
        self.dial_list == DupDialList::IgnoreDuplicate
    }
}

/// `dupway`: what becomes of a duplicate's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dupway {
    /// They become the record's, where that has a value.
    Update,
    /// They stay.
    Skip,
}

/// `dupdiallist`: whether a duplicate is put on the dial list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DupDialList {
    /// No.
    IgnoreDuplicate,
    /// Yes, even if the number waits there already.
    All,
    /// Yes, unless its status is success.
    IgnoreSuccess,
}

/// `changepackage`: what becomes of a duplicate of the main table that is not in the campaign's package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangePackage {
    /// The record is skipped.
    Skip,
    /// Moved here if it has no package.
    UnassignToCurrent,
    /// Moved here.
    ReassignToCurrent,
}
