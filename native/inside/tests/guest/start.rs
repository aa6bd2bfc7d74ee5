//! One sandbox, from its plan to its end.

use bytes::Bytes;
use glovebox_wire::inside::{
    ConnectInput, ConnectInputCase, ConnectTarget, ConnectTargetCase, Empty, GuestCloseOutput,
    GuestCommand, GuestEndedHow, GuestInputCase, GuestStart, StatsRequest, TerminalSize,
};
use serde_json::json;

use crate::client::{run, OK};
use crate::machine::{input, Room, Said};
use crate::support::{plan_for, processes_with};

#[test]
fn a_sandbox_has_its_streams_its_status_and_its_end() {
    run(async {
        let room = Room::identified().await;
        let mut open = room.start(&plan_for("cat; echo problem >&2; exit 7")).await;
        let stdin = Bytes::from_static(b"what is said");
        open.send(&input(GuestInputCase::Stdin(stdin))).await;
        open.send(&input(GuestInputCase::StdinEnd(Empty {}))).await;
        let said = Said::default().all(&mut open).await;
        assert_eq!(said.stdout, "what is said");
        assert_eq!(said.stderr, "problem\n");
        assert_eq!(said.how, Some(GuestEndedHow::Code(7)));
        assert!(said.has("receipt") && said.has("exit"), "{said:?}");
        assert!(said.status.ends_with('\n'));
        let left: Vec<_> = std::fs::read_dir(&room.sockets).expect("it").collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

#[test]
fn a_launcher_starts_in_the_root_with_an_empty_environment() {
    run(async {
        let room = Room::identified().await;
        let mut plan = plan_for("exec sleep 1000");
        plan["id"] = json!("empty");
        plan["hold"] = json!(true);
        let mut open = room.start(&plan).await;
        let mut said = Said::default();
        let shown = said.until(&mut open, |said| said.has("receipt")).await;
        shown.expect("a receipt");
        let own = std::process::id() as i32;
        // A launcher that holds its program back has not let go of what it was given.
        let is_it = |pid: &i32| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.starts_with(b"glovebox-inside\0jail\0")
        };
        let launchers: Vec<i32> = crate::support::children_of(own)
            .into_iter()
            .filter(is_it)
            .collect();
        assert!(!launchers.is_empty());
        for launcher in launchers {
            let environment = std::fs::read(format!("/proc/{launcher}/environ"));
            assert_eq!(environment.expect("its environment"), b"");
            let directory = std::fs::read_link(format!("/proc/{launcher}/cwd"));
            assert_eq!(directory.expect("its directory").to_str(), Some("/"));
        }
        open.reset();
    });
}

#[test]
fn a_program_that_does_not_read_its_stdin_can_still_be_commanded() {
    run(async {
        let room = Room::identified().await;
        let mut plan = plan_for("echo here; sleep 1000");
        plan["hold"] = json!(true);
        let mut open = room.start(&plan).await;
        let mut said = Said::default();
        let shown = said.until(&mut open, |said| said.has("receipt")).await;
        shown.expect("a receipt");
        let command = |id: &str, command: &'static [u8]| GuestCommand {
            id: id.into(),
            command: Bytes::from_static(command),
        };
        // More than a pipe holds.
        for _ in 0..8 {
            let stdin = Bytes::from(vec![b'x'; 64 << 10]);
            open.send(&input(GuestInputCase::Stdin(stdin))).await;
        }
        let client = &room.client;
        let go = command("test", b"{\"do\":\"go\"}\n");
        assert_eq!(client.unary("Guest/Command", &go).await.1.code, OK);
        let ran = said.until(&mut open, |said| said.stdout == "here\n").await;
        ran.expect("it runs");
        let half = command("test", b"{\"do\":\"stop\"}");
        assert_eq!(client.unary("Guest/Command", &half).await.1.code, 3);
        let stop = command("test", b"{\"do\":\"stop\"}\n");
        assert_eq!(client.unary("Guest/Command", &stop).await.1.code, OK);
        let said = said.all(&mut open).await;
        assert!(said.how.is_some() && said.has("exit"), "{said:?}");
        // Nobody is there any more.
        assert_eq!(client.unary("Guest/Command", &stop).await.1.code, 5);
    });
}

#[test]
fn an_output_that_nobody_reads_any_more_is_a_broken_pipe() {
    run(async {
        let room = Room::identified().await;
        let script = "trap '' PIPE; echo up; while echo y; do :; done; echo over >&2; exit 9";
        let mut open = room.start(&plan_for(script)).await;
        let mut said = Said::default();
        let up = said
            .until(&mut open, |said| said.stdout.starts_with("up\n"))
            .await;
        up.expect("it runs");
        let close = |id: &str| GuestCloseOutput {
            id: id.into(),
            is_stderr: false,
        };
        let client = &room.client;
        assert_eq!(
            client
                .unary("Guest/CloseOutput", &close("other"))
                .await
                .1
                .code,
            5
        );
        assert_eq!(
            client
                .unary("Guest/CloseOutput", &close("test"))
                .await
                .1
                .code,
            OK
        );
        let said = said.all(&mut open).await;
        assert_eq!(said.how, Some(GuestEndedHow::Code(9)));
        // The other one goes on.
        assert!(said.stderr.ends_with("over\n"), "{}", said.stderr);
    });
}

#[test]
fn a_call_that_ends_takes_its_sandbox_along() {
    run(async {
        let room = Room::identified().await;
        let marker = format!("guest-marker-{}", std::process::id());
        let script = format!(": {marker}; echo up; while :; do sleep 1000; done");
        let mut plan = plan_for(&script);
        plan["channel"] = json!({ "socket": room.sockets.join("test/channel") });
        let mut open = room.start(&plan).await;
        let mut said = Said::default();
        let up = said.until(&mut open, |said| said.stdout == "up\n").await;
        up.expect("it runs");
        assert!(!processes_with(&marker).is_empty());
        assert!(room.sockets.join("test/channel").exists());
        open.reset();
        while !processes_with(&marker).is_empty() || room.sockets.join("test").exists() {
            tokio::task::yield_now().await;
        }
        // Its name is free again.
        let mut open = room.start(&plan_for("true")).await;
        assert_eq!(
            Said::default().all(&mut open).await.how,
            Some(GuestEndedHow::Code(0))
        );
    });
}

#[test]
fn two_sandboxes_of_one_name_do_not_run_at_once() {
    run(async {
        let room = Room::identified().await;
        let mut first = room.start(&plan_for("echo up; exec sleep 1000")).await;
        let mut said = Said::default();
        let up = said.until(&mut first, |said| said.stdout == "up\n").await;
        up.expect("it runs");
        let mut second = room.start(&plan_for("true")).await;
        let ended = Said::default().until(&mut second, |_| false).await;
        assert_eq!(ended.expect_err("refused").code, 6);
        first.reset();
    });
}

#[test]
fn what_is_no_plan_starts_nothing() {
    run(async {
        let room = Room::identified().await;
        let two = format!("{}\n{{\"do\":\"go\"}}\n", plan_for("true"));
        let outside = plan_for("true").to_string().replace("\"test\"", "\"../x\"");
        for plan in ["", "{}", "\n", two.as_str(), outside.as_str()] {
            let start = GuestStart {
                plan: Bytes::copy_from_slice(plan.as_bytes()),
                terminal: None,
            };
            let (_, end) = room
                .client
                .call("Guest/Start", &[input(GuestInputCase::Start(start))])
                .await;
            assert_eq!(end.code, 3, "{plan}");
        }
        let stdin = input(GuestInputCase::StdinEnd(Empty {}));
        let (_, end) = room.client.call("Guest/Start", &[stdin]).await;
        assert_eq!(end.code, 3);
        let left: Vec<_> = std::fs::read_dir(&room.sockets).expect("it").collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

#[test]
fn a_terminal_has_a_size_that_changes() {
    run(async {
        let room = Room::identified().await;
        let mut plan = plan_for("stty size; read line; stty size; tty");
        plan["command"]["terminal"] = json!(true);
        let size = |rows| TerminalSize { rows, columns: 80 };
        let mut open = room.start_on(&plan, Some(size(24))).await;
        let mut said = Said::default();
        let first = said
            .until(&mut open, |said| said.stdout.contains("24 80"))
            .await;
        first.expect("its size");
        open.send(&input(GuestInputCase::Resize(size(50)))).await;
        let line = Bytes::from_static(b"go on\n");
        open.send(&input(GuestInputCase::Stdin(line))).await;
        let said = said.all(&mut open).await;
        assert!(said.stdout.contains("50 80"), "{said:?}");
        assert!(said.stdout.contains("/dev/pts/"), "{said:?}");
        assert_eq!(said.how, Some(GuestEndedHow::Code(0)));
    });
}

#[test]
fn a_host_that_does_not_read_holds_up_that_call_only() {
    run(async {
        let room = Room::identified().await;
        let mut flood = room.start(&plan_for("exec cat /dev/zero")).await;
        let mut said = Said::default();
        let flows = said.until(&mut flood, |said| said.stdout.len() > 1 << 20);
        flows.await.expect("it flows");
        for _ in 0..50 {
            let (_, end) = room.client.unary("Stats/Read", &StatsRequest {}).await;
            assert_eq!(end.code, OK);
        }
        let mut plan = plan_for("echo beside");
        plan["id"] = json!("beside");
        let mut beside = room.start(&plan).await;
        assert_eq!(Said::default().all(&mut beside).await.stdout, "beside\n");
        flood.reset();
    });
}

#[test]
fn the_launchers_own_channel_is_reached_by_its_path() {
    run(async {
        let room = Room::identified().await;
        let socket = room.sockets.join("test/channel");
        let mut plan = plan_for("exec sleep 1000");
        plan["channel"] = json!({ "socket": socket });
        let mut open = room.start(&plan).await;
        let mut said = Said::default();
        let up = said.until(&mut open, |said| said.has("started")).await;
        up.expect("it runs");
        let target = |path: &str| ConnectInput {
            input: Some(ConnectInputCase::Target(ConnectTarget {
                target: Some(ConnectTargetCase::UnixPath(Bytes::copy_from_slice(
                    path.as_bytes(),
                ))),
            })),
        };
        let mut port = room.client.open("Ports/Connect").await;
        port.send(&target(socket.to_str().expect("plain"))).await;
        let preface = Bytes::from_static(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
        port.send(&ConnectInput {
            input: Some(ConnectInputCase::Data(preface)),
        })
        .await;
        let answer: glovebox_wire::inside::Bytes = port.message().await.expect("an answer");
        // SETTINGS, of an agent that speaks HTTP/2.
        assert_eq!(answer.data.get(3), Some(&4), "{answer:?}");
        let (_, end) = room
            .client
            .call("Ports/Connect", &[target("/nowhere/at/all")])
            .await;
        assert_eq!(end.code, 5);
        open.reset();
    });
}
