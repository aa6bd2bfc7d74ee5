//! How a program starts, what it gets, and how its end is told.

mod support;

use std::io::Write;
use std::process::Stdio;

use serde_json::json;
use support::{as_everyone, output_of, plan_for, run, Jail, Starter};

#[test]
fn the_exit_code_is_the_programs() {
    as_everyone(|starter| {
        let outcome = run(starter, &plan_for("exit 7"));
        assert_eq!(outcome.code, Some(7), "{outcome:#?}");
        let exit = outcome.event("exit");
        assert_eq!(exit["code"], 7);
        assert_eq!(exit["signal"], json!(null));
        let events: Vec<_> = outcome
            .status
            .iter()
            .map(|status| status["event"].clone())
            .collect();
        assert_eq!(events[0], "receipt");
        assert_eq!(events[1], "started");
        assert_eq!(events.last(), Some(&json!("exit")));
    });
}

#[test]
fn a_signal_that_ends_the_program_is_told_as_one() {
    as_everyone(|starter| {
        let outcome = run(starter, &plan_for("kill -SEGV $$"));
        assert_eq!(outcome.code, Some(128 + 11), "{outcome:#?}");
        assert_eq!(outcome.event("exit")["signal"], 11);
        assert_eq!(outcome.event("exit")["code"], json!(null));
    });
}

#[test]
fn a_receipt_has_each_control_once() {
    as_everyone(|starter| {
        let outcome = run(starter, &plan_for("true"));
        let receipt = outcome.event("receipt");
        let mut controls: Vec<&str> = receipt["enforcements"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|line| line["control"].as_str().expect("a name"))
            .collect();
        controls.sort_unstable();
        controls.dedup();
        assert_eq!(controls.len(), 13, "{receipt:#}");
        let all_hold = receipt["enforcements"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|line| line["enforced"] == true);
        assert!(all_hold, "{receipt:#}");
        assert_eq!(receipt["seccomp"].as_str().map(str::len), Some(64));
    });
}

#[test]
fn a_program_that_is_not_there_is_not_found() {
    as_everyone(|starter| {
        let mut plan = plan_for("");
        plan["command"]["path"] = json!("/usr/bin/no-such-program");
        let outcome = run(starter, &plan);
        assert_eq!(outcome.code, Some(127), "{outcome:#?}");
        assert_eq!(outcome.event("error")["code"], "not-found");
        assert!(!outcome.has("started"));
    });
}

#[test]
fn a_file_that_is_no_program_is_not_executable() {
    as_everyone(|starter| {
        let mut plan = plan_for("");
        plan["command"]["path"] = json!("/etc/passwd");
        let outcome = run(starter, &plan);
        assert_eq!(outcome.code, Some(126), "{outcome:#?}");
        assert_eq!(outcome.event("error")["code"], "not-executable");
    });
}

#[test]
fn a_plan_with_an_unknown_key_starts_nothing() {
    as_everyone(|starter| {
        let mut plan = plan_for("echo ran");
        plan["sandboxed"] = json!(false);
        let outcome = run(starter, &plan);
        assert_eq!(outcome.code, Some(125));
        assert_eq!(outcome.event("error")["message"], "sandboxed: unknown key");
        assert_eq!(outcome.stdout, "");
    });
}

#[test]
fn the_environment_is_the_plans_and_nothing_of_ours() {
    as_everyone(|starter| {
        let mut plan = plan_for("");
        plan["command"]["path"] = json!("/usr/bin/env");
        plan["command"]["argv"] = json!(["env"]);
        plan["command"]["env"] = json!({ "A": "1", "B": "two words" });
        let jail = Jail::start_with(starter, &plan, |command| {
            command
                .env("LD_PRELOAD", "/nonexistent.so")
                .env("TOKEN", "secret");
        });
        let outcome = jail.finish();
        assert_eq!(outcome.stdout, "A=1\nB=two words\n");
    });
}

