//! What breaks under the library: power cuts, disks, networks, memory. `syscalls` stands between this program and the kernel.

#[path = "../common/mod.rs"]
mod common;
#[path = "../servers/mod.rs"]
mod servers;

mod fetches;
mod kills;
mod medium;
mod memory;
mod once;
mod power;
mod scenes;
mod sound;
mod stage;
mod syscalls;
mod tape;
mod wires;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One folder is watched at a time, and one network.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}
