//! Guest, without a machine: its service over a socket, with real launchers. The test is what /init would be.

#[path = "../support/mod.rs"]
mod support;

#[path = "../../../channel/tests/support/client.rs"]
mod client;

mod accept;
mod identify;
mod kept;
mod machine;
mod start;
