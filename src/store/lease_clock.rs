//! The clock of dial leases.
//!
//! It runs evenly, however the time of day is set: a lease must not end early, nor hold its entry for years. Within a boot
//! of the machine it goes by the time since that boot. Over a reboot it goes on from the time of day, since leases outlive
//! reboots too (an agent's screen may hold a number for hours), and never back: where the machine lost its time, a lease
//! lasts longer by the time that the machine was off, and a minute at most.

use rusqlite::{Connection, params};

use super::storage;
use crate::fault::Fault;
use crate::time::Moment;

/// How much the clock may go on before that is kept for the next boot.
const KEPT_EVERY_MS: i64 = 60_000;

/// What the store knows of the clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Clock {
    boot: String,
    start_ms: i64,
    seen_ms: i64,
}

impl Clock {
    fn shows(&self, at: &Moment) -> i64 {
        let shows = match self.boot == at.boot {
            true => self.start_ms.saturating_add(at.since_boot_ms),
            false => at.wall_ms,
        };
        shows.max(self.seen_ms)
    }

    /// The clock as it is to be kept, if it must be.
    fn kept(&self, at: &Moment) -> Option<Self> {
        let shows = self.shows(at);
        let same_boot = self.boot == at.boot;
        if same_boot && shows - self.seen_ms < KEPT_EVERY_MS {
            return None;
        }
        let start_ms = if same_boot { self.start_ms } else { shows.saturating_sub(at.since_boot_ms) };
        Some(Self { boot: at.boot.to_owned(), start_ms, seen_ms: shows })
    }
}

/// What the clock shows.
pub fn shows(c: &Connection, at: &Moment) -> Result<i64, Fault> {
    read(c).map(|clock| clock.shows(at))
}

/// What the clock shows, for one who is about to grant leases by it.
pub fn keep(c: &Connection, at: &Moment) -> Result<i64, Fault> {
    let clock = read(c)?;
    if let Some(kept) = clock.kept(at) {
        let sql = "UPDATE store SET lease_boot = ?1, lease_start = ?2, lease_seen = ?3";
        let mut update = c.prepare_cached(sql).map_err(storage)?;
        update.execute(params![kept.boot, kept.start_ms, kept.seen_ms]).map_err(storage)?;
    }
    Ok(clock.shows(at))
}

fn read(c: &Connection) -> Result<Clock, Fault> {
    let sql = "SELECT lease_boot, lease_start, lease_seen FROM store";
    let mut select = c.prepare_cached(sql).map_err(storage)?;
    select
        .query_row([], |row| Ok(Clock { boot: row.get(0)?, start_ms: row.get(1)?, seen_ms: row.get(2)? }))
        .map_err(storage)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose clocks a test sets; what is kept is kept at every look.
    struct Machine {
        clock: Clock,
        at: Moment,
    }

    impl Machine {
        fn new() -> Self {
            let at = Moment { wall_ms: 1_000_000_000, boot: "first", since_boot_ms: 5_000 };
            Self { clock: Clock::default(), at }
        }

        fn look(&mut self) -> i64 {
            let shows = self.clock.shows(&self.at);
            self.clock = self.clock.kept(&self.at).unwrap_or_else(|| self.clock.clone());
            shows
        }

        fn pass(&mut self, ms: i64) {
            self.at.wall_ms += ms;
            self.at.since_boot_ms += ms;
        }

        fn reboot(&mut self, wall_ms: i64) {
            self.at = Moment { wall_ms, boot: "second", since_boot_ms: 1_000 };
        }
    }

    #[test]
    fn it_starts_with_the_time_of_day() {
        assert_eq!(Machine::new().look(), 1_000_000_000);
    }

    #[test]
    fn the_time_of_day_may_be_set_either_way() {
        for set_by in [-1_000_000, 1_000_000] {
            let mut machine = Machine::new();
            let before = machine.look();
            machine.at.wall_ms += set_by;
            machine.pass(700);
            assert_eq!(machine.look() - before, 700, "{set_by}");
        }
    }

    #[test]
    fn a_reboot_takes_as_long_as_the_time_of_day_says() {
        let mut machine = Machine::new();
        let before = machine.look();
        machine.reboot(before + 90_000);
        assert_eq!(machine.look() - before, 90_000);
        machine.pass(5);
        assert_eq!(machine.look() - before, 90_005);
    }

    #[test]
    fn a_machine_that_lost_its_time_goes_on_from_the_minute_kept_last() {
        let mut machine = Machine::new();
        let before = machine.look();
        for _ in 0..100 {
            machine.pass(5_000);
            machine.look();
        }
        machine.reboot(0);
        let lost = before + 500_000 - machine.look();
        assert!((0..KEPT_EVERY_MS).contains(&lost), "{lost}");
    }

    #[test]
    fn a_system_that_tells_no_boot_never_goes_back() {
        let mut machine = Machine::new();
        machine.at = Moment { wall_ms: 1_000, boot: "", since_boot_ms: 1_000 };
        let mut last = machine.look();
        for wall_ms in [2_000, 90_000, 500, 91_000] {
            machine.at = Moment { wall_ms, boot: "", since_boot_ms: wall_ms };
            let shows = machine.look();
            assert!(shows >= last - KEPT_EVERY_MS, "{shows} after {last}");
            last = shows;
        }
    }
}
