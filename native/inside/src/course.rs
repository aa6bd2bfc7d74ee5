//! What happened to a program, and how it is told at the end.

use std::os::fd::OwnedFd;
use std::time::Instant;

use glovebox_limits::Notice;
use glovebox_wire::{Exit, FailureCode, LimitHit, LimitKind, Status};

use crate::fault::{Fault, Outcome};
use crate::kernel::{pidfd_signal, Usage};
use crate::limits::Held;
use crate::report::Report;
use crate::sandbox::Terms;
use crate::supervise::Supervision;
use crate::terminal::Bridge;

pub struct Course {
    pub program: Option<Program>,
    pub supervision: Supervision,
    pub terminal: Option<Bridge>,
    /// When its execve had worked.
    pub started: Option<Instant>,
    /// Status of wait(2), as pid 1 saw it.
    pub ended: Option<i32>,
    pub out_of_memory: bool,
    pub timed_out: bool,
    pub told_pids: bool,
    /// What the limits counted, once the program has ended.
    counted: Option<Counted>,
}

struct Counted {
    notices: Vec<Notice>,
    usage: glovebox_limits::Usage,
}

impl Counted {
    fn read(limits: &mut Held) -> Counted {
        let counted = Counted {
            notices: limits.notices().unwrap_or_default(),
            usage: limits.usage(),
        };
        limits.reap_stale();
        counted
    }
}

pub struct Program {
    pub pid: i32,
    pub pidfd: OwnedFd,
}

impl Course {
    pub fn new(supervision: Supervision) -> Course {
        Course {
            program: None,
            supervision,
            terminal: None,
            started: None,
            ended: None,
            out_of_memory: false,
            timed_out: false,
            told_pids: false,
            counted: None,
        }
    }

    /// The program has ended with a status of wait(2). What the limits counted is read now, while the kernel takes the
    /// namespaces down.
    pub fn end(&mut self, status: i32, limits: &mut Held) {
        self.ended = Some(status);
        self.counted = Some(Counted::read(limits));
    }

    pub fn signal(&self, signal: i32) {
        if let Some(program) = &self.program {
            // One that has just ended cannot be told, and need not.
            let _sent = pidfd_signal(&program.pidfd, signal);
        }
    }

    /// Tells the last lines, when nothing runs any more, and returns the launcher's exit code.
    pub fn tell(
        mut self,
        terms: &Terms,
        report: &Report,
        limits: &mut Held,
        usage: Usage,
    ) -> Outcome<i32> {
        let Some(started) = self.started else {
            return Err(Fault::new(
                FailureCode::Start,
                "start",
                "the sandbox was ended before the program ran",
            ));
        };
        let wall = started.elapsed();
        // What was tried comes before the end.
        self.supervision.finish()?;
        let counted = match self.counted.take() {
            Some(counted) => counted,
            None => Counted::read(limits),
        };
        let mut lines = self.late_hits(terms, &counted.notices);
        let counted = counted.usage;
        // Pid 1 that was killed could not say how the program ended: with it, by SIGKILL.
        let status = self.ended.unwrap_or(libc::SIGKILL);
        let exited = libc::WIFEXITED(status);
        let exit = Exit {
            code: exited.then(|| libc::WEXITSTATUS(status)),
            signal: (!exited).then(|| libc::WTERMSIG(status)),
            out_of_memory: self.out_of_memory,
            timed_out: self.timed_out,
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
            cpu_ms: counted.cpu_ms.unwrap_or(usage.cpu_ms),
            peak_memory_bytes: counted.peak_memory_bytes,
        };
        lines.push(Status::Exit(exit));
        for line in lines {
            // Where nobody reads any more, the exit code is all that can be said.
            if report.write(&line).is_err() {
                break;
            }
        }
        Ok(exit
            .code
            .unwrap_or_else(|| 128 + exit.signal.unwrap_or(libc::SIGKILL)))
    }

    /// Limits that were hit, as far as they have not been told: the sandbox was ended first.
    fn late_hits(&mut self, terms: &Terms, notices: &[Notice]) -> Vec<Status> {
        let mut lines = Vec::new();
        self.out_of_memory |= notices.contains(&Notice::OutOfMemory);
        if notices.contains(&Notice::TooManyProcesses) && !self.told_pids {
            lines.push(terms.pids_hit());
        }
        if self.out_of_memory {
            lines.push(Status::Limit(LimitHit {
                limit: LimitKind::Memory,
                detail: format!(
                    "the sandbox used more than its {} of memory and was ended",
                    in_mebibytes(terms.plan.limits.memory.count())
                ),
            }));
        }
        if self.timed_out {
            let time = terms.plan.limits.time.map_or(0, |limit| limit.count());
            lines.push(Status::Limit(LimitHit {
                limit: LimitKind::Time,
                detail: format!("the program ran longer than its {time} ms and was ended"),
            }));
        }
        lines
    }
}

fn in_mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_mebibytes() {
        assert_eq!(in_mebibytes(128 << 20), "128 MiB");
        assert_eq!(in_mebibytes(1 << 19), "0.5 MiB");
    }
}
