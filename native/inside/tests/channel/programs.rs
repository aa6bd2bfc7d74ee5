//! Exec: programs, their streams, their confinement, their end.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use glovebox_wire::inside::{
    ExecEndedHow, ExecInput, ExecInputCase, ExecOutput, ExecOutputCase, ExecStart, TerminalSize,
};

use crate::client::{run, Client, End, Open, OK, PATIENCE};
use crate::room::{exec, finish, input, ran, shell, start, within, Ran, Room, SLEEPS};
use crate::support::{as_everyone, Starter};

#[test]
fn hello_says_what_the_sandbox_enforces() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        let mode = std::fs::metadata(&room.socket)
            .expect("a socket")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        run(async {
            let (_, hello) = Client::greet(room.connect()).await;
            assert_eq!((hello.protocol, hello.generation), (1, 1));
            assert_eq!(hello.instance.len(), 16);
            let net = hello.enforcements.iter().find(|line| line.control == "net");
            assert!(net.is_some_and(|line| line.enforced), "{hello:?}");
            assert!(hello
                .services
                .iter()
                .any(|name| name == "glovebox.inside.v1.Exec"));
        });
    });
}

#[test]
fn a_program_runs_with_its_streams_and_its_exit_code() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        run(async {
            let client = room.greet().await;
            let ran = ran(
                &client,
                &[
                    exec(&["sh", "-c", "cat; echo problem >&2; exit 7"]),
                    input(ExecInputCase::Stdin(Bytes::from_static(b"a\0b\xff"))),
                ],
            )
            .await;
            assert_eq!(ran.end.as_ref().map(|end| end.code), Some(OK), "{ran:?}");
            assert_eq!(
                (&ran.out[..], &ran.err[..]),
                (&b"a\0b\xff"[..], &b"problem\n"[..])
            );
            assert_eq!(ran.how, Some(ExecEndedHow::Code(7)));
            assert_eq!(
                shell(&client, "kill -9 $$").await.how,
                Some(ExecEndedHow::Signal(9))
            );
        });
    });
}

#[test]
fn what_cannot_be_executed_says_its_errno() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let missing = ran(&client, &[exec(&["no-such-program"])]).await;
        assert_eq!(
            missing.how,
            Some(ExecEndedHow::NotExecuted(2)),
            "{missing:?}"
        );
        let refused = ran(&client, &[exec(&["/etc/passwd"])]).await;
        assert_eq!(
            refused.how,
            Some(ExecEndedHow::NotExecuted(13)),
            "{refused:?}"
        );
        let mut lost = ExecStart {
            directory: Some(Bytes::from_static(b"/nowhere")),
            ..ExecStart::default()
        };
        lost.argv = vec![Bytes::from_static(b"true")];
        let lost = ran(&client, &[start(lost)]).await;
        assert_eq!(lost.end.map(|end| end.code), Some(5));
    });
}

#[test]
fn a_program_is_as_confined_as_the_first_one() {
    as_everyone(|starter| {
        const STATE: &str = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/self/status; umask; ulimit -a; pwd; env | grep -vE '^(_|OLDPWD)' | sort; \
            readlink /proc/self/ns/net /proc/self/ns/pid /proc/self/ns/mnt /proc/self/ns/user /proc/self/ns/cgroup; cat /proc/self/cgroup; ls /proc/self/fd | wc -l";
        let script = format!("umask 077; cd /tmp; umask 022; cd /; {{ {STATE}; }} >/tmp/writing 2>&1; mv /tmp/writing /tmp/first; umask 077; cd /tmp; exec sleep 1000");
        let room = Room::new(starter, &script);
        run(async {
            let client = room.greet().await;
            // Starts nothing meanwhile: each start is in the record, which nobody reads here, and a full one holds up the sandbox.
            let wait = "until [ -e /tmp/first ]; do :; done; cat /tmp/first";
            let first = shell(&client, wait).await.text();
            let second = shell(&client, &format!("{{ {STATE}; }} 2>&1")).await.text();
            assert!(second.contains("Seccomp:\t2"), "{second}");
            assert_eq!(first, second);
            // Nor can it do what the first could not.
            let reached = shell(&client, "mount -t tmpfs x /tmp; unshare -n true; cat /proc/1/environ /proc/1/maps; ls /proc/1/fd").await;
            assert!(reached.out.is_empty(), "{reached:?}");
        });
    });
}

