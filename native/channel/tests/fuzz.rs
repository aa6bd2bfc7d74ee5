//! A hostile host: HTTP/2 frames of every kind, right, wrong and half right, with gRPC messages in them that are
//! right, wrong and half right. Nothing may crash, hang or grow. 20,000 frames; with GLOVEBOX_LONG=1 half a million from a
//! fixed seed and as many from a random one, which is printed (GLOVEBOX_FUZZ_SEED repeats it).

#[path = "support/offer.rs"]
mod offer;

use std::fs::Permissions;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use glovebox_channel::{connection, Children};
use glovebox_wire::inside::*;
use glovebox_wire::message::Message;
use tokio::net::UnixStream as Stream;

const FIXED: u64 = 0x5eed_0001;
/// Of one connection; most end earlier, by an error of ours.
const FRAMES: usize = 250;
/// A connection that has not ended by then, when its peer is gone, hangs.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a process may grow by: caches of the allocator.
const GROWTH_KIB: u64 = 48 << 10;

#[test]
fn a_hostile_host_crashes_hangs_and_grows_nothing() {
    // A panic in a call is caught by its task here; in the agent it is the end of it.
    std::panic::set_hook(Box::new(move |panic| {
        // By the handle: what `eprintln!` says here the harness keeps, and it would end with the process.
        let seed = SEED.load(Ordering::Relaxed);
        let _told = writeln!(std::io::stderr(), "GLOVEBOX_FUZZ_SEED={seed}: {panic}");
        std::process::abort();
    }));
    let long = std::env::var_os("GLOVEBOX_LONG").is_some();
    let frames = if long { 500_000 } else { 20_000 };
    run(FIXED, frames);
    let given = std::env::var("GLOVEBOX_FUZZ_SEED").ok();
    let seed = given
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(random_seed);
    println!("GLOVEBOX_FUZZ_SEED={seed}");
    run(seed, frames);
}

fn random_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |now| now.as_nanos() as u64) | 1
}

thread_local! {
    /// Where the guest has its sockets.
    static SOCKETS: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

/// Of the run that is under way.
static SEED: AtomicU64 = AtomicU64::new(0);

fn run(seed: u64, frames: usize) {
    SEED.store(seed, Ordering::Relaxed);
    let mut random = Random(seed | 1);
    let scratch = Scratch::new(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let (jail, _seed_end) = offer::offer(&scratch.0.join("root"));
        let sockets = scratch.0.join("root/tmp/s");
        SOCKETS.set(sockets.to_str().expect("a plain path").to_owned());
        let children = Rc::new(Children::default());
        let guest = offer::guest(&scratch.0.join("root"), &children);
        let (mut sent, mut rounds, mut before) = (0, 0, None);
        while sent < frames {
            let (ours, theirs) = UnixStream::pair().expect("a pair");
            theirs.set_nonblocking(true).expect("a socket");
            let stream = Stream::from_std(theirs).expect("a socket");
            let offer = if rounds % 2 == 0 { &jail } else { &guest };
            let served = tokio::task::spawn_local(connection(stream, Rc::clone(offer)));
            sent += attack(ours, &mut random).await;
            let ended = tokio::time::timeout(PATIENCE, served).await;
            ended
                .expect("a connection whose peer is gone ends")
                .expect("nothing panics");
            // What its calls held goes when the runtime comes by.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            children.reap();
            rounds += 1;
            if rounds == 100 {
                before = Some(standing());
            }
        }
        if let Some((kib, descriptors)) = before {
            let (kib_after, descriptors_after) = standing();
            assert!(
                kib_after < kib + GROWTH_KIB,
                "{kib} KiB grew to {kib_after}"
            );
            assert!(
                descriptors_after <= descriptors + 2,
                "{descriptors} descriptors became {descriptors_after}"
            );
        }
        let outside =
            std::fs::read_to_string(scratch.0.join("outside/f")).expect("what is outside");
        assert_eq!(outside, "safe");
        // What is behind Identify and a plan was reached.
        assert!(scratch.0.join(offer::STARTED).exists());
    });
}

