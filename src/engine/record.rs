//! One record from the host's hands: drafted here, written with those of other threads.

use std::borrow::Cow;
use std::sync::Arc;

use super::Shared;
use crate::auth::Admission;
use crate::fault::{Fault, Key};
use crate::intake::take;
use crate::mapping::{Mapping, Wanted, pieces};
use crate::merge::{Change, Decision, Groups, Rules, group};
use crate::record::Batch;
use crate::reply::Reply;
use crate::request::{Request, Source};
use crate::store::{Campaign, Chunk, Scouted, Work};
use crate::time::now;

impl Shared {
    /// One record of a login and into a campaign that are known already: the transaction that writes it looks whether they
    /// are still what they were. `None`: they are not, or the record can't be used as it seems.
    pub(super) fn record_as_before(&self, request: &Request) -> Result<Option<Reply>, Fault> {
        let Source::Data(record) = &request.source else { return Ok(None) };
        let known = self.door.admitted(&request.login).zip(self.store.campaign_before(request.campaign));
        let Some((admission, campaign)) = known.filter(|(admission, campaign)| campaign.team == admission.team) else {
            return Ok(None);
        };
        let Ok(draft) = self.draft(Some(admission), campaign, request, record) else { return Ok(None) };
        match self.store.write_together(draft) {
            Ok(Some((key, text))) => Ok(Some(Reply::done(self.options.messages.tell(&key, text)))),
            Ok(None) => {
                self.door.forget(&request.login);
                Ok(None)
            }
            // It may have failed before the login was looked at; who may not come in is told nothing else.
            Err(fault) => self.door.admit(&self.store, &request.login).and(Err(fault)),
        }
    }

    /// One record, into the campaign.
    pub(super) fn record(&self, campaign: Arc<Campaign>, request: &Request, record: &str) -> Result<Reply, Fault> {
        let told = self.store.write_together(self.draft(None, campaign, request, record)?)?;
        let (key, text) = told.ok_or_else(|| Fault::new(Key::Storage, "a record was not written"))?;
        Ok(Reply::done(self.options.messages.tell(&key, text)))
    }

    fn draft(
        &self,
        by: Option<Arc<Admission>>,
        campaign: Arc<Campaign>,
        request: &Request,
        record: &str,
    ) -> Result<Draft, Fault> {
        let pieces = pieces(record)?;
        let mapping = Mapping::of_record(&pieces, &campaign.fields, &self.options.zone, &request.intake)?;
        let mut batch = mapping.batch();
        let drafted = mapping.draft(|at| pieces.get(at).map_or("", |piece| piece.value), &mut batch, Wanted::All);
        drafted.map_err(|fault| fault.within("context"))?;
        let groups = group(&batch, self.store.fingerprints());
        Ok(Draft { by, campaign, batch, groups, rules: request.intake.rules })
    }
}

/// A record as it is to be written.
#[derive(Debug)]
struct Draft {
    /// Who was let in before, and is looked at again; `None`: was let in just now.
    by: Option<Arc<Admission>>,
    campaign: Arc<Campaign>,
    batch: Batch,
    groups: Groups,
    rules: Rules,
}

impl Draft {
    /// Larger ones are not copied to be written with others.
    const SMALL: usize = 16 * 1024;

    /// True where the login and the campaign are what they were.
    fn holds(&self, chunk: &Chunk<'_>) -> Result<bool, Fault> {
        match &self.by {
            Some(by) => Ok(by.holds(chunk)? && chunk.is_as_read(&self.campaign)?),
            None => Ok(true),
        }
    }

    fn take(&self, batch: &Batch, groups: &Groups, chunk: &mut Chunk<'_>) -> Result<Vec<Option<(Key, String)>>, Fault> {
        let (applied, outcome) = take(chunk, &self.campaign, batch, groups, &Scouted::default(), self.rules, now())?;
        let customer = |record: usize| groups.slots.get(record).and_then(|&slot| applied.customers.get(slot).copied());
        let told = outcome.decisions.iter().enumerate();
        Ok(told.map(|(record, decision)| Some(tell(*decision, customer(record)?, &self.campaign))).collect())
    }
}

impl Work for Draft {
    /// What is told of the record; `None`: its login or its campaign is not what it was.
    type Told = Option<(Key, String)>;

    fn goes_with(&self, other: &Self) -> bool {
        let is_small = |draft: &Self| draft.batch.bytes() <= Self::SMALL;
        self.by.as_ref().map(Arc::as_ptr) == other.by.as_ref().map(Arc::as_ptr)
            && Arc::ptr_eq(&self.campaign, &other.campaign)
            && self.rules == other.rules
            && self.batch.is_like(&other.batch)
            && is_small(self)
            && is_small(other)
    }

