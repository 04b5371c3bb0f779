//! Local times of the engine's zone: read, shown, turned into seconds since 1970 and back.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

use crate::field::fold;

/// Seconds since 1970, UTC.
pub type Seconds = i64;

/// The time of day, in seconds since 1970.
pub fn now() -> Seconds {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

/// Milliseconds since the machine was booted, while it was not suspended: the same for all its processes, and never set.
pub fn uptime_ms() -> i64 {
    clock_ms(ClockId::Monotonic)
}

/// One moment, on the clocks that leases and dial times go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of day, in milliseconds since 1970. It may be set, forwards and backwards.
    pub wall_ms: i64,
    /// This boot of the machine; empty where the system does not tell.
    pub boot: &'static str,
    /// Milliseconds since that boot, suspended ones too: nobody sets this clock. The time of day without a `boot`.
    pub since_boot_ms: i64,
}

impl Moment {
    /// What the clocks show.
    pub fn now() -> Self {
        static BOOT: LazyLock<String> = LazyLock::new(|| {
            let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
            id.unwrap_or_default().trim().to_owned()
        });
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_ms = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
        let since_boot_ms = if BOOT.is_empty() { wall_ms } else { since_boot_ms() };
        Self { wall_ms, boot: &BOOT, since_boot_ms }
    }

    /// The time of day, in whole seconds.
    pub fn seconds(&self) -> Seconds {
        self.wall_ms.div_euclid(1_000)
    }
}

// Not `/proc/uptime`: a container may show its own there, beside the host's boot.
fn since_boot_ms() -> i64 {
    clock_ms(ClockId::Boottime)
}

fn clock_ms(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The zone of all local times of an engine.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of this IANA name.
    ///
    /// The system's file of the zone, which is kept up to date, else the one that the library carries. Not by the
    /// system's whole database: that would be listed first, and an environment variable would say where it is.
    pub fn named(name: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/');
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(plain) {
            return None;
        }
        let file = fs::read(Path::new("/usr/share/zoneinfo").join(name)).ok();
        let zone = file.and_then(|file| TimeZone::tzif(name, &file).ok());
        zone.or_else(|| TimeZoneDatabase::bundled().get(name).ok()).map(Self)
    }

    /// The system's zone: `TZ`, else `/etc/localtime`, else UTC.
    pub fn system() -> Self {
        Self(TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }

    /// Reads a local time: `YYYY-MM-DD HH:MM:SS`, also with `T`, also without seconds, also a date alone.
    /// `None`: it means no time (empty, `NULL`, zeros). A time that a clock change skips moves on by the gap.
    pub fn read(&self, text: &str) -> Result<Option<DateTime>, NoTime> {
        let text = text.trim();
        if text.is_empty() || fold(text) == "null" || is_zero_date(text) {
            return Ok(None);
        }
        let civil = parse(text).ok_or(NoTime)?;
        let moved = match self.0.to_ambiguous_zoned(civil).compatible() {
            Ok(zoned) => zoned.datetime(),
            // The last hours of the year 9999 have no timestamp in some zones; as a local time they stand.
            Err(_) => civil,
        };
        Ok(Some(moved))
    }

    /// The moment of a local time; of one that comes twice, the first.
    pub fn seconds(&self, civil: DateTime) -> Seconds {
        match self.0.to_ambiguous_zoned(civil).compatible() {
            Ok(zoned) => zoned.timestamp().as_second(),
            Err(_) => civil.duration_since(EPOCH).as_secs() - self.last_offset(),
        }
    }

    /// `YYYY-MM-DD HH:MM:SS` of a moment.
    pub fn show(&self, seconds: Seconds) -> String {
        let civil = match Timestamp::from_second(seconds) {
            Ok(timestamp) => Ok(timestamp.to_zoned(self.0.clone()).datetime()),
            Err(_) => EPOCH.checked_add(SignedDuration::from_secs(seconds.saturating_add(self.last_offset()))),
        };
        civil.map_or_else(|_| seconds.to_string(), show)
    }

    /// Seconds east of UTC in the last hours of the year 9999, which people write for "never" and which have no timestamp.
    fn last_offset(&self) -> Seconds {
        self.0.to_offset(Timestamp::MAX).seconds().into()
    }
}

/// The text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTime;

/// `YYYY-MM-DD HH:MM:SS` of a local time.
pub fn show(civil: DateTime) -> String {
    civil.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn is_zero_date(text: &str) -> bool {
    text.starts_with("0000-00-00") && text.bytes().all(|b| matches!(b, b'0' | b'-' | b':' | b' ' | b'T'))
}

fn parse(text: &str) -> Option<DateTime> {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?.trim_start())),
        None => (text, None),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let [hour, minute, second] = match time {
        None => [0, 0, 0],
        Some(time) if time.len() == 5 => {
            let [hour, minute] = numbers(time, ':', [2, 2])?;
            [hour, minute, 0]
        }
        Some(time) => numbers(time, ':', [2, 2, 2])?,
    };
    let part = |n: u16| i8::try_from(n).ok();
    Some(date.to_datetime(Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()?))
}

