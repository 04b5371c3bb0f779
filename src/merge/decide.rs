//! One record's fate.

use super::{ChangePackage, DupDialList, Dupway, Rules};
use crate::record::Status;

/// Where a duplicate is, seen from the campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// In the campaign's own package.
    Here,
    /// In none.
    Nowhere,
    /// In another one.
    Elsewhere,
}

/// A duplicate as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub package: Package,
    /// Its status.
    pub status: Status,
    /// True: an agent is assigned.
    pub has_agent: bool,
    /// True: the record has a value that the customer has not.
    pub differs: bool,
}

/// What is done with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A new customer.
    Insert {
        /// Put on the dial list.
        dial: bool,
    },
    /// Nothing: the customer stays in a package that is not the campaign's.
    Leave,
    /// A duplicate; nothing to do where no part of the change is set.
    Duplicate(Change),
}

/// What is done to a duplicate.
#[expect(clippy::struct_excessive_bools, reason = "each is an effect of its own")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Moved into the campaign's package.
    pub moved: bool,
    /// Its waiting entries on the lists of its old package are removed.
    pub leaves_lists: bool,
    /// Put on the dial list.
    pub dial: bool,
    /// Its agent is cleared.
    pub agent_cleared: bool,
    /// Its status becomes open.
    pub status_reset: bool,
    /// Its fields become the record's.
    pub updated: bool,
}

impl Change {
    /// True where anything happened: the record counts as updated, not as skipped.
    pub fn any(self) -> bool {
        self.dial || self.writes()
    }

    /// True where the customer's own row changes.
    pub fn writes(self) -> bool {
        self.moved || self.agent_cleared || self.status_reset || self.updated
    }
}

/// Decides what becomes of a record. `found`: the customer that has its unique key; `number`: there is a number to dial,
/// the record's or else the stored one, and the import fills the dial list.
pub fn decide(found: Option<Found>, number: bool, rules: Rules) -> Decision {
    let Some(found) = found else {
        return Decision::Insert { dial: number };
    };
    let (moved, leaves_lists) = match (found.package, rules.change_package) {
        (Package::Here, _) => (false, false),
        (Package::Nowhere, ChangePackage::UnassignToCurrent | ChangePackage::ReassignToCurrent) => (true, false),
        (Package::Elsewhere, ChangePackage::ReassignToCurrent) => (true, true),
        (Package::Nowhere | Package::Elsewhere, _) => return Decision::Leave,
    };
    // "judged by the status as found": before `resetstatus`.
    let listed = match rules.dial_list {
        DupDialList::IgnoreDuplicate => false,
        DupDialList::All => true,
        DupDialList::IgnoreSuccess => found.status != Status::Success,
    };
    Decision::Duplicate(Change {
        moved,
        leaves_lists,
        dial: listed && number,
        agent_cleared: rules.empty_agent && found.has_agent,
        status_reset: rules.reset_status && found.status != Status::Open,
        updated: rules.dupway == Dupway::Update && found.differs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Duplicates" in docs/behaviour.md read once more, sentence by sentence, as a list of what happens.
    fn twin(found: Option<Found>, number: bool, rules: Rules) -> (Vec<&'static str>, &'static str) {
        let mut done = Vec::new();
        if found.is_none() {
            done.push("insert");
            if number {
                done.push("dial");
            }
            return (done, "inserted");
        }
        let found = found.unwrap();
        if found.package != Package::Here {
            if rules.change_package == ChangePackage::Skip {
                return (done, "skipped");
            }
            if rules.change_package == ChangePackage::UnassignToCurrent && found.package == Package::Elsewhere {
                return (done, "skipped");
            }
            done.push("move");
            if found.package == Package::Elsewhere {
                done.push("leave lists");
            }
        }
        let list = if rules.dial_list == DupDialList::IgnoreSuccess {
            found.status != Status::Success
        } else {
            rules.dial_list == DupDialList::All
        };
        if list && number {
            done.push("dial");
        }
        if rules.empty_agent && found.has_agent {
            done.push("clear");
        }
        if rules.reset_status && found.status != Status::Open {
            done.push("reset");
        }
        if rules.dupway == Dupway::Update && found.differs {
            done.push("update");
        }
        let counted = if done.is_empty() { "skipped" } else { "updated" };
        (done, counted)
    }

    fn told(decision: Decision) -> (Vec<&'static str>, &'static str) {
        match decision {
            Decision::Insert { dial } => (if dial { vec!["insert", "dial"] } else { vec!["insert"] }, "inserted"),
            Decision::Leave => (vec![], "skipped"),
            Decision::Duplicate(c) => {
                let parts = [
                    (c.moved, "move"),
                    (c.leaves_lists, "leave lists"),
                    (c.dial, "dial"),
                    (c.agent_cleared, "clear"),
                    (c.status_reset, "reset"),
                    (c.updated, "update"),
                ];
                let done = parts.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect();
                (done, if c.any() { "updated" } else { "skipped" })
            }
        }
    }

    #[test]
    fn every_case_is_decided_as_it_is_documented() {
        let mut all_found = vec![None];
        for package in [Package::Here, Package::Nowhere, Package::Elsewhere] {
            for status in Status::ALL {
                for (has_agent, differs) in [(false, false), (false, true), (true, false), (true, true)] {
                    all_found.push(Some(Found { package, status, has_agent, differs }));
                }
            }
        }
        let bits = [false, true];
        let mut cases = 0;
        for found in all_found {
            for number in bits {
                for empty_agent in bits {
                    for reset_status in bits {
                        for dupway in [Dupway::Update, Dupway::Skip] {
                            for dial_list in
                                [DupDialList::IgnoreDuplicate, DupDialList::All, DupDialList::IgnoreSuccess]
                            {
                                for change_package in [
                                    ChangePackage::Skip,
                                    ChangePackage::UnassignToCurrent,
                                    ChangePackage::ReassignToCurrent,
                                ] {
                                    let rules = Rules { empty_agent, reset_status, dupway, dial_list, change_package };
                                    let decided = decide(found, number, rules);
                                    assert_eq!(
                                        told(decided),
                                        twin(found, number, rules),
                                        "{found:?} {number} {rules:?}"
                                    );
                                    cases += 1;
                                }
                            }
                        }
                    }
                }
            }
        }
        assert_eq!(cases, 49 * 2 * 8 * 9);
    }

    #[test]
    fn a_customer_that_stays_in_another_package_is_never_written() {
        let rules = Rules {
            empty_agent: true,
            reset_status: true,
            dupway: Dupway::Update,
            dial_list: DupDialList::All,
            change_package: ChangePackage::UnassignToCurrent,
        };
        let found = Found { package: Package::Elsewhere, status: Status::Error, has_agent: true, differs: true };
        assert_eq!(decide(Some(found), true, rules), Decision::Leave);
    }
}
