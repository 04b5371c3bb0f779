//! The import itself: parameters, login, campaign, then the record or the file.

use std::borrow::Cow;

use super::{Engine, PARAMETERS, Shared};
use crate::fault::{Fault, Key, shown};
use crate::field::fold;
use crate::mapping::phone_field;
use crate::memory;
use crate::reply::{Reply, is_jsonp_callback};
use crate::request::query::{Query, read};
use crate::request::{FileSource, Request, Source, parse};
use crate::store::Campaign;
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
        if let Err(fault) = query.refuse_twice().and_then(|()| query.refuse_broken()) {
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
}
