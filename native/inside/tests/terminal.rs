//! A program on a terminal of its own, between which and the owner's bytes are copied.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use rustix::pty::{grantpt, ioctl_tiocgptpeer, openpt, unlockpt, OpenptFlags};
use rustix::termios::{tcgetattr, tcsetwinsize, LocalModes, Winsize};
use serde_json::json;
use support::{as_everyone, plan_for, Jail, Starter};

/// The owner's terminal: what is typed, and what is shown.
struct Owner {
    master: File,
    terminal: OwnedFd,
    shown: String,
}

impl Owner {
    fn new() -> Owner {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let terminal = ioctl_tiocgptpeer(&master, flags).expect("its other end");
        Owner {
            master: File::from(master),
            terminal,
            shown: String::new(),
        }
    }

    fn start(&self, starter: Starter, script: &str) -> Jail {
        let mut plan = plan_for(script);
        plan["command"]["terminal"] = json!(true);
        let copy = || self.terminal.try_clone().expect("a copy");
        Jail::start_with(starter, &plan, |command| {
            command.stdin(copy()).stdout(copy()).stderr(copy());
        })
    }

    fn types(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).expect("typed");
    }

    fn sees(&mut self, text: &str) {
        let mut bytes = [0u8; 4096];
        while !self.shown.contains(text) {
            let length = self.master.read(&mut bytes).expect("the screen");
            self.shown
                .push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    }

    fn is_raw(&self) -> bool {
        let settings = tcgetattr(&self.terminal).expect("settings");
        !settings.local_modes.contains(LocalModes::ICANON)
    }

    fn size(&self, rows: u16, columns: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.terminal, size).expect("a size");
    }
}

#[test]
fn a_program_gets_a_controlling_terminal_of_its_own() {
    as_everyone(|starter| {
        let mut owner = Owner::new();
        let jail = owner.start(starter, "tty; test -t 0 && test -t 2 && echo is-a-terminal; read line; echo \"got $line\"; exit 3");
        owner.sees("/dev/pts/0");
        owner.sees("is-a-terminal");
        owner.types("hello\n");
        owner.sees("got hello");
        let outcome = jail.finish();
        assert_eq!(outcome.code, Some(3), "{outcome:?}");
    });
}

#[test]
fn the_owners_terminal_is_raw_meanwhile_and_as_before_afterwards() {
    as_everyone(|starter| {
        let mut owner = Owner::new();
        assert!(!owner.is_raw());
        let jail = owner.start(starter, "echo ready; read line; exit 0");
        owner.sees("ready");
        assert!(owner.is_raw());
        owner.types("\n");
        assert_eq!(jail.finish().code, Some(0));
        assert!(!owner.is_raw());
    });
}

#[test]
fn the_owners_terminal_is_given_back_when_the_start_fails_or_is_stopped() {
    as_everyone(|starter| {
        let mut owner = Owner::new();
        let mut jail = owner.start(starter, "echo ready; sleep 1000");
        owner.sees("ready");
        jail.say(&json!({ "do": "stop" }));
        assert_eq!(jail.finish().code, Some(137));
        assert!(!owner.is_raw());
        let mut owner = Owner::new();
        let jail = owner.start(starter, "echo ready; sleep 1000");
        owner.sees("ready");
        // SAFETY: signals the launcher, a child of ours.
        unsafe { libc::kill(jail.child.id() as i32, libc::SIGTERM) };
        assert_eq!(jail.finish().code, Some(137));
        assert!(!owner.is_raw());
    });
}

#[test]
fn control_c_is_for_the_program_and_not_for_the_launcher() {
    as_everyone(|starter| {
        let mut owner = Owner::new();
        let script = "trap 'echo interrupted; exit 4' INT; echo ready; while :; do read line; done";
        let jail = owner.start(starter, script);
        owner.sees("ready");
        owner.types("\u{3}");
        owner.sees("interrupted");
        assert_eq!(jail.finish().code, Some(4));
    });
}

#[test]
fn the_size_is_the_owners_and_follows_it() {
    as_everyone(|starter| {
        let mut owner = Owner::new();
        owner.size(31, 91);
        let script =
            "stty size; trap 'stty size; exit 0' WINCH; echo ready; while :; do read line; done";
        let jail = owner.start(starter, script);
        owner.sees("31 91");
        owner.sees("ready");
        owner.size(17, 47);
        // The terminal is nobody's controlling one here, so that the kernel tells nobody.
        // SAFETY: signals the launcher, a child of ours.
        unsafe { libc::kill(jail.child.id() as i32, libc::SIGWINCH) };
        owner.sees("17 47");
        assert_eq!(jail.finish().code, Some(0));
    });
}

#[test]
fn the_last_words_are_shown() {
    as_everyone(|starter| {
        let mut owner = Owner::new();
        let jail = owner.start(starter, "seq 1 20000; echo the-end");
        owner.sees("the-end");
        assert!(owner.shown.contains("19999"));
        assert_eq!(jail.finish().code, Some(0));
    });
}

#[test]
fn without_a_terminal_of_the_owners_there_is_none() {
    as_everyone(|starter| {
        let mut plan = plan_for("echo ran");
        plan["command"]["terminal"] = json!(true);
        let outcome = support::run(starter, &plan);
        assert_eq!(outcome.event("error")["code"], "plan", "{outcome:?}");
        assert_eq!(outcome.stdout, "");
    });
}
