//! Clock and entropy of a guest that was cloned or was asleep. A jail has neither of its own.

use glovebox_wire::inside::{Call, Empty, ReseedRequest, SetClockRequest};
use rustix::io::Errno;

use crate::rpc::Inbound;
use crate::status::{Code, Result, Status};

/// What an inside may do to the machine that it runs on.
pub trait Machine {
    fn set_clock(&self, unix_ns: i64) -> Result<()>;
    fn reseed(&self, entropy: &[u8], generation: u64) -> Result<()>;
    fn power_off(&self) -> Result<()>;
}

pub async fn call(machine: &dyn Machine, call: Call, inbound: &mut Inbound) -> Result<()> {
    match call {
        Call::MachineSetClock => {
            let SetClockRequest { unix_ns } = inbound.only().await?;
            machine.set_clock(unix_ns)
        }
        Call::MachineReseed => {
            let ReseedRequest {
                entropy,
                generation,
            } = inbound.only().await?;
            if !(32..=512).contains(&entropy.len()) {
                return Err(Status::invalid("entropy: must be 32 to 512 bytes"));
            }
            machine.reseed(&entropy, generation)
        }
        _ => {
            let Empty {} = inbound.only().await?;
            machine.power_off()
        }
    }
}

/// Where the machine is the host's.
pub struct NoMachine;

impl NoMachine {
    fn refuse() -> Result<()> {
        Err(Status::new(
            Code::Unimplemented,
            "a jail shares the host's clock, generator and power",
        ))
    }
}

impl Machine for NoMachine {
    fn set_clock(&self, _: i64) -> Result<()> {
        Self::refuse()
    }

    fn reseed(&self, _: &[u8], _: u64) -> Result<()> {
        Self::refuse()
    }

    fn power_off(&self) -> Result<()> {
        Self::refuse()
    }
}

/// A guest of its own. The generation is that of the clone, which rises with each reseeding.
pub struct Guest {
    generation: std::cell::Cell<u64>,
}

impl Guest {
    pub fn new(generation: u64) -> Guest {
        Guest {
            generation: std::cell::Cell::new(generation),
        }
    }

    pub fn generation(&self) -> u64 {
        self.generation.get()
    }
}

/// random(4). `struct rand_pool_info` is two ints and the bytes.
const RNDADDENTROPY: libc::c_ulong = 0x4008_5203;
const RNDRESEEDCRNG: libc::c_ulong = 0x5207;

impl Machine for Guest {
    fn set_clock(&self, unix_ns: i64) -> Result<()> {
        if unix_ns <= 0 {
            return Err(Status::invalid("unix_ns: must be after 1970"));
        }
        let time = libc::timespec {
            tv_sec: unix_ns / 1_000_000_000,
            tv_nsec: unix_ns % 1_000_000_000,
        };
        // SAFETY: reads a timespec of ours. Needs CAP_SYS_TIME in the first user namespace, which /init of a guest has.
        checked("set the clock", unsafe {
            libc::syscall(libc::SYS_clock_settime, libc::CLOCK_REALTIME, &time)
        })
    }

    fn reseed(&self, entropy: &[u8], generation: u64) -> Result<()> {
        if generation <= self.generation.get() {
            return Err(Status::invalid(format!(
                "generation: must be above {}",
                self.generation.get()
            )));
        }
        let device = rustix::fs::open(
            "/dev/urandom",
            rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .map_err(|errno| Status::of("/dev/urandom", errno))?;
        let length = entropy.len() as i32;
        let mut pool = Vec::with_capacity(8 + entropy.len());
        pool.extend_from_slice(&(length * 8).to_ne_bytes());
        pool.extend_from_slice(&length.to_ne_bytes());
        pool.extend_from_slice(entropy);
        use std::os::fd::AsRawFd;
        // Credited, so that a generator that waits for its first seed stops waiting.
        // SAFETY: the kernel reads a rand_pool_info with the length in it. Needs CAP_SYS_ADMIN.
        checked("add entropy", unsafe {
            libc::ioctl(device.as_raw_fd(), RNDADDENTROPY, pool.as_ptr()).into()
        })?;
        // Mixed in is not yet used: until the next reseeding two clones would give out the same bytes.
        // SAFETY: takes no argument. Needs CAP_SYS_ADMIN.
        checked("reseed", unsafe {
            libc::ioctl(device.as_raw_fd(), RNDRESEEDCRNG).into()
        })?;
        self.generation.set(generation);
        Ok(())
    }

    fn power_off(&self) -> Result<()> {
        // SAFETY: takes numbers. Files are written out first, since nothing is after.
        unsafe { libc::sync() };
        // SAFETY: as above. Needs CAP_SYS_BOOT.
        checked("power off", unsafe {
            libc::reboot(libc::RB_POWER_OFF).into()
        })
    }
}

fn checked(what: &str, value: libc::c_long) -> Result<()> {
    if value == -1 {
        let errno = std::io::Error::last_os_error().raw_os_error();
        return Err(Status::of(
            what,
            Errno::from_raw_os_error(errno.unwrap_or(libc::EIO)),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::thread::{capabilities, set_capabilities, CapabilitySet, CapabilitySets};

    /// Capabilities are a thread's own: what this one asks for is refused, whoever runs the test, and the machine
    /// that runs it stays as it is.
    fn without_capabilities(test: impl FnOnce() + Send + 'static) {
        let thread = std::thread::spawn(|| {
            let none = CapabilitySet::empty();
            let sets = CapabilitySets {
                effective: none,
                permitted: none,
                inheritable: none,
            };
            set_capabilities(None, sets).expect("fewer can be had always");
            assert_eq!(capabilities(None).expect("ours").effective, none);
            test();
        });
        thread.join().expect("the test");
    }

    #[test]
    fn a_guest_asks_the_kernel_and_tells_its_refusal() {
        without_capabilities(|| {
            let guest = Guest::new(4);
            let code = |done: Result<()>| done.map_err(|status| status.code);
            let denied = Err(Code::PermissionDenied);
            assert_eq!(code(guest.set_clock(1_800_000_000_000_000_000)), denied);
            assert_eq!(code(guest.reseed(&[7; 64], 5)), denied);
            // What was not reseeded is no new generation.
            assert_eq!(guest.generation(), 4);
        });
    }

    #[test]
    fn what_makes_no_sense_is_not_asked() {
        without_capabilities(|| {
            let guest = Guest::new(4);
            let code = |done: Result<()>| done.map_err(|status| status.code);
            let invalid = Err(Code::InvalidArgument);
            assert_eq!(code(guest.set_clock(0)), invalid);
            assert_eq!(code(guest.reseed(&[7; 64], 4)), invalid);
            assert_eq!(code(NoMachine.power_off()), Err(Code::Unimplemented));
        });
    }
}
