//! Connections that the host allows, refuses, looks at and takes over.

use std::io::{Read, Write};
use std::net::Shutdown;

use serde_json::json;

use crate::host::{all_to, connect, in_capitals, limits, loopback, nothing, Host};
use crate::support::as_everyone;

/// Connects to a name's address, says something, ends, and prints what is answered.
const ASKS: &str = "import socket
s=socket.create_connection(('198.18.0.9',443))
p=s.getpeername()
s.sendall(b'hello')
s.shutdown(socket.SHUT_WR)
d=b''
while True:
 b=s.recv(65536)
 if not b: break
 d+=b
print(d.decode(),p)";

pub fn python(script: &str) -> String {
    format!("exec python3 -c \"{script}\"")
}

#[test]
fn a_connection_that_the_host_allows_reaches_who_it_names() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), all_to(in_capitals()));
        let outcome = host.start(starter, &python(ASKS)).finish();
        assert_eq!(outcome.stdout, "HELLO ('198.18.0.9', 443)\n", "{outcome:?}");
        let opened = host.hear("opened");
        assert_eq!(
            opened["opened"],
            json!({ "address": "198.18.0.9", "port": 443 })
        );
        assert_eq!(
            host.hear("connected")["connected"],
            json!({ "address": "127.0.0.1" })
        );
        let closed = &host.hear("closed")["closed"];
        assert_eq!(
            closed,
            &json!({ "sent": 5, "received": 5, "reason": "end" })
        );
        assert_eq!(host.next(), None, "the relay has ended with the sandbox");
        let tried = outcome.status.iter();
        let tried = tried.rev().find(|line| line["kind"] == "connect");
        let tried = tried.expect("it is recorded");
        assert_eq!(tried["address"], "198.18.0.9:443");
        assert_eq!(tried["verdict"], "allowed");
        assert_eq!(tried["rule"], "network.egress");
    });
}

/// Which algorithm paces what a program sends to a name.
const PACED: &str = "import socket
for f,h in ((socket.AF_INET,'198.18.0.9'),(socket.AF_INET6,'fd67:6c6f:7665::9')):
 s=socket.socket(f)
 s.connect((h,443))
 print(s.getsockopt(socket.IPPROTO_TCP,socket.TCP_CONGESTION,16).rstrip(bytes(1)).decode())";

#[test]
fn nothing_paces_what_never_leaves_the_machine() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), all_to(in_capitals()));
        let outcome = host.start(starter, &python(PACED)).finish();
        assert_eq!(outcome.stdout, "reno\nreno\n", "{outcome:?}");
    });
}

/// What becomes of one attempt to connect to (address, port), of reading after it.
const TRIES: &str = "import socket,sys,errno
for a in sys.argv[1:]:
 h,p=a.rsplit(':',1)
 s=socket.socket(socket.AF_INET6 if ':' in h else socket.AF_INET)
 try:
  s.connect((h,int(p)))
  print(s.recv(9).decode() or 'end',flush=True)
 except OSError as e: print(errno.errorcode[e.errno],flush=True)";

fn tries(addresses: &[&str]) -> String {
    format!("{} {}", python(TRIES), addresses.join(" "))
}

#[test]
fn a_connection_that_the_host_refuses_is_reset() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), |line| {
            let refused = json!({ "id": line["id"], "refuse": true });
            (!line["opened"].is_null())
                .then_some(refused)
                .into_iter()
                .collect()
        });
        let outcome = host.start(starter, &tries(&["198.18.0.9:443"])).finish();
        assert_eq!(outcome.stdout, "ECONNRESET\n", "{outcome:?}");
        let closed = &host.hear("closed")["closed"];
        assert_eq!(
            closed,
            &json!({ "sent": 0, "received": 0, "reason": "refused" })
        );
    });
}

#[test]
fn where_nobody_listens_or_no_rule_leads_the_host_is_not_asked() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), nothing);
        let to = [
            "198.18.0.9:80",
            "fd67:6c6f:7665::9:80",
            "198.20.0.1:443",
            "10.0.0.5:443",
            "fd00::1:443",
        ];
        let outcome = host.start(starter, &tries(&to)).finish();
        let expected = "ECONNREFUSED\nECONNREFUSED\nENETUNREACH\nENETUNREACH\nENETUNREACH\n";
        assert_eq!(outcome.stdout, expected, "{outcome:?}");
        assert_eq!(host.next(), None);
    });
}

