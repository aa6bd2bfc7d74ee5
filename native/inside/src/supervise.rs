//! The thread that answers the filter's notifications, and the record of what was tried.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{channel, RecvError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use glovebox_channel::Board;
use glovebox_seccomp::{self as seccomp, Supervisor, SupervisorOptions};
use glovebox_wire::egress::{RESOLVER, RESOLVER_PORT, SYNTHETIC};
use glovebox_wire::inside::Denial;
use glovebox_wire::{
    cut, Access, Activity, ActivityKind, Device, Egress, FailureCode, Plan, Status, Verdict,
};
use rustix::event::{eventfd, EventfdFlags};
use rustix::pipe::{pipe_with, PipeFlags};

use crate::fault::{Fault, Outcome, Step};
use crate::report::Report;

const STAGE: &str = "supervisor";

/// It recurses nowhere; paths are on the heap.
const STACK: usize = 256 << 10;

type Result = std::result::Result<seccomp::Ended, seccomp::SupervisorError>;

/// A supervisor at work. Without it every connection and execution inside waits for ever, so whoever
/// holds this ends the sandbox when [`Supervision::failed`] becomes readable.
pub struct Supervision {
    thread: Option<JoinHandle<Result>>,
    charge: Option<Sender<Charge>>,
    failed: Arc<OwnedFd>,
    /// Its end stops the thread.
    stop: Option<OwnedFd>,
    /// Where there is a channel, by which it can be looked at.
    board: Option<Arc<Mutex<Board>>>,
}

/// What a supervisor begins with.
struct Charge {
    listener: OwnedFd,
    program: i32,
    device: u64,
}

impl Supervision {
    /// Starts the thread, which waits for [`Supervision::engage`]. To be called while the tree is being
    /// built, when there is time.
    pub fn prepare(plan: &Plan, report: &Arc<Report>) -> Outcome<Supervision> {
        let exec_allow = plan.exec.as_ref();
        let exec_allow = exec_allow.map(|list| list.iter().map(Into::into).collect());
        let egress = plan.egress.as_ref().map(in_supervisors_words);
        let processors = Some(plan.limits.cpus.value);
        let runs_machines = plan.devices.contains(&Device::Kvm);
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC).step(STAGE, || "make a pipe".into())?;
        let failed = eventfd(0, EventfdFlags::CLOEXEC).step(STAGE, || "make an eventfd".into())?;
        let failed = Arc::new(failed);
        let (charge, charged) = channel::<Charge>();
        let board = match &plan.channel {
            Some(_) => {
                let board = Board::new().step(STAGE, || "make a memory file".into())?;
                Some(Arc::new(Mutex::new(board)))
            }
            None => None,
        };
        let posted = board.clone();
        let (alarm, report) = (Arc::clone(&failed), Arc::clone(report));
        let thread = Builder::new()
            .name("supervisor".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                let result = match charged.recv() {
                    Ok(charge) => {
                        let options = SupervisorOptions {
                            own_devices: vec![charge.device],
                            exec_allow,
                            runs_machines,
                            egress,
                            processors,
                        };
                        supervise(charge, options, (report, posted), &stopped)
                    }
                    // There never was a program.
                    Err(RecvError) => return Ok(seccomp::Ended::Stopped),
                };
                if result.is_err() {
                    // An eventfd that nobody has read takes 2^64 - 2 of these.
                    let _rung = rustix::io::write(&alarm, &1u64.to_ne_bytes());
                }
                result
            })
            .map_err(|error| broken(&error.to_string()))?;
        Ok(Supervision {
            thread: Some(thread),
            charge: Some(charge),
            failed,
            stop: Some(stop),
            board,
        })
    }

    /// Hands over the listener, before the program's own execve: the first call to be answered.
    pub fn engage(&mut self, listener: OwnedFd, program: i32, device: u64) -> Outcome<()> {
        let charge = Charge {
            listener,
            program,
            device,
        };
        let sent = self.charge.take().map(|sender| sender.send(charge));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(broken("its thread has ended")),
        }
    }

    /// Readable when the supervisor has failed.
    pub fn failed(&self) -> BorrowedFd<'_> {
        self.failed.as_fd()
    }

    /// Where the last denials can be read, if there is a channel.
    pub fn denials(&self) -> Outcome<Option<OwnedFd>> {
        let Some(board) = &self.board else {
            return Ok(None);
        };
        let board = board
            .lock()
            .map_err(|_| broken("a board that nobody holds"))?;
        let reading = board
            .for_reading()
            .step(STAGE, || "open the denials".into())?;
        Ok(Some(reading))
    }

    /// Returns when everything is recorded. To be called when nothing runs inside any more, or after
    /// a failure, whose reason it says.
    pub fn finish(&mut self) -> Outcome<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        match thread.join() {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(broken(&error.to_string())),
            // Not reached where a panic ends the process, as it does in our builds.
            Err(_) => Err(broken("panicked")),
        }
    }
}

