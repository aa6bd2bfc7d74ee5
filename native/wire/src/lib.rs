//! What crosses the two descriptors of `glovebox-inside`: one plan and commands in, status lines out; and what the
//! relay and the host's egress say to each other. The other end is `src/protocol/{jail-plan,jail-status,egress-link}.ts`; `fixtures/` is read by the tests of both.
//!
//! Read and written by hand over `serde_json::Value`: derive macros cannot be built with the static
//! C runtime (`.cargo/config.toml`), and errors here name the key as the user knows it.

mod control;
pub mod egress;
mod fields;
pub mod inside;
pub mod message;
mod plan;
mod range;
mod status;

pub use control::{Control, Enforcement};
pub use fields::WireError;
pub use plan::{
    Access, Command, Device, Egress, Limit, Limits, Mode, Mount, Owner, Plan, Program, PLAN_SCHEMA,
};
pub use range::IpRange;
pub use status::{
    cut, Activity, ActivityKind, Exit, Failure, FailureCode, LimitHit, LimitKind, Receipt, Started,
    Status, Verdict, MAX_STRING,
};
