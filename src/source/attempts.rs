//! The attempts of one fetch: which trouble is met again, after which pause, and how it is told in the end.

use std::sync::Arc;
use std::time::Duration;

use super::connect::Connections;
use super::course::Course;
use super::intake::Intake;
use super::trouble::{Trouble, seconds};
use super::{Fetched, Location, Network, Protocol, Spool, ftp, http};
use crate::fault::Fault;

/// No pause is longer, however many went before and whatever the server asks.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// One way of fetching. It remembers between its attempts what a later one can go on from.
pub(super) trait Attempt {
    fn run(&mut self) -> Result<Fetched, Trouble>;
}

impl Network {
    /// The whole fetch, on the helper thread.
    pub(super) fn attempts(
        &self,
        location: &Location,
        spool: &mut Spool,
        course: &Arc<Course>,
    ) -> Result<Fetched, Fault> {
        let connections = Connections {
            course: Arc::clone(course),
            reach: Arc::clone(&self.reach),
            connect_timeout: self.options.connect_timeout,
            idle_timeout: self.options.idle_timeout,
        };
        let intake = Intake::new(spool, course, self.options.max_file_bytes);
        let mut attempt: Box<dyn Attempt> = match location.protocol() {
            Protocol::Http => Box::new(http::Download::new(location, &connections, &self.trust, intake)),
            Protocol::Ftp => Box::new(ftp::Download::new(location, &connections, &self.trust, intake)),
        };
        let mut troubles: Vec<Trouble> = Vec::new();
        let overtime =
            || Trouble::lasting(format!("total_timeout_s ({}) ran out", seconds(self.options.total_timeout)));
        loop {
            let outcome = match course.ending() {
                None => attempt.run(),
                Some(_) => Err(overtime()),
            };
            let trouble = match (outcome, course.ending()) {
                // An ended fetch looks like a failed or, where only the connection's end ends the file, like a whole one.
                (_, Some(_)) => overtime(),
                (Ok(fetched), None) => return Ok(fetched),
                (Err(trouble), None) => trouble,
            };
            let retries = u32::try_from(troubles.len()).unwrap_or(u32::MAX);
            if !trouble.passing || retries >= self.options.retries {
                return Err(self.fault(location, &trouble, &troubles));
            }
            course.pause(self.pause(retries, trouble.pause));
            troubles.push(trouble);
        }
    }

    /// The pause after `retries` earlier ones: it doubles, and differs by up to a half, so that many hosts that met the same
    /// trouble don't come back at the same time.
    fn pause(&self, retries: u32, asked: Option<Duration>) -> Duration {
        let grown = self.options.first_pause.saturating_mul(1 << retries.min(16)).min(LONGEST_PAUSE);
        let chance = f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX);
        grown.mul_f64(0.75 + chance / 2.0).max(asked.unwrap_or_default()).min(LONGEST_PAUSE)
    }

    /// The message says which attempt failed how.
    fn fault(&self, location: &Location, last: &Trouble, earlier: &[Trouble]) -> Fault {
        let place = format!("fetch from {}:{} failed", location.host(), location.port());
        if earlier.is_empty() {
            return Fault::new(last.key.clone(), format!("{place}: {last}"));
        }
        let number = earlier.len().saturating_add(1);
        let of = u64::from(self.options.retries).saturating_add(1);
        let before = if earlier.iter().all(|trouble| trouble.text == last.text) {
            ", as before".to_string()
        } else {
            format!("; earlier: {}", told(earlier))
        };
        Fault::new(last.key.clone(), format!("{place}: attempt {number} of {of}: {last}{before}"))
    }
}

/// The troubles of the attempts from the first on: `1-3: connection refused; 4: …`.
fn told(troubles: &[Trouble]) -> String {
    const MOST: usize = 6;
    let mut first = 1_usize;
    let groups: Vec<String> = troubles
        .chunk_by(|one, next| one.text == next.text)
        .filter_map(|group| {
            let next = first.saturating_add(group.len());
            let attempts =
                if group.len() == 1 { first.to_string() } else { format!("{first}-{}", next.saturating_sub(1)) };
            first = next;
            group.first().map(|trouble| format!("{attempts}: {trouble}"))
        })
        .collect();
    let hidden = groups.len().saturating_sub(MOST);
    let shown = groups.get(hidden..).unwrap_or_default().join("; ");
    if hidden > 0 { format!("…; {shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_PAUSE, Network, Trouble, told};
    use crate::source::NetworkOptions;
    use std::time::Duration;

    #[test]
    fn pauses_grow_and_differ_and_have_an_end() {
        let network = Network::new(NetworkOptions::default()).expect("good options");
        for (retries, seconds) in [(0, 1.0), (1, 2.0), (2, 4.0), (5, 32.0)] {
            let pauses: Vec<f64> = (0..50).map(|_| network.pause(retries, None).as_secs_f64()).collect();
            assert!(pauses.iter().all(|pause| (0.75 * seconds..=1.25 * seconds).contains(pause)), "{pauses:?}");
            assert!(pauses.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 1e-6));
        }
        assert_eq!(network.pause(0, Some(Duration::from_secs(7))), Duration::from_secs(7));
        for asked in [None, Some(Duration::MAX)] {
            assert!(network.pause(u32::MAX, asked) <= LONGEST_PAUSE);
        }
    }

    #[test]
    fn any_option_is_a_number_that_can_be_counted_with() {
        let options = NetworkOptions {
            connect_timeout: Duration::MAX,
            idle_timeout: Duration::MAX,
            total_timeout: Duration::MAX,
            retries: u32::MAX,
            max_file_bytes: u64::MAX,
            first_pause: Duration::MAX,
            ..NetworkOptions::default()
        };
        let network = Network::new(options).expect("good options");
        assert!(network.pause(u32::MAX, None) <= LONGEST_PAUSE);
    }

    #[test]
    fn troubles_are_told_briefly() {
        let troubles: Vec<Trouble> = ["a", "a", "a", "b", "a"].map(Trouble::passing).to_vec();
        assert_eq!(told(&troubles), "1-3: a; 4: b; 5: a");
        let many: Vec<Trouble> = (0..100).map(|number| Trouble::passing(number.to_string())).collect();
        assert!(told(&many).starts_with("…; 95: 94; "));
    }
}
