//! A hostile host towards the agent, and a hostile sandbox towards the seed and the agent.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use glovebox_wire::inside::{ExecEndedHow, HelloRequest, StatsReply, StatsRequest};
use glovebox_wire::message::Message;

use crate::client::{run, Client, OK};
use crate::room::{exec, shell, within, Room, SLEEPS};
use crate::support::{as_everyone, Starter};

#[test]
fn hello_comes_first_and_the_protocol_must_fit() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = Client::connect(room.connect()).await;
        assert_eq!(client.unary("Stats/Read", &StatsRequest {}).await.1.code, 9);
        let future = HelloRequest {
            oldest: 2,
            newest: 5,
        };
        assert_eq!(client.unary("Hello/Hello", &future).await.1.code, 9);
        assert_eq!(client.unary("Stats/Read", &StatsRequest {}).await.1.code, 9);
    });
}

#[test]
fn who_says_nothing_is_left_after_a_while() {
    let room = Room::new(Starter::User, SLEEPS);
    let mut silent = room.connect();
    let mut preface_only = room.connect();
    preface_only
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .expect("written");
    for peer in [&mut silent, &mut preface_only] {
        peer.set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout");
        let mut said = Vec::new();
        peer.read_to_end(&mut said).expect("the end");
    }
}

#[test]
fn what_is_no_http_is_closed_and_others_are_served() {
    let room = Room::new(Starter::User, SLEEPS);
    for nonsense in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 4096],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\0\0\0\0\0\0",
    ] {
        let mut peer = room.connect();
        peer.set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout");
        // It may close before all is written.
        let _written = peer.write_all(nonsense);
        let mut said = Vec::new();
        let _reset = peer.read_to_end(&mut said);
    }
    run(async {
        let client = room.greet().await;
        assert_eq!(shell(&client, "echo still").await.text(), "still\n");
    });
}

#[test]
fn a_message_that_is_too_long_or_compressed_ends_its_call_only() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        for (prefix, code) in [
            (&[0u8, 0xff, 0xff, 0xff, 0xff][..], 8),
            (&[1, 0, 0, 0, 0], 12),
            (&[0, 0, 0, 0, 2, 0xff, 0xff], 3),
        ] {
            let mut call = client.open("Stats/Read").await;
            call.send_raw(bytes::Bytes::copy_from_slice(prefix)).await;
            call.finish();
            let (_, end) = call.rest().await;
            assert_eq!(end.code, code, "{end:?}");
        }
        assert_eq!(
            client.unary("Stats/Read", &StatsRequest {}).await.1.code,
            OK
        );
    });
}

#[test]
fn streams_that_are_opened_and_reset_at_once_end_the_connection() {
    let room = Room::new(Starter::User, SLEEPS);
    // HEADERS of a request, HPACK without the table, and RST_STREAM, as fast as they go (RFC 9113, 10.5).
    let mut peer = room.connect();
    peer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .expect("written");
    let mut block = vec![0x83, 0x86, 0x04, 2, b'/', b'x', 0x01, 1, b'i'];
    block.extend_from_slice(b"\x0f\x10\x10application/grpc");
    let mut flood = Vec::new();
    for stream in (1u32..20_000).step_by(2) {
        flood.extend_from_slice(&[0, 0, block.len() as u8, 1, 4]);
        flood.extend_from_slice(&stream.to_be_bytes());
        flood.extend_from_slice(&block);
        flood.extend_from_slice(&[0, 0, 4, 3, 0]);
        flood.extend_from_slice(&stream.to_be_bytes());
        flood.extend_from_slice(&[0, 0, 0, 8]);
    }
    let mut reader = peer.try_clone().expect("a socket");
    reader
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a timeout");
    let writer = std::thread::spawn(move || {
        let _cut_off = peer.write_all(&flood);
        peer
    });
    let mut said = Vec::new();
    // Closed with bytes of ours unread: a reset.
    let _end = reader.read_to_end(&mut said);
    drop(writer.join());
    run(async {
        let client = room.greet().await;
        assert_eq!(shell(&client, "echo still").await.text(), "still\n");
    });
}

