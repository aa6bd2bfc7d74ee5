//! Ports, Egress, Stats, Machine.

use std::time::Instant;

use bytes::Bytes;
use glovebox_wire::inside::{
    self as wire, ConnectInput, ConnectInputCase, ConnectTarget, ConnectTargetCase, EgressInput,
    EgressInputCase, EgressOffer, EgressOutput, EgressOutputCase, Empty, ExecEndedHow,
    ReseedRequest, SetClockRequest, StatsReply, StatsRequest,
};
use glovebox_wire::message::Message;

use crate::client::{run, OK};
use crate::room::{exec, finish, shell, Room, SLEEPS};
use crate::support::{as_everyone, Starter};

/// Answers one connection with what it said, in capitals.
const SERVER: &str = "import socket,sys\nf=socket.AF_UNIX if '/' in sys.argv[1] else socket.AF_INET\na=sys.argv[1] if '/' in sys.argv[1] else ('127.0.0.1',int(sys.argv[1]))\ns=socket.socket(f)\ns.bind(a)\ns.listen()\nprint('up',flush=True)\nc,_=s.accept()\nd=b''\nwhile True:\n b=c.recv(65536)\n if not b: break\n d+=b\nc.sendall(d.upper())\n";

fn target(target: ConnectTargetCase) -> ConnectInput {
    ConnectInput {
        input: Some(ConnectInputCase::Target(ConnectTarget {
            target: Some(target),
        })),
    }
}

#[test]
fn the_host_reaches_what_listens_inside() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        run(async {
            let client = room.greet().await;
            let unix = ConnectTargetCase::UnixPath(Bytes::from_static(b"/tmp/s"));
            for (word, to) in [("8123", ConnectTargetCase::TcpPort(8123)), ("/tmp/s", unix)] {
                let refused = client.call("Ports/Connect", &[target(to.clone())]).await.1;
                assert!([5, 14].contains(&refused.code), "{refused:?}");
                let mut server = client.open("Exec/Exec").await;
                server.send(&exec(&["python3", "-c", SERVER, word])).await;
                let _started = server.next().await.expect("started");
                let _up = server.next().await.expect("up");
                let data = ConnectInput {
                    input: Some(ConnectInputCase::Data(Bytes::from_static(b"hello"))),
                };
                let (messages, end) = client.call("Ports/Connect", &[target(to), data]).await;
                assert_eq!(end.code, OK, "{end:?}");
                let bytes: Vec<u8> = messages
                    .into_iter()
                    .flat_map(|message| wire::Bytes::decode(message).expect("bytes").data)
                    .collect();
                assert_eq!(bytes, b"HELLO");
                assert_eq!(finish(server).await.how, Some(ExecEndedHow::Code(0)));
            }
            for wrong in [
                ConnectTargetCase::TcpPort(0),
                ConnectTargetCase::TcpPort(70_000),
                ConnectTargetCase::UnixPath(Bytes::from_static(b"\0abstract")),
            ] {
                assert_eq!(
                    client.call("Ports/Connect", &[target(wrong)]).await.1.code,
                    3
                );
            }
        });
    });
}

#[test]
fn a_connection_of_the_hosts_is_in_the_record() {
    let mut room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        client
            .call("Ports/Connect", &[target(ConnectTargetCase::TcpPort(8124))])
            .await;
    });
    let recorded = loop {
        let line = room.jail.wait_for("activity");
        if line["kind"] == "connect" {
            break line;
        }
    };
    assert_eq!(recorded["address"], "127.0.0.1:8124", "{recorded}");
}

