//! Programs that mean harm: the relay neither grows, nor hangs, nor ends.

use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;

use serde_json::{json, Value};

use crate::flows::python;
use crate::host::{all_to, connect, in_capitals, limits, loopback, nothing, Host};
use crate::support::{as_everyone, children_of, run, Jail, Starter};

/// Most that the relay may have allocated, whatever was done to it.
const MOST_KIB: u64 = 24 << 10;

/// A program that does much, with a standard input of the test's. What it does is recorded, and somebody has to read that.
fn start(starter: Starter, plan: &Value) -> Jail {
    let mut jail = Jail::start_with(starter, plan, |command| {
        command.stdin(Stdio::piped());
    });
    let mut status = jail.status.take().expect("the status is open");
    std::thread::spawn(move || std::io::copy(&mut status, &mut std::io::sink()));
    jail
}

fn relay_status(jail: &Jail) -> String {
    let children = children_of(jail.child.id() as i32);
    let statuses = children
        .into_iter()
        .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok());
    let mut relays = statuses.filter(|status| status.starts_with("Name:\tglovebox-relay\n"));
    relays.next().expect("the relay lives")
}

fn data_kib(jail: &Jail) -> u64 {
    let status = relay_status(jail);
    let line = status
        .lines()
        .find(|line| line.starts_with("VmData:"))
        .expect("a figure");
    let figure = line.split_whitespace().nth(1).expect("a number");
    figure.parse().expect("a number")
}

/// Answers as one connection does.
const ONE: &str = "
def one():
 s=socket.create_connection(('198.18.0.9',443),timeout=20)
 s.sendall(b'hello')
 s.shutdown(socket.SHUT_WR)
 return s.recv(9).decode()
";

#[test]
fn a_thousand_connections_at_once_work() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), all_to(in_capitals()));
        let script = "import socket
a=[socket.create_connection(('198.18.0.9',443)) for _ in range(1000)]
for i,s in enumerate(a): s.sendall(b'n%d'%i); s.shutdown(socket.SHUT_WR)
print(sum(s.recv(9)==b'N%d'%i for i,s in enumerate(a)))";
        let mut plan = host.plan(&python(script));
        plan["limits"]["openFiles"]["value"] = json!(2000);
        let outcome = run(starter, &plan);
        assert_eq!(outcome.stdout, "1000\n", "{outcome:?}");
        for _ in 0..1000 {
            assert_eq!(host.hear("closed")["closed"]["reason"], "end");
        }
    });
}

#[test]
fn ten_thousand_connections_that_are_reset_leave_nothing_behind() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), all_to(in_capitals()));
        let script = format!(
            "import socket,struct,sys{ONE}
for i in range(10000):
 s=socket.create_connection(('198.18.0.9',443))
 if i%2: s.setsockopt(socket.SOL_SOCKET,socket.SO_LINGER,struct.pack('ii',1,0))
 if i%3: s.sendall(b'x'*i)
 s.close()
print(one(),flush=True)
sys.stdin.read()"
        );
        let mut jail = start(starter, &host.plan(&python(&script)));
        assert_eq!(jail.read_line(), "HELLO");
        assert!(data_kib(&jail) < MOST_KIB, "{}", relay_status(&jail));
        drop(jail.child.stdin.take());
        assert_eq!(jail.finish().code, Some(0));
    });
}

#[test]
fn connections_beyond_the_limit_are_reset_and_the_others_go_on() {
    as_everyone(|starter| {
        // The host says nothing to any but the last, so that all of them stay.
        let address = in_capitals();
        let host = Host::listen(starter, limits(), nothing);
        let script = format!(
            "import socket,sys{ONE}
a=[]
for i in range(2500):
 try: a.append(socket.create_connection(('198.18.0.9',443)))
 except OSError: pass
n=0
for s in a:
 s.setblocking(False)
 try: s.recv(1)
 except BlockingIOError: n+=1
 except OSError: pass
print(n,flush=True)
sys.stdin.readline()
for s in a: s.close()
print(one())"
        );
        let mut plan = host.plan(&python(&script));
        plan["limits"]["openFiles"]["value"] = json!(4000);
        let mut jail = start(starter, &plan);
        let left: u32 = jail.read_line().parse().expect("a number");
        assert!((2000..2500).contains(&left), "{left}");
        assert!(data_kib(&jail) < MOST_KIB, "{}", relay_status(&jail));
        for _ in 0..2000 {
            host.hear("opened");
        }
        for id in 1..=2000 {
            host.say(&json!({ "id": id, "refuse": true }));
        }
        for _ in 0..2000 {
            host.hear("closed");
        }
        let mut stdin = jail.child.stdin.take().expect("a pipe");
        stdin.write_all(b"go\n").expect("room");
        let last = host.hear("opened");
        host.say(&connect(&last, address, false));
        let outcome = jail.finish();
        assert_eq!(outcome.stdout, "HELLO\n", "{outcome:?}");
    });
}

