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
        let tried = tried.filter(|line| line["kind"] == "connect").last();
        let tried = tried.expect("it is recorded");
        assert_eq!(tried["address"], "198.18.0.9:443");
        assert_eq!(tried["verdict"], "allowed");
        assert_eq!(tried["rule"], "network.egress");
    });
}
