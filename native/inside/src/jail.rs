//! The launcher: one plan in, one program in a jail, one exit code out.

use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use glovebox_wire::{FailureCode, Status};
use rustix::fs::{fstat, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{sockopt, AddressFamily, SocketType};
use rustix::process::{set_parent_process_death_signal, Signal};

use crate::door::Door;
use crate::fault::{Fault, Outcome, Step};
use crate::init::Drawing;
use crate::kernel::{ignore_signals, share_memory_among_threads, signal_descriptor};
use crate::owner::Owner;
use crate::program::Prepared;
use crate::report::Report;
use crate::sandbox::{Sandbox, Terms};
use crate::tree::devices;
use crate::who::{Files, Who};
use crate::{landlock, layout, rlimits, terminal};

/// What a launcher ends with when its program did not start.
const NOT_STARTED: i32 = 125;

/// What ends the sandbox, and what says that the owner's terminal has a new size.
const HEARD: [i32; 2] = [libc::SIGTERM, libc::SIGWINCH];

/// What a terminal or a service manager sends to the whole process group that we share with our
/// owner, who decides what it means and says so on the plan descriptor.
const FOR_THE_OWNER: [i32; 5] = [
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTSTP,
    libc::SIGHUP,
    libc::SIGPIPE,
];

/// Runs the plan that comes on one descriptor, tells of it on the other, and returns our exit code.
pub fn run(plan: OwnedFd, status: OwnedFd, files: Files) -> i32 {
    share_memory_among_threads();
    let report = match rustix::io::fcntl_dupfd_cloexec(&plan, 3) {
        Ok(copy) => Arc::new(Report::new(status, copy)),
        Err(_) => return NOT_STARTED,
    };
    let mut owner = Owner::new(plan);
    match launch(&mut owner, &report, files) {
        Ok(code) => code,
        Err(fault) => {
            let code = exit_code(fault.code);
            // Where nobody reads any more, the exit code is all that can be said.
            let _told = report.write(&Status::Error(fault.into_failure()));
            code
        }
    }
}

fn exit_code(code: FailureCode) -> i32 {
    match code {
        FailureCode::NotExecutable => 126,
        FailureCode::NotFound => 127,
        _ => NOT_STARTED,
    }
}

fn launch(owner: &mut Owner, report: &Arc<Report>, files: Files) -> Outcome<i32> {
    let streams_are_files = check_stdio()?;
    ignore_signals(&FOR_THE_OWNER).step("start", || "ignore signals".into())?;
    let signals = signal_descriptor(&HEARD).step("start", || "take signals".into())?;
    // Beside the plan descriptor's hang-up: an owner whose descriptor somebody else holds open.
    set_parent_process_death_signal(Some(Signal::TERM))
        .step("start", || "tie to the owner".into())?;
    let plan = owner.plan()?;
    layout::check_targets(&plan.mounts, files)?;
    if plan.command.terminal {
        terminal::check()?;
    }
    let terms = Terms {
        who: Who::find(files)?,
        landlock_abi: landlock::abi_for(&plan, landlock::abi()),
        streams_are_files,
        plan,
    };
    if terms.who.by_root {
        devices::join_groups(&terms.plan.devices)?;
    }
    // Before anything is started; it goes when all of it has ended.
    let (_door, listener) = match terms.plan.channel.as_deref() {
        Some(path) => {
            let (door, listener) = Door::open(path)?;
            (Some(door), Some(listener))
        }
        None => (None, None),
    };
    let drawing = draw(&terms, listener)?;
    let (sandbox, hangup) = Sandbox::start(&terms, drawing, report)?;
    sandbox.follow(owner, &signals, hangup)
}

/// What the program will inherit must not lead out of the tree: with a directory's descriptor,
/// `openat(0, "..")` would. Returns whether one of them is a file, which could be opened again by way of
/// `/proc/self/fd`, for more than it was opened for by its owner.
fn check_stdio() -> Outcome<bool> {
    let mut any_is_a_file = false;
    let streams = [
        ("stdin", rustix::stdio::stdin()),
        ("stdout", rustix::stdio::stdout()),
        ("stderr", rustix::stdio::stderr()),
    ];
    for (name, descriptor) in streams {
        let stat = match fstat(descriptor) {
            // Closed: something of ours would get its number, and the program with it.
            Err(Errno::BADF) => {
                open_null(descriptor.as_raw_fd()).step("start", || format!("open {name}"))?;
                continue;
            }
            stat => stat.step("start", || format!("stat {name}"))?,
        };
        let flags =
            rustix::fs::fcntl_getfl(descriptor).step("start", || format!("flags of {name}"))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        any_is_a_file |= matches!(kind, FileType::RegularFile | FileType::BlockDevice);
        if kind == FileType::Directory || flags.contains(OFlags::PATH) {
            return Err(Fault::plan(format!(
                "{name} is a directory, by which the program could leave its tree"
            ))
            .fix(format!("give {name} a file, a pipe or a terminal")));
        }
        if kind == FileType::Socket && !is_stream_of_unix(descriptor)? {
            return Err(Fault::plan(format!(
                "{name} is a socket of the host's network, which the program could send through"
            ))
            .fix(format!(
                "put a pipe between: … | glovebox …, or give {name} a file"
            )));
        }
    }
    Ok(any_is_a_file)
}

/// A connected stream between two processes, as Node's pipes are: it has an address for nobody else.
fn is_stream_of_unix(descriptor: BorrowedFd<'_>) -> Outcome<bool> {
    let ask = || {
        let kind = sockopt::socket_type(descriptor)?;
        let is_stream = kind == SocketType::STREAM || kind == SocketType::SEQPACKET;
        Ok(is_stream && sockopt::socket_domain(descriptor)? == AddressFamily::UNIX)
    };
    ask().step("start", || "ask what a socket is".into())
}

/// The lowest free number is the one that is wanted, since they are gone through in order.
fn open_null(wanted: RawFd) -> rustix::io::Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty())?.into_raw_fd();
    match null == wanted {
        true => Ok(()),
        false => Err(Errno::BADF),
    }
}

/// What pid 1 works from, as far as it is known before it is cloned.
fn draw(terms: &Terms, listener: Option<OwnedFd>) -> Outcome<Drawing> {
    let plan = &terms.plan;
    let rlimits = rlimits::Set::new(plan.limits.open_files.count());
    Ok(Drawing {
        supplies: None,
        listener,
        outlet: None,
        prepared: Prepared::new(&plan.command, rlimits)?,
    })
}