#[test]
fn floods_of_settings_and_pings_do_not_grow_the_agent() {
    let room = Room::new(Starter::User, SLEEPS);
    let mut peer = room.connect();
    peer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .expect("written");
    let settings = [0u8, 0, 0, 4, 0, 0, 0, 0, 0];
    let ping = [0u8, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let flood: Vec<u8> = [&settings[..], &ping[..]].concat().repeat(50_000);
    // Never reads: the agent stops reading when it cannot answer.
    peer.set_write_timeout(Some(Duration::from_secs(1)))
        .expect("a timeout");
    let _stuck = peer.write_all(&flood);
    run(async {
        let client = room.greet().await;
        let kib = largest_of_ours(&client).await;
        assert!(kib < 16 << 10, "{kib} KiB");
    });
}

#[test]
fn messages_that_are_never_whole_do_not_grow_the_agent() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let mut part = vec![0u8, 0, 0x10, 0, 0];
        part.resize(1 << 20, 7);
        let part = bytes::Bytes::from(part);
        for _ in 0..300 {
            let mut call = client.open("Files/Write").await;
            let part = part.clone();
            tokio::task::spawn_local(async move {
                call.send_raw(part).await;
                std::future::pending::<()>().await;
            });
        }
        // Others are served, and small messages on this very connection while there is room; the windows are what is held.
        let other = room.greet().await;
        for _ in 0..20 {
            assert_eq!(shell(&other, "echo on").await.text(), "on\n");
        }
        let kib = largest_of_ours(&other).await;
        assert!((4 << 10..32 << 10).contains(&kib), "{kib} KiB");
    });
}

/// Resident memory, in KiB, of the largest process inside.
async fn largest_of_ours(client: &Client) -> u64 {
    let script = "for p in /proc/[0-9]*; do while read k v _; do [ $k = VmRSS: ] && echo $v; done < $p/status; done | sort -n | tail -1";
    let resident = shell(client, script).await;
    resident.text().trim().parse().expect("a number")
}

#[test]
fn the_sandbox_cannot_look_into_the_seed_or_the_agent() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        run(async {
            let client = room.greet().await;
            let script = "for p in /proc/[0-9]*; do \
                case $(cat $p/comm) in glovebox-inside) ;; *) continue;; esac; n=$((n+1)); \
                for f in environ maps mem auxv stack syscall io fd/0 fd/3 cwd root exe; do \
                  head -c1 $p/$f >/dev/null 2>&1 && echo \"read $p/$f\"; done; \
                ls $p/fd $p/map_files >/dev/null 2>&1 && echo \"list $p\"; \
                (echo x > $p/mem) 2>/dev/null && echo \"write $p\"; done; echo $n";
            let looked = shell(&client, script).await;
            // Pid 1, the seed, the agent.
            assert_eq!(looked.text(), "3\n", "{looked:?}");
        });
    });
}

#[test]
fn signals_of_the_sandbox_do_not_reach_the_agent_where_landlock_has_scopes() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        run(async {
            let client = room.greet().await;
            // Whatever of ours is neither pid 1 nor the seed, which is the parent of this program.
            let script = "for p in /proc/[0-9]*; do n=${p#/proc/}; \
                [ \"$(cat $p/comm)\" = glovebox-inside ] && [ $n != 1 ] && [ $n != $PPID ] && kill -9 $n 2>/dev/null && echo sent; \
                done; echo tried";
            let tried = shell(&client, script).await;
            if room.landlock_abi() >= 6 {
                assert_eq!(tried.text(), "tried\n", "{tried:?}");
            } else {
                // It hurts itself: whoever calls next gets another agent.
                assert_eq!(tried.end.map(|end| end.code), Some(14));
            }
            assert_eq!(shell(&room.greet().await, "echo on").await.text(), "on\n");
        });
    });
}

async fn processes(client: &Client) -> u32 {
    let (messages, end) = client.unary("Stats/Read", &StatsRequest {}).await;
    assert_eq!(end.code, OK, "{end:?}");
    StatsReply::decode(messages[0].clone())
        .expect("stats")
        .processes
}

