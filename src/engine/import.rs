//! The import itself: parameters, login, campaign, then the record or the file.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Engine, PARAMETERS, Shared};
use crate::fault::{Fault, Key, shown};
use crate::field::fold;
use crate::intake::take;
use crate::mapping::{Mapping, Wanted, phone_field, pieces};
use crate::memory;
use crate::merge::{Change, Decision, Groups, Outcome, Rules, group};
use crate::record::Batch;
use crate::reply::{Reply, is_jsonp_callback};
use crate::request::query::{Query, read};
use crate::request::{FileSource, Request, Source, parse};
use crate::store::{Applied, Campaign, Chunk, Scouted};
use crate::time::now;

/// How an import stands.
pub(super) enum Stand {
    /// It has ended, with this reply, which its callback gets too.
    Ended(Reply),
    /// It waits or goes on as a job; whoever ends that calls its callback.
    Open(Reply),
}

impl Engine {
    /// `import_cji`: the 22 parameters in their order, as bytes that may not be UTF-8.
    pub fn import(&self, parameters: &[&[u8]; PARAMETERS]) -> Reply {
        let shared = &self.shared;
        if let Err(fault) = memory::ask_for_text("the parameters", parameters.iter().map(|text| text.len()).sum()) {
            return shared.told(fault);
        }
        let request = match parse(parameters, &shared.options.zone, now()) {
            Ok(request) => request,
            Err(fault) => return shared.told(fault),
        };
        match self.checked(&request) {
            Ok(Stand::Open(reply)) => reply,
            Ok(Stand::Ended(reply)) => {
                shared.call_back(&request.callback, &reply);
                reply
            }
            Err(fault) => {
                let reply = shared.told(fault);
                shared.call_back(&request.callback, &reply);
                reply
            }
        }
    }

    /// `import_event`: the ready `|Retuen|` text.
    pub fn import_event(&self, query: &[u8]) -> String {
        if let Err(fault) = memory::ask_for_text("the query string", query.len()) {
            return self.shared.told(fault).to_ws();
        }
        let query = read(query);
        event(&query).map_or_else(|fault| self.shared.told(fault), |()| self.import_query(&query)).to_ws()
    }

    /// `import_jsonp`: the ready script; bare JSON where `callback` can't be called.
    pub fn import_jsonp(&self, query: &[u8]) -> String {
        if let Err(fault) = memory::ask_for_text("the query string", query.len()) {
            return self.shared.told(fault).to_page_json();
        }
        let query = read(query);
        let callback = match jsonp_callback(&query) {
            Ok(callback) => callback,
            Err(fault) => return self.shared.told(fault).to_page_json(),
        };
        let right = if query.event.is_some() { event(&query) } else { Ok(()) };
        right.map_or_else(|fault| self.shared.told(fault), |()| self.import_query(&query)).to_jsonp(&callback)
    }

    fn import_query(&self, query: &Query<'_>) -> Reply {
        if let Err(fault) = query.refuse_twice() {
            return self.shared.told(fault);
        }
        let mut texts: [&[u8]; PARAMETERS] = [&[]; PARAMETERS];
        for (text, parameter) in texts.iter_mut().zip(&query.parameters) {
            *text = parameter.as_ref();
        }
        self.import(&texts)
    }

    fn checked(&self, request: &Request) -> Result<Stand, Fault> {
        let shared = &self.shared;
        if let Some(reply) = shared.record_as_before(request)? {
            return Ok(Stand::Ended(reply));
        }
        let team = shared.door.admit(&shared.store, &request.login)?;
        let campaign = shared.store.campaign(request.campaign)?.filter(|campaign| campaign.team == team);
        let campaign = campaign.ok_or_else(|| {
            Fault::new(Key::CampaignUnknown, format!("model_id {} is no campaign of this team", request.campaign))
        })?;
        match &request.source {
            Source::Data(record) => shared.record(campaign, request, record).map(Stand::Ended),
            Source::File(file) => {
                // Of the other fields' names only the file's title row can tell.
                phone_field(&request.intake, &campaign.fields)?;
                self.file(&campaign, request, file)
            }
        }
    }

    fn file(&self, campaign: &Campaign, request: &Request, file: &FileSource) -> Result<Stand, Fault> {
        let shared = &self.shared;
        if file.run_at.is_some() || shared.options.background {
            let job = shared.add_job(campaign, request, file, None)?;
            self.ring();
            return Ok(Stand::Open(Reply::done(job.id.to_string())));
        }
        shared.run_at_once(campaign, request, file)
    }
}

