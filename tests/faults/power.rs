//! Contract, section 1: with `durability` "full", "what a reply reports as done survives a power cut". With "normal" the store
//! may lose the newest, and is sound.
//!
//! As SQLite's own tests do it, but without playing each scene anew for each cut: a scene is played once, on tape, and the
//! power is cut at any place of the tape afterwards.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use super::medium::{Dice, Left, Medium};
use super::scenes::{Scene, open, recorded, server};
use super::sound::{Fact, Judge, ended, look, number as number_in};
use super::tape::{Op, Tape};
use crate::common::child::{given, number, report};
use crate::common::web::Web;

/// A scene on tape.
struct Recorded<'w> {
    scene: Scene,
    durability: &'static str,
    tape: Tape,
    _web: &'w Web,
    /// What the last job leaves that is not interrupted.
    whole: Option<String>,
}

/// A folder in memory, where there is such a disk: nobody cuts the power of this machine.
fn fast_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

impl<'w> Recorded<'w> {
    fn new(scene: Scene, durability: &'static str, web: &'w Web, fail_sync: u64) -> Self {
        let tape = recorded(scene, durability, &web.url(), fail_sync);
        let mut recorded = Self { scene, durability, tape, _web: web, whole: None };
        let folder = fast_folder();
        let home = folder.path().join("home");
        recorded.medium_at(recorded.tape.ops.len(), Left::All, &mut Dice::new(1)).cut(
            Left::All,
            &mut Dice::new(1),
            &home,
        );
        if scene == Scene::LongFile && fail_sync == 0 {
            let merged = "SELECT count(*) FROM customer_index_segment WHERE entries > 420 * 7";
            assert_eq!(number_in(&look(&home), merged, []), 1, "the index was merged");
        }
        recorded.whole = ended(scene, &home, &open(&home, durability).unwrap());
        recorded
    }

    fn medium_at(&self, cut: usize, left: Left, dice: &mut Dice) -> Medium {
        let mut medium = Medium::default();
        self.tape.ops[..cut].iter().for_each(|op| medium.go_on(op, left, dice));
        medium
    }

    /// Cuts the power at these places of the tape.
    fn sweep(&self, cuts: &[usize], seed: u64, folder: &Path) -> usize {
        let (mut count, mut seen) = (0, vec![]);
        for left in Left::ALL {
            let mut dice = Dice::new(seed);
            let (mut medium, mut facts, mut next) = (Medium::default(), Vec::new(), 0);
            // Each place in each way, or in CI in one of them.
            let judged = |&(turn, cut): &(usize, &usize)| {
                number("POWER_ALL", 0) == 1 || Left::ALL[(turn + cut) % Left::ALL.len()] == left
            };
            let count_of_way = cuts.iter().enumerate().rfind(judged).map_or(0, |(turn, _)| turn + 1);
            for (turn, &cut) in cuts.iter().enumerate().take(count_of_way) {
                for op in &self.tape.ops[next..cut] {
                    medium.go_on(op, left, &mut dice);
                    if let Op::Said { what } = op {
                        facts.push(serde_json::from_str::<(usize, Fact)>(what).unwrap());
                    }
                }
                next = cut;
                if !judged(&(turn, &cut)) {
                    continue;
                }
                let home = folder.join(format!("{:?}-{}-{cut}-{left:?}", self.scene, self.durability));
                medium.cut(left, &mut dice.clone(), &home);
                let judge = Judge { scene: self.scene, durability: self.durability, whole: self.whole.as_deref() };
                if let Err(fault) = judge.judge(&home, &facts, self.durability == "full") {
                    let around = &self.tape.ops[cut.saturating_sub(4)..(cut + 2).min(self.tape.ops.len())];
                    seen.push(format!(
                        "{:?}, {}, cut {cut} of {}, {left:?} left, seed {seed}: {fault}\n  {}",
                        self.scene,
                        self.durability,
                        self.tape.ops.len(),
                        around.iter().map(brief).collect::<Vec<_>>().join("; ")
                    ));
                }
                std::fs::remove_dir_all(&home).unwrap();
                count += 1;
            }
        }
        assert!(seen.is_empty(), "{} of {count}:\n{}", seen.len(), seen[..seen.len().min(5)].join("\n"));
        count
    }
}

