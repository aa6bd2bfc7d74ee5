//! The channel of a real sandbox: the host side is a client of our own.

#[path = "../support/mod.rs"]
mod support;

#[path = "../../../channel/tests/support/client.rs"]
mod client;

mod files;
mod hostile;
mod ports;
mod programs;
mod room;