/// `import_jsonp` where no engine can be asked: the page hears of it like of any other failure.
pub fn jsonp_refusal(query: &[u8], refusal: &Reply) -> String {
    jsonp_callback(&read(query)).map_or_else(|_| refusal.to_page_json(), |callback| refusal.to_jsonp(&callback))
}

fn jsonp_callback<'q>(query: &'q Query<'_>) -> Result<Cow<'q, str>, Fault> {
    query.refuse_twice_callback()?;
    let callback = String::from_utf8_lossy(query.callback.as_deref().unwrap_or_default());
    if is_jsonp_callback(&callback) {
        return Ok(callback);
    }
    let message = format!("callback {} is not of the form [A-Za-z_$][A-Za-z0-9_$.]{{0,127}}", shown(&callback));
    Err(Fault::new(Key::ParameterBad, message))
}

fn event(query: &Query<'_>) -> Result<(), Fault> {
    let event = query.event.as_deref().unwrap_or_default();
    let text = String::from_utf8_lossy(event);
    if fold(&text) == "import" {
        return Ok(());
    }
    Err(Fault::new(Key::ParameterBad, format!("EVENT {} is not Import", shown(&text))))
}

impl Shared {
    /// A fault as an import's reply.
    pub fn told(&self, fault: Fault) -> Reply {
        Reply::failed(self.options.messages.tell(&fault.key, fault.message))
    }

    /// One record of a login and into a campaign that are known already: the transaction that writes it looks whether they
    /// are still what they were. `None`: they are not, or the record can't be used as it seems.
    fn record_as_before(&self, request: &Request) -> Result<Option<Reply>, Fault> {
        let Source::Data(record) = &request.source else { return Ok(None) };
        let known = self.door.admitted(&request.login).zip(self.store.campaign_before(request.campaign));
        let Some((admission, campaign)) = known.filter(|(admission, campaign)| campaign.team == admission.team) else {
            return Ok(None);
        };
        let Ok(drafted) = self.drafted(&campaign, request, record) else { return Ok(None) };
        let rules = request.intake.rules;
        let told = self.store.record(move |chunk| match admission.holds(chunk)? && chunk.is_as_read(&campaign)? {
            true => drafted.write(chunk, &campaign, rules).map(Some),
            false => Ok(None),
        });
        match told {
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
    fn record(&self, campaign: Arc<Campaign>, request: &Request, record: &str) -> Result<Reply, Fault> {
        let drafted = self.drafted(&campaign, request, record)?;
        let rules = request.intake.rules;
        let (key, text) = self.store.record(move |chunk| drafted.write(chunk, &campaign, rules))?;
        Ok(Reply::done(self.options.messages.tell(&key, text)))
    }

    fn drafted(&self, campaign: &Campaign, request: &Request, record: &str) -> Result<Drafted, Fault> {
        let pieces = pieces(record)?;
        let mapping = Mapping::of_record(&pieces, &campaign.fields, &self.options.zone, &request.intake)?;
        let mut batch = mapping.batch();
        let drafted = mapping.draft(|at| pieces.get(at).map_or("", |piece| piece.value), &mut batch, Wanted::All);
        drafted.map_err(|fault| fault.within("context"))?;
        let groups = group(&batch, self.store.fingerprints());
        Ok(Drafted { batch, groups })
    }
}

/// A record as it is to be written.
struct Drafted {
    batch: Batch,
    groups: Groups,
}

impl Drafted {
    fn write(&self, chunk: &mut Chunk<'_>, campaign: &Campaign, rules: Rules) -> Result<(Key, String), Fault> {
        let (applied, outcome) = take(chunk, campaign, &self.batch, &self.groups, &Scouted::default(), rules, now())?;
        Ok(outcome_of(&applied, &outcome, campaign))
    }
}

/// What is told of one record.
fn outcome_of(applied: &Applied, outcome: &Outcome<'_>, campaign: &Campaign) -> (Key, String) {
    let customer = applied.customers.first().copied().unwrap_or_default();
    match outcome.decisions.first() {
        Some(Decision::Insert { dial: true }) => {
            (Key::AddedAndListed, format!("customer {customer} added; on the dial list"))
        }
        Some(Decision::Insert { dial: false }) => (Key::Added, format!("customer {customer} added")),
        Some(Decision::Duplicate(change)) if change.any() => changed(*change, customer, campaign),
        Some(Decision::Duplicate(_)) | None => {
            (Key::NothingToDo, format!("customer {customer} is a duplicate; nothing to do"))
        }
        Some(Decision::Leave) => (
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
