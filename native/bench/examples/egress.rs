//! What a sandbox's way to the outside costs: a connection with its first byte, and the bytes of one stream, through the relay
//! and on the loopback interface without it.
//!
//!     cargo run --release --example egress -- target/release/glovebox-inside
//!
//! Prints figures; a machine that does other things prints worse ones.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use rustix::io::{fcntl_setfd, FdFlags};
use serde_json::{json, Value};

type Outcome<T> = Result<T, Box<dyn Error>>;

const CONNECTIONS: usize = 2000;
const BYTES: usize = 8 << 30;
const CHUNK: usize = 1 << 20;

/// A name's address, and the sandbox's own.
const OUTSIDE: [u8; 4] = [198, 18, 0, 9];
const PORTS: [u16; 2] = [7001, 7002];

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["inside"] => measure_inside(),
        [launcher] => compare(Path::new(launcher)),
        _ => Err("usage: egress LAUNCHER".into()),
    }
}

fn compare(launcher: &Path) -> Outcome<()> {
    let servers = serve([0, 0])?;
    measure("on the host's loopback", servers)?;
    let directory = std::env::temp_dir().join(format!("glovebox-bench-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let socket = directory.join("egress");
    let listener = UnixListener::bind(&socket)?;
    thread::spawn(move || host(&listener, servers).map_err(|error| eprintln!("host: {error}")));
    let ran = start(launcher, &socket);
    fs::remove_dir_all(&directory)?;
    ran
}

/// In the jail: the same to itself, and to the outside.
fn measure_inside() -> Outcome<()> {
    measure("inside, on its loopback", serve([0, 0])?)?;
    let outside = PORTS.map(|port| SocketAddr::from((OUTSIDE, port)));
    measure("inside, through the relay", outside)
}

fn measure(what: &str, [short, long]: [SocketAddr; 2]) -> Outcome<()> {
    let mut times = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let began = Instant::now();
        TcpStream::connect(short)?.read_exact(&mut [0u8])?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let began = Instant::now();
    let mut stream = TcpStream::connect(long)?;
    let mut chunk = vec![0u8; CHUNK];
    let mut read = 0;
    while read < BYTES {
        match stream.read(&mut chunk)? {
            0 => return Err("the stream ended early".into()),
            length => read += length,
        }
    }
    let rate = BYTES as f64 / began.elapsed().as_secs_f64() / 1e9;
    let [half, most] = [CONNECTIONS / 2, CONNECTIONS * 95 / 100].map(|at| times[at].as_micros());
    println!(
        "{what:26} connect and first byte: {half} µs, p95 {most} µs; one stream: {rate:.2} GB/s"
    );
    Ok(())
}

/// One server that says a byte, one that says many.
fn serve(ports: [u16; 2]) -> Outcome<[SocketAddr; 2]> {
    let answers: [fn(TcpStream); 2] = [
        |mut stream| drop(stream.write_all(b"x")),
        |mut stream| {
            let chunk = vec![b'x'; CHUNK];
            while stream.write_all(&chunk).is_ok() {}
        },
    ];
    let mut addresses = [SocketAddr::from(([0, 0, 0, 0], 0)); 2];
    for ((port, answer), address) in ports.into_iter().zip(answers).zip(&mut addresses) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        *address = listener.local_addr()?;
        thread::spawn(move || listener.incoming().flatten().for_each(answer));
    }
    Ok(addresses)
}

/// Lets everything through to the server that the port stands for.
fn host(listener: &UnixListener, servers: [SocketAddr; 2]) -> Outcome<()> {
    let (mut link, _) = listener.accept()?;
    let limits = json!({ "connections": 100, "bytesPerSecond": null, "bytes": null, "idleMs": 60_000, "connectMs": 1000 });
    let mut lines = BufReader::new(link.try_clone()?).lines();
    lines.next().ok_or("no greeting")??;
    writeln!(link, "{}", json!({ "welcome": limits }))?;
    for line in lines {
        let line: Value = serde_json::from_str(&line?)?;
        let Some(port) = line["opened"]["port"].as_u64() else {
            continue;
        };
        let at = usize::from(port == u64::from(PORTS[1]));
        let connect =
            json!({ "addresses": ["127.0.0.1"], "port": servers[at].port(), "look": false });
        writeln!(link, "{}", json!({ "id": line["id"], "connect": connect }))?;
    }
    Ok(())
}

fn start(launcher: &Path, socket: &Path) -> Outcome<()> {
    let (plan_reader, plan_writer) = rustix::pipe::pipe()?;
    let (status_reader, status_writer) = rustix::pipe::pipe()?;
    let mut command = Command::new(launcher);
    command.arg("jail").stdin(Stdio::null());
    for (flag, descriptor) in [("--plan-fd", &plan_reader), ("--status-fd", &status_writer)] {
        fcntl_setfd(descriptor, FdFlags::empty())?;
        command.args([flag, &descriptor.as_raw_fd().to_string()]);
    }
    let status = read_all(status_reader);
    let mut owner = fs::File::from(plan_writer);
    let mut child = command.spawn()?;
    drop((plan_reader, status_writer));
    writeln!(owner, "{}", plan(socket)?)?;
    let ended = child.wait()?;
    match ended.success() {
        true => Ok(()),
        false => Err(format!("{ended}: {}", status.join().unwrap_or_default()).into()),
    }
}

/// A line for each connection comes there; a launcher whose lines nobody reads waits.
fn read_all(status: OwnedFd) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let lines = BufReader::new(fs::File::from(status)).lines();
        let told = lines
            .map_while(Result::ok)
            .filter(|line| !line.contains("activity"));
        told.collect::<Vec<_>>().join("\n")
    })
}

fn plan(socket: &Path) -> Outcome<Value> {
    let program: PathBuf = std::env::current_exe()?.canonicalize()?;
    let limit = |value: u64| json!({ "value": value, "explicit": false });
    let mount = |path: &Path, owner: &str| json!({ "source": path, "target": path, "access": "read", "exec": true, "owner": owner });
    let directory = program.parent().ok_or("a program without a directory")?;
    Ok(json!({
        "schema": "glovebox/jail-plan/1",
        "id": "bench",
        "command": { "path": program, "argv": ["egress", "inside"], "cwd": "/", "env": {}, "terminal": false },
        "mounts": [mount(Path::new("/usr"), "system"), mount(directory, "user")],
        "deny": [],
        "exec": null,
        "limits": {
            "memory": limit(512 << 20), "cpus": limit(4), "pids": limit(64), "disk": limit(16 << 20), "openFiles": limit(256),
            "time": null
        },
        "mode": "enforce",
        "allowDegraded": [],
        "channel": null,
        "egress": { "socket": socket, "tcpPorts": PORTS, "udpPorts": [], "addresses": [] },
        "devices": [],
    }))
}