    fn write(all: &[&Self], chunk: &mut Chunk<'_>) -> Result<Vec<Self::Told>, Fault> {
        let Some((first, others)) = all.split_first() else { return Ok(Vec::new()) };
        if !first.holds(chunk)? {
            return Ok(vec![None; all.len()]);
        }
        if others.is_empty() {
            return first.take(&first.batch, &first.groups, chunk);
        }
        let mut batch = first.batch.clone();
        for other in others {
            batch.append(&other.batch);
        }
        let groups = group(&batch, chunk.fingerprints());
        first.take(&batch, &groups, chunk)
    }
}

/// What is told of one record.
fn tell(decision: Decision, customer: i64, campaign: &Campaign) -> (Key, String) {
    match decision {
        Decision::Insert { dial: true } => {
            (Key::AddedAndListed, format!("customer {customer} added; on the dial list"))
        }
        Decision::Insert { dial: false } => (Key::Added, format!("customer {customer} added")),
        Decision::Duplicate(change) if change.any() => changed(change, customer, campaign),
        Decision::Duplicate(_) => (Key::NothingToDo, format!("customer {customer} is a duplicate; nothing to do")),
        Decision::Leave => (
            Key::NothingToDo,
            format!("customer {customer} is a duplicate outside package {}; skipped", campaign.package),
        ),
    }
}

