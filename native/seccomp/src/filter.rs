//! The compiled filter, and how it comes into force.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use libc::{c_long, sock_filter, sock_fprog};
use sha2::{Digest, Sha256};

use crate::{agent, bpf, policy, relay};

/// What the filter depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilterOptions {
    /// `audit` and `learn`: opening a file notifies the supervisor.
    pub record_opens: bool,
    /// A memory cgroup counts what the sandbox uses, so that memory which belongs to no process
    /// (memory files, System V shared memory) may be had.
    pub memory_accounted: bool,
    /// The CPU limit is an affinity, which the sandbox must not change.
    pub affinity_pinned: bool,
    /// The program runs machines with `/dev/kvm`, which its tree has then.
    pub kvm: bool,
}

/// Bytes of an instruction (`struct sock_filter`).
const INSTRUCTION: usize = 8;

/// A BPF program, ready to be installed.
#[derive(Clone)]
pub struct Filter {
    program: Vec<sock_filter>,
}

impl Filter {
    /// Compiles the policy. It allocates: call it before the child is cloned.
    pub fn compile(options: &FilterOptions) -> Self {
        Self {
            program: bpf::compile(policy::table(options), &policy::UNKNOWN),
        }
    }

    /// For the process that serves the channel.
    pub fn for_agent() -> Self {
        Self {
            program: bpf::compile(agent::table(), &agent::UNKNOWN),
        }
    }

    /// For the process outside that carries a sandbox's connections.
    pub fn for_relay() -> Self {
        Self {
            program: bpf::compile(relay::table(), &relay::UNKNOWN),
        }
    }

    /// SHA-256 of the program's bytes, hex, as the receipt names it.
    pub fn sha256(&self) -> String {
        Sha256::digest(self.to_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The program as the kernel reads it, to be sent to another process of this machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.program.len() * INSTRUCTION);
        for instruction in &self.program {
            bytes.extend_from_slice(&instruction.code.to_ne_bytes());
            bytes.extend_from_slice(&[instruction.jt, instruction.jf]);
            bytes.extend_from_slice(&instruction.k.to_ne_bytes());
        }
        bytes
    }

    /// What [`Filter::to_bytes`] made; `None` if these are no whole instructions.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let instructions = bytes.chunks_exact(INSTRUCTION);
        if bytes.is_empty() || !instructions.remainder().is_empty() {
            return None;
        }
        let program = instructions
            .map(|at| sock_filter {
                code: u16::from_ne_bytes([at[0], at[1]]),
                jt: at[2],
                jf: at[3],
                k: u32::from_ne_bytes([at[4], at[5], at[6], at[7]]),
            })
            .collect();
        Some(Self { program })
    }

    /// How many instructions the program has.
    pub fn instructions(&self) -> usize {
        self.program.len()
    }

    /// Puts the filter into force for the calling thread, which must have set no_new_privs, and
    /// returns the listener for the supervisor (close-on-exec).
    ///
    /// Makes nothing but system calls, and so can be called between `clone` and `execve`.
    /// The next `connect` or `execve` of this thread waits for the supervisor.
    pub fn install(&self) -> io::Result<OwnedFd> {
        let listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        // Without this flag (kernels before 5.19) a signal interrupts the wait, and the call is made twice.
        // With it only one that comes before the supervisor has taken the call: a handler without
        // SA_RESTART then makes it fail with EINTR, which the kernel leaves no way to prevent.
        match self.load(listener | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => self.load(listener),
            done => done,
        }
    }

    /// Puts a filter into force that asks nobody. The calling thread must have set no_new_privs.
    pub fn install_silently(&self) -> io::Result<()> {
        let program = self.as_kernel_reads_it();
        // SAFETY: `program` points to instructions that outlive the call; the kernel copies them.
        let done = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER as c_long,
                0,
                &program,
            )
        };
        match done {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn as_kernel_reads_it(&self) -> sock_fprog {
        sock_fprog {
            len: self.program.len() as u16,
            filter: self.program.as_ptr().cast_mut(),
        }
    }

    fn load(&self, flags: libc::c_ulong) -> io::Result<OwnedFd> {
        let program = self.as_kernel_reads_it();
        // SAFETY: `program` points to instructions that outlive the call; the kernel copies them.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER as c_long,
                flags,
                &program,
            )
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
    }

    #[cfg(test)]
    pub fn program(&self) -> &[sock_filter] {
        &self.program
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_was_sent_is_the_same() {
        let filter = Filter::compile(&FilterOptions::default());
        let bytes = filter.to_bytes();
        let received = Filter::from_bytes(&bytes);
        assert_eq!(
            received.map(|filter| filter.to_bytes()),
            Some(bytes.clone())
        );
        assert!(Filter::from_bytes(&bytes[1..]).is_none());
        assert!(Filter::from_bytes(&[]).is_none());
    }
}
