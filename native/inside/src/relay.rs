//! The launcher's child that carries connections to the outside. It is on the host's side of the wall, reads bytes of the
//! sandbox's, and so is confined as if it were inside: no capability, no file, no further process.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use glovebox_relay::{descriptors_for, Charge, Link, LinkError};
use glovebox_seccomp::Filter;
use glovebox_wire::egress::Limits;
use glovebox_wire::{Egress, Status};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::{retry_on_intr, Errno};
use rustix::net::SocketAddrUnix;
use rustix::process::{
    getrlimit, set_dumpable_behavior, set_parent_process_death_signal, setrlimit, setsid,
    DumpableBehavior, Pid, Resource, Rlimit, Signal,
};
use rustix::thread::{set_name, set_no_new_privs};

use crate::fault::{Fault, Outcome, Step};
use crate::kernel::{
    close_from_but, exit_now, fork_into, let_go_of_stdio, packet_pair, pidfd_signal, reap, Side,
};
use crate::outlet::Intake;
use crate::{landlock, program};

const STAGE: &str = "egress";

/// What allocates more than that is attacked, or leaks.
const MEMORY: u64 = 128 << 20;

/// The last bytes of programs that have ended get as long as the relay gives them, and a little.
const PATIENCE: Duration = Duration::from_millis(1500);

/// As `ps` shows it.
const NAME: &CStr = match CStr::from_bytes_with_nul(b"glovebox-relay\0") {
    Ok(name) => name,
    Err(_) => panic!("has its NUL"),
};

const READY: u8 = b'r';

/// Room for one status line that tells a failure.
const MAX_PACKET: usize = 16 << 10;

/// Dropping it ends the process.
pub struct Relay {
    pid: Pid,
    pidfd: OwnedFd,
    /// Its end tells the relay that the sandbox has ended.
    line: Option<OwnedFd>,
}

impl Relay {
    /// The calling process must have one thread.
    pub fn start(egress: &Egress, intake: Intake) -> Outcome<Relay> {
        let (ours, theirs) = packet_pair().step(STAGE, || "make a socket pair".into())?;
        // SAFETY: the launcher has one thread until the supervisor's is started, which comes after this.
        match unsafe { fork_into(0) }.step(STAGE, || "fork the relay".into())? {
            Side::Parent { child, pidfd } => Ok(Relay {
                pid: child,
                pidfd,
                line: Some(ours),
            }),
            Side::Child => serve(egress, intake, theirs),
        }
    }

    /// A copy of the descriptor by which it says whether it is ready.
    pub fn line(&self) -> Outcome<OwnedFd> {
        let line = self.line.as_ref().ok_or(Errno::BADF);
        line.and_then(|line| rustix::io::fcntl_dupfd_cloexec(line, 3))
            .step(STAGE, || "copy a descriptor".into())
    }

    /// Waits until it is ready. One that cannot be stops the start.
    pub fn hear(&self) -> Outcome<()> {
        let ended = || {
            Fault::new(
                glovebox_wire::FailureCode::Start,
                STAGE,
                "the relay has ended",
            )
        };
        let line = self.line.as_ref().ok_or_else(ended)?;
        let mut packet = vec![0u8; MAX_PACKET];
        match retry_on_intr(|| rustix::io::read(line, &mut packet[..])) {
            Ok(0) | Err(Errno::CONNRESET) => Err(ended()),
            Ok(1) if packet[0] == READY => Ok(()),
            Ok(length) => Err(Fault::told(&packet[..length])),
            Err(errno) => Err(Fault::call(STAGE, "hear the relay", errno)),
        }
    }

    /// The sandbox has ended: returns when what its programs sent last is on its way, and the host told of it.
    pub fn finish(mut self) {
        self.line = None;
        let mut ended = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let patience = Timespec {
            tv_sec: PATIENCE.as_secs() as i64,
            tv_nsec: i64::from(PATIENCE.subsec_nanos()),
        };
        // Whatever comes of it, it is killed now.
        let _waited = retry_on_intr(|| poll(&mut ended, Some(&patience)));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended already.
        let _sent = pidfd_signal(&self.pidfd, libc::SIGKILL);
        let _status = reap(self.pid);
    }
}