/// Resident memory and open descriptors.
fn standing() -> (u64, usize) {
    let status = std::fs::read_to_string("/proc/self/status").expect("our own status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("VmRSS");
    let kib = line
        .split_whitespace()
        .next()
        .and_then(|kib| kib.parse().ok())
        .expect("a number");
    (
        kib,
        std::fs::read_dir("/proc/self/fd")
            .expect("descriptors")
            .count(),
    )
}

/// A tree of its own as the root, so that what is written and removed is nobody's.
struct Scratch(PathBuf);

impl Scratch {
    fn new(seed: u64) -> Scratch {
        let path =
            std::env::temp_dir().join(format!("glovebox-fuzz-{}-{seed}", std::process::id()));
        std::fs::create_dir_all(path.join("root/tmp/d")).expect("a directory");
        std::fs::create_dir_all(path.join("outside")).expect("a directory");
        std::fs::write(path.join("outside/f"), "safe").expect("a file");
        std::fs::write(path.join("root/tmp/f"), vec![7; 70_000]).expect("a file");
        std::os::unix::fs::symlink("../../outside", path.join("root/tmp/up")).expect("a link");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = open(&self.0).and_then(|()| std::fs::remove_dir_all(&self.0)) {
            assert!(std::thread::panicking(), "{error}");
        }
    }
}

/// Directories come with any mode, also one that keeps their owner from looking into them.
fn open(directory: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open(&entry.path())?;
        }
    }
    Ok(())
}

/// Sends frames from another thread, reads as little as keeps them going, and hangs up. Returns how many.
async fn attack(mut peer: UnixStream, random: &mut Random) -> usize {
    let mut wire = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    wire.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let mut next_stream = 1;
    let well_behaved = random.below(3) > 0;
    if well_behaved {
        call(
            &mut wire,
            next_stream,
            "Hello/Hello",
            &framed(&HelloRequest {
                oldest: 1,
                newest: 1,
            }),
            true,
        );
        next_stream += 2;
    }
    let count = 1 + random.below(FRAMES as u64) as usize;
    for _ in 0..count {
        one(&mut wire, &mut next_stream, random, well_behaved);
    }
    if random.below(8) == 0 {
        let cut = random.below(wire.len() as u64) as usize;
        wire.truncate(cut);
    }
    let reads = well_behaved || random.below(2) == 0;
    // Long enough for answers, where they are wanted.
    let linger = Duration::from_millis(if well_behaved { 6 } else { random.below(3) });
    tokio::task::spawn_blocking(move || {
        let patience = Some(Duration::from_secs(2));
        peer.set_write_timeout(patience).expect("a timeout");
        peer.set_read_timeout(Some(linger.max(Duration::from_micros(100))))
            .expect("a timeout");
        let before = Instant::now();
        // Closed on us, or stuck because we do not read: both are ends.
        let _sent = peer.write_all(&wire);
        while reads && before.elapsed() < Duration::from_millis(20) {
            match peer.read(&mut [0; 65_536]) {
                Ok(1..) => {}
                _ => break,
            }
        }
    })
    .await
    .expect("the peer's thread");
    count
}

fn frame(wire: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    wire.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    wire.extend([kind, flags]);
    wire.extend(stream.to_be_bytes());
    wire.extend(payload);
}

/// HEADERS by literals without indexing (RFC 7541, 6.2.2), and DATA.
fn call(wire: &mut Vec<u8>, stream: u32, name: &str, data: &[u8], end: bool) {
    let mut block = vec![0x83, 0x86];
    literal(&mut block, ":path", &format!("/glovebox.inside.v1.{name}"));
    literal(&mut block, ":authority", "inside");
    literal(&mut block, "content-type", "application/grpc");
    literal(&mut block, "te", "trailers");
    frame(wire, 1, 4, stream, &block);
    for part in data.chunks(16_384) {
        frame(wire, 0, 0, stream, part);
    }
    if end {
        frame(wire, 0, 1, stream, &[]);
    }
}

fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        block.push(text.len() as u8);
        block.extend(text.as_bytes());
    }
}

