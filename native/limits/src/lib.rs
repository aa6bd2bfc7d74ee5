//! Memory, CPU and process limits of one sandbox.
//!
//! [`Limits::prepare`] makes cgroups for what was asked (version 2 where a subtree is ours, else
//! version 1); the sandbox's first processes [`join`] them before anything of the sandbox's own runs. A default limit that has no cgroup falls to a second mechanism, which
//! [`Limits::in_child`] and the [`Watchdog`] carry out. A limit that the user wrote down never does:
//! it is [`Unenforceable`], and says what to do about it.

mod delegate;
mod group;
mod hierarchy;
mod identity;
mod limits;
mod place;
mod request;
mod second;
mod small;
mod sockets;
mod stale;
mod v1;
mod v2;
mod watchdog;

pub use delegate::{delegate, undelegate, Action, Delegation};
pub use group::{join, Notice, Watch};
pub use limits::{Limits, Usage};
pub use request::{Control, Limit, Request, Unenforceable};
pub use second::InChild;
pub use watchdog::Watchdog;
