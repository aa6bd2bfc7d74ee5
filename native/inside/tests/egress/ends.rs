//! Who dies of what, and what the relay may do while it lives.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use serde_json::json;

use crate::flows::python;
use crate::host::{all_to, in_capitals, limits, loopback, nothing, Host};
use crate::support::{as_everyone, children_of, eventually, run, Jail, Starter};

/// Tells when it is connected, what became of that connection, and of a new one. The kernel closes what a process had in an order of
/// its own: one that was let in by then is reset, and the next is refused.
const HOLDS: &str = "import socket,sys
s=socket.create_connection(('198.18.0.9',443))
print('connected',flush=True)
try: print(s.recv(9))
except OSError as e: print(type(e).__name__,flush=True)
end=ConnectionResetError()
while isinstance(end,ConnectionResetError):
 try: end=socket.create_connection(('198.18.0.9',443)).recv(9)
 except OSError as e: end=e
print(type(end).__name__,flush=True)
sys.stdin.read()";

fn hold(host: &Host, starter: Starter) -> Jail {
    let mut jail = Jail::start_with(starter, &host.plan(&python(HOLDS)), |command| {
        command.stdin(std::process::Stdio::piped());
    });
    assert_eq!(jail.read_line(), "connected");
    jail
}

fn relay_of(jail: &Jail) -> i32 {
    let children = children_of(jail.child.id() as i32);
    let is_relay = |pid: &i32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "glovebox-relay\n")
    };
    children.into_iter().find(is_relay).expect("a relay")
}

fn kill(pid: i32) {
    // SAFETY: takes two numbers; the process is one that this test has started.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

fn is_there(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_relay_that_is_killed_leaves_everything_closed() {
    as_everyone(|starter| {
        let (server, address) = loopback();
        let host = Host::listen(starter, limits(), all_to(address));
        let mut jail = hold(&host, starter);
        let (mut outside, _) = server.accept().expect("the relay connects");
        kill(relay_of(&jail));
        assert_eq!(jail.read_line(), "ConnectionResetError");
        assert_eq!(jail.read_line(), "ConnectionRefusedError");
        let end = outside
            .read(&mut [0; 9])
            .expect_err("it was not ended in peace");
        assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
        drop(jail.child.stdin.take());
        assert_eq!(
            jail.finish().code,
            Some(0),
            "the rest of the sandbox went on"
        );
    });
}

#[test]
fn a_host_that_hangs_up_leaves_everything_closed() {
    as_everyone(|starter| {
        let (_server, address) = loopback();
        let host = Host::listen(starter, limits(), all_to(address));
        let mut jail = hold(&host, starter);
        host.hear("connected");
        host.hang_up();
        assert_eq!(jail.read_line(), "ConnectionResetError");
        assert_eq!(jail.read_line(), "ConnectionRefusedError");
        drop(jail.child.stdin.take());
        assert_eq!(jail.finish().code, Some(0));
    });
}

#[test]
fn a_host_that_says_what_is_no_line_is_not_listened_to() {
    as_everyone(|starter| {
        let (_server, address) = loopback();
        let host = Host::listen(starter, limits(), all_to(address));
        let mut jail = hold(&host, starter);
        host.say(&json!({ "id": 1, "allow": true }));
        assert_eq!(jail.read_line(), "ConnectionResetError");
        assert_eq!(jail.read_line(), "ConnectionRefusedError");
        drop(jail.child.stdin.take());
        assert_eq!(jail.finish().code, Some(0));
    });
}

#[test]
fn with_the_launcher_killed_nothing_is_left() {
    as_everyone(|starter| {
        let (server, address) = loopback();
        let host = Host::listen(starter, limits(), all_to(address));
        let mut jail = hold(&host, starter);
        let (mut outside, _) = server.accept().expect("the relay connects");
        let relay = relay_of(&jail);
        jail.child.kill().expect("it runs");
        eventually("the relay ends", || !is_there(relay));
        assert!(outside.read(&mut [0; 9]).is_err(), "reset");
        jail.child.wait().expect("it has ended");
    });
}

#[test]
fn what_a_program_sends_last_still_arrives() {
    as_everyone(|starter| {
        let (server, address) = loopback();
        let host = Host::listen(starter, limits(), all_to(address));
        let script = "import socket
s=socket.create_connection(('198.18.0.9',443))
s.sendall(b'x'*3000000)";
        let jail = host.start(starter, &python(script));
        let (mut outside, _) = server.accept().expect("the relay connects");
        let mut said = Vec::new();
        outside.read_to_end(&mut said).expect("an end");
        assert_eq!(said.len(), 3_000_000);
        drop(outside);
        assert_eq!(jail.finish().code, Some(0));
        assert_eq!(host.hear("closed")["closed"]["sent"], 3_000_000);
    });
}

#[test]
fn without_a_host_nothing_starts() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), nothing);
        let mut plan = host.plan("echo ran");
        let absent = host.socket.with_file_name("absent");
        plan["egress"]["socket"] = json!(absent);
        let outcome = run(starter, &plan);
        assert_eq!(outcome.code, Some(125), "{outcome:?}");
        assert_eq!(outcome.stdout, "");
        let message = outcome.event("error")["message"].as_str().expect("a text");
        assert!(
            message.starts_with("nobody decides about connections"),
            "{message}"
        );
        assert!(!outcome.has("started"));

        let wrong = Host::listen(starter, json!({ "connections": 0 }), nothing);
        let outcome = wrong.start(starter, "echo ran").finish();
        assert_eq!(outcome.code, Some(125), "{outcome:?}");
        assert_eq!(outcome.stdout, "");
    });
}

