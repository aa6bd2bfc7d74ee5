//! From the kernel's first program to a machine that answers.

use rustix::io::{fcntl_dupfd_cloexec, Errno};
use rustix::process::{setrlimit, umask, Resource, Rlimit};

use super::devices::{self, Events, Way};
use super::{modules, mounts};
use crate::fault::{Outcome, Step};
use crate::loopback;

/// As many as a plan may ask for; the kernel gives its first program 4,096.
const OPEN_FILES: u64 = 1 << 20;

/// Returns what the channel goes through.
pub fn boot() -> Outcome<Way> {
    umask(rustix::fs::Mode::from_raw_mode(0o022));
    mounts::kernel_files()?;
    streams().step("boot", || "open 0 to 2".into())?;
    // Before the modules, so that no device can appear unheard.
    let mut events = Events::listen()?;
    modules::load()?;
    let root = devices::wait_for_file(&mut events, "/dev/vda")?;
    mounts::switch_root(&root)?;
    mounts::writable()?;
    mounts::control_groups()?;
    loopback::bring_up()?;
    rustix::system::sethostname(b"glovebox").step("boot", || "name the machine".into())?;
    let files = Rlimit {
        current: Some(OPEN_FILES),
        maximum: Some(OPEN_FILES),
    };
    setrlimit(Resource::Nofile, files).step("boot", || "allow open files".into())?;
    // Last, as the name of a port comes by a message of the device's, later than the device itself.
    devices::wait_for_way(&mut events)
}

/// What the kernel could not open for us: without a console there is none to be had before devtmpfs is mounted. Numbers 0
/// to 2 must not become something that a panic would write into.
fn streams() -> rustix::io::Result<()> {
    use rustix::fs::{open, Mode, OFlags};
    if rustix::io::fcntl_getfd(rustix::stdio::stderr()) != Err(Errno::BADF) {
        return Ok(());
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let null = open("/dev/null", flags, Mode::empty())?;
    // It has got the lowest number itself, which it must not close again.
    let null = fcntl_dupfd_cloexec(null, 3)?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)
}