fn changed(change: Change, customer: i64, campaign: &Campaign) -> (Key, String) {
    // In the order of the vendor's keys: the key is that of the last that happened.
    let moved = format!("moved to package {}", campaign.package);
    let parts: [(bool, Key, Cow<'_, str>); 5] = [
        (change.agent_cleared, Key::AgentCleared, "agent cleared".into()),
        (change.status_reset, Key::StatusReset, "status reset".into()),
        (change.moved, Key::CustomerUpdated, moved.into()),
        (change.updated, Key::CustomerUpdated, "updated".into()),
        (change.dial, Key::DuplicateListed, "on the dial list".into()),
    ];
    let mut last = Key::NothingToDo;
    let mut text = format!("customer {customer} is a duplicate");
    for (_, key, what) in parts.into_iter().filter(|(on, _, _)| *on) {
        text.push_str("; ");
        text.push_str(&what);
        last = key;
    }
    (last, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::catalog;
    use crate::merge::{ChangePackage, DupDialList, Dupway};
    use crate::record::{Call, Status};
    use crate::store::{CustomerChanges, Durability, Filter, Memory, Store};
    use crate::time::{Moment, Zone};

    /// A record: its key, another value, its priority; and whether it goes into the other campaign.
    type Record = (u8, Option<u8>, i32, bool);

    fn record() -> impl Strategy<Value = Record> {
        (0_u8..7, prop::option::of(0_u8..3), 0..3, prop::bool::weighted(0.2))
    }

    fn rules() -> impl Strategy<Value = Rules> {
        use ChangePackage::{ReassignToCurrent, Skip, UnassignToCurrent};
        use DupDialList::{All, IgnoreDuplicate, IgnoreSuccess};
        let way = prop::sample::select(vec![Dupway::Update, Dupway::Skip]);
        let list = prop::sample::select(vec![IgnoreDuplicate, All, IgnoreSuccess]);
        let package = prop::sample::select(vec![Skip, UnassignToCurrent, ReassignToCurrent]);
        (any::<bool>(), any::<bool>(), way, list, package).prop_map(
            |(empty_agent, reset_status, dupway, dial_list, change_package)| Rules {
                empty_agent,
                reset_status,
                dupway,
                dial_list,
                change_package,
            },
        )
    }

    /// A store with two campaigns of a team's main table.
    fn store() -> (Store, [Arc<Campaign>; 2]) {
        let store = Store::open(":memory:", Durability::Full).unwrap();
        store.team_add("team", "").unwrap();
        let campaigns = ["A", "B"].map(|name| {
            let definition = catalog::campaign(&format!(r#"{{"name":"{name}","main_table":true}}"#)).unwrap();
            let id = store.campaign_add("team", &definition).unwrap();
            store.campaign(id).unwrap().unwrap()
        });
        (store, campaigns)
    }

    fn drafts(store: &Store, campaigns: &[Arc<Campaign>; 2], records: &[Record], rules: Rules) -> Vec<Draft> {
        let one = |&(key, value, priority, is_other): &Record| {
            // Name, phone1, which is the key and the number, and memo.
            let mut batch = Batch::new(vec![0, 1, 7], vec![1], Some(1));
            let value = value.map(|value| format!("{}{value}", "x".repeat(value.into()))).unwrap_or_default();
            for cell in [&*value, &format!("1380000000{key}"), if key % 2 == 0 { &value } else { "" }] {
                batch.push(cell);
            }
            batch.end_record(Call { priority, dial_time: None });
            let groups = group(&batch, store.fingerprints());
            let campaign = Arc::clone(&campaigns[usize::from(is_other)]);
            Draft { by: None, campaign, batch, groups, rules }
        };
        records.iter().map(one).collect()
    }

    fn write(store: &Store, drafts: &[&Draft]) -> Vec<Option<(Key, String)>> {
        store.chunk(&mut Memory::default(), |chunk| Draft::write(drafts, chunk)).unwrap().0
    }

    /// All customers and all entries.
    fn left(store: &Store, campaigns: &[Arc<Campaign>; 2]) -> Vec<Value> {
        let zone = Zone::named("UTC").unwrap();
        let all = Filter::of_customers(r#"{"limit":1000,"scope":"main_table"}"#).unwrap();
        let mut customers = store.customers(&campaigns[0], &all, &zone).unwrap();
        for customer in customers["customers"].as_array_mut().unwrap() {
            let customer = customer.as_object_mut().unwrap();
            assert!(customer.remove("created_at").is_some() && customer.remove("updated_at").is_some());
        }
        let page = Filter { limit: 1_000, ..Filter::default() };
        let list = |campaign: &Arc<Campaign>| store.dial_list(campaign, &page, &zone, &Moment::now()).unwrap();
        vec![customers, list(&campaigns[0]), list(&campaigns[1])]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn records_that_are_written_together_become_what_they_would_one_after_the_other(
            before in prop::collection::vec((record(), 0_usize..4, any::<bool>(), prop::option::of(any::<bool>())), 0..6),
            records in prop::collection::vec(record(), 1..20),
            rules in rules(),
        ) {
            let ways = [true, false].map(|together| {
                let (store, campaigns) = store();
                for (record, status, has_agent, package) in &before {
                    let drafts = drafts(&store, &campaigns, &[*record], Rules::UPDATE);
                    let told = write(&store, &[&drafts[0]]);
                    let id: i64 = told[0].as_ref().unwrap().1.split(' ').nth(1).unwrap().parse().unwrap();
                    let changes = CustomerChanges {
                        status: Some(Status::ALL[*status]),
                        agent: Some(has_agent.then(|| "ann".to_owned())),
                        package: Some(package.map(|other| campaigns[usize::from(other)].package)),
                        fields: Vec::new(),
                    };
                    store.customer_set(&campaigns[0], id, &changes, 1).unwrap();
                }
                let drafts = drafts(&store, &campaigns, &records, rules);
                let told: Vec<_> = match together {
                    true => {
                        let groups = drafts.chunk_by(|one, next| one.goes_with(next));
                        groups.flat_map(|group| write(&store, &group.iter().collect::<Vec<_>>())).collect()
                    }
                    false => drafts.iter().flat_map(|draft| write(&store, &[draft])).collect(),
                };
                (told, left(&store, &campaigns))
            });
            let [together, alone] = ways;
            prop_assert_eq!(together, alone);
        }
    }

    #[test]
    fn what_differs_in_login_campaign_fields_rules_or_size_is_not_written_together() {
        let (store, campaigns) = store();
        let one = |change: fn(&mut Draft)| {
            let mut draft = drafts(&store, &campaigns, &[(1, None, 0, false)], Rules::UPDATE).remove(0);
            change(&mut draft);
            draft
        };
        let plain = one(|_| ());
        let another = drafts(&store, &campaigns, &[(2, Some(1), 2, false)], Rules::UPDATE).remove(0);
        assert!(plain.goes_with(&another) && another.goes_with(&plain));
        let others: [fn(&mut Draft); 4] = [
            |draft| draft.rules.reset_status = true,
            |draft| draft.batch.number = None,
            |draft| draft.batch.columns[2] = 6,
            |draft| draft.batch.push(&"x".repeat(Draft::SMALL)),
        ];
        for other in others.map(one) {
            assert!(!plain.goes_with(&other) && !other.goes_with(&plain));
        }
        let other = drafts(&store, &campaigns, &[(1, None, 0, true)], Rules::UPDATE).remove(0);
        assert!(!plain.goes_with(&other));
    }
}
