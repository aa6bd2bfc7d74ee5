//! The outside of a guest: a program that runs as root beside `/init`, in none of its sandboxes. A test's initrd has this
//! program as `/init` and glovebox-inside as `/inside`: we leave a child behind and become the real one. The child runs what
//! the test asks for (control runs, witnesses), and where the machine's name says so, turns on the host (`hostile`).

use super::{become_program, hostile, unable};
use crate::sys;
use crate::sys::{c, close, Errno, Res};

/// Where the host finds us, by `Ports.Connect`. Nothing in a sandbox's tree.
const SOCKET: &str = "/run/accomplice";
/// Made by the real init when the root is there and can be written to.
const READY: &str = "/../run/glovebox/s";
const LONGEST_REQUEST: usize = 256 * 1024;

pub fn is_init() -> bool {
    std::process::id() == 1 && std::env::args().next().is_some_and(|name| name == "/init")
}

/// Returns only where the real init cannot be started.
pub fn init() -> i32 {
    let left = sys::fork_with(|| match stay() {
        Ok(()) => 0,
        Err(errno) => unable("accomplice", errno),
    });
    if let Err(errno) = left {
        return unable("accomplice", errno);
    }
    let failed = become_init();
    unable("/inside", failed.err().unwrap_or(Errno(0)))
}

/// The real init knows itself by its name.
fn become_init() -> Res {
    let (path, name) = (c("/inside"), c("/init"));
    let argv = [name.as_ptr(), std::ptr::null()];
    let envp: [*const libc::c_char; 1] = [std::ptr::null()];
    sys!(
        libc::SYS_execve,
        path.as_ptr(),
        argv.as_ptr(),
        envp.as_ptr()
    )
}

fn stay() -> Res<()> {
    // The initrd's root is ours for good; what is mounted over it is found by leaving it upwards.
    while std::fs::metadata(READY).is_err() {
        pause(20);
    }
    sys!(libc::SYS_chdir, c("/..").as_ptr())?;
    sys!(libc::SYS_chroot, c(".").as_ptr())?;
    sys!(libc::SYS_setsid)?;
    let listener = listen()?;
    let mut turned = false;
    loop {
        let mut poll = libc::pollfd {
            fd: listener,
            events: libc::POLLIN,
            revents: 0,
        };
        match sys!(
            crate::older::SYS_poll,
            &mut poll as *mut libc::pollfd,
            1,
            20
        ) {
            Ok(0) | Err(Errno(libc::EINTR)) => {}
            Ok(_) => answer(listener)?,
            Err(errno) => return Err(errno),
        }
        if !turned {
            if let Some(how) = hostile::wanted() {
                turned = true;
                sys::fork_with(|| hostile::act(&how))?;
            }
        }
        // Ours that have ended.
        while sys!(libc::SYS_wait4, -1, 0, libc::WNOHANG, 0).is_ok_and(|pid| pid > 0) {}
    }
}

pub fn pause(milliseconds: u64) {
    std::thread::sleep(std::time::Duration::from_millis(milliseconds));
}

fn listen() -> Res<i32> {
    let address = crate::network::Address::unix(SOCKET);
    let fd = sys!(
        libc::SYS_socket,
        libc::AF_UNIX,
        libc::SOCK_STREAM | libc::SOCK_CLOEXEC,
        0
    )? as i32;
    sys!(libc::SYS_bind, fd, address.pointer(), address.length())?;
    sys!(libc::SYS_listen, fd, 64)?;
    Ok(fd)
}

/// One connection is one run of a program of the guest's: a line of words with tabs between them, its path first, then its stdin; back
/// come its output and its complaints.
fn answer(listener: i32) -> Res<()> {
    let connection = sys!(libc::SYS_accept4, listener, 0, 0, libc::SOCK_CLOEXEC)? as i32;
    let child = sys::fork_with(|| {
        close(listener);
        let words = match request(connection) {
            Ok(words) => words,
            Err(errno) => return unable("request", errno),
        };
        for fd in 0..3 {
            if let Err(errno) = sys!(libc::SYS_dup3, connection, fd, 0) {
                return unable("streams", errno);
            }
        }
        let failed = become_program(&words);
        unable("program", failed.err().unwrap_or(Errno(0)))
    });
    close(connection);
    child.map(drop)
}

fn request(connection: i32) -> Res<Vec<String>> {
    let mut line = Vec::new();
    while line.len() < LONGEST_REQUEST {
        match sys::read_some(connection, 1)?.first() {
            None => return Err(Errno(libc::EPIPE)),
            Some(b'\n') => {
                let text = String::from_utf8(line).map_err(|_| Errno(libc::EINVAL))?;
                return Ok(text.split('\t').map(str::to_owned).collect());
            }
            Some(byte) => line.push(*byte),
        }
    }
    Err(Errno(libc::E2BIG))
}
