//! A host that speaks the link (`src/protocol/egress-link.ts`): what the relay says is kept for the test, and answered by it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{json, Value};

use crate::support::{plan_for, Jail, Scratch, Starter};

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Host {
    pub socket: PathBuf,
    lines: Receiver<Value>,
    /// Connections that carry one flow's bytes.
    pub carried: Receiver<(u64, BufReader<UnixStream>)>,
    link: Arc<Mutex<Option<UnixStream>>>,
    _scratch: Scratch,
}

pub fn limits() -> Value {
    json!({ "connections": 2000, "bytesPerSecond": null, "bytes": null, "idleMs": 60_000, "connectMs": 10_000 })
}

/// A test that answers line by line itself.
pub fn nothing(_line: &Value) -> Vec<Value> {
    Vec::new()
}

impl Host {
    pub fn listen(
        starter: Starter,
        limits: Value,
        answers: impl Fn(&Value) -> Vec<Value> + Send + 'static,
    ) -> Host {
        let scratch = Scratch::new(starter);
        let socket = scratch.directory("egress", starter).join("s");
        let listener = UnixListener::bind(&socket).expect("a socket");
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o777))
            .expect("its mode");
        let (line_sender, lines) = channel();
        let (carry_sender, carried) = channel();
        let link = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&link);
        let mut conversation = Some((answers, line_sender));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                let mut reader = BufReader::new(stream.try_clone().expect("a copy"));
                let mut first = String::new();
                reader.read_line(&mut first).expect("a first line");
                let first: Value = serde_json::from_str(&first).expect("JSON");
                if let Some(id) = first["carry"].as_u64() {
                    // A test that has ended wants none.
                    let _sent = carry_sender.send((id, reader));
                    continue;
                }
                assert_eq!(first, json!({ "link": 1 }));
                say_on(&stream, &json!({ "welcome": limits }));
                let ours = stream.try_clone().expect("a copy");
                *kept.lock().expect("nobody panicked") = Some(ours);
                let (answers, lines) = conversation.take().expect("one link");
                thread::spawn(move || converse(reader, &stream, answers, &lines));
            }
        });
        Host {
            socket,
            lines,
            carried,
            link,
            _scratch: scratch,
        }
    }

    /// A plan whose program may connect to port 443 of whom this host allows.
    pub fn plan(&self, script: &str) -> Value {
        let mut plan = plan_for(script);
        plan["egress"] =
            json!({ "socket": self.socket, "tcpPorts": [443], "udpPorts": [123], "addresses": [] });
        plan
    }

    pub fn start(&self, starter: Starter, script: &str) -> Jail {
        Jail::start(starter, &self.plan(script))
    }

    pub fn say(&self, line: &Value) {
        let link = self.link.lock().expect("nobody panicked");
        say_on(link.as_ref().expect("the relay has connected"), line);
    }

    /// The next line of a kind.
    pub fn hear(&self, kind: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("no {kind}: {error}"));
            if !line[kind].is_null() {
                return line;
            }
        }
    }

    /// The next line, whatever it is; `None` when the relay has ended.
    pub fn next(&self) -> Option<Value> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(error) => panic!("no line: {error}"),
        }
    }

    /// Ends the conversation, as a host that dies.
    pub fn hang_up(&self) {
        let link = self.link.lock().expect("nobody panicked").take();
        let link = link.expect("the relay has connected");
        link.shutdown(std::net::Shutdown::Both)
            .expect("it was open");
    }

    pub fn carried(&self) -> (u64, BufReader<UnixStream>) {
        self.carried
            .recv_timeout(PATIENCE)
            .expect("a carried connection")
    }
}

fn converse(
    mut reader: BufReader<UnixStream>,
    stream: &UnixStream,
    answers: impl Fn(&Value) -> Vec<Value>,
    lines: &Sender<Value>,
) {
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
        let value: Value = serde_json::from_str(&line).expect("JSON");
        for answer in answers(&value) {
            say_on(stream, &answer);
        }
        // A test that has ended hears nothing.
        let _sent = lines.send(value);
        line.clear();
    }
}

/// A relay that is gone hears nothing.
fn say_on(mut stream: &UnixStream, line: &Value) {
    let _sent = stream.write_all(format!("{line}\n").as_bytes());
}

pub fn connect(line: &Value, to: SocketAddr, look: bool) -> Value {
    json!({
        "id": line["id"],
        "connect": { "addresses": [to.ip().to_string()], "port": to.port(), "look": look },
    })
}

/// Lets everything through to one address.
pub fn all_to(to: SocketAddr) -> impl Fn(&Value) -> Vec<Value> {
    move |line| match line["opened"].is_null() {
        true => Vec::new(),
        false => vec![connect(line, to, false)],
    }
}

pub fn loopback() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    // The 128 of the standard library are fewer than some tests connect at a time.
    rustix::net::listen(&listener, 4096).expect("a longer queue");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// A server that answers what each connection said, when it has said all.
pub fn in_capitals() -> SocketAddr {
    let (listener, address) = loopback();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.expect("a connection");
                let mut text = Vec::new();
                // Reset: nobody wants an answer.
                if stream.read_to_end(&mut text).is_ok() {
                    text.make_ascii_uppercase();
                    let _sent = stream.write_all(&text);
                }
            });
        }
    });
    address
}
