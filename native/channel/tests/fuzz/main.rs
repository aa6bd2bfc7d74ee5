//! A hostile host: HTTP/2 frames of every kind, right, wrong and half right, with gRPC messages in them that are
//! right, wrong and half right. Nothing may crash, hang or grow. 20,000 frames; with GLOVEBOX_LONG=1 half a million from a
//! fixed seed and as many from a random one, which is printed (GLOVEBOX_FUZZ_SEED repeats it).

mod frames;
mod messages;
#[path = "../support/offer.rs"]
mod offer;
mod random;

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use glovebox_channel::{connection, Children};
use tokio::net::UnixStream as Stream;

use frames::attack;
use messages::SOCKETS;
use random::Random;

const FIXED: u64 = 0x5eed_0001;
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
        let sockets = scratch.0.join(offer::SOCKETS);
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
        // It may keep one sandbox for another host.
        drop(guest);
        if let Some((kib, descriptors)) = before {
            let (kib_after, descriptors_after) = standing();
            assert!(
                kib_after < kib + GROWTH_KIB,
                "{kib} KiB grew to {kib_after}"
            );
            assert!(
                descriptors_after <= descriptors + 2,
                "{descriptors} descriptors became {descriptors_after}: {:?}",
                open_files()
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

/// What our descriptors are of.
fn open_files() -> Vec<PathBuf> {
    let names = std::fs::read_dir("/proc/self/fd").expect("descriptors");
    names
        .filter_map(|name| std::fs::read_link(name.expect("a name").path()).ok())
        .collect()
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