#[test]
fn its_execution_is_in_the_record() {
    let mut room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        assert_eq!(
            shell(&client, "/usr/bin/env true").await.how,
            Some(ExecEndedHow::Code(0))
        );
    });
    let recorded = loop {
        let line = room.jail.wait_for("activity");
        if line["kind"] == "exec" && line["path"] == "/usr/bin/env" {
            break line;
        }
    };
    assert_eq!(recorded["verdict"], "recorded", "{recorded}");
}

#[test]
fn a_call_that_is_given_up_takes_its_process_group_along() {
    within(Duration::from_secs(2), || {
        let room = Room::new(Starter::User, SLEEPS);
        run(async {
            let client = room.greet().await;
            let mut call = client.open("Exec/Exec").await;
            call.send(&exec(&["sh", "-c", "sleep 4321 & echo up; wait"]))
                .await;
            wait_for_output(&mut call, "up").await;
            let given_up = Instant::now();
            call.reset();
            gone(&client, "sleep.4321").await;
            given_up.elapsed()
        })
    });
}

#[test]
fn a_lost_connection_ends_its_programs_within_a_second() {
    within(Duration::from_secs(2), || {
        let room = Room::new(Starter::User, SLEEPS);
        let lost = run(async {
            let client = room.greet().await;
            let mut call = client.open("Exec/Exec").await;
            call.send(&exec(&[
                "sh",
                "-c",
                "trap '' HUP TERM; sleep 4322 & echo up; wait",
            ]))
            .await;
            wait_for_output(&mut call, "up").await;
            Instant::now()
        });
        run(async {
            let client = room.greet().await;
            gone(&client, "sleep.4322").await;
        });
        lost.elapsed()
    });
}

async fn wait_for_output(call: &mut Open, text: &str) {
    let mut ran = Ran::default();
    while !ran.text().contains(text) {
        ran = ran.of(call.message().await.expect("output"));
    }
}

/// A process whose command line matches is looked for until there is none.
async fn gone(client: &Client, pattern: &str) {
    let (first, rest) = pattern.split_at(1);
    let look = format!("cat /proc/[0-9]*/cmdline | tr '\\0' '.' | grep -c '[{first}]{rest}'");
    while shell(client, &look).await.text().trim() != "0" {}
}

#[test]
fn background_processes_do_not_hold_a_call_open() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let before = Instant::now();
        let ran = shell(&client, "sleep 4323 & echo left").await;
        assert_eq!(
            (ran.text().as_str(), ran.how),
            ("left\n", Some(ExecEndedHow::Code(0)))
        );
        assert!(before.elapsed() < Duration::from_secs(5));
        let still = shell(
            &client,
            "cat /proc/[0-9]*/cmdline | tr '\\0' '.' | grep -c '[s]leep.4323'",
        )
        .await;
        assert_eq!(still.text().trim(), "1");
    });
}

#[test]
fn signals_reach_the_group_even_behind_stdin_that_nobody_reads() {
    use glovebox_wire::inside::SignalRequest;
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let mut call = client.open("Exec/Exec").await;
        call.send(&exec(&[
            "sh",
            "-c",
            "trap 'echo told; exit 3' INT; echo up; while :; do sleep 1000 & wait $!; done",
        ]))
        .await;
        let first: ExecOutput = call.message().await.expect("started");
        let Some(ExecOutputCase::Started(started)) = first.output else {
            panic!("{first:?}")
        };
        wait_for_output(&mut call, "up").await;
        call.send(&input(ExecInputCase::Stdin(Bytes::from(vec![
            b'x';
            200 << 10
        ]))))
        .await;
        let signal = SignalRequest {
            pid: started.pid,
            signal: 2,
        };
        let (_, end) = client.unary("Exec/Signal", &signal).await;
        assert_eq!(end.code, OK, "{end:?}");
        let ran = finish(call).await;
        assert_eq!(
            (ran.text().as_str(), ran.how),
            ("told\n", Some(ExecEndedHow::Code(3)))
        );
        let (_, end) = client
            .unary("Exec/Signal", &SignalRequest { pid: 1, signal: 9 })
            .await;
        assert_eq!(end.code, 5, "{end:?}");
    });
}