#[test]
fn connections_of_the_sandbox_are_carried_to_the_host() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        run(async {
            let client = room.greet().await;
            let offer = || EgressInput {
                input: Some(EgressInputCase::Offer(EgressOffer {
                    tcp_ports: vec![8443, 8444],
                })),
            };
            let mut call = client.open("Egress/Accept").await;
            call.send(&offer()).await;
            let mut program = client.open("Exec/Exec").await;
            let script = "import socket,time\nfor _ in range(200):\n try:\n  s=socket.create_connection(('127.5.6.7',8444)); break\n except OSError: time.sleep(.01)\ns.sendall(b'ping')\nprint(s.recv(9))\n";
            program.send(&exec(&["python3", "-c", script])).await;
            let opened: EgressOutput = call.message().await.expect("opened");
            let Some(EgressOutputCase::Opened(opened)) = opened.output else {
                panic!("{opened:?}")
            };
            assert_eq!(
                (&opened.address[..], opened.port),
                (&[127, 5, 6, 7][..], 8444)
            );
            call.send(&EgressInput {
                input: Some(EgressInputCase::Accepted(Empty {})),
            })
            .await;
            let data: EgressOutput = call.message().await.expect("data");
            assert_eq!(
                data.output,
                Some(EgressOutputCase::Data(Bytes::from_static(b"ping")))
            );
            call.send(&EgressInput {
                input: Some(EgressInputCase::Data(Bytes::from_static(b"pong"))),
            })
            .await;
            call.finish();
            let said = finish(program).await;
            assert_eq!(said.text(), "b'pong'\n", "{said:?}");
            assert_eq!(call.rest().await.1.code, OK);
            // One that is refused is reset.
            let mut call = client.open("Egress/Accept").await;
            call.send(&offer()).await;
            let mut program = client.open("Exec/Exec").await;
            program.send(&exec(&["python3", "-c", "import socket\ns=socket.create_connection(('127.0.0.1',8443))\ntry: print(s.recv(9))\nexcept ConnectionResetError: print('reset')\n"])).await;
            let _opened: EgressOutput = call.message().await.expect("opened");
            call.send(&EgressInput {
                input: Some(EgressInputCase::Refused(111)),
            })
            .await;
            assert_eq!(finish(program).await.text(), "reset\n");
        });
    });
}

#[test]
fn stats_count_the_sandbox() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        run(async {
            let client = room.greet().await;
            let mut busy = client.open("Exec/Exec").await;
            busy.send(&exec(&["sh", "-c", "echo up; exec sleep 1000"]))
                .await;
            let _started = busy.next().await.expect("started");
            let _up = busy.next().await.expect("up");
            let (messages, end) = client.unary("Stats/Read", &StatsRequest {}).await;
            assert_eq!(end.code, OK);
            let stats = StatsReply::decode(messages[0].clone()).expect("stats");
            assert_eq!(stats.last_denials, []);
            // The sandbox's own program and ours.
            assert_eq!(stats.processes, 2, "{stats:?}");
            assert!(
                stats.memory_bytes > 100_000 && stats.uptime_ms < 60_000,
                "{stats:?}"
            );
        });
    });
}

#[test]
fn the_last_denials_are_among_the_stats() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let script = "import socket\ns=socket.socket()\ntry: s.connect(('192.0.2.7',80))\nexcept OSError: pass\n";
        let tried = client
            .call("Exec/Exec", &[exec(&["python3", "-c", script])])
            .await;
        assert_eq!(tried.1.code, OK);
        let (messages, _) = client.unary("Stats/Read", &StatsRequest {}).await;
        let stats = StatsReply::decode(messages[0].clone()).expect("stats");
        let denial = stats.last_denials.last().expect("a denial");
        assert_eq!(
            (denial.operation.as_str(), &denial.subject[..]),
            ("connect", &b"192.0.2.7:80"[..])
        );
        assert!(denial.at_ms > 1_700_000_000_000);
    });
}

#[test]
fn a_jail_has_no_machine_of_its_own() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let clock = SetClockRequest { unix_ns: 1 };
        assert_eq!(client.unary("Machine/SetClock", &clock).await.1.code, 12);
        let reseed = ReseedRequest {
            entropy: Bytes::from(vec![1; 32]),
            generation: 9,
        };
        assert_eq!(client.unary("Machine/Reseed", &reseed).await.1.code, 12);
        assert_eq!(client.unary("Machine/PowerOff", &Empty {}).await.1.code, 12);
        assert_eq!(client.unary("Machine/Dance", &Empty {}).await.1.code, 12);
        for call in ["Identify", "MountGiven", "Start", "Accept"] {
            let call = format!("Guest/{call}");
            assert_eq!(client.unary(&call, &Empty {}).await.1.code, 12, "{call}");
        }
    });
}

#[test]
fn a_thousand_calls_run_at_the_same_time() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let before = Instant::now();
        let mut calls = Vec::new();
        for _ in 0..1000 {
            let mut call = client.open("Egress/Accept").await;
            call.send(&EgressInput {
                input: Some(EgressInputCase::Offer(EgressOffer {
                    tcp_ports: vec![9000],
                })),
            })
            .await;
            calls.push(call);
        }
        // All of them wait, and one more is answered.
        assert_eq!(shell(&client, "echo through").await.text(), "through\n");
        for call in calls {
            call.reset();
        }
        let (_, end) = client.unary("Stats/Read", &StatsRequest {}).await;
        assert_eq!(end.code, OK);
        assert!(before.elapsed().as_secs() < 10);
    });
}
