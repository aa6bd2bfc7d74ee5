//! Starts a program in a session keyring that holds a secret: `keyed NAME SECRET PROGRAM WORD…`

use super::{become_program, unable};
use crate::sys;
use crate::sys::c;

pub fn run(words: &[String]) -> i32 {
    const JOIN_SESSION_KEYRING: i64 = 1;
    const SESSION: i64 = -3;
    let [name, secret, program @ ..] = words else {
        return unable("keyed", "NAME SECRET PROGRAM");
    };
    let (kind, name) = (c("user"), c(name));
    let added = sys!(libc::SYS_keyctl, JOIN_SESSION_KEYRING, 0).and_then(|_| {
        sys!(
            libc::SYS_add_key,
            kind.as_ptr(),
            name.as_ptr(),
            secret.as_ptr(),
            secret.len(),
            SESSION
        )
    });
    match added.and_then(|_| become_program(program)) {
        Ok(_) => 0,
        Err(errno) => unable("keyring", errno),
    }
}