fn serve(egress: &Egress, intake: Intake, line: OwnedFd) -> ! {
    let told = match prepare(egress, intake, &line) {
        Ok(relay) => {
            // A launcher that cannot be told is dead, and its death is ours.
            let _told = rustix::io::write(&line, &[READY]);
            // The host is told by the link's end, programs by that of their connections.
            let _why = relay.run();
            exit_now(0)
        }
        Err(fault) => Status::Error(fault.into_failure()).to_line(),
    };
    let _told = rustix::io::write(&line, &told[..told.len().min(MAX_PACKET)]);
    exit_now(1)
}

/// Everything is made first, and given up then.
fn prepare(egress: &Egress, intake: Intake, line: &OwnedFd) -> Outcome<glovebox_relay::Relay> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .step(STAGE, || "tie to the launcher".into())?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).step(STAGE, || "hide".into())?;
    set_name(NAME).step(STAGE, || "take a name".into())?;
    let kept = [intake.descriptor().as_raw_fd(), line.as_raw_fd()];
    // SAFETY: the rest belongs to the launcher, which goes on elsewhere.
    unsafe { close_from_but(3, &kept) }.step(STAGE, || "close descriptors".into())?;
    // The program's streams end when the program closes them.
    let_go_of_stdio().step(STAGE, || "let go of the streams".into())?;
    // No signals to the owner's process group, which the launcher ignores as far as it can.
    setsid().step(STAGE, || "start a session".into())?;
    let host = SocketAddrUnix::new(egress.socket.as_str())
        .step(STAGE, || format!("{}: name it", egress.socket))?;
    let mut link = Link::greet(&host).map_err(|error| no_link(egress, &error))?;
    let sockets = intake.take()?;
    let limits = link
        .wait_for_welcome()
        .map_err(|error| no_link(egress, &error))?;
    let descriptors = limit(&limits, sockets.count())?;
    let life =
        rustix::io::fcntl_dupfd_cloexec(line, 3).step(STAGE, || "copy a descriptor".into())?;
    let charge = Charge {
        link,
        limits,
        host,
        sockets,
        life,
    };
    let relay = glovebox_relay::Relay::prepare(charge, descriptors)
        .step(STAGE, || "set up the relay".into())?;
    confine(egress)?;
    Ok(relay)
}

fn no_link(egress: &Egress, error: &LinkError) -> Fault {
    Fault::new(
        glovebox_wire::FailureCode::Start,
        STAGE,
        format!(
            "nobody decides about connections at {}: {error}",
            egress.socket
        ),
    )
}

/// As many descriptors as all connections need, or as there may be.
fn limit(limits: &Limits, listeners: usize) -> Outcome<u64> {
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let files = descriptors_for(limits.connections, listeners).min(most);
    for (resource, value) in [
        // See rlimits.rs.
        (Resource::Core, 1),
        (Resource::Data, MEMORY),
        (Resource::Nofile, files),
    ] {
        let both = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        setrlimit(resource, both).step(STAGE, || format!("limit {resource:?}"))?;
    }
    Ok(files)
}

fn confine(egress: &Egress) -> Outcome<()> {
    match program::drop_capabilities() {
        // An ordinary user has none that could be dropped from what execve would give, and there is no execve.
        Err(Errno::PERM) => program::let_go_of_capabilities(),
        dropped => dropped,
    }
    .step(STAGE, || "drop capabilities".into())?;
    set_no_new_privs(true).step(STAGE, || "set no_new_privs".into())?;
    let abi = landlock::abi();
    if abi > 0 {
        landlock::confine_relay(abi, &egress.socket).step(STAGE, || "restrict".into())?;
    }
    Filter::for_relay()
        .install_silently()
        .map_err(|error| Fault::host(STAGE, format!("install the filter: {error}")))
}