#[test]
fn stdin_and_stdout_are_the_inherited_ones() {
    as_everyone(|starter| {
        let mut plan = plan_for("");
        plan["command"]["path"] = json!("/usr/bin/cat");
        plan["command"]["argv"] = json!(["cat"]);
        let mut jail = Jail::start_with(starter, &plan, |command| {
            command.stdin(Stdio::piped());
        });
        let mut stdin = jail.child.stdin.take().expect("stdin is piped");
        stdin.write_all(b"line\n").expect("room");
        assert_eq!(jail.read_line(), "line");
        drop(stdin);
        let outcome = jail.finish();
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    });
}

#[test]
fn stdout_ends_when_the_program_closes_it_and_not_when_we_do() {
    as_everyone(|starter| {
        let mut jail = Jail::start_with(
            starter,
            &plan_for("echo open; exec >&- 2>&-; read line"),
            |command| {
                command.stdin(Stdio::piped());
            },
        );
        assert_eq!(jail.read_line(), "open");
        assert_eq!(
            jail.read_line(),
            "",
            "stdout has ended while the program runs"
        );
        jail.wait_for("started");
        drop(jail.child.stdin.take());
        assert_eq!(jail.wait_for("exit")["code"], 1);
    });
}

#[test]
fn a_directory_as_a_standard_stream_starts_nothing() {
    as_everyone(|starter| {
        let jail = Jail::start_with(starter, &plan_for("echo ran"), |command| {
            command.stdin(std::fs::File::open("/").expect("a directory"));
        });
        let outcome = jail.finish();
        assert_eq!(outcome.code, Some(125));
        assert_eq!(outcome.event("error")["code"], "plan");
        assert_eq!(outcome.stdout, "");
    });
}

#[test]
fn a_socket_of_the_hosts_network_as_a_standard_stream_starts_nothing() {
    as_everyone(|starter| {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let jail = Jail::start_with(starter, &plan_for("echo ran"), |command| {
            command.stdin(std::os::fd::OwnedFd::from(socket));
        });
        let outcome = jail.finish();
        assert_eq!(outcome.event("error")["code"], "plan", "{outcome:?}");
        assert_eq!(outcome.stdout, "");
    });
}

#[test]
fn a_closed_standard_stream_is_no_way_to_ours() {
    as_everyone(|starter| {
        let jail = Jail::start_with(starter, &plan_for("readlink /proc/self/fd/0"), |command| {
            // SAFETY: closes one descriptor between fork and exec.
            unsafe {
                use std::os::unix::process::CommandExt;
                command.pre_exec(|| {
                    libc::close(0);
                    Ok(())
                });
            }
        });
        assert_eq!(jail.finish().stdout, "/dev/null\n");
    });
}

#[test]
fn descriptors_of_the_owner_do_not_get_inside() {
    as_everyone(|starter| {
        let jail = Jail::start_with(starter, &plan_for("ls /proc/self/fd | wc -l"), |command| {
            let secret = std::fs::File::open("/etc/hostname").expect("a file");
            // SAFETY: makes one descriptor that survives exec.
            unsafe {
                use std::os::fd::AsRawFd;
                use std::os::unix::process::CommandExt;
                command.pre_exec(move || {
                    libc::dup2(secret.as_raw_fd(), 77);
                    Ok(())
                });
            }
        });
        // The three, and the one by which ls reads the directory.
        assert_eq!(jail.finish().stdout.trim(), "4");
    });
}

#[test]
fn the_program_has_no_capability_and_can_get_none() {
    as_everyone(|starter| {
        let status = output_of(
            starter,
            "grep -E '^(Cap|NoNewPrivs|Seccomp):?' /proc/self/status",
        );
        for line in status.lines().filter(|line| line.starts_with("Cap")) {
            assert!(line.ends_with("0000000000000000"), "{line}");
        }
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        assert!(status.contains("Seccomp:\t2"), "{status}");
    });
}

