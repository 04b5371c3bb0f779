//! Further processes: this test program, run again so that one of its tests plays a host of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Another process that runs one test of this program. Killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// What the parent gave to a child: `None` in an ordinary run of the tests, where the child's part is nothing.
pub fn given(name: &str) -> Option<String> {
    std::env::var(format!("CJI_TEST_{name}")).ok()
}

/// A number that a person may give to a test by a variable of the environment.
pub fn number(name: &str, default: u64) -> u64 {
    given(name).map_or(default, |text| text.parse().expect("a number"))
}

impl Process {
    /// Runs the test `name` in a process of its own, which gets these values.
    pub fn run(name: &str, values: &[(&str, &str)]) -> Self {
        let program = std::env::current_exe().expect("the path of this test");
        let mut command = Command::new(program);
        command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
        for (key, value) in values {
            command.env(format!("CJI_TEST_{key}"), value);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        Process { child, lines }
    }

    /// Waits for a line that begins with `start`, and gives its rest. `None`: the process ended without one.
    pub fn wait_for(&mut self, start: &str) -> Option<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            // The test runner's own words may stand before it.
            if let Some((_, rest)) = line.split_once(start) {
                return Some(rest.trim().to_owned());
            }
            line.clear();
        }
        None
    }

    /// Kills it, if it runs still: true.
    pub fn kill(&mut self) -> bool {
        let ran = self.child.try_wait().expect("a state").is_none();
        if ran {
            self.child.kill().expect("SIGKILL");
            self.child.wait().expect("its end");
        }
        ran
    }

    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }

    /// Waits for its end, which must be good.
    #[track_caller]
    pub fn join(mut self) {
        while self.wait_for("\n").is_some() {}
        assert!(self.child.wait().expect("its end").success(), "the child failed");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Says a line to the parent.
pub fn say(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
}

/// Tells the person who runs the tests.
pub fn report(line: &str) {
    // Not through the captured standard error, so that it is seen in a run that passes.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes());
}

/// Waits until `condition` holds, at most 60 seconds.
#[track_caller]
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs `attempt`, which tells how long it took, until that was less than `longest`, three times at most: on a busy machine
/// one attempt is late and hardly each, while what the library does late is late each time.
#[track_caller]
pub fn in_time(longest: Duration, attempt: impl Fn() -> Duration) {
    let mut took = Vec::new();
    while took.len() < 3 {
        let time = attempt();
        if time < longest {
            return;
        }
        took.push(time);
    }
    panic!("each attempt took longer than {longest:?}: {took:?}");
}
