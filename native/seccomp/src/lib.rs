//! The jail's system call filter, and the supervisor that answers its notifications.
//!
//! [`Filter::compile`] turns the policy into a BPF program before the sandbox exists,
//! [`Filter::install`] puts it into force in the child with one system call, and the supervisor
//! runs outside, on the descriptor that `install` returns.

#[cfg(not(all(target_os = "linux", target_endian = "little")))]
compile_error!("seccomp_data is read by halves: the filter is written for little-endian Linux");

#[rustfmt::skip] // tables, several names to a line
mod agent;
mod bpf;
mod filter;
mod policy;
#[rustfmt::skip]
mod relay;
mod rule;
mod supervisor;

#[cfg(test)]
mod interpret;

pub use filter::{Filter, FilterOptions};
pub use supervisor::{
    Access, Activity, ActivityKind, Egress, Ended, Sink, Supervisor, SupervisorError,
    SupervisorOptions, Verdict,
};
