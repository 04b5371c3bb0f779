//! What stands on the command line: places, and options with a value each.

use std::collections::HashMap;
use std::fmt::Debug;
use std::str::FromStr;

pub struct Given {
    places: Vec<String>,
    options: HashMap<String, String>,
}

impl Given {
    pub fn new(words: &[String]) -> Self {
        let (mut places, mut options) = (Vec::new(), HashMap::new());
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.strip_prefix("--") {
                Some(name) => {
                    let value = words.next().unwrap_or_else(|| panic!("--{name} needs a value"));
                    options.insert(name.to_owned(), value.clone());
                }
                None => places.push(word.clone()),
            }
        }
        Self { places, options }
    }

    pub fn place(&self, at: usize, what: &str) -> &str {
        self.places.get(at).unwrap_or_else(|| panic!("{what} is missing"))
    }

    pub fn text<'g>(&'g self, name: &str, default: &'g str) -> &'g str {
        self.options.get(name).map_or(default, String::as_str)
    }

    pub fn number<N: FromStr<Err: Debug>>(&self, name: &str, default: N) -> N {
        self.options.get(name).map_or(default, |text| text.parse().expect("a number"))
    }

    pub fn is_yes(&self, name: &str) -> bool {
        self.text(name, "no") == "yes"
    }
}
