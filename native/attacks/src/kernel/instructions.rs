//! Instructions that lead out of a virtual machine, or to its devices, without a system call.

#[cfg(target_arch = "x86_64")]
use crate::report::first;
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{Ended, Errno};

pub const ATTACKS: &[Attack] = &[("guest-io-ports", io_ports), ("guest-hypercall", hypercall)];

/// What the processor says of an instruction, in a child that may die of it. Its body gives whether it did anything.
fn instruction(what: &str, trace: &mut Trace, body: fn() -> bool) -> Outcome {
    let ended = sys::fork_with(|| i32::from(!body())).and_then(sys::wait_for);
    match ended {
        Ok(Ended::Code(0)) => {
            let _ = trace.call(what, Ok(()));
            Outcome::Effect(format!("{what} was executed"))
        }
        Ok(Ended::Code(_)) => {
            let _ = trace.call::<()>(what, Err(Errno(libc::EPERM)));
            Outcome::Nothing
        }
        Ok(_) => {
            let _ = trace.call::<()>(what, Err(Errno(libc::EFAULT)));
            Outcome::Nothing
        }
        Err(errno) => Outcome::NotTried(format!("{what}: {errno}")),
    }
}

#[cfg(target_arch = "x86_64")]
fn io_ports(_: &Args, trace: &mut Trace) -> Outcome {
    let asked = first([
        trace.must_fail("iopl", sys!(libc::SYS_iopl, 3)),
        trace.must_fail("ioperm", sys!(libc::SYS_ioperm, 0x3f8, 8, 1)),
    ]);
    // A byte to the first serial port, which is the console that the host keeps.
    let done = instruction("out 0x3f8", trace, || {
        // SAFETY: writes to no memory; without the right to it the processor faults, and the child ends.
        unsafe { std::arch::asm!("out dx, al", in("dx") 0x3f8u16, in("al") b'!') };
        true
    });
    first([asked, done])
}

#[cfg(not(target_arch = "x86_64"))]
fn io_ports(_: &Args, trace: &mut Trace) -> Outcome {
    trace.must_fail("open /dev/port", sys::open("/dev/port", libc::O_RDWR))
}

/// A call to KVM that changes nothing and answers 0 (KVM_HC_VAPIC_POLL_IRQ).
#[cfg(target_arch = "x86_64")]
const POLL_IRQ: i64 = 1;
/// KVM's answer to a program, as calls are the guest's kernel's alone (-KVM_EPERM). It goes on after the instruction then, where
/// a processor without a monitor lets it die. <https://docs.kernel.org/virt/kvm/x86/hypercalls.html>
#[cfg(target_arch = "x86_64")]
const NOT_FOR_PROGRAMS: i64 = -1;

/// Calls to the monitor: what a processor lets a program ask for, no filter sees.
#[cfg(target_arch = "x86_64")]
fn hypercall(_: &Args, trace: &mut Trace) -> Outcome {
    first([
        instruction("vmcall", trace, || {
            let mut answer = POLL_IRQ;
            // SAFETY: of KVM's calls this one changes no memory; elsewhere the instruction is illegal.
            unsafe { std::arch::asm!("vmcall", inout("rax") answer, options(nomem)) };
            answer != NOT_FOR_PROGRAMS
        }),
        instruction("vmmcall", trace, || {
            let mut answer = POLL_IRQ;
            // SAFETY: as above, in AMD's spelling.
            unsafe { std::arch::asm!("vmmcall", inout("rax") answer, options(nomem)) };
            answer != NOT_FOR_PROGRAMS
        }),
        instruction("in 0x5658", trace, || {
            // SAFETY: VMware's back door answers in registers only, all of which are named.
            unsafe {
                std::arch::asm!("in eax, dx", inout("eax") 0x564d_5868u32 => _, in("dx") 0x5658u16, inout("ecx") 10u32 => _, options(nomem))
            };
            true
        }),
    ])
}

#[cfg(not(target_arch = "x86_64"))]
fn hypercall(_: &Args, trace: &mut Trace) -> Outcome {
    instruction("hvc", trace, || {
        // SAFETY: undefined below the first exception level; the child ends by it.
        unsafe { std::arch::asm!("hvc #0", options(nomem)) };
        true
    })
}
