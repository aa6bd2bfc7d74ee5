//! Why a start failed, in the words of the status line.

use std::borrow::Cow;

use glovebox_wire::{Failure, FailureCode};
use rustix::io::Errno;

pub type Outcome<T> = Result<T, Fault>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: FailureCode,
    pub stage: Cow<'static, str>,
    pub message: String,
    pub fix: Option<String>,
}

impl Fault {
    pub fn new(code: FailureCode, stage: &'static str, message: impl Into<String>) -> Fault {
        Fault {
            code,
            stage: Cow::Borrowed(stage),
            message: message.into(),
            fix: None,
        }
    }

    pub fn plan(message: impl Into<String>) -> Fault {
        Fault::new(FailureCode::Plan, "plan", message)
    }

    pub fn host(stage: &'static str, message: impl Into<String>) -> Fault {
        Fault::new(FailureCode::HostCannot, stage, message)
    }

    /// A system call that should have worked.
    pub fn call(stage: &'static str, what: &str, errno: Errno) -> Fault {
        Fault::new(FailureCode::Start, stage, format!("{what}: {}", say(errno)))
    }

    pub fn fix(mut self, fix: impl Into<String>) -> Fault {
        self.fix = Some(fix.into());
        self
    }

    /// A fault that a process inside has put into a status line already.
    pub fn told(line: &[u8]) -> Fault {
        let told = Failure::parse(line);
        let failure = told.unwrap_or_else(|| Failure {
            code: FailureCode::Internal,
            stage: "start".to_owned(),
            message: "what pid 1 said cannot be understood".to_owned(),
            fix: None,
        });
        Fault {
            code: failure.code,
            stage: failure.stage.into(),
            message: failure.message,
            fix: failure.fix,
        }
    }

    pub fn into_failure(self) -> Failure {
        Failure {
            code: self.code,
            stage: self.stage.into_owned(),
            message: self.message,
            fix: self.fix,
        }
    }
}

/// The error's sentence without the `(os error N)` that means nothing to people.
pub fn say(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    match text.split_once(" (os error") {
        Some((sentence, _)) => sentence.to_owned(),
        None => text,
    }
}

/// Turns an errno into the fault of a step.
pub trait Step<T> {
    fn step(self, stage: &'static str, what: impl FnOnce() -> String) -> Outcome<T>;
}

impl<T> Step<T> for rustix::io::Result<T> {
    fn step(self, stage: &'static str, what: impl FnOnce() -> String) -> Outcome<T> {
        self.map_err(|errno| Fault::call(stage, &what(), errno))
    }
}