#[test]
fn addresses_of_rules_and_of_both_versions_lead_to_the_host() {
    as_everyone(|starter| {
        let (server, address) = loopback();
        std::thread::spawn(move || {
            for stream in server.incoming() {
                stream
                    .expect("a connection")
                    .write_all(b"hello")
                    .expect("room");
            }
        });
        let host = Host::listen(starter, limits(), all_to(address));
        let to = [
            "10.0.0.5:443",
            "fd00::7:443",
            "fd67:6c6f:7665::9:443",
            "::ffff:198.18.0.9:443",
        ];
        let mut plan = host.plan(&tries(&to));
        plan["egress"]["addresses"] = json!(["10.0.0.5/32", "fd00::/16"]);
        let outcome = crate::support::run(starter, &plan);
        assert_eq!(outcome.stdout, "hello\n".repeat(4), "{outcome:?}");
        for address in ["10.0.0.5", "fd00::7", "fd67:6c6f:7665::9", "198.18.0.9"] {
            assert_eq!(host.hear("opened")["opened"]["address"], address);
        }
    });
}

#[test]
fn what_is_looked_at_goes_out_only_when_it_may() {
    as_everyone(|starter| {
        let (server, address) = loopback();
        let host = Host::listen(starter, limits(), move |line| {
            match line["opened"].is_null() {
                true => vec![],
                false => vec![connect(line, address, true)],
            }
        });
        let script = "import socket,sys
s=socket.create_connection(('198.18.0.9',443))
print(s.recv(9).decode(),flush=True)
s.sendall(b'one')
sys.stdin.readline()
s.sendall(b'two')
s.shutdown(socket.SHUT_WR)
print(s.recv(9).decode())";
        let mut jail =
            crate::support::Jail::start_with(starter, &host.plan(&python(script)), |command| {
                command.stdin(std::process::Stdio::piped());
            });
        let (mut outside, _) = server.accept().expect("the relay connects");
        outside.write_all(b"welcome").expect("room");
        assert_eq!(
            jail.read_line(),
            "welcome",
            "servers that speak first are heard"
        );
        let first = |bytes: &str, end: bool| json!({ "bytes": bytes, "end": end });
        let line = host.hear("first");
        assert_eq!(line["first"], first("b25l", false));
        jail.child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(b"go\n")
            .expect("room");
        // The end may come in a line of its own.
        let mut last = host.hear("first")["first"].clone();
        assert_eq!(last["bytes"], "b25ldHdv");
        if last["end"] == false {
            last = host.hear("first")["first"].clone();
        }
        assert_eq!(last, first("b25ldHdv", true));
        outside.set_nonblocking(true).expect("a flag");
        let early = outside.read(&mut [0; 9]).expect_err("nothing has gone out");
        assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
        outside.set_nonblocking(false).expect("a flag");
        host.say(&json!({ "id": line["id"], "pass": true }));
        let mut said = String::new();
        outside.read_to_string(&mut said).expect("an end");
        assert_eq!(said, "onetwo");
        outside.write_all(b"bye").expect("room");
        drop(outside);
        let outcome = jail.finish();
        assert_eq!(outcome.stdout, "bye\n", "{outcome:?}");
        let closed = &host.hear("closed")["closed"];
        assert_eq!(
            closed,
            &json!({ "sent": 6, "received": 10, "reason": "end" })
        );
    });
}

#[test]
fn what_is_handed_over_comes_from_its_first_byte_on() {
    as_everyone(|starter| {
        let (server, address) = loopback();
        let host = Host::listen(starter, limits(), move |line| {
            let id = &line["id"];
            if !line["opened"].is_null() {
                return vec![connect(line, address, true)];
            }
            let hand = json!({ "id": id, "hand": true });
            (line["first"]["end"] == true)
                .then_some(hand)
                .into_iter()
                .collect()
        });
        let jail = host.start(starter, &python(ASKS));
        let (mut outside, _) = server.accept().expect("the relay connects");
        let (id, mut carried) = host.carried();
        let mut said = Vec::new();
        carried.read_to_end(&mut said).expect("an end");
        assert_eq!(said, b"hello");
        let unwanted = outside.read(&mut [0; 9]);
        assert!(
            !matches!(unwanted, Ok(1..)),
            "the outside has got nothing: {unwanted:?}"
        );
        carried.get_mut().write_all(b"from the host").expect("room");
        carried.get_mut().shutdown(Shutdown::Write).expect("open");
        drop(carried);
        let outcome = jail.finish();
        assert_eq!(
            outcome.stdout, "from the host ('198.18.0.9', 443)\n",
            "{outcome:?}"
        );
        let closed = host.hear("closed");
        assert_eq!(closed["id"], id);
        assert_eq!(
            closed["closed"],
            json!({ "sent": 5, "received": 13, "reason": "handed" })
        );
    });
}

#[test]
fn either_side_may_end_first_and_go_on_listening() {
    as_everyone(|starter| {
        let (server, address) = loopback();
        let host = Host::listen(starter, limits(), all_to(address));
        let script = "import socket
s=socket.create_connection(('198.18.0.9',443))
d=b''
while True:
 b=s.recv(65536)
 if not b: break
 d+=b
s.sendall(d[::-1])
s.close()";
        let jail = host.start(starter, &python(script));
        let (mut outside, _) = server.accept().expect("the relay connects");
        outside.write_all(b"olleh").expect("room");
        outside.shutdown(Shutdown::Write).expect("open");
        let mut said = String::new();
        outside.read_to_string(&mut said).expect("an end");
        assert_eq!(said, "hello");
        assert_eq!(jail.finish().code, Some(0));
        assert_eq!(host.hear("closed")["closed"]["reason"], "end");
    });
}