fn framed(message: &impl Message) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    bytes.put_bytes(0, 5);
    message.encode(&mut bytes);
    let length = (bytes.len() - 5) as u32;
    bytes[1..5].copy_from_slice(&length.to_be_bytes());
    bytes.to_vec()
}

const CALLS: [&str; 27] = [
    "Hello/Hello",
    "Exec/Exec",
    "Exec/Signal",
    "Files/Stat",
    "Files/List",
    "Files/Read",
    "Files/Write",
    "Files/MakeDirectory",
    "Files/Remove",
    "Files/TarOut",
    "Files/TarIn",
    "Files/Change",
    "Files/Rename",
    "Files/MakeLink",
    "Files/Update",
    "Ports/Connect",
    "Egress/Accept",
    "Stats/Read",
    "Machine/SetClock",
    "Machine/Reseed",
    "Machine/PowerOff",
    "Guest/Identify",
    "Guest/MountGiven",
    "Guest/Start",
    "Guest/Command",
    "Guest/Accept",
    "None/Such",
];

fn one(wire: &mut Vec<u8>, next_stream: &mut u32, random: &mut Random, well_behaved: bool) {
    // One that is idle ends the connection, as RFC 9113 wants it: left to those who want that.
    let some_stream = match well_behaved {
        true => 2 * random.below(u64::from(*next_stream / 2)) as u32 + 1,
        false => random.below(u64::from(*next_stream) + 4) as u32,
    };
    let shape = match (well_behaved, random.below(20)) {
        (true, 0..=14) => 0,
        // Data for who has ended already ends the connection too, now and then.
        (true, 19) if random.below(20) > 0 => 0,
        (true, shape) => shape - 8,
        (false, shape) => shape,
    };
    match shape {
        0..=6 => {
            let name = CALLS[random.below(CALLS.len() as u64) as usize];
            let mut data = message(name, random);
            match random.below(4) {
                0 => random.damage(&mut data),
                1 => data.truncate(random.below(data.len() as u64 + 1) as usize),
                _ => {}
            }
            call(wire, *next_stream, name, &data, random.below(2) == 0);
            *next_stream += 2;
        }
        7 => frame(wire, 3, 0, some_stream, &8u32.to_be_bytes()),
        8 => frame(wire, 6, 0, 0, &random.next().to_be_bytes()),
        9 => frame(wire, 4, 0, 0, &[0, 4, 0, 1, 0, random.next() as u8]),
        10 => frame(
            wire,
            8,
            0,
            some_stream,
            &(1 + random.below(70_000) as u32).to_be_bytes(),
        ),
        11 => {
            let data = random.bytes(300);
            frame(wire, 0, 0, some_stream, &data);
        }
        12 => {
            let data = random.bytes(300);
            frame(wire, 9, 0, some_stream, &data);
        }
        13 => {
            let data = random.bytes(100);
            frame(wire, 1, random.next() as u8, some_stream, &data);
        }
        14 => frame(
            wire,
            8,
            0,
            some_stream,
            &(random.next() as u32).to_be_bytes(),
        ),
        15 => {
            let data = random.bytes(36);
            frame(wire, 4, random.next() as u8, 0, &data);
        }
        16 => wire.extend(random.bytes(50)),
        _ => {
            let data = random.bytes(64);
            frame(
                wire,
                random.next() as u8,
                random.next() as u8,
                random.next() as u32,
                &data,
            );
        }
    }
}

