//! The command line. Our owner writes it, so it is small and strict.

use std::ffi::OsString;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::{fcntl_setfd, FdFlags};

use crate::kernel::close_from_but;
use crate::who::Files;

pub const USAGE_ERROR: i32 = 2;

const HELP: &str = "\
Starts one program in a jail, and ends it with its owner.

  glovebox-inside jail --plan-fd N --status-fd M
      reads a plan (one JSON line) and then commands from descriptor N,
      writes status lines to descriptor M; the program gets our stdio
      (jail --in-guest …: as /init of a guest does, for whom copies of
      files were brought there)
  glovebox-inside probe CANARY | probe --memory BYTES | probe --time
      inside a jail: tries to do what it forbids, and says what happened
  glovebox-inside delegate --user UID [--undo]
      as root: gives an ordinary user control groups, or takes them back
  glovebox-inside reader --fd N
      ends when nobody reads any more what is written to descriptor N, or
      our stdin is closed
  glovebox-inside --version
  glovebox-inside --help";

#[derive(Debug)]
pub enum Action {
    Jail {
        plan: OwnedFd,
        status: OwnedFd,
        /// Whose files the plan's are.
        files: Files,
    },
    Probe {
        canary: String,
    },
    TakeMemory {
        bytes: usize,
    },
    TakeTime,
    Delegate {
        user: u32,
        undo: bool,
    },
    AwaitReader {
        of: OwnedFd,
    },
    Print(String),
}

pub fn parse(arguments: &[OsString]) -> Result<Action, String> {
    let words: Option<Vec<&str>> = arguments.iter().map(|word| word.to_str()).collect();
    match words.as_deref() {
        Some(["jail", "--plan-fd", plan, "--status-fd", status]) => {
            jail(plan, status, Files::Theirs)
        }
        Some(["jail", "--in-guest", "--plan-fd", plan, "--status-fd", status]) => {
            jail(plan, status, Files::Copies)
        }
        Some(["probe", "--time"]) => Ok(Action::TakeTime),
        Some(["probe", "--memory", bytes]) => match bytes.parse() {
            Ok(bytes) => Ok(Action::TakeMemory { bytes }),
            Err(_) => Err(format!("{bytes}: not a number of bytes")),
        },
        Some(["probe", canary]) => Ok(Action::Probe {
            canary: (*canary).to_owned(),
        }),
        Some(["delegate", "--user", user]) => delegate(user, false),
        Some(["delegate", "--user", user, "--undo"]) => delegate(user, true),
        Some(["reader", "--fd", of]) => Ok(Action::AwaitReader { of: adopt(of)? }),
        Some(["--version"]) => Ok(Action::Print(format!(
            "glovebox-inside {}",
            env!("CARGO_PKG_VERSION")
        ))),
        Some(["--help"]) => Ok(Action::Print(HELP.into())),
        _ => Err("see glovebox-inside --help".into()),
    }
}

fn jail(plan: &str, status: &str, files: Files) -> Result<Action, String> {
    if plan == status {
        return Err("the two descriptors must differ".into());
    }
    let (plan, status) = (adopt(plan)?, adopt(status)?);
    drop_the_rest(&plan, &status)?;
    Ok(Action::Jail {
        plan,
        status,
        files,
    })
}

fn delegate(user: &str, undo: bool) -> Result<Action, String> {
    match user.parse() {
        Ok(user) => Ok(Action::Delegate { user, undo }),
        Err(_) => Err(format!("{user}: not a user id")),
    }
}

/// Takes over an inherited descriptor.
fn adopt(number: &str) -> Result<OwnedFd, String> {
    let descriptor: RawFd = number
        .parse()
        .map_err(|_| format!("{number}: not a descriptor"))?;
    if descriptor < 3 {
        return Err(format!("{number}: is one of the program's own three"));
    }
    // SAFETY: only asked whether it is open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    fcntl_setfd(borrowed, FdFlags::CLOEXEC).map_err(|_| format!("{number}: is not open"))?;
    // SAFETY: it is open, our owner gave it to us, and nothing else here knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// What else our owner forgot to close would live on with us, and keep its pipes from ending.
fn drop_the_rest(plan: &OwnedFd, status: &OwnedFd) -> Result<(), String> {
    // SAFETY: nothing else has been opened yet.
    unsafe { close_from_but(3, &[plan.as_raw_fd(), status.as_raw_fd()]) }
        .map_err(|errno| format!("close inherited descriptors: {errno}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &[&str]) -> bool {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        parse(&words).is_err()
    }

    #[test]
    fn anything_that_is_not_exactly_a_command_is_refused() {
        assert!(refused(&[]));
        assert!(refused(&["jail"]));
        assert!(refused(&["jail", "--plan-fd", "900", "--status-fd", "901"]));
        assert!(refused(&["jail", "--plan-fd", "1", "--status-fd", "2"]));
        assert!(refused(&["jail", "--plan-fd", "x", "--status-fd", "4"]));
        assert!(refused(&["--version", "more"]));
    }
}
