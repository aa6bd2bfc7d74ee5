//! A sandbox ends with its owner, whatever happens to whom, and leaves nothing.

mod support;

use std::process::Stdio;

use serde_json::json;
use support::{as_everyone, eventually, leftovers_of, plan_for, processes_with, Jail, Starter};

/// A script that starts processes which try to outlive it, and tells when they run.
fn stubborn(marker: &str) -> String {
    format!(
        "trap '' TERM INT HUP QUIT
         (trap '' TERM INT HUP; setsid sh -c 'trap \"\" TERM HUP; sleep 1000; : {marker}' &) 
         sh -c 'sleep 1000; : {marker}' &
         echo ready; while :; do sleep 1000; : {marker}; done"
    )
}

fn start_stubborn(starter: Starter, marker: &str) -> Jail {
    let mut jail = Jail::start_with(starter, &plan_for(&stubborn(marker)), |command| {
        command.stdin(Stdio::piped());
    });
    assert_eq!(jail.read_line(), "ready");
    eventually("its processes run", || processes_with(marker).len() >= 3);
    jail
}

fn nothing_is_left(marker: &str) {
    eventually("every process ends", || processes_with(marker).is_empty());
}

fn marker(name: &str, starter: Starter) -> String {
    format!("marker-{name}-{starter:?}-{}", std::process::id())
}

#[test]
fn the_program_takes_its_descendants_with_it() {
    as_everyone(|starter| {
        let marker = marker("program", starter);
        let mut jail = start_stubborn(starter, &marker);
        let pid = jail.wait_for("started")["pid"].as_i64().expect("a pid") as i32;
        // SAFETY: signals the program, which is alive and ours.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
        let outcome = jail.finish();
        assert_eq!(outcome.event("exit")["signal"], 9, "{outcome:?}");
        nothing_is_left(&marker);
    });
}

#[test]
fn the_stop_command_ends_everything() {
    as_everyone(|starter| {
        let marker = marker("stop", starter);
        let mut jail = start_stubborn(starter, &marker);
        jail.say(&json!({ "do": "stop" }));
        let outcome = jail.finish();
        assert_eq!(outcome.code, Some(137), "{outcome:?}");
        assert_eq!(outcome.event("exit")["signal"], 9);
        nothing_is_left(&marker);
    });
}

#[test]
fn an_owner_who_leaves_ends_everything() {
    as_everyone(|starter| {
        let marker = marker("owner", starter);
        let mut jail = start_stubborn(starter, &marker);
        jail.plan = None;
        let outcome = jail.finish();
        assert_eq!(outcome.event("exit")["signal"], 9, "{outcome:?}");
        nothing_is_left(&marker);
    });
}

#[test]
fn a_command_that_is_none_ends_everything() {
    as_everyone(|starter| {
        let marker = marker("nonsense", starter);
        let mut jail = start_stubborn(starter, &marker);
        jail.say(&json!({ "do": "sudo" }));
        assert_eq!(jail.finish().code, Some(137));
        nothing_is_left(&marker);
    });
}

#[test]
fn a_terminated_launcher_ends_everything_and_says_so() {
    as_everyone(|starter| {
        let marker = marker("term", starter);
        let jail = start_stubborn(starter, &marker);
        let launcher = jail.child.id() as i32;
        // SAFETY: signals the launcher, a child of ours.
        assert_eq!(unsafe { libc::kill(launcher, libc::SIGTERM) }, 0);
        let outcome = jail.finish();
        assert_eq!(outcome.event("exit")["signal"], 9, "{outcome:?}");
        nothing_is_left(&marker);
    });
}

#[test]
fn a_killed_launcher_takes_everything_with_it() {
    as_everyone(|starter| {
        let marker = marker("kill", starter);
        let mut jail = start_stubborn(starter, &marker);
        jail.child.kill().expect("the launcher is killed");
        let outcome = jail.finish();
        assert_eq!(outcome.signal, Some(9));
        nothing_is_left(&marker);
    });
}

#[test]
fn a_killed_pid_1_takes_everything_with_it() {
    as_everyone(|starter| {
        let marker = marker("init", starter);
        let mut jail = start_stubborn(starter, &marker);
        let pid = jail.wait_for("started")["initPid"].as_i64().expect("a pid") as i32;
        // SAFETY: signals pid 1 of the sandbox, which is alive and ours.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
        let outcome = jail.finish();
        assert_eq!(outcome.event("exit")["signal"], 9, "{outcome:?}");
        nothing_is_left(&marker);
    });
}