#[test]
fn a_terminal_has_a_size_and_a_line_discipline() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        run(async {
            let client = room.greet().await;
            let mut call = client.open("Exec/Exec").await;
            let ExecInput {
                input: Some(ExecInputCase::Start(shell)),
            } = exec(&[
                "sh",
                "-c",
                "tty; stty size; trap 'stty size; exit 5' WINCH; echo up; read line; echo not",
            ])
            else {
                unreachable!()
            };
            let terminal = Some(TerminalSize {
                rows: 30,
                columns: 90,
            });
            call.send(&start(ExecStart {
                terminal: terminal.clone(),
                ..shell
            }))
            .await;
            wait_for_output(&mut call, "up").await;
            call.send(&input(ExecInputCase::Resize(TerminalSize {
                rows: 40,
                columns: 100,
            })))
            .await;
            call.send(&input(ExecInputCase::Stdin(Bytes::from_static(b"\n"))))
                .await;
            let ran = finish(call).await;
            assert!(ran.text().contains("40 100"), "{ran:?}");
            let mut call = client.open("Exec/Exec").await;
            let start_sleep = ExecStart {
                argv: vec![Bytes::from_static(b"cat")],
                terminal,
                ..ExecStart::default()
            };
            call.send(&start(start_sleep)).await;
            call.send(&input(ExecInputCase::Stdin(Bytes::from_static(b"\x03"))))
                .await;
            assert_eq!(finish(call).await.how, Some(ExecEndedHow::Signal(2)));
        });
    });
}

#[test]
fn a_reader_that_is_slow_slows_the_program_and_nobody_else() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let mut stalled = client.open("Exec/Exec").await;
        stalled
            .send(&exec(&[
                "sh",
                "-c",
                "head -c 100000000 /dev/zero; echo done >/tmp/done",
            ]))
            .await;
        let _started: ExecOutput = stalled.message().await.expect("started");
        // Another call on the same connection is answered while that one is stalled.
        let other = shell(&client, "test -e /tmp/done; echo $?").await;
        assert_eq!(other.text(), "1\n");
        let ran = finish(stalled).await;
        assert_eq!(
            (ran.out.len(), ran.how, ran.end),
            (
                100_000_000,
                Some(ExecEndedHow::Code(0)),
                Some(End {
                    code: 0,
                    message: String::new()
                })
            )
        );
    });
}

#[test]
fn output_and_errors_at_the_same_time_stay_whole_for_a_slow_reader() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let mut stalled = client.open("Exec/Exec").await;
        let many = "head -c 6000000 /dev/zero | tr '\\0'";
        let script = format!("({many} e >&2) & {many} o; wait");
        stalled.send(&exec(&["sh", "-c", &script])).await;
        let _started: ExecOutput = stalled.message().await.expect("started");
        // The window is full by the time that this has run, in the middle of a message.
        assert_eq!(shell(&client, "sleep 0.3; echo ok").await.text(), "ok\n");
        let ran = finish(stalled).await;
        assert_eq!(ran.end.map(|end| end.code), Some(OK));
        assert!(ran.out.len() == 6_000_000 && ran.out.iter().all(|byte| *byte == b'o'));
        assert!(ran.err.len() == 6_000_000 && ran.err.iter().all(|byte| *byte == b'e'));
    });
}

#[test]
fn a_launcher_that_is_killed_leaves_a_socket_that_refuses() {
    as_everyone(|starter| {
        within(Duration::from_secs(1), || {
            let mut room = Room::new(starter, SLEEPS);
            run(async {
                room.greet().await;
            });
            room.jail.child.kill().expect("killed");
            let since = Instant::now();
            while UnixStream::connect(&room.socket).is_ok() {
                assert!(since.elapsed() < PATIENCE, "still answers");
            }
            let took = since.elapsed();
            let refused = UnixStream::connect(&room.socket).map(drop);
            let kind = refused.map_err(|error| error.kind());
            assert_eq!(kind, Err(std::io::ErrorKind::ConnectionRefused));
            took
        })
    });
}

#[test]
fn the_socket_goes_with_the_sandbox() {
    let mut room = Room::new(Starter::User, "exit 0");
    room.jail.wait_for("exit");
    room.jail.child.wait().expect("ended");
    assert!(!room.socket.exists());
}

#[test]
fn programs_run_in_every_mode() {
    as_everyone(|starter| {
        for mode in ["audit", "learn"] {
            let mut room = Room::with(starter, SLEEPS, |plan, _| plan["mode"] = mode.into());
            let connection = room.connect();
            // Each file that it opens is told before it is opened, and somebody has to listen: a loader opens dozens.
            let asked = std::thread::spawn(|| {
                run(async {
                    let (client, _hello) = Client::greet(connection).await;
                    shell(&client, "cat /etc/passwd >/dev/null; echo $?")
                        .await
                        .text()
                })
            });
            // What such a program opens is recorded, as with the first one.
            loop {
                let line = room.jail.wait_for("activity");
                if line["kind"] == "open" && line["path"] == "/etc/passwd" {
                    break;
                }
            }
            assert_eq!(asked.join().expect("an answer"), "0\n");
        }
    });
}
