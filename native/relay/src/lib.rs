//! The relay: accepts what programs of a sandbox connect to, asks the host about each connection
//! (`src/protocol/egress-link.ts`), connects to the address that the host names, and moves the bytes. It decides nothing.
//!
//! The listening sockets were made in the sandbox's network namespace and lead nowhere else; what the relay itself makes is
//! in the host's. The host is believed, the sandbox is not: whatever programs do, memory and descriptors are bounded by
//! the number of connections that the host allows, one connection cannot keep the others waiting, and the end of the link
//! is the end of everything.
//!
//! One thread, one epoll, edge-triggered: each socket remembers what it can do until the kernel says "not now".

mod budget;
mod datagrams;
mod dial;
mod door;
mod flow;
mod link;
mod look;
mod packet;
mod pipes;
mod poller;
mod pump;
mod queries;
mod relay;
mod sock;
mod stream;
mod timers;
mod turns;

pub use door::Sockets;
pub use link::{Link, LinkError};
pub use relay::{descriptors_for, Charge, Ended, Relay};
