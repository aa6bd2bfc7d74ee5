//! The clock, the generator, the names and the power of this machine.

use std::cell::{Cell, RefCell};
use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;

use glovebox_channel::{Code, Machine, Status};
use rustix::fs::{open, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{mount, mount_bind, MountFlags};

use super::mounts::GIVEN;
use super::{names, standstill};
use crate::kernel::{c_str, checked};

type Result<T> = std::result::Result<T, Status>;

#[derive(Default)]
pub struct Own {
    is_named: Cell<bool>,
    /// Of a template in which a server is up.
    sandbox: RefCell<Option<names::Sandbox>>,
    has_given: Cell<bool>,
}

/// random(4). `struct rand_pool_info` is two ints and the bytes.
const RNDADDENTROPY: libc::c_ulong = 0x4008_5203;
const RNDRESEEDCRNG: libc::c_ulong = 0x5207;
/// <linux/fs.h>
const BLKFLSBUF: libc::c_ulong = 0x1261;

const MACHINE_ID: &str = "/etc/machine-id";
const SECOND_DRIVE: &str = "/dev/vdb";

impl Machine for Own {
    fn set_clock(&self, unix_ns: i64) -> Result<()> {
        let time = libc::timespec {
            tv_sec: unix_ns / 1_000_000_000,
            tv_nsec: unix_ns % 1_000_000_000,
        };
        // SAFETY: reads a timespec of ours. Needs CAP_SYS_TIME in the first user namespace.
        done("set the clock", unsafe {
            libc::syscall(libc::SYS_clock_settime, libc::CLOCK_REALTIME, &time)
        })
    }

    fn reseed(&self, entropy: &[u8]) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let device = open("/dev/urandom", flags, Mode::empty())
            .map_err(|errno| Status::of("/dev/urandom", errno))?;
        let length = entropy.len() as i32;
        let mut pool = Vec::with_capacity(8 + entropy.len());
        pool.extend_from_slice(&(length * 8).to_ne_bytes());
        pool.extend_from_slice(&length.to_ne_bytes());
        pool.extend_from_slice(entropy);
        // Credited, so that a generator that waits for its first seed stops waiting.
        // SAFETY: the kernel reads a rand_pool_info with the length in it. Needs CAP_SYS_ADMIN.
        done("add entropy", unsafe {
            libc::ioctl(device.as_raw_fd(), RNDADDENTROPY as _, pool.as_ptr()).into()
        })?;
        // Mixed in is not yet used: until the next reseeding two clones would give out the same bytes.
        // SAFETY: takes no argument. Needs CAP_SYS_ADMIN.
        done("reseed", unsafe {
            libc::ioctl(device.as_raw_fd(), RNDRESEEDCRNG as _).into()
        })
    }

    fn name(&self, hostname: &str, machine_id: &[u8]) -> Result<()> {
        rustix::system::sethostname(hostname.as_bytes())
            .map_err(|errno| Status::of("name the machine", errno))?;
        names::write(hostname, machine_id).map_err(|error| of_io("write the names", &error))?;
        if let Some(sandbox) = self.sandbox.borrow().as_ref() {
            let renamed = sandbox.rename(hostname);
            renamed.map_err(|error| of_io("name the sandbox", &error))?;
        }
        // Over the image's, which all clones have. An image without one has none to share.
        if !self.is_named.replace(true) && Path::new(MACHINE_ID).exists() {
            mount_bind(names::MACHINE_ID, MACHINE_ID)
                .map_err(|errno| Status::of(MACHINE_ID, errno))?;
        }
        Ok(())
    }

    fn mount_given(&self) -> Result<()> {
        if self.has_given.get() {
            return Err(Status::new(Code::AlreadyExists, "it is mounted already"));
        }
        let told = |errno| Status::of("the second drive", errno);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let drive = open(SECOND_DRIVE, flags, Mode::empty()).map_err(told)?;
        // What was read of it when the template was made was another file's.
        // SAFETY: takes no argument. Needs CAP_SYS_ADMIN.
        done("forget the old drive", unsafe {
            libc::ioctl(drive.as_raw_fd(), BLKFLSBUF as _, 0).into()
        })?;
        drop(drive);
        match fs::create_dir(GIVEN) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(of_io(GIVEN, &error))
            }
            _ => {}
        }
        // The host's files for this sandbox: executed by plans that say so, so not NOEXEC.
        let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
        mount(SECOND_DRIVE, GIVEN, c_str(b"erofs\0"), flags, None).map_err(told)?;
        self.has_given.set(true);
        Ok(())
    }

    fn freeze(&self, frozen: bool) -> Result<()> {
        if frozen {
            let found = names::of_sandbox();
            *self.sandbox.borrow_mut() =
                found.map_err(|error| of_io("find the sandbox", &error))?;
        }
        standstill::set(frozen).map_err(|error| of_io("freeze the sandbox", &error))
    }

    fn is_frozen(&self) -> Result<bool> {
        standstill::is_there().map_err(|error| of_io("freeze the sandbox", &error))
    }

    /// Whoever asked sees the machine's end instead of an answer.
    fn power_off(&self) -> Result<()> {
        Err(Status::of("power off", stop()))
    }
}

/// A monitor that was told not to reboot takes this for the end (QEMU's -no-reboot, Firecracker); switching the power off
/// it may not notice. That the kernel resets the processor, and does not jump into the firmware, its command line says.
pub fn stop() -> Errno {
    // SAFETY: takes a number. Needs CAP_SYS_BOOT. Nothing has to be written out: there are no writable drives.
    match checked(unsafe { libc::reboot(libc::RB_AUTOBOOT) }.into()) {
        Err(errno) => errno,
        Ok(_) => Errno::IO,
    }
}

fn done(what: &str, value: libc::c_long) -> Result<()> {
    checked(value)
        .map(drop)
        .map_err(|errno| Status::of(what, errno))
}

fn of_io(what: &str, error: &std::io::Error) -> Status {
    Status::of(what, Errno::from_io_error(error).unwrap_or(Errno::IO))
}
