//! The catalogue, as hosts write it.

use serde_json::json;

use super::{Engine, reply};
use crate::auth;
use crate::catalog;
use crate::fault::{Fault, Key};
use crate::reply::Reply;
use crate::request::parse_login;

impl Engine {
    /// `cji_team_add`.
    pub fn team_add(&self, orgidentity: &str, name: &str) -> Reply {
        if orgidentity.is_empty() {
            return Reply::failed("orgidentity is empty");
        }
        reply(self.shared.store.team_add(orgidentity, name).map(|_| Reply::done("")))
    }

    /// `cji_user_set`.
    pub fn user_set(&self, orgidentity: &str, usertype: &str, user: &str, pwdtype: &str, password: &str) -> Reply {
        let store = &self.shared.store;
        reply(parse_login(orgidentity, usertype, user, pwdtype, password).and_then(|login| {
            let verifier = auth::verifier(&login)?;
            store.login_set(&login.orgidentity, login.usertype, &login.user, &verifier)?;
            Ok(Reply::done(""))
        }))
    }

    /// `cji_user_disable`.
    pub fn user_disable(&self, orgidentity: &str, usertype: &str, user: &str) -> Reply {
        let store = &self.shared.store;
        // Only the password is not asked for.
        reply(parse_login(orgidentity, usertype, user, "plaintext", "-").and_then(|login| {
            store.login_disable(&login.orgidentity, login.usertype, &login.user)?;
            Ok(Reply::done(""))
        }))
    }

    /// `cji_main_table_define`.
    pub fn main_table_define(&self, orgidentity: &str, definition: &str) -> Reply {
        let store = &self.shared.store;
        reply(catalog::main_table(definition).and_then(|definition| {
            store.main_table_define(orgidentity, &definition)?;
            Ok(Reply::done(""))
        }))
    }

    /// `cji_campaign_add`.
    pub fn campaign_add(&self, orgidentity: &str, definition: &str) -> Reply {
        let store = &self.shared.store;
        reply(catalog::campaign(definition).and_then(|definition| {
            let id = store.campaign_add(orgidentity, &definition)?;
            Ok(Reply::done(id.to_string()))
        }))
    }

    /// `cji_campaign_get`.
    pub fn campaign_get(&self, campaign_id: &str) -> Reply {
        reply(self.shared.campaign(campaign_id).and_then(|campaign| {
            let (customers, entries) = self.shared.store.campaign_counts(&campaign)?;
            let fields = serde_json::to_value(campaign.fields.all());
            Ok(Reply::data(json!({
                "id": campaign.id,
                "team": campaign.orgidentity,
                "name": campaign.name,
                "main_table": campaign.main_table,
                "package": campaign.package,
                "fields": fields.map_err(|error| Fault::new(Key::Storage, error.to_string()))?,
                "unique_key": campaign.fields.key_names(),
                "customers": customers,
                "dial_list": entries,
            })))
        }))
    }
}