#[test]
fn a_thousand_ports_are_listened_on() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), all_to(in_capitals()));
        let ports: Vec<u16> = (1024..2048).collect();
        let script = "import socket
for p in (53,1024,1600,2047,3128):
 s=socket.create_connection(('198.18.0.9',p))
 s.sendall(b'x%d'%p)
 s.shutdown(socket.SHUT_WR)
 print(s.recv(9).decode())";
        let mut plan = host.plan(&python(script));
        plan["egress"]["tcpPorts"] = json!(ports);
        let outcome = run(starter, &plan);
        assert_eq!(
            outcome.stdout, "X53\nX1024\nX1600\nX2047\nX3128\n",
            "{outcome:?}"
        );
    });
}

#[test]
fn the_relay_is_confined() {
    as_everyone(|starter| {
        let (_server, address) = loopback();
        let host = Host::listen(starter, limits(), all_to(address));
        let jail = hold(&host, starter);
        let relay = relay_of(&jail);
        let read = |name: &str| fs::read_to_string(format!("/proc/{relay}/{name}")).expect(name);
        let status = read("status");
        let has = |line: &str| {
            assert!(
                status.lines().any(|found| found == line),
                "{line}: {status}"
            )
        };
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            has(&format!("{set}:\t0000000000000000"));
        }
        if starter == Starter::Root {
            has("CapBnd:\t0000000000000000");
        }
        has("NoNewPrivs:\t1");
        has("Seccomp:\t2");
        has("Threads:\t1");
        let limits = read("limits");
        let files = 2000 * 7 + 4 + 64;
        let files = format!("Max open files            {files:<20} {files:<20} files");
        assert!(limits.contains(&files), "{limits}");
        // Undumpable: its files in /proc are root's (proc(5)).
        let owner = std::os::unix::fs::MetadataExt::uid(
            &fs::metadata(format!("/proc/{relay}/mem")).expect("it lives"),
        );
        assert_eq!(owner, 0);
        let of_relay = fs::read_link(format!("/proc/{relay}/ns/net"));
        let ours = fs::read_link("/proc/self/ns/net");
        if let (Ok(of_relay), Ok(ours)) = (of_relay, ours) {
            assert_eq!(of_relay, ours, "it is on the host's side");
        }
        drop(jail);
    });
}

#[test]
fn nobody_inside_has_a_socket_of_the_relays() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), nothing);
        let script =
            "ls /proc/self/fd | wc -l; cat /proc/1/comm >/dev/null; ls /proc | grep -c '^[0-9]'";
        let outcome = host.start(starter, script).finish();
        let lines: Vec<&str> = outcome.stdout.lines().collect();
        assert_eq!(lines[0].trim(), "4", "{outcome:?}");
        let receipt = outcome.event("receipt");
        let net = receipt["enforcements"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|line| line["control"] == "net")
            .expect("net");
        assert_eq!(
            net["mechanism"],
            "empty network namespace, local routes to the egress"
        );
        let layers = net["layers"].to_string();
        assert!(layers.contains("relay: seccomp filter"), "{layers}");
    });
}

#[test]
fn a_program_cannot_take_the_place_of_the_relay() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), nothing);
        let script = "import socket,errno
def tries(kind,address):
 s=socket.socket(socket.AF_INET,kind)
 for o in (socket.SO_REUSEADDR,socket.SO_REUSEPORT): s.setsockopt(socket.SOL_SOCKET,o,1)
 try:
  s.bind(address)
  if kind==socket.SOCK_STREAM: s.listen()
  print('bound')
 except OSError as e: print(errno.errorcode[e.errno])
tries(socket.SOCK_STREAM,('198.18.0.9',3128))
tries(socket.SOCK_STREAM,('0.0.0.0',3128))
tries(socket.SOCK_STREAM,('198.18.0.9',443))
tries(socket.SOCK_DGRAM,('198.18.0.1',53))";
        let outcome = host.start(starter, &python(script)).finish();
        assert_eq!(
            outcome.stdout, "EADDRINUSE\nEADDRINUSE\nEACCES\nEACCES\n",
            "{outcome:?}"
        );
    });
}

#[test]
fn the_owner_that_hangs_up_ends_all_of_it() {
    as_everyone(|starter| {
        let (server, address) = loopback();
        let host = Host::listen(starter, limits(), all_to(address));
        let mut jail = hold(&host, starter);
        let (mut outside, _) = server.accept().expect("the relay connects");
        let relay = relay_of(&jail);
        jail.plan = None;
        let ended = outside.read(&mut [0; 9]);
        assert!(!matches!(ended, Ok(1..)), "{ended:?}");
        // The host is told of the connection before the launcher ends.
        drop(outside.write(b"x"));
        host.hear("closed");
        jail.child.wait().expect("it ends");
        assert!(!is_there(relay));
    });
}
