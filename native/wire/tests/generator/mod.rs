//! Makes `src/inside.rs` out of `inside.proto`. Reads the part of proto3 that the file uses, and
//! refuses anything else rather than guess.

pub mod emit;
pub mod parse;