#[test]
fn a_status_reader_that_leaves_ends_the_sandbox_at_the_next_line() {
    as_everyone(|starter| {
        let script = "read line; while :; do /usr/bin/true; done";
        let mut jail = Jail::start_with(starter, &plan_for(script), |command| {
            command.stdin(Stdio::piped());
        });
        jail.wait_for("started");
        jail.status = None;
        use std::io::Write;
        let mut stdin = jail.child.stdin.take().expect("stdin is piped");
        stdin.write_all(b"\n").expect("room");
        assert_ne!(jail.finish().code, Some(0));
    });
}

#[test]
fn what_a_killed_launcher_left_is_gone_after_the_next_start() {
    as_everyone(|starter| {
        let marker = marker("stale", starter);
        let mut jail = start_stubborn(starter, &marker);
        let launcher = jail.child.id();
        jail.child.kill().expect("the launcher is killed");
        jail.finish();
        nothing_is_left(&marker);
        let mut next = Jail::start_with(starter, &plan_for("read line"), |command| {
            command.stdin(Stdio::piped());
        });
        next.wait_for("started");
        eventually("its cgroups are removed", || {
            leftovers_of(launcher).is_empty()
        });
        drop(next.child.stdin.take());
        next.finish();
    });
}

/// Kills a random one of launcher, pid 1, program and owner at a random moment, and looks for what
/// is left. The seed is printed; GLOVEBOX_SEED repeats it.
#[test]
fn killing_anybody_at_any_moment_leaves_nothing() {
    let rounds = if std::env::var_os("GLOVEBOX_LONG").is_some() {
        200
    } else {
        20
    };
    let seed = std::env::var("GLOVEBOX_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("GLOVEBOX_SEED={seed}");
    as_everyone(|starter| {
        let mut random = Random(seed);
        for round in 0..rounds {
            let marker = marker(&format!("round{round}x"), starter);
            let mut jail = Jail::start(starter, &plan_for(&stubborn(&marker)));
            let launcher = jail.child.id();
            strike(&mut jail, &mut random);
            jail.finish();
            eventually("every process ends", || {
                processes_with(&marker).is_empty() && children_named_like(launcher).is_empty()
            });
        }
        // The next start removes what killed launchers could not.
        assert_eq!(support::run(starter, &plan_for("exit 0")).code, Some(0));
    });
}

/// Whoever reads "started" without a receipt before it would take for confined what nobody has confined.
#[test]
fn what_died_before_it_was_let_go_is_never_told_as_started() {
    as_everyone(|starter| {
        let mut random = Random(u64::from(std::process::id()));
        for round in 0..60 {
            let jail = Jail::start(starter, &plan_for("exec sleep 60"));
            let launcher = jail.child.id();
            eventually("there are two processes inside", || {
                children_named_like(launcher).len() >= 2
            });
            let inside = children_named_like(launcher);
            for _ in 0..random.below(1_500_000) {
                std::hint::spin_loop();
            }
            // SAFETY: pid 1, or the program's process; one that has just ended is refused.
            unsafe { libc::kill(inside[round % inside.len()], libc::SIGKILL) };
            let events: Vec<String> = jail
                .finish()
                .status
                .iter()
                .filter_map(|line| line["event"].as_str().map(str::to_owned))
                .collect();
            let at = |event: &str| events.iter().position(|told| told == event);
            if let Some(started) = at("started") {
                assert!(
                    at("receipt").is_some_and(|receipt| receipt < started),
                    "{events:?}"
                );
            }
            assert!(at("exit").is_some() != at("error").is_some(), "{events:?}");
        }
    });
}

fn strike(jail: &mut Jail, random: &mut Random) {
    let spins = random.below(4_000_000);
    let victim = random.below(4);
    // Before, amid and after the start: it takes a few milliseconds.
    for _ in 0..spins {
        std::hint::spin_loop();
    }
    match victim {
        0 => jail.child.kill().expect("the launcher is killed"),
        1 => jail.plan = None,
        number => {
            let children = children_named_like(jail.child.id());
            if let Some(pid) = children.get(number as usize - 2).or(children.first()) {
                // SAFETY: a process of the sandbox; one that has just ended is refused.
                unsafe { libc::kill(*pid, libc::SIGKILL) };
            }
            jail.plan = None;
        }
    }
}

/// Children and grandchildren of a launcher, by /proc's `PPid`.
fn children_named_like(launcher: u32) -> Vec<i32> {
    let mut parents = vec![launcher as i32];
    let mut found = Vec::new();
    while let Some(parent) = parents.pop() {
        for child in support::children_of(parent) {
            found.push(child);
            parents.push(child);
        }
    }
    found
}

/// xorshift64*: any sequence will do, as long as the seed repeats it.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 |= 1;
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound
    }
}
