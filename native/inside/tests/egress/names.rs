//! Datagrams to the resolver, and what C libraries and others make of a sandbox whose resolver answers.

use serde_json::{json, Value};

use crate::flows::python;
use crate::host::{limits, nothing, Host};
use crate::support::{as_everyone, output_of, run};

/// Answers each question for an A or AAAA record of `example.org` with a synthetic address, and says of all others that there is none.
fn resolver(line: &Value) -> Vec<Value> {
    let Some(query) = line["query"].as_str() else {
        return vec![];
    };
    vec![json!({ "id": line["id"], "answer": encode(&answer(&decode(query))) })]
}

const NAME: &[u8] = b"\x07example\x03org\x00";

fn answer(query: &[u8]) -> Vec<u8> {
    let name_end = 12
        + query[12..]
            .iter()
            .position(|byte| *byte == 0)
            .expect("a name")
        + 1;
    let question = &query[12..name_end + 4];
    let kind = query[name_end + 1];
    let is_known = query[12..name_end].eq_ignore_ascii_case(NAME);
    let data: &[u8] = match kind {
        1 if is_known => &[198, 18, 0, 9],
        28 if is_known => b"\xfd\x67\x6c\x6f\x76\x65\0\0\0\0\0\0\0\0\0\x09",
        _ => &[],
    };
    let count = u8::from(!data.is_empty());
    let code = if is_known { 0x80 } else { 0x83 };
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, code, 0, 1, 0, count, 0, 0, 0, 0]);
    answer.extend(question);
    if count == 1 {
        answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
        answer.extend(data);
    }
    answer
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, at| {
            word << 8 | u32::from(group.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at) & 63) as usize] as char;
            text.push(if at <= group.len() { digit } else { '=' });
        }
    }
    text
}

fn decode(text: &str) -> Vec<u8> {
    let value = |digit: u8| DIGITS.iter().position(|known| *known == digit).unwrap_or(0) as u32;
    let groups = text.as_bytes().chunks(4).flat_map(|group| {
        let word = group
            .iter()
            .fold(0, |word, digit| word << 6 | value(*digit));
        let bytes = word.to_be_bytes();
        let padding = group.iter().filter(|digit| **digit == b'=').count();
        bytes[1..4 - padding].to_vec()
    });
    groups.collect()
}

#[test]
fn datagrams_go_to_the_host_and_back_connected_or_not() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), |line| {
            let answer = json!({ "id": line["id"], "answer": line["query"] });
            (!line["query"].is_null())
                .then_some(answer)
                .into_iter()
                .collect()
        });
        let script = "import socket
r=('198.18.0.1',53)
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
s.connect(r)
s.send(b'one')
print(s.recv(99).decode())
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
s.sendto(b'two',r)
print(s.recvfrom(99))
s.sendmsg([b'th',b'ree'],[],0,r)
print(s.recvfrom(99))
s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM)
s.sendto(b'four',('::ffff:198.18.0.1',53))
print(s.recv(99).decode())
s.sendto(b'x'*4097,('::ffff:198.18.0.1',53))
s.sendto(b'y'*4096,('::ffff:198.18.0.1',53))
print(len(s.recv(9999)))";
        let outcome = host.start(starter, &python(script)).finish();
        let expected =
            "one\n(b'two', ('198.18.0.1', 53))\n(b'three', ('198.18.0.1', 53))\nfour\n4096\n";
        assert_eq!(outcome.stdout, expected, "{outcome:?}");
        assert_eq!(host.hear("query")["query"], "b25l");
    });
}

#[test]
fn a_name_is_looked_up_by_the_c_library_as_anywhere() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), resolver);
        let script = "cat /etc/resolv.conf; getent ahostsv4 example.org | head -1; getent ahostsv6 example.org | head -1; getent hosts other.example; exec 2>&1; exec python3 -c \"import socket
for f,h in ((0,0),(socket.AF_INET,socket.AI_ADDRCONFIG),(socket.AF_INET6,socket.AI_ADDRCONFIG),(0,socket.AI_ADDRCONFIG)):
 print(sorted({a[4][0] for a in socket.getaddrinfo('example.org',443,f,socket.SOCK_STREAM,0,h)}))
try: socket.getaddrinfo('other.example',443)
except OSError as e: print(e)\"";
        let outcome = run(starter, &host.plan(script));
        let (four, six) = ("198.18.0.9", "fd67:6c6f:7665::9");
        let expected = format!(
            "nameserver 198.18.0.1\n{four:15} STREAM example.org\n{six:15} STREAM example.org\n\
             ['{four}', '{six}']\n['{four}']\n['{six}']\n['{four}', '{six}']\n\
             [Errno -2] Name or service not known\n"
        );
        assert_eq!(outcome.stdout, expected, "{outcome:?}");
        let denied = outcome
            .status
            .iter()
            .filter(|line| line["verdict"] == "denied");
        assert_eq!(denied.count(), 0, "{outcome:?}");
    });
}

#[test]
fn without_an_egress_nothing_of_it_is_there() {
    as_everyone(|starter| {
        let script = "cat /etc/resolv.conf; cat /proc/net/fib_trie /proc/net/tcp6 /proc/net/udp";
        let outside = output_of(starter, script);
        assert!(!outside.contains("198.18"), "{outside}");
        assert!(!outside.contains("nameserver"), "{outside}");
    });
}

#[test]
fn questions_that_nobody_answers_are_dropped_and_others_answered_later() {
    as_everyone(|starter| {
        let host = Host::listen(starter, limits(), nothing);
        let script = "import socket,sys
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
s.connect(('198.18.0.1',53))
for i in range(2000): s.send(b'%d'%i)
print(s.recv(99).decode())";
        let jail = host.start(starter, &python(script));
        let first: Vec<Value> = (0..64).map(|_| host.hear("query")).collect();
        host.say(&json!({ "id": first[63]["id"], "answer": encode(b"late") }));
        let outcome = jail.finish();
        assert_eq!(outcome.stdout, "late\n", "{outcome:?}");
        assert_eq!(decode(first[0]["query"].as_str().expect("base64")), b"0");
    });
}
