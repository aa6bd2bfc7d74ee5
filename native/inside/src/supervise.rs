//! The thread that answers the filter's notifications, and the record of what was tried.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use glovebox_seccomp::{self as seccomp, Supervisor, SupervisorOptions};
use glovebox_wire::{cut, Access, Activity, ActivityKind, FailureCode, Plan, Status, Verdict};
use rustix::event::{eventfd, EventfdFlags};
use rustix::pipe::{pipe_with, PipeFlags};

use crate::fault::{Fault, Outcome, Step};
use crate::report::Report;

const STAGE: &str = "supervisor";

type Result = std::result::Result<seccomp::Ended, seccomp::SupervisorError>;

/// A supervisor at work. Without it every connection and execution inside waits for ever, so whoever
/// holds this ends the sandbox when [`Supervision::failed`] becomes readable.
pub struct Supervision {
    thread: Option<JoinHandle<Result>>,
    failed: Arc<OwnedFd>,
    /// Its end stops the thread.
    stop: Option<OwnedFd>,
}

impl Supervision {
    /// Starts before the program's own execve, which is the first call to be answered, and the only
    /// one that is not recorded: it is the plan's, not the program's.
    pub fn start(
        listener: OwnedFd,
        program: i32,
        device: u64,
        plan: &Plan,
        report: &Arc<Report>,
    ) -> Outcome<Supervision> {
        let options = SupervisorOptions {
            own_devices: vec![device],
            exec_allow: plan
                .exec
                .as_ref()
                .map(|list| list.iter().map(Into::into).collect()),
        };
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC).step(STAGE, || "make a pipe".into())?;
        let failed = eventfd(0, EventfdFlags::CLOEXEC).step(STAGE, || "make an eventfd".into())?;
        let failed = Arc::new(failed);
        let supervisor = Supervisor::new(listener, options, sink(program, Arc::clone(report)))
            .map_err(|error| broken(&error.to_string()))?;
        let alarm = Arc::clone(&failed);
        let thread = Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || {
                let result = supervisor.run(stopped.as_fd());
                if result.is_err() {
                    // An eventfd that nobody has read takes 2^64 - 2 of these.
                    let _rung = rustix::io::write(&alarm, &1u64.to_ne_bytes());
                }
                result
            })
            .map_err(|error| broken(&error.to_string()))?;
        Ok(Supervision {
            thread: Some(thread),
            failed,
            stop: Some(stop),
        })
    }

    /// Readable when the supervisor has failed.
    pub fn failed(&self) -> BorrowedFd<'_> {
        self.failed.as_fd()
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
        drop(self.stop.take());
        // Whoever drops it unfinished is about to tell another failure.
        let _told = self.finish();
    }
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
    report: Arc<Report>,
) -> impl FnMut(&seccomp::Activity) -> io::Result<()> + Send + 'static {
    let mut is_first_execution = true;
    move |activity| {
        let is_ours = activity.kind == seccomp::ActivityKind::Exec
            && i64::from(activity.pid) == i64::from(program);
        if is_ours && std::mem::take(&mut is_first_execution) {
            return Ok(());
        }
        report
            .write(&Status::Activity(in_wire_words(activity)))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
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
