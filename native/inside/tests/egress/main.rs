//! What programs of a sandbox with an egress reach, with a host of the test's own that decides.

#[path = "../support/mod.rs"]
mod support;

mod ends;
mod flows;
mod host;
mod hostile;
mod names;
