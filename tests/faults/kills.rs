//! A process may be killed at any moment of a scene, whatever `durability` says: what it reported is there, nothing is half
//! written, and others go on.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::once::copy;
use super::scenes::{Scene, server};
use super::sound::{Fact, Judge, ended};
use crate::common::child::{Process, given, number, report};

/// Plays a scene in another process, which is killed after this time; gives what it reported, and whether it was killed.
fn play(scene: Scene, home: &Path, url: &str, after: Option<Duration>) -> (Vec<(usize, Fact)>, bool) {
    let values = [
        ("SCENE", &*format!("{scene:?}")),
        ("STAGE", home.to_str().unwrap()),
        ("DURABILITY", "normal"),
        ("URL", url),
        ("FAIL_SYNC", "0"),
    ];
    let mut process = Process::run("scenes::the_process_whose_power_is_cut", &values);
    let killed = after.is_some_and(|after| {
        thread::sleep(after);
        process.kill()
    });
    let mut facts = Vec::new();
    while let Some(fact) = process.wait_for("fact ") {
        // The last one may be cut off.
        facts.extend(serde_json::from_str::<(usize, Fact)>(&fact).ok());
    }
    (facts, killed)
}

#[test]
fn a_process_may_be_killed_at_any_moment_of_a_scene() {
    let _alone = super::alone();
    let only = given("ONLY");
    for scene in Scene::ALL.into_iter().filter(|scene| only.as_ref().is_none_or(|only| *only == format!("{scene:?}"))) {
        let (folder, web) = (tempfile::tempdir().unwrap(), server(scene));
        let (template, home) = (folder.path().join("template"), folder.path().join("home"));
        fs::create_dir(&template).unwrap();
        scene.prepare(&template);
        copy(&template, &home);
        let since = Instant::now();
        let facts = play(scene, &home, &web.url(), None).0;
        let span = since.elapsed();
        assert!(!facts.is_empty());
        let whole = super::scenes::open(&home, "normal").map(|library| ended(scene, &home, &library)).unwrap();
        let judge = Judge { scene, durability: "normal", whole: whole.as_deref() };
        let (mut kills, mut reported) = (0, 0);
        for _ in 0..number("SCENE_KILLS", 4) {
            copy(&template, &home);
            let after = span.mul_f64(f64::from(getrandom::u32().unwrap()) / f64::from(u32::MAX));
            let (facts, killed) = play(scene, &home, &web.url(), Some(after));
            kills += u64::from(killed);
            reported += facts.len();
            judge
                .judge(&home, &facts, true)
                .unwrap_or_else(|fault| panic!("{scene:?}, killed after {after:?}: {fault}"));
        }
        report(&format!("{scene:?}: {kills} kills within {span:.1?}, {reported} things reported before"));
    }
}
