//! Starts a program for which this kernel has no Landlock, as an older one or one that has it switched off:
//! `without-landlock PROGRAM WORD…`

use super::{become_program, unable};
use crate::sys;

/// One instruction of classic BPF (linux/filter.h).
#[repr(C)]
struct Instruction {
    code: u16,
    jump_true: u8,
    jump_false: u8,
    constant: u32,
}

const LOAD_NUMBER: u16 = 0x20;
const JUMP_AT_LEAST: u16 = 0x35;
const JUMP_GREATER: u16 = 0x25;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;

pub fn run(words: &[String]) -> i32 {
    let step = |code, jump_true, jump_false, constant| Instruction {
        code,
        jump_true,
        jump_false,
        constant,
    };
    // landlock_create_ruleset, landlock_add_rule, landlock_restrict_self: 444 to 446 on every architecture.
    let program = [
        step(LOAD_NUMBER, 0, 0, 0),
        step(JUMP_AT_LEAST, 0, 2, 444),
        step(JUMP_GREATER, 1, 0, 446),
        step(RETURN, 0, 0, ERRNO | libc::ENOSYS as u32),
        step(RETURN, 0, 0, ALLOW),
    ];
    let header = [program.len() as u64, program.as_ptr() as u64];
    let installed = sys!(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        .and_then(|_| sys!(libc::SYS_seccomp, 1, 0, header.as_ptr()));
    match installed.and_then(|_| become_program(words)) {
        Ok(_) => 0,
        Err(errno) => unable("filter", errno),
    }
}
