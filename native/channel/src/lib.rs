//! The inside's end of the channel (docs/channel.md): gRPC over HTTP/2, and the services behind it.
//!
//! One thread, no procedural macros. The peer is hostile: every count, size and rate has a cap in [`caps`],
//! and what a call holds (a program, a half-written file) is let go by dropping its future.

mod board;
pub mod caps;
mod carry;
mod egress;
mod exec;
mod files;
pub mod framing;
mod futures;
mod guest;
mod identity;
pub mod machine;
mod pipe;
mod ports;
mod rpc;
pub mod seed;
mod serve;
pub mod stats;
mod status;
mod streams;
mod wall;

pub use board::Board;
pub use carry::carry;
pub use guest::{Children, Guest, Program};
pub use identity::Identity;
pub use machine::Machine;
pub use seed::Seed;
pub use serve::{connection, serve, Listening, Offer};
pub use stats::{Figures, Gauge};
pub use status::{Code, Status};
pub use wall::{Jail, Wall};