impl Drop for Supervision {
    fn drop(&mut self) {
        drop((self.charge.take(), self.stop.take()));
        // Whoever drops it unfinished is about to tell another failure.
        let _told = self.finish();
    }
}

/// Whom what was tried is told.
type Told = (Arc<Report>, Option<Arc<Mutex<Board>>>);

fn in_supervisors_words(egress: &Egress) -> seccomp::Egress {
    let all = SYNTHETIC.iter().chain(&egress.addresses);
    seccomp::Egress {
        ranges: all.map(|range| (range.address, range.prefix)).collect(),
        resolver: (RESOLVER, RESOLVER_PORT).into(),
    }
}

fn supervise(charge: Charge, options: SupervisorOptions, told: Told, stopped: &OwnedFd) -> Result {
    Supervisor::new(charge.listener, options, sink(charge.program, told))?.run(stopped.as_fd())
}

fn broken(why: &str) -> Fault {
    Fault::new(
        FailureCode::Internal,
        STAGE,
        format!("{why}; the sandbox was ended, since nobody would have answered it"),
    )
}

fn sink(
    program: i32,
    (report, board): Told,
) -> impl FnMut(&seccomp::Activity) -> io::Result<()> + Send + 'static {
    // The program's own first execve is the plan's, and not recorded.
    let mut is_first_execution = true;
    move |activity| {
        let is_ours = activity.kind == seccomp::ActivityKind::Exec
            && i64::from(activity.pid) == i64::from(program);
        if is_ours && std::mem::take(&mut is_first_execution) {
            return Ok(());
        }
        let words = in_wire_words(activity);
        if let (Some(board), Verdict::Denied) = (&board, words.verdict) {
            post(board, &words)?;
        }
        report
            .write(&Status::Activity(words))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

fn post(board: &Mutex<Board>, activity: &Activity) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let subject = activity.address.as_ref().or(activity.path.as_ref());
    let denial = Denial {
        at_ms: now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX)),
        operation: activity.kind.name().to_owned(),
        subject: Bytes::from(subject.cloned().unwrap_or_default()),
    };
    // Held for a copy at a time; a panic of another holder would have ended this process.
    let mut board = board
        .lock()
        .map_err(|_| io::Error::from(io::ErrorKind::Other))?;
    Ok(board.post(denial)?)
}

fn in_wire_words(activity: &seccomp::Activity) -> Activity {
    let shorten = |text: &Option<String>| text.as_ref().map(|text| cut(text.as_bytes()));
    Activity {
        kind: match activity.kind {
            seccomp::ActivityKind::Connect => ActivityKind::Connect,
            seccomp::ActivityKind::Bind => ActivityKind::Bind,
            seccomp::ActivityKind::Send => ActivityKind::Send,
            seccomp::ActivityKind::Exec => ActivityKind::Exec,
            seccomp::ActivityKind::Open => ActivityKind::Open,
        },
        pid: i32::try_from(activity.pid).unwrap_or(i32::MAX),
        program: cut(activity.program.as_bytes()),
        address: shorten(&activity.address),
        path: shorten(&activity.path),
        access: activity.access.map(|access| match access {
            seccomp::Access::Read => Access::Read,
            seccomp::Access::Write => Access::Write,
        }),
        verdict: match activity.verdict {
            seccomp::Verdict::Allowed => Verdict::Allowed,
            seccomp::Verdict::Denied => Verdict::Denied,
            seccomp::Verdict::Recorded => Verdict::Recorded,
        },
        rule: activity.rule.to_owned(),
        count: activity.count,
    }
}
