//! `execve` and opens: recorded. The kernel decides about both, by Landlock and the mount tree.
//!
//! A refusal grants nothing, so the supervisor refuses an `execve` early where it can see that the
//! file is outside of the allowlist: that makes the denial part of the record. What it cannot see,
//! or what is rewritten behind its back, the kernel still refuses.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::listener::{Answer, Notification};
use super::record::{Access, Sink};
use super::target::Target;
use super::{memory, path, ActivityKind, Supervisor, SupervisorError, Verdict, What, KERNEL};

/// Device and inode: Landlock allows files, not names.
type FileId = (u64, u64);

/// The allowlist, resolved in the sandbox's tree at its first `execve`.
pub enum Executables {
    /// There is no allowlist, or one that only the kernel can apply.
    Any,
    Unresolved(Vec<PathBuf>),
    Only(Vec<FileId>),
}

impl Executables {
    pub fn new(allow: Option<&[PathBuf]>) -> Self {
        allow.map_or(Self::Any, |paths| Self::Unresolved(paths.to_vec()))
    }

    fn restrict(&self) -> bool {
        !matches!(self, Self::Any)
    }

    /// Whether it is certain that the allowlist does not have the file.
    fn refuse(&mut self, target: &Target, file: FileId) -> bool {
        if let Self::Unresolved(paths) = self {
            *self = resolve(target, paths);
        }
        matches!(self, Self::Only(files) if !files.contains(&file))
    }
}

fn resolve(target: &Target, paths: &[PathBuf]) -> Executables {
    let mut files = Vec::with_capacity(paths.len());
    for allowed in paths {
        let Ok(found) = path::object(target, libc::AT_FDCWD, allowed.as_os_str().as_bytes()) else {
            continue;
        };
        match rustix::fs::fstat(&found) {
            // What is allowed below a directory cannot be told by identity.
            Ok(stat) if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() => {
                return Executables::Any
            }
            Ok(stat) => files.push((stat.st_dev, stat.st_ino)),
            Err(_) => return Executables::Any,
        }
    }
    Executables::Only(files)
}

impl<S: Sink> Supervisor<S> {
    pub(super) fn execute(
        &mut self,
        call: &Notification,
        directory: i32,
        name: u64,
        flags: i32,
    ) -> Result<(), SupervisorError> {
        let target = Target { tid: call.tid };
        // The kernel says EFAULT better than we do.
        let Ok(spelled) = memory::string(call.tid, name) else {
            return self.answer(call, Answer::Continue).map(|_| ());
        };
        let by_descriptor = spelled.is_empty() && flags & libc::AT_EMPTY_PATH != 0;
        let refused = self.executables.restrict() && {
            let file = if by_descriptor {
                opened_file(&target, directory)
            } else {
                named_file(&target, directory, &spelled)
            };
            file.is_some_and(|file| self.executables.refuse(&target, file))
        };
        let text = path::recorded(&target, directory, &spelled);
        let (verdict, rule, answer) = if refused {
            (Verdict::Denied, "exec.allow", Answer::Errno(libc::EACCES))
        } else {
            (Verdict::Recorded, KERNEL, Answer::Continue)
        };
        if self.record_for(
            call,
            &target,
            What::of_path(ActivityKind::Exec, text, verdict, rule),
        )? {
            self.answer(call, answer)?;
        }
        Ok(())
    }

    pub(super) fn record_open(
        &mut self,
        call: &Notification,
        directory: i32,
        name: u64,
        flags: i32,
    ) -> Result<(), SupervisorError> {
        let target = Target { tid: call.tid };
        if let Ok(spelled) = memory::string(call.tid, name) {
            let text = path::recorded(&target, directory, &spelled);
            let writes = flags & libc::O_ACCMODE != libc::O_RDONLY
                || flags & (libc::O_CREAT | libc::O_TRUNC) != 0;
            let access = Some(if writes { Access::Write } else { Access::Read });
            let what = What {
                access,
                ..What::of_path(ActivityKind::Open, text, Verdict::Recorded, KERNEL)
            };
            if !self.record_for(call, &target, what)? {
                return Ok(());
            }
        }
        self.answer(call, Answer::Continue).map(|_| ())
    }
}

/// The file that a path leads to; `None` if it cannot be told from here, as with `/proc/self/exe`.
fn named_file(target: &Target, directory: i32, spelled: &[u8]) -> Option<FileId> {
    let found = path::object(target, directory, spelled).ok()?;
    let stat = rustix::fs::fstat(found).ok()?;
    Some((stat.st_dev, stat.st_ino))
}

/// The file behind a descriptor: a memory file has no path at all.
fn opened_file(target: &Target, fd: i32) -> Option<FileId> {
    let stat = fs::metadata(Path::new(&format!("/proc/{}/fd/{fd}", target.tid))).ok()?;
    Some((stat.dev(), stat.ino()))
}