#[test]
fn addresses_are_tried_in_order_until_one_answers() {
    as_everyone(|starter| {
        let (closed_listener, nobody) = loopback();
        drop(closed_listener);
        let (server, somebody) = loopback();
        let host = Host::listen(starter, limits(), move |line| {
            let to = |addresses: &[&str], port: u16| {
                vec![
                    json!({ "id": line["id"], "connect": { "addresses": addresses, "port": port, "look": false } }),
                ]
            };
            match line["id"].as_u64() {
                _ if line["opened"].is_null() => vec![],
                Some(1) => to(&["127.0.0.2", "127.0.0.1"], somebody.port()),
                _ => to(&["127.0.0.2", "127.0.0.1"], nobody.port()),
            }
        });
        let jail = host.start(starter, &tries(&["198.18.0.9:443", "198.18.0.9:443"]));
        let (mut outside, _) = server.accept().expect("the relay connects");
        outside.write_all(b"hello").expect("room");
        let outcome = jail.finish();
        assert_eq!(outcome.stdout, "hello\nECONNRESET\n", "{outcome:?}");
        assert_eq!(host.hear("connected")["connected"]["address"], "127.0.0.1");
        assert_eq!(host.hear("failed")["failed"]["errno"], libc::ECONNREFUSED);
    });
}

#[test]
fn every_byte_of_many_arrives() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), all_to(in_capitals()));
        let script = "import socket,threading
s=socket.create_connection(('198.18.0.9',443))
d=bytes(97+i*i%26 for i in range(1<<16))*512
t=threading.Thread(target=lambda:(s.sendall(d),s.shutdown(socket.SHUT_WR)))
t.start()
r=bytearray()
while True:
 b=s.recv(1<<20)
 if not b: break
 r+=b
print(len(r),bytes(r)==d.upper())";
        let outcome = host.start(starter, &python(script)).finish();
        assert_eq!(
            outcome.stdout,
            format!("{} True\n", 32 << 20),
            "{outcome:?}"
        );
        let closed = &host.hear("closed")["closed"];
        assert_eq!(
            closed,
            &json!({ "sent": 32 << 20, "received": 32 << 20, "reason": "end" })
        );
    });
}

#[test]
fn limits_hold_for_all_connections_together() {
    as_everyone(|starter| {
        let with = |key: &str, value: u64, script: &str| {
            let mut limits = limits();
            limits[key] = json!(value);
            let host = Host::listen(starter, limits, all_to(in_capitals()));
            let outcome = host.start(starter, &python(script)).finish();
            (host, outcome)
        };
        let sends = "import socket
for n in range(2):
 s=socket.create_connection(('198.18.0.9',443))
 try:
  s.sendall(b'x'*600)
  s.shutdown(socket.SHUT_WR)
  print(len(s.recv(1000,socket.MSG_WAITALL)))
 except OSError: print('reset')";
        let (host, outcome) = with("bytes", 1300, sends);
        assert_eq!(outcome.stdout, "600\nreset\n", "{outcome:?}");
        let reasons = [host.hear("closed"), host.hear("closed")];
        assert_eq!(reasons[0]["closed"]["reason"], "end");
        assert_eq!(
            reasons[1]["closed"],
            json!({ "sent": 100, "received": 0, "reason": "limit" })
        );

        let holds = "import socket
a=[socket.create_connection(('198.18.0.9',443)) for _ in range(3)]
for s in a[::-1]:
 try:
  s.sendall(b'x')
  s.shutdown(socket.SHUT_WR)
  print(s.recv(9).decode())
 except OSError as e: print('reset')";
        let (_, outcome) = with("connections", 2, holds);
        assert_eq!(outcome.stdout, "reset\nX\nX\n", "{outcome:?}");

        let waits = "import socket
s=socket.create_connection(('198.18.0.9',443))
try: s.recv(9)
except OSError: print('reset')";
        let (host, outcome) = with("idleMs", 50, waits);
        assert_eq!(outcome.stdout, "reset\n", "{outcome:?}");
        assert_eq!(host.hear("closed")["closed"]["reason"], "idle");

        let before = std::time::Instant::now();
        let (host, outcome) = with("bytesPerSecond", 4000, sends);
        assert_eq!(outcome.stdout, "600\n600\n", "{outcome:?}");
        assert_eq!(host.hear("closed")["closed"]["sent"], 600);
        // A quarter of a second is there at once; the other 1400 bytes have to be earned.
        assert!(
            before.elapsed().as_millis() >= 350,
            "{:?}",
            before.elapsed()
        );
    });
}