#[test]
fn one_that_never_reads_holds_up_nobody_else() {
    as_everyone(|starter| {
        let (server, address) = loopback();
        std::thread::spawn(move || {
            for stream in server.incoming() {
                std::thread::spawn(move || {
                    let mut stream = stream.expect("a connection");
                    let mut word = [0u8; 5];
                    stream.read_exact(&mut word).expect("a word");
                    let count = if &word == b"never" { 1024 } else { 1 };
                    // Whoever never reads ends some time.
                    let _sent = (0..count).try_for_each(|_| stream.write_all(&[b'x'; 64 << 10]));
                });
            }
        });
        let host = Host::listen(starter, limits(), all_to(address));
        let script = format!(
            "import socket,sys{ONE}
a=[socket.create_connection(('198.18.0.9',443)) for _ in range(50)]
for s in a: s.sendall(b'never')
for s in a: s.recv(1)
print([one() for _ in range(20)]==['x'*9]*20,flush=True)
sys.stdin.read()"
        );
        let mut jail = start(starter, &host.plan(&python(&script)));
        assert_eq!(jail.read_line(), "True");
        assert!(data_kib(&jail) < MOST_KIB, "{}", relay_status(&jail));
        drop(jail.child.stdin.take());
        assert_eq!(jail.finish().code, Some(0));
    });
}

#[test]
fn a_greeting_byte_by_byte_is_not_a_line_for_each() {
    as_everyone(|starter| {
        let (_server, address) = loopback();
        let host = Host::listen(starter, limits(), move |line| {
            match line["opened"].is_null() {
                true => vec![],
                false => vec![connect(line, address, true)],
            }
        });
        let script = "import socket
s=socket.create_connection(('198.18.0.9',443))
s.setsockopt(socket.IPPROTO_TCP,socket.TCP_NODELAY,1)
for i in range(20000): s.send(b'x')
s.shutdown(socket.SHUT_WR)
try: s.recv(1)
except OSError: print('reset')";
        let jail = host.start(starter, &python(script));
        let mut lines = 0;
        loop {
            let first = host.hear("first");
            lines += 1;
            let text = first["first"]["bytes"].as_str().expect("base64");
            if text.len() == 21_848 {
                host.say(&json!({ "id": first["id"], "refuse": true }));
                break;
            }
        }
        assert!(lines < 200, "{lines}");
        assert_eq!(jail.finish().stdout, "reset\n");
    });
}

#[test]
fn a_host_that_does_not_read_makes_programs_wait_and_the_relay_not_grow() {
    as_everyone(|starter| {
        let (held, hold) = std::sync::mpsc::channel::<()>();
        let address = in_capitals();
        let host = Host::listen(starter, limits(), move |line| {
            // Reads nothing further until the test lets it.
            if line["id"] == 1 && !line["opened"].is_null() {
                hold.recv().expect("the test goes on");
            }
            match line["opened"].is_null() {
                true => vec![],
                false => vec![connect(line, address, false)],
            }
        });
        let script = format!(
            "import socket,sys,struct{ONE}
n=0
while n<20000:
 s=socket.socket()
 s.settimeout(0.3)
 try: s.connect(('198.18.0.9',443))
 except OSError: break
 s.setsockopt(socket.SOL_SOCKET,socket.SO_LINGER,struct.pack('ii',1,0))
 s.close()
 n+=1
print(n,flush=True)
sys.stdin.readline()
print(one())"
        );
        let mut jail = start(starter, &host.plan(&python(&script)));
        let made: u32 = jail.read_line().parse().expect("a number");
        assert!(made < 20_000, "the kernel's queue is full before that");
        assert!(data_kib(&jail) < MOST_KIB, "{}", relay_status(&jail));
        held.send(()).expect("the host waits");
        jail.child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(b"go\n")
            .expect("room");
        assert_eq!(jail.finish().stdout, "HELLO\n");
    });
}