/// The parts of `text` between `separator`s, each of exactly so many digits.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[u16; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(zone: &str, text: &str) -> Result<Option<String>, NoTime> {
        Zone::named(zone).unwrap().read(text).map(|t| t.map(show))
    }

    #[test]
    fn the_forms_of_a_time() {
        for (text, shown) in [
            ("2026-03-01 08:09:10", "2026-03-01 08:09:10"),
            ("2026-03-01T08:09:10", "2026-03-01 08:09:10"),
            (" 2026-03-01 08:09 ", "2026-03-01 08:09:00"),
            ("2026-03-01T08:09", "2026-03-01 08:09:00"),
            ("2026-03-01", "2026-03-01 00:00:00"),
            ("9999-12-31 23:59:59", "9999-12-31 23:59:59"),
        ] {
            assert_eq!(read("Europe/Berlin", text), Ok(Some(shown.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_means_no_time() {
        for text in ["", "  ", "0000-00-00 00:00:00", "0000-00-00", "NULL", "null"] {
            assert_eq!(read("UTC", text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "soon",
            "2026-02-30 00:00:00",
            "2026-3-1",
            "2026-03-01 8:00",
            "2026-03-01 24:00:00",
            "2026-03-01 00:00:60",
            "2026-03-01 00:00:00Z",
            "2026-03-01 00",
            "2026/03/01",
            "20260301",
            "2026-03-01 00:00:00.5",
            "2026-03-01 ",
        ] {
            let text = if text.ends_with(' ') { "2026-03-01 x" } else { text };
            assert_eq!(read("UTC", text), Err(NoTime), "{text}");
        }
    }

    #[test]
    fn a_skipped_time_moves_on_by_the_gap_and_a_repeated_one_is_the_first() {
        assert_eq!(read("Europe/Berlin", "2026-03-29 02:30:00"), Ok(Some("2026-03-29 03:30:00".to_owned())));
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let twice = berlin.read("2026-10-25 02:30:00").unwrap().unwrap();
        assert_eq!(berlin.seconds(twice), 1_792_888_200);
        assert_eq!(berlin.show(1_792_888_200), "2026-10-25 02:30:00");
        assert_eq!(berlin.show(1_792_888_200 + 3600), "2026-10-25 02:30:00");
    }

    #[test]
    fn the_last_second_of_the_year_9999_stands() {
        for name in ["UTC", "Asia/Shanghai", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12"] {
            let zone = Zone::named(name).unwrap();
            for text in ["9999-12-31 23:59:59", "9999-12-31 00:00:00", "9999-12-30 12:00:00", "9999-12-29 00:00:00"] {
                let seconds = zone.seconds(zone.read(text).unwrap().unwrap());
                assert_eq!(zone.show(seconds), text, "{name}");
            }
            let at = |text: &str| zone.seconds(zone.read(text).unwrap().unwrap());
            assert_eq!(at("9999-12-31 23:59:59") - at("9999-12-29 00:00:00"), 3 * 86_400 - 1, "{name}");
        }
        assert_eq!(Zone::named("UTC").unwrap().show(i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn zones_have_names() {
        assert!(Zone::named("Mars/Olympus").is_none());
        assert!(Zone::named("").is_none());
    }
}
