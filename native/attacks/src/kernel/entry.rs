//! Other doors into the kernel than the one that a filter for 64-bit calls watches.

use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{Errno, Res};

pub const ATTACKS: &[Attack] = &[
    ("x32", x32),
    ("int80", int80),
    ("int80-socket", int80_socket),
    ("high-bits", high_bits),
    ("beyond-the-table", beyond_the_table),
];

/// The x32 numbers of getpid and of connect: bit 30 set.
fn x32(_: &Args, trace: &mut Trace) -> Outcome {
    const BIT: i64 = 0x4000_0000;
    let called = in_child(|| sys!(libc::SYS_getpid | BIT));
    let outcome = trace.must_fail("x32 getpid", called);
    let connect = in_child(|| sys!(libc::SYS_connect | BIT, -1, 0, 0));
    let _ = trace.call("x32 connect", connect);
    outcome
}

/// A child, because the right answer is to kill the caller.
fn in_child(body: impl FnOnce() -> Res) -> Res {
    let pid = sys::fork_with(|| match body() {
        Ok(_) => 0,
        Err(errno) => errno.0.clamp(1, 255),
    })?;
    match sys::wait_for(pid)? {
        sys::Ended::Code(0) => Ok(0),
        sys::Ended::Code(errno) => Err(Errno(errno)),
        sys::Ended::Signal(..) => Err(Errno(libc::EPERM)),
    }
}

/// One call by the gate for 32-bit programs. Its numbers mean other calls: 20 is getpid, 102 socketcall, 11 execve.
#[cfg(target_arch = "x86_64")]
fn gate(number: u32, a: u32, b: u32, c: u32) -> Res {
    let mut answer: i64 = i64::from(number);
    // SAFETY: the interrupt saves every register but the answer (and r8 to r11, which are named); rbx belongs to
    // the compiler, so it is exchanged before and after. The arguments are numbers or addresses below 4 GiB.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {b}",
            "int 0x80",
            "xchg rbx, {b}",
            b = inout(reg) i64::from(a) => _,
            inout("rax") answer,
            in("rcx") i64::from(b),
            in("rdx") i64::from(c),
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    let answer = i64::from(answer as i32);
    if (-4095..0).contains(&answer) {
        Err(Errno(-answer as i32))
    } else {
        Ok(answer)
    }
}

#[cfg(target_arch = "x86_64")]
fn int80(_: &Args, trace: &mut Trace) -> Outcome {
    trace.must_fail("int 0x80 getpid", in_child(|| gate(20, 0, 0, 0)))
}

/// A packet-like request through socketcall: socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT).
#[cfg(target_arch = "x86_64")]
fn int80_socket(_: &Args, trace: &mut Trace) -> Outcome {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
    let low = sys!(
        libc::SYS_mmap,
        0,
        4096,
        libc::PROT_READ | libc::PROT_WRITE,
        flags,
        -1,
        0
    );
    let low = match low {
        Ok(address) => address as u32,
        Err(errno) => return Outcome::NotTried(format!("no memory below 4 GiB: {errno}")),
    };
    for (index, value) in [16u32, 3, 9].iter().enumerate() {
        // SAFETY: within the page that was just mapped.
        unsafe { std::ptr::write_volatile((low as usize as *mut u32).add(index), *value) };
    }
    trace.must_fail("int 0x80 socketcall", in_child(|| gate(102, 1, low, 0)))
}

#[cfg(not(target_arch = "x86_64"))]
fn int80(_: &Args, _: &mut Trace) -> Outcome {
    Outcome::NotTried("only x86 has this gate".into())
}

#[cfg(not(target_arch = "x86_64"))]
fn int80_socket(_: &Args, _: &mut Trace) -> Outcome {
    Outcome::NotTried("only x86 has this gate".into())
}

/// Numbers with bits above 32: the kernel looks at the low half, and a filter must see the same number.
fn high_bits(_: &Args, trace: &mut Trace) -> Outcome {
    let called = in_child(|| sys!(libc::SYS_unshare | 1 << 32, libc::CLONE_NEWUSER));
    trace.must_fail("unshare, high bits", called)
}

/// Numbers that no table has, and negative ones: must come back as errors and leave the caller alive or dead, never served.
fn beyond_the_table(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcome = Outcome::Nothing;
    for number in [
        480i64,
        511,
        512,
        547,
        600,
        1000,
        4096,
        0x3fff_ffff,
        i64::from(i32::MAX),
        -1,
        -2,
        335,
        400,
        423,
    ] {
        if let Outcome::Effect(effect) = trace.must_fail(
            &format!("call {number}"),
            in_child(|| sys!(number, -1, -1, -1, -1, -1, -1)),
        ) {
            outcome = Outcome::Effect(effect);
        }
    }
    outcome
}
