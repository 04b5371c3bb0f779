//! Texts to a checked `Request`: every parameter by its rule, all complaints at once.

use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::complaints::Complaints;
use super::{COUNT, FileSource, Intake, Login, Parameter as P, Request, Source, Texts, UserType};
use crate::fault::{Fault, Key, shown};
use crate::field::fold;
use crate::merge::{ChangePackage, DupDialList, Dupway, Rules};
use crate::source::{Location, Protocol};
use crate::time::{NoTime, Seconds, Zone};

/// Checks the 22 parameters. `now`: a run time that is not after it means now.
pub fn parse(texts: &Texts<'_>, zone: &Zone, now: Seconds) -> Result<Request, Fault> {
    let mut check = Check::of(texts);
    let login = check.login();
    let campaign = check.model();
    let source = check.source(zone, now);
    let intake = check.intake();
    let callback = check.text(P::CallbackFuc).trim().to_owned();
    match (check.complaints.into_fault(), login, campaign, source, intake) {
        (None, Some(login), Some(campaign), Some(source), Some(intake)) => {
            Ok(Request { login, campaign, source, intake, callback })
        }
        (Some(fault), ..) => Err(fault),
        (None, ..) => Err(Fault::new(Key::ParameterBad, "the parameters can't be used")),
    }
}

/// Checks the five parameters of a login alone, for the catalogue.
pub fn parse_login(
    orgidentity: &str,
    usertype: &str,
    user: &str,
    pwdtype: &str,
    password: &str,
) -> Result<Login, Fault> {
    let mut texts: Texts<'_> = [&[]; COUNT];
    for (slot, text) in texts.iter_mut().zip([orgidentity, usertype, user, pwdtype, password]) {
        *slot = text.as_bytes();
    }
    let mut check = Check::of(&texts);
    let login = check.login();
    match (check.complaints.into_fault(), login) {
        (None, Some(login)) => Ok(login),
        (Some(fault), _) => Err(fault),
        (None, None) => Err(Fault::new(Key::ParameterBad, "the login can't be used")),
    }
}

struct Check<'a> {
    texts: [&'a str; COUNT],
    complaints: Complaints,
}

impl<'a> Check<'a> {
    /// Takes every text that is UTF-8, complains of the others.
    fn of(texts: &Texts<'a>) -> Self {
        let mut check = Self { texts: [""; COUNT], complaints: Complaints::default() };
        for ((slot, bytes), parameter) in check.texts.iter_mut().zip(texts).zip(ALL) {
            match std::str::from_utf8(bytes) {
                // Only the query strings can bring one: C's texts end there.
                Ok(text) if text.contains('\0') => check.complaints.add(parameter, bad_key(parameter), "holds a NUL"),
                Ok(text) => *slot = text,
                Err(error) => {
                    let what = format!("is not valid UTF-8 at byte {}", error.valid_up_to() + 1);
                    check.complaints.add(parameter, bad_key(parameter), what);
                }
            }
        }
        check
    }