fn brief(op: &Op) -> String {
    match op {
        Op::Write { file, at, data } => format!("write {} bytes at {at} of {file}", data.len()),
        op => format!("{op:?}"),
    }
}

/// `most` places of a tape, evenly, the first of them by chance.
fn places(tape: &Tape, most: usize, dice: &mut Dice) -> Vec<usize> {
    let (from, to) = (tape.begin, tape.ops.len());
    let step = ((to - from) / most.max(1)).max(1);
    (from + dice.below(step)..=to).step_by(step).collect()
}

/// How many cuts a scene gets where nobody asks for more.
fn usual(scene: Scene) -> usize {
    match scene {
        Scene::Records => 40,
        Scene::Files => 25,
        Scene::Worker | Scene::Upgrade => 10,
        Scene::Long | Scene::LongFile => 4,
    }
}

/// Plays the scenes and cuts the power: `POWER_CUTS` places for each (every one: a large number), in each way with
/// `POWER_ALL=1`.
fn cut_all(durability: &'static str, fail_sync: impl Fn(&mut Dice) -> u64) -> usize {
    let seed = number("SEED", getrandom::u64().unwrap() >> 32);
    let only: Option<String> = given("ONLY");
    let (began, count, folder) = (Instant::now(), AtomicUsize::new(0), fast_folder());
    for scene in Scene::ALL.into_iter().filter(|scene| only.as_ref().is_none_or(|only| *only == format!("{scene:?}"))) {
        let (mut dice, web) = (Dice::new(seed), server(scene));
        let recorded = Recorded::new(scene, durability, &web, fail_sync(&mut dice));
        let is_failed = |op: &&Op| matches!(op, Op::SyncFailed { .. } | Op::SyncFolderFailed);
        let failed = recorded.tape.ops.iter().position(|op| is_failed(&op));
        if let Some(at) = failed {
            report(&format!("{scene:?}, {durability}: the sync at {at} failed, {:?}", recorded.tape.ops[at]));
        }
        let most = usize::try_from(number("POWER_CUTS", 0)).unwrap();
        let cuts = places(&recorded.tape, if most == 0 { usual(scene) } else { most }, &mut dice);
        let halves: [Vec<usize>; 2] = [0, 1]
            .map(|half| cuts.iter().copied().enumerate().filter(|(at, _)| at % 2 == half).map(|(_, c)| c).collect());
        thread::scope(|scope| {
            for half in &halves {
                scope.spawn(|| count.fetch_add(recorded.sweep(half, seed, folder.path()), Ordering::Relaxed));
            }
        });
        let said = recorded.tape.ops.iter().filter(|op| matches!(op, Op::Said { .. })).count();
        report(&format!(
            "{scene:?}, {durability}: {} things done, {said} reported, {} cuts so far after {:.0} s, seed {seed}",
            recorded.tape.ops.len() - recorded.tape.begin,
            count.load(Ordering::Relaxed),
            began.elapsed().as_secs_f64(),
        ));
    }
    count.into_inner()
}

#[test]
fn what_was_reported_survives_a_power_cut() {
    let _alone = super::alone();
    assert!(cut_all("full", |_| 0) > 30);
}

#[test]
fn at_normal_a_power_cut_takes_the_newest_alone() {
    let _alone = super::alone();
    assert!(cut_all("normal", |_| 0) > 30);
}

#[test]
fn what_was_reported_after_a_failed_sync_does_not_need_what_it_lost() {
    let _alone = super::alone();
    let durability = if given("DURABILITY").as_deref() == Some("normal") { "normal" } else { "full" };
    for _ in 0..number("ROUNDS", 1) {
        cut_all(durability, |dice| 1 + u64::try_from(dice.below(60)).unwrap());
    }
}