/// What the call takes, with values that mean something to it, good and bad.
fn message(name: &str, random: &mut Random) -> Vec<u8> {
    let file = Some(path(random));
    let number = random.below(300);
    match name {
        "Hello/Hello" => framed(&HelloRequest {
            oldest: number as u32 % 3,
            newest: 1,
        }),
        "Exec/Exec" => {
            let start = ExecStart {
                argv: vec![random.bytes(20).into(); random.below(4) as usize],
                environment: vec![random.bytes(20).into(); random.below(4) as usize],
                terminal: (number % 2 == 0).then_some(TerminalSize {
                    rows: 70_000,
                    columns: 0,
                }),
                ..ExecStart::default()
            };
            let input = |input| framed(&ExecInput { input: Some(input) });
            [
                input(ExecInputCase::Start(start)),
                input(ExecInputCase::Signal(number as i32 - 100)),
                input(ExecInputCase::Stdin(random.bytes(100).into())),
            ]
            .concat()
        }
        "Exec/Signal" => framed(&SignalRequest {
            pid: number as i32,
            signal: 9,
        }),
        "Files/Stat" | "Files/List" | "Files/TarOut" => framed(&path(random)),
        "Files/Read" => framed(&ReadRequest {
            file,
            offset: random.next(),
            length: Some(number),
        }),
        "Files/Write" => {
            let start = WriteStart {
                file,
                mode: random.next() as u32,
                modified_ms: Some(random.next() as i64),
                create_only: number % 2 == 0,
            };
            let input = |input| framed(&WriteInput { input: Some(input) });
            let data = random.bytes(2000).into();
            [
                input(WriteInputCase::Start(start)),
                input(WriteInputCase::Data(data)),
            ]
            .concat()
        }
        "Files/MakeDirectory" => framed(&MakeDirectoryRequest {
            file,
            mode: random.next() as u32,
            parents: number % 2 == 0,
        }),
        "Files/Remove" => framed(&RemoveRequest {
            file,
            recursive: number % 2 == 0,
        }),
        "Files/Change" => framed(&ChangeRequest {
            file,
            change: Some(changed(random)),
        }),
        "Files/Rename" => framed(&RenameRequest {
            from: file,
            to: Some(path(random)),
            keep: number % 2 == 0,
        }),
        "Files/MakeLink" => framed(&MakeLinkRequest {
            file,
            link: random.bytes(40).into(),
        }),
        "Files/Update" => {
            let start = UpdateStart {
                file,
                mode: random.next() as u32,
                create: number % 2 == 0,
                create_only: number % 3 == 0,
                truncate: number % 5 == 0,
                append: number % 7 == 0,
            };
            let input = |input| framed(&UpdateInput { input: Some(input) });
            // Now and then one that the kernel takes for negative.
            let offset = match number % 4 {
                0 => random.next() | 1 << 63,
                _ => random.next() % (1 << 20),
            };
            let data = random.bytes(2000).into();
            [
                input(UpdateInputCase::Start(start)),
                input(UpdateInputCase::Data(UpdateData { offset, data })),
                input(UpdateInputCase::Change(changed(random))),
            ]
            .concat()
        }
        "Files/TarIn" => {
            let input = |input| framed(&TarInput { input: Some(input) });
            let archive = archive(random).into();
            [
                input(TarInputCase::Start(path(random))),
                input(TarInputCase::Data(archive)),
            ]
            .concat()
        }
        "Ports/Connect" => {
            let target = ConnectTarget {
                target: Some(ConnectTargetCase::TcpPort(random.next() as u32)),
            };
            framed(&ConnectInput {
                input: Some(ConnectInputCase::Target(target)),
            })
        }
        // Never a real port: others of this machine may be there.
        "Egress/Accept" => framed(&EgressInput {
            input: Some(EgressInputCase::Offer(EgressOffer {
                tcp_ports: vec![0, 70_000],
            })),
        }),
        "Machine/Reseed" => framed(&ReseedRequest {
            entropy: random.bytes(600).into(),
            generation: number,
        }),
        "Guest/Identify" => framed(&IdentifyRequest {
            entropy: random.bytes(600).into(),
            generation: random.next() >> random.below(64),
            unix_ns: random.next() as i64,
            hostname: "gb-1".into(),
            machine_id: vec![number as u8; 16].into(),
        }),
        "Guest/Start" => guest_start(random),
        "Guest/Command" => framed(&GuestCommand {
            id: format!("s{}", random.below(6)),
            command: b"{\"do\":\"go\"}\n".to_vec().into(),
        }),
        "Guest/Accept" => {
            let input = |input| framed(&AcceptInput { input: Some(input) });
            let path = match random.below(3) {
                0 => "/run/glovebox/s/a/egress".into(),
                1 => format!(
                    "{}/s{}/egress",
                    SOCKETS.with_borrow(String::clone),
                    random.below(6)
                ),
                _ => "../x".to_owned(),
            };
            [
                input(AcceptInputCase::Path(path.into_bytes().into())),
                input(AcceptInputCase::Data(random.bytes(300).into())),
            ]
            .concat()
        }
        _ => framed(&Empty {}),
    }
}