    fn text(&self, parameter: P) -> &'a str {
        self.texts.get(parameter as usize).copied().unwrap_or_default()
    }

    fn complain(&mut self, parameter: P, key: Key, what: impl AsRef<str>) {
        // Bytes that are not UTF-8 were complained of already.
        if !self.complaints.name(parameter) {
            self.complaints.add(parameter, key, what);
        }
    }

    fn filled(&mut self, parameter: P, empty: Key) -> Option<&'a str> {
        let text = self.text(parameter);
        if text.is_empty() {
            self.complain(parameter, empty, "is empty");
            return None;
        }
        Some(text)
    }

    /// The listed value that the parameter gives; `default`: what an empty one means.
    fn listed<T: Copy>(&mut self, parameter: P, listed: &[(&str, T)], default: Option<T>, empty: Key) -> Option<T> {
        let text = fold(self.text(parameter));
        if text.is_empty() && !self.complaints.name(parameter) {
            if default.is_none() {
                self.complain(parameter, empty, format!("is empty; it must be {}", alternatives(listed)));
            }
            return default;
        }
        let found = listed.iter().find(|(name, _)| fold(name) == text).map(|(_, value)| *value);
        if found.is_none() {
            let what = format!("{} is not one of its values: {}", shown(self.text(parameter)), alternatives(listed));
            self.complain(parameter, bad_key(parameter), what);
        }
        found
    }

    fn login(&mut self) -> Option<Login> {
        let orgidentity = self.filled(P::Orgidentity, Key::LoginEmpty);
        let types = [("agent", UserType::Agent), ("account", UserType::Account)];
        let usertype = self.listed(P::Usertype, &types, None, Key::LoginEmpty);
        let user = self.filled(P::User, Key::LoginEmpty);
        let is_md5 = self.listed(P::Pwdtype, &[("plaintext", false), ("md5", true)], None, Key::LoginEmpty);
        let password = self.filled(P::Password, Key::LoginEmpty);
        let md5 = match (is_md5, password) {
            (Some(true), Some(password)) => self.md5_given(password),
            (Some(false), Some(password)) => {
                Some(Zeroizing::new(format!("{:032x}", u128::from_be_bytes(Md5::digest(password.as_bytes()).into()))))
            }
            _ => None,
        };
        Some(Login { orgidentity: orgidentity?.to_owned(), usertype: usertype?, user: user?.to_owned(), md5: md5? })
    }

    fn md5_given(&mut self, password: &str) -> Option<Zeroizing<String>> {
        if password.len() == 32 && password.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Some(Zeroizing::new(password.to_ascii_lowercase()));
        }
        self.complain(P::Password, Key::ParameterBad, "is not an MD5 of 32 hex digits, as pwdtype says");
        None
    }

    fn model(&mut self) -> Option<i64> {
        let model = self.listed(P::Modeltype, &[("Campaign", ())], None, Key::ModelBad);
        let text = self.filled(P::ModelId, Key::ModelBad)?.trim();
        let id = Some(text).filter(|t| t.bytes().all(|b| b.is_ascii_digit())).and_then(|t| t.parse().ok());
        if id.is_none() {
            self.complain(P::ModelId, Key::ModelBad, format!("{} is not a campaign's decimal id", shown(text)));
        }
        model.and(id)
    }

    fn source(&mut self, zone: &Zone, now: Seconds) -> Option<Source> {
        let listed = [("data", None), ("http", Some(Protocol::Http)), ("ftp", Some(Protocol::Ftp))];
        let protocol = self.listed(P::Source, &listed, None, Key::SourceBad);
        let context = self.filled(P::Context, Key::ContextEmpty);
        if protocol == Some(None) {
            return context.map(|record| Source::Data(record.to_owned()));
        }
        let run_at = self.exetime(zone);
        let delrow = self.delrow();
        let (Some(Some(protocol)), Some(url)) = (protocol, context) else {
            return None;
        };
        let location = match Location::parse(protocol, url, self.text(P::SourceUser), self.text(P::SourcePwd)) {
            Ok(location) => location,
            Err(fault) => {
                let named = [P::SourceUser, P::SourcePwd].into_iter().find(|p| fault.message.starts_with(p.name()));
                self.complaints.add_fault(named.unwrap_or(P::Context), fault);
                return None;
            }
        };
        let run_at = run_at.ok()?.filter(|&at| at > now);
        Some(Source::File(FileSource { location, protocol, run_at, delrow: delrow? }))
    }

    fn exetime(&mut self, zone: &Zone) -> Result<Option<Seconds>, NoTime> {
        let text = self.text(P::Exetime);
        // A date alone is a field's form, not this one's.
        let time_of_day = text.trim().len() != "YYYY-MM-DD".len() || text.trim().starts_with("0000");
        match zone.read(text) {
            Ok(civil) if time_of_day => Ok(civil.map(|c| zone.seconds(c))),
            _ => {
                let what = format!("{} is no time: give it as YYYY-MM-DD HH:MM:SS, or empty for now", shown(text));
                self.complain(P::Exetime, Key::ParameterBad, what);
                Err(NoTime)
            }
        }
    }

    fn delrow(&mut self) -> Option<u64> {
        let text = self.text(P::Delrow).trim();
        if text.is_empty() {
            return Some(0);
        }
        let lines = Some(text).filter(|t| t.bytes().all(|b| b.is_ascii_digit())).and_then(|t| t.parse().ok());
        if lines.is_none() {
            let what = format!("{} is not a number of lines: give 0 or more", shown(text));
            self.complain(P::Delrow, Key::ParameterBad, what);
        }
        lines
    }

    fn intake(&mut self) -> Option<Intake> {
        let yes_no = [("yes", true), ("no", false)];
        let dupways = [("update", Dupway::Update), ("skip", Dupway::Skip)];
        let dial_lists = [
            ("ignoreDuplicate", DupDialList::IgnoreDuplicate),
            ("all", DupDialList::All),
            ("ignoreSuccess", DupDialList::IgnoreSuccess),
        ];
        let packages = [
            ("skip", ChangePackage::Skip),
            ("unassignToCurrent", ChangePackage::UnassignToCurrent),
            ("reassignToCurrent", ChangePackage::ReassignToCurrent),
        ];
        let bad = Key::ParameterBad;
        let phone_field = self.text(P::PhoneField).trim();
        for needs in [P::PriorityField, P::DialtimeField] {
            if phone_field.is_empty() && !self.text(needs).trim().is_empty() {
                self.complain(needs, bad.clone(), "needs phone_field: it says how the dial list is filled");
            }
        }
        let empty_agent = self.listed(P::Emptyagent, &yes_no, Some(false), bad.clone());
        let reset_status = self.listed(P::Resetstatus, &yes_no, Some(false), bad.clone());
        let dupway = self.listed(P::Dupway, &dupways, Some(Dupway::Skip), bad.clone());
        let default = Some(DupDialList::IgnoreDuplicate);
        let dial_list = self.listed(P::Dupdiallist, &dial_lists, default, bad.clone());
        let change_package = self.listed(P::Changepackage, &packages, Some(ChangePackage::Skip), bad);
        Some(Intake {
            phone_field: phone_field.to_owned(),
            priority_field: self.text(P::PriorityField).trim().to_owned(),
            dialtime_field: self.text(P::DialtimeField).trim().to_owned(),
            rules: Rules {
                empty_agent: empty_agent?,
                reset_status: reset_status?,
                dupway: dupway?,
                dial_list: dial_list?,
                change_package: change_package?,
            },
        })
    }
}

const ALL: [P; COUNT] = [
    P::Orgidentity,
    P::Usertype,
    P::User,
    P::Pwdtype,
    P::Password,
    P::Modeltype,
    P::ModelId,
    P::Source,
    P::Context,
    P::SourceUser,
    P::SourcePwd,
    P::Exetime,
    P::Delrow,
    P::PhoneField,
    P::PriorityField,
    P::DialtimeField,
    P::Emptyagent,
    P::Resetstatus,
    P::Dupway,
    P::Dupdiallist,
    P::Changepackage,
    P::CallbackFuc,
];

/// The vendor's key of a parameter whose value is wrong.
fn bad_key(parameter: P) -> Key {
    match parameter {
        P::Modeltype | P::ModelId => Key::ModelBad,
        P::Source => Key::SourceBad,
        _ => Key::ParameterBad,
    }
}

fn alternatives<T>(listed: &[(&str, T)]) -> String {
    let names: Vec<&str> = listed.iter().map(|(name, _)| *name).collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}
