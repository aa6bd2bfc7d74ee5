//! Devices appear when their modules are loaded, some of them a little later: the kernel's own messages say when.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fs::{open, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::netlink::{SocketAddrNetlink, KOBJECT_UEVENT};
use rustix::net::{bind, recv, socket_with, AddressFamily, RecvFlags, SocketFlags, SocketType};

use super::vsock;
use crate::fault::{Fault, Outcome, Step};

const STAGE: &str = "devices";

/// What the host's end of the port is called.
const PORT: &str = "glovebox.channel";
const PORTS: &str = "/sys/class/virtio-ports";

/// A busy host under emulation takes its time; one that has no such device never comes to it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The kernel's messages about devices (netlink(7), NETLINK_KOBJECT_UEVENT).
pub struct Events(OwnedFd);

impl Events {
    pub fn listen() -> Outcome<Events> {
        // The one group that there is: the kernel's own.
        const KERNEL: u32 = 1;
        let open = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let kind = SocketType::DGRAM;
            let socket = socket_with(AddressFamily::NETLINK, kind, flags, Some(KOBJECT_UEVENT))?;
            bind(&socket, &SocketAddrNetlink::new(0, KERNEL))?;
            Ok(Events(socket))
        };
        open().step(STAGE, || "hear of devices".into())
    }

    /// Until `found` is. What the messages say does not matter.
    fn until<T>(&mut self, what: &str, found: impl Fn() -> Option<T>) -> Outcome<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = found() {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fault::host(STAGE, format!("there is no {what}")));
            }
            self.next(left).step(STAGE, || "hear of devices".into())?;
        }
    }

    fn next(&mut self, patience: Duration) -> rustix::io::Result<()> {
        let timeout = Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let mut message = [0u8; 4096];
        loop {
            match recv(&self.0, &mut message[..], RecvFlags::DONTWAIT) {
                // More than the socket holds is news too.
                Ok(_) | Err(Errno::INTR | Errno::NOBUFS) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(errno) => return Err(errno),
            }
        }
    }
}

pub fn wait_for_file(events: &mut Events, path: &str) -> Outcome<String> {
    events.until(path, || Path::new(path).exists().then(|| path.to_owned()))
}

/// What the host speaks through: a monitor gives its guests one of the two.
pub enum Way {
    Port(OwnedFd),
    /// Listens already.
    Vsock(OwnedFd),
}

pub fn wait_for_way(events: &mut Events) -> Outcome<Way> {
    enum Found {
        Port(String),
        Vsock,
    }
    let find = || {
        let port = find_port().map(Found::Port);
        port.or_else(|| vsock::is_there().then_some(Found::Vsock))
    };
    match events.until(&format!("port {PORT} and no vsock device"), find)? {
        Found::Port(device) => {
            // Only one may have it open (drivers/char/virtio_console.c): as long as this is, nobody else gets in.
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let port = open(&device, flags, Mode::empty());
            port.step(STAGE, || format!("open {device}")).map(Way::Port)
        }
        Found::Vsock => vsock::listener()
            .step(STAGE, || "listen for the host".into())
            .map(Way::Vsock),
    }
}

fn find_port() -> Option<String> {
    // Not there before the first port is.
    let ports = fs::read_dir(PORTS).ok()?;
    ports.flatten().find_map(|port| {
        let name = fs::read_to_string(port.path().join("name")).ok()?;
        let device = port.file_name().into_string().ok()?;
        (name.trim_end() == PORT).then(|| format!("/dev/{device}"))
    })
}
