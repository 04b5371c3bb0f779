//! Jobs that met a trouble which may pass, such as a full disk: whoever tried them leaves them alone for a while.

use std::time::{Duration, Instant};

/// How long.
const REST: Duration = Duration::from_secs(5);

/// The jobs that rest, and until when.
#[derive(Debug, Default)]
pub struct Resting(Vec<(i64, Instant)>);

impl Resting {
    /// This one rests from now.
    pub fn add(&mut self, job: i64) {
        self.0.push((job, Instant::now() + REST));
    }

    /// Those whose time is over may be tried again.
    pub fn wake(&mut self) {
        let now = Instant::now();
        self.0.retain(|(_, until)| *until > now);
    }

    /// Those that rest.
    pub fn ids(&self) -> Vec<i64> {
        self.0.iter().map(|(job, _)| *job).collect()
    }
}
