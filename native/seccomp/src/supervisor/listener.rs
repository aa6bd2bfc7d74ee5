//! The descriptor of the filter's notifications (seccomp_unotify(2)).

use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

pub struct Listener {
    fd: OwnedFd,
}

/// One call that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub struct Notification {
    pub id: u64,
    /// The thread, as our pid namespace numbers it.
    pub tid: u32,
    pub number: i32,
    pub args: [u64; 6],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The kernel makes the call, with whatever the arguments point to by then.
    Continue,
    Value(i64),
    Errno(i32),
}

/// Requests of the listener (`linux/seccomp.h`): the type is `!`, the sizes are those of the structures.
const RECV: libc::Ioctl = 0xC050_2100;
const SEND: libc::Ioctl = 0xC018_2101;
const ID_VALID: libc::Ioctl = 0x4008_2102;
const ADDFD: libc::Ioctl = 0x4018_2103;
const SET_FLAGS: libc::Ioctl = 0x4008_2104;

/// The kernel writes as many bytes as its own version of the structure has.
#[repr(C)]
union Buffer<T: Copy> {
    value: T,
    room: [u64; 64],
}

/// Wakes the supervisor on the CPU where the caller is, which saves three quarters of the time (6.6).
const SYNC_WAKE_UP: u64 = 1;

impl Listener {
    pub fn new(fd: OwnedFd) -> Result<Self, Errno> {
        let mut sizes = libc::seccomp_notif_sizes {
            seccomp_notif: 0,
            seccomp_notif_resp: 0,
            seccomp_data: 0,
        };
        // SAFETY: the kernel writes three numbers into `sizes`.
        let result = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_GET_NOTIF_SIZES,
                0,
                &mut sizes,
            )
        };
        checked(result as i32)?;
        let room = size_of::<Buffer<u64>>();
        if usize::from(sizes.seccomp_notif) > room || usize::from(sizes.seccomp_notif_resp) > room {
            return Err(Errno::TOOBIG);
        }
        let listener = Self { fd };
        match listener.ioctl(SET_FLAGS, SYNC_WAKE_UP as *mut u64) {
            // An older kernel does not know the request, and works without.
            Ok(_) | Err(Errno::INVAL | Errno::NOTTY) => Ok(listener),
            Err(error) => Err(error),
        }
    }

    /// `None` if the caller was gone before it could be read, or a signal came.
    pub fn receive(&self) -> Result<Option<Notification>, Errno> {
        // The kernel insists on zeros.
        let mut buffer = Buffer::<libc::seccomp_notif> { room: [0; 64] };
        match self.ioctl(RECV, std::ptr::addr_of_mut!(buffer)) {
            Ok(_) => {
                // SAFETY: the kernel has filled it, and any bits are a valid value.
                let notification = unsafe { buffer.value };
                Ok(Some(Notification {
                    id: notification.id,
                    tid: notification.pid,
                    number: notification.data.nr,
                    args: notification.data.args,
                }))
            }
            Err(Errno::NOENT | Errno::INTR) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the caller still waits, and so was the one with its tid all the time until now.
    pub fn waits(&self, id: u64) -> bool {
        let mut id = id;
        self.ioctl(ID_VALID, &mut id).is_ok()
    }

    /// `false` if nobody waits for the answer any more.
    pub fn answer(&self, id: u64, answer: Answer) -> Result<bool, Errno> {
        let (val, error, flags) = match answer {
            Answer::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Answer::Value(value) => (value, 0, 0),
            Answer::Errno(errno) => (0, -errno, 0),
        };
        let mut buffer = Buffer::<libc::seccomp_notif_resp> { room: [0; 64] };
        buffer.value = libc::seccomp_notif_resp {
            id,
            val,
            error,
            flags,
        };
        still_there(self.ioctl(SEND, std::ptr::addr_of_mut!(buffer)))
    }

    /// Gives the caller a descriptor and answers with its number; `Err` is the caller's own (EMFILE).
    pub fn answer_with(
        &self,
        id: u64,
        fd: BorrowedFd<'_>,
        close_on_exec: bool,
    ) -> Result<bool, Errno> {
        let mut added = libc::seccomp_notif_addfd {
            id,
            flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
            srcfd: fd.as_raw_fd() as u32,
            newfd: 0,
            newfd_flags: if close_on_exec {
                libc::O_CLOEXEC as u32
            } else {
                0
            },
        };
        still_there(self.ioctl(ADDFD, &mut added))
    }

    fn ioctl<T>(&self, request: libc::Ioctl, argument: *mut T) -> Result<i32, Errno> {
        // SAFETY: each caller passes the structure of its request, at least as large as the kernel's
        // (`new` compared the sizes), or a number where the request takes one.
        checked(unsafe { libc::ioctl(self.fd.as_raw_fd(), request, argument) })
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// ENOENT says that the caller died, or was interrupted and will make its call again.
fn still_there(result: Result<i32, Errno>) -> Result<bool, Errno> {
    match result {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

pub fn checked(result: i32) -> Result<i32, Errno> {
    if result < 0 {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
    } else {
        Ok(result)
    }
}