/// Plans that are one, and what comes after.
fn guest_start(random: &mut Random) -> Vec<u8> {
    const PLAN: &str = include_str!("../../wire/fixtures/plan-small.json");
    let id = format!("\"id\":\"s{}\"", random.below(6));
    let mut plan = PLAN
        .replace('\n', "")
        .replace("\"id\": \"true\"", &id)
        .into_bytes();
    if random.below(4) == 0 {
        random.damage(&mut plan);
    }
    let input = |input| framed(&GuestInput { input: Some(input) });
    let terminal = TerminalSize {
        rows: random.next() as u32,
        columns: 80,
    };
    let start = GuestStart {
        plan: plan.into(),
        terminal: (random.below(2) == 0).then_some(terminal.clone()),
    };
    let mut all = input(GuestInputCase::Start(start));
    for _ in 0..random.below(5) {
        all.extend(match random.below(5) {
            0 => input(GuestInputCase::Command(random.bytes(100).into())),
            1 => input(GuestInputCase::Stdin(random.bytes(3000).into())),
            2 => input(GuestInputCase::StdinEnd(Empty {})),
            3 => input(GuestInputCase::Resize(terminal.clone())),
            _ => input(GuestInputCase::Command(
                b"{\"do\":\"go\"}\n".to_vec().into(),
            )),
        });
    }
    all
}

fn changed(random: &mut Random) -> FileChange {
    let number = random.next();
    FileChange {
        mode: (number % 2 == 0).then_some(number as u32),
        modified_ms: (number % 3 == 0).then_some(random.next() as i64),
        size: (number % 5 == 0).then_some(random.below(1 << 20)),
    }
}

fn path(random: &mut Random) -> FilePath {
    const PATHS: [&str; 14] = [
        "tmp/f",
        "tmp/d",
        "tmp",
        "",
        ".",
        "..",
        "../outside/f",
        "tmp/up/f",
        "tmp/up",
        "/etc/passwd",
        "tmp/new",
        "tmp/d/e/f",
        "a\0b",
        "tmp//./d/../f",
    ];
    const ROOTS: [&str; 5] = ["/", "/tmp", "/tmp/up", "relative", "/nowhere"];
    let root = random.below(10) as usize;
    FilePath {
        root: ROOTS.get(root).map(|root| root.as_bytes().into()),
        path: PATHS[random.below(PATHS.len() as u64) as usize]
            .as_bytes()
            .into(),
        no_follow: random.below(2) == 0,
    }
}

/// A few headers that are nearly right.
fn archive(random: &mut Random) -> Vec<u8> {
    const NAMES: [&str; 8] = [
        "f",
        "d/",
        "../outside/f",
        "/outside/f",
        "l",
        "l/f",
        "up/f",
        "d/g",
    ];
    let mut archive = Vec::new();
    for _ in 0..random.below(6) {
        let mut block = vec![0u8; 512];
        let name = NAMES[random.below(8) as usize];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..107].copy_from_slice(b"0000644");
        let size = random.below(600);
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        block[136..147].copy_from_slice(b"00000000001");
        block[156] = *b"0125xLKgS9\0\x80"
            .get(random.below(12) as usize)
            .unwrap_or(&b'0');
        let link = NAMES[random.below(8) as usize];
        block[157..157 + link.len()].copy_from_slice(link.as_bytes());
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(block);
        archive.extend(random.bytes(size));
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    if random.below(4) == 0 {
        random.damage(&mut archive);
    }
    archive
}

struct Random(u64);

impl Random {
    /// xorshift64*.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit.max(1)
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most + 1))
            .map(|_| (self.next() >> 32) as u8)
            .collect()
    }

    fn damage(&mut self, bytes: &mut [u8]) {
        if !bytes.is_empty() {
            let at = self.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << self.below(8);
        }
    }
}
