//! All that is wrong with the parameters, told in one message.

use super::Parameter;
use crate::fault::{Fault, Key};

/// The complaints of one call, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Complaints(Vec<(Parameter, Key, String)>);

impl Complaints {
    /// Adds one; `what` follows the parameter's name.
    pub fn add(&mut self, parameter: Parameter, key: Key, what: impl AsRef<str>) {
        self.0.push((parameter, key, format!("{} {}", parameter.name(), what.as_ref())));
    }

    /// Adds one whose message names the parameter already.
    pub fn add_fault(&mut self, parameter: Parameter, fault: Fault) {
        self.0.push((parameter, fault.key, fault.message));
    }

    /// True where `parameter` was complained of.
    pub fn name(&self, parameter: Parameter) -> bool {
        self.0.iter().any(|(p, _, _)| *p == parameter)
    }

    /// One fault of them all: the key of the first in the order of the parameters, and every sentence.
    pub fn into_fault(mut self) -> Option<Fault> {
        self.0.sort_by_key(|(parameter, _, _)| *parameter);
        let key = self.0.first()?.1.clone();
        let sentences: Vec<String> = self.0.into_iter().map(|(_, _, sentence)| sentence).collect();
        Some(Fault::new(key, sentences.join("; ")))
    }
}