#[test]
fn signals_and_umask_are_as_a_program_expects_them() {
    as_everyone(|starter| {
        let status = output_of(starter, "umask; grep -E '^Sig(Blk|Ign)' /proc/self/status");
        assert_eq!(
            status,
            "0022\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
        );
    });
}

#[test]
fn the_host_user_is_never_root() {
    as_everyone(|starter| {
        let outcome = run(starter, &plan_for("id -u; id -G"));
        let uid = outcome.event("receipt")["hostUid"]
            .as_u64()
            .expect("a number");
        assert!(uid >= 1000, "{uid}");
        let ids: Vec<&str> = outcome.stdout.lines().collect();
        assert_ne!(ids[0], "0");
        assert_eq!(ids[0], ids[1], "one group, the user's own");
        if starter == Starter::Root {
            assert!(uid >= 0x7000_0000);
            assert_eq!(ids[0], "1000");
        }
    });
}

#[test]
fn a_working_directory_that_is_not_there_is_named() {
    as_everyone(|starter| {
        let mut plan = plan_for("pwd");
        plan["command"]["cwd"] = json!("/no/such");
        let outcome = run(starter, &plan);
        assert_eq!(outcome.code, Some(125));
        let message = outcome.event("error")["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(message.starts_with("/no/such:"), "{message}");
    });
}

#[test]
fn a_working_directory_by_way_of_a_descriptor_is_refused() {
    as_everyone(|starter| {
        let mut plan = plan_for("pwd");
        for number in 3..12 {
            plan["command"]["cwd"] = json!(format!("/proc/self/fd/{number}"));
            assert_eq!(run(starter, &plan).code, Some(125), "descriptor {number}");
        }
    });
}

#[test]
fn the_signal_command_reaches_the_program() {
    as_everyone(|starter| {
        let script = "trap 'echo caught; exit 5' USR1; echo ready; while :; do read line; done";
        let mut jail = Jail::start_with(starter, &plan_for(script), |command| {
            command.stdin(Stdio::piped());
        });
        assert_eq!(jail.read_line(), "ready");
        jail.say(&json!({ "do": "signal", "signal": 10 }));
        assert_eq!(jail.read_line(), "caught");
        assert_eq!(jail.wait_for("exit")["code"], 5);
    });
}

/// The wall is up and told, and nothing of the program's has run.
fn held(starter: Starter) -> Jail {
    let mut plan = plan_for("echo ran");
    plan["hold"] = json!(true);
    let mut jail = Jail::start(starter, &plan);
    jail.wait_for("receipt");
    jail
}

#[test]
fn a_held_program_runs_when_its_owner_says_go_and_once() {
    as_everyone(|starter| {
        let mut jail = held(starter);
        jail.say(&json!({ "do": "go" }));
        jail.say(&json!({ "do": "go" }));
        let outcome = jail.finish();
        assert_eq!(outcome.stdout, "ran\n");
        assert!(!outcome.has("receipt"), "told twice: {outcome:?}");
        assert_eq!(outcome.event("exit")["code"], 0);
    });
}

#[test]
fn a_held_program_runs_when_its_owner_said_go_with_the_plan() {
    as_everyone(|starter| {
        let mut plan = plan_for("echo ran");
        plan["hold"] = json!(true);
        let jail = Jail::start_before(starter, &[&plan, &json!({ "do": "go" })], |_| {});
        assert_eq!(jail.finish().stdout, "ran\n");
    });
}

#[test]
fn a_held_program_whose_owner_stops_or_leaves_never_ran() {
    as_everyone(|starter| {
        for leaves in [false, true] {
            let mut jail = held(starter);
            match leaves {
                true => jail.plan = None,
                false => jail.say(&json!({ "do": "stop" })),
            }
            let outcome = jail.finish();
            assert_eq!(outcome.stdout, "");
            assert!(!outcome.has("started"), "{outcome:?}");
            assert_eq!(outcome.code, Some(125), "{outcome:?}");
        }
    });
}
