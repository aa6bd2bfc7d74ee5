//! What stands outside the sandbox: victims, witnesses, and places for control runs.

pub mod accomplice;
mod capture;
pub mod flip;
pub mod given;
mod hostile;
pub mod keyed;
pub mod locked;
mod objects;
pub mod terminal;
pub mod throwaway;
pub mod victim;
pub mod without;
pub mod witness;
pub mod world;

use crate::sys;
use crate::sys::{c, Res};
use std::ffi::CString;

/// Becomes another program: returns only when that fails.
pub fn become_program(words: &[String]) -> Res {
    let arguments: Vec<CString> = words.iter().map(|word| c(word)).collect();
    let mut argv: Vec<*const libc::c_char> = arguments.iter().map(|word| word.as_ptr()).collect();
    argv.push(std::ptr::null());
    let variables: Vec<CString> = std::env::vars()
        .map(|(name, value)| c(&format!("{name}={value}")))
        .collect();
    let mut environment: Vec<*const libc::c_char> =
        variables.iter().map(|word| word.as_ptr()).collect();
    environment.push(std::ptr::null());
    let path = argv.first().copied().unwrap_or(std::ptr::null());
    sys!(libc::SYS_execve, path, argv.as_ptr(), environment.as_ptr())
}

/// Code of a program out here that could not do its part: the suite stops on it.
pub fn unable(what: &str, why: impl std::fmt::Display) -> i32 {
    eprintln!("attacks: {what}: {why}");
    70
}
