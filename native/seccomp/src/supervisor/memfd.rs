//! `memfd_create`: the supervisor makes the file and hands it in, sealed against execution.
//!
//! A memory file lies on a mount that nobody can make `noexec`, and Landlock lets it be executed:
//! without the seal it would be a way around the rule that writable memory is not run as a program.

use std::os::fd::AsFd;

use rustix::fs::{memfd_create, MemfdFlags};
use rustix::io::Errno;

use super::listener::{Answer, Notification};
use super::memory;
use super::record::Sink;
use super::{Supervisor, SupervisorError};

impl<S: Sink> Supervisor<S> {
    pub(super) fn memory_file(&mut self, call: &Notification) -> Result<(), SupervisorError> {
        let flags = MemfdFlags::from_bits_retain(call.args[1] as u32);
        let made = check(flags)
            .and_then(|()| memory::string(call.tid, call.args[0]))
            .and_then(|name| {
                // The kernel's own longest name is 249 bytes; it answers EINVAL to more.
                let plain = flags | MemfdFlags::CLOEXEC;
                match memfd_create(name.as_slice(), plain | MemfdFlags::NOEXEC_SEAL) {
                    // A kernel before 6.3 has no such seal. Firecracker has its queues in such files, and what has taken it over
                    // gains nothing by executing one: it runs code of its own already, and keeps its filter and its walls.
                    Err(Errno::INVAL) if self.options.runs_machines => {
                        memfd_create(name.as_slice(), plain)
                    }
                    made => made,
                }
            });
        let file = match made {
            Ok(file) => file,
            Err(error) => {
                return self
                    .answer(call, Answer::Errno(error.raw_os_error()))
                    .map(|_| ())
            }
        };
        match self
            .listener
            .answer_with(call.id, file.as_fd(), flags.contains(MemfdFlags::CLOEXEC))
        {
            Ok(_) => Ok(()),
            // The caller has no room for another descriptor.
            Err(error) => self
                .answer(call, Answer::Errno(error.raw_os_error()))
                .map(|_| ()),
        }
    }
}

fn check(flags: MemfdFlags) -> Result<(), Errno> {
    let known = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::NOEXEC_SEAL;
    if flags.contains(MemfdFlags::EXEC) {
        Err(Errno::ACCESS)
    } else if known.contains(flags) {
        Ok(())
    } else {
        // Huge pages come out of a pool of the whole machine.
        Err(Errno::INVAL)
    }
}