#[test]
fn a_sandbox_without_room_for_processes_is_told_of_and_goes_on() {
    as_everyone(|starter| {
        let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done; exec sleep 1000";
        let room = Room::with(starter, script, |plan, _| {
            plan["limits"]["pids"]["value"] = 14.into()
        });
        run(async {
            let client = room.greet().await;
            // The sandbox's own first: it would end where one of ours took its place.
            let since = Instant::now();
            while processes(&client).await < 13 {
                assert!(since.elapsed() < Duration::from_secs(30), "its own program");
            }
            let mut held = Vec::new();
            let refused = loop {
                let mut call = client.open("Exec/Exec").await;
                call.send(&exec(&["sleep", "1000"])).await;
                match call.next().await {
                    Ok(_started) => held.push(call),
                    Err(end) => break end,
                }
                assert!(held.len() < 14, "no limit");
            };
            assert_eq!(refused.code, 8, "{refused:?}");
            for call in held {
                call.reset();
            }
            let since = Instant::now();
            while client.call("Exec/Exec", &[exec(&["true"])]).await.1.code != OK {
                assert!(since.elapsed() < Duration::from_secs(5), "room comes back");
            }
        });
        assert!(room.jail_is_alive());
    });
}

#[test]
fn a_seed_that_was_killed_starts_nothing_any_more() {
    within(Duration::from_secs(1), || {
        let room = Room::new(Starter::User, SLEEPS);
        let took = run(async {
            let client = room.greet().await;
            let mut bystander = client.open("Exec/Exec").await;
            bystander.send(&exec(&["sleep", "1000"])).await;
            let _started = bystander.next().await.expect("started");
            // Our parent is the seed.
            let mut killer = client.open("Exec/Exec").await;
            killer
                .send(&exec(&["sh", "-c", "kill -9 $PPID; sleep 1000"]))
                .await;
            killer.finish();
            let ended = killer.rest().await.1;
            assert_eq!(ended.code, 14, "{ended:?}");
            // What it had started went with it, and the call says so.
            let since = Instant::now();
            assert_eq!(bystander.rest().await.1.code, 14);
            let took = since.elapsed();
            let (_, end) = client.call("Exec/Exec", &[exec(&["true"])]).await;
            assert_eq!(end.code, 14, "{end:?}");
            // Files are served all the same, and the sandbox's own program goes on.
            assert_eq!(
                client.unary("Stats/Read", &StatsRequest {}).await.1.code,
                OK
            );
            took
        });
        assert!(room.jail_is_alive());
        took
    });
}

#[test]
fn a_seed_that_was_stopped_is_not_waited_for_without_end() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let mut stopper = client.open("Exec/Exec").await;
        stopper
            .send(&exec(&[
                "sh",
                "-c",
                "kill -STOP $PPID; echo stopped; sleep 1000",
            ]))
            .await;
        let _started = stopper.next().await.expect("started");
        let _stopped = stopper.next().await.expect("stopped");
        let since = Instant::now();
        let (_, end) = client.call("Exec/Exec", &[exec(&["true"])]).await;
        assert_eq!(end.code, 14, "{end:?}");
        assert!(since.elapsed() < Duration::from_secs(12));
    });
}

#[test]
fn an_agent_that_was_killed_is_followed_by_the_next_generation() {
    as_everyone(|starter| {
        within(Duration::from_secs(1), || {
            let room = Room::new(starter, "trap '' TERM; sleep 1000");
            let agent = || -> Option<i32> {
                let init = room.init_pid();
                let children =
                    std::fs::read_to_string(format!("/proc/{init}/task/{init}/children")).ok()?;
                children.split_ascii_whitespace().last()?.parse().ok()
            };
            run(async {
                let (client, hello) = Client::greet(room.connect()).await;
                assert_eq!(hello.generation, 1);
                let mut program = client.open("Exec/Exec").await;
                program.send(&exec(&["sleep", "4567"])).await;
                let _started = program.next().await.expect("started");
                let agent = agent().expect("an agent");
                // SAFETY: of the process that pid 1 forked last.
                assert_eq!(unsafe { libc::kill(agent, libc::SIGKILL) }, 0);
                assert_eq!(program.rest().await.1.code, 14);
                let (client, hello) = Client::greet(room.connect()).await;
                assert_eq!(hello.generation, 2);
                // What the first had started is gone within a second, and nothing of it reaches the second.
                let since = Instant::now();
                while shell(
                    &client,
                    "cat /proc/[0-9]*/cmdline | tr '\\0' '.' | grep -c '[s]leep.4567'",
                )
                .await
                .text()
                .trim()
                    != "0"
                {}
                let took = since.elapsed();
                assert_eq!(
                    shell(&client, "exit 4").await.how,
                    Some(ExecEndedHow::Code(4))
                );
                took
            })
        })
    });
}
