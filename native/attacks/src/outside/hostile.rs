//! A guest whose kernel is the attacker's: root beside its init, who takes the channel's port away from it and uses it against
//! the host. How, says the name that the host gave to the machine: `gbx-hostile-HOW-…`.

use std::mem::size_of;

use super::accomplice::pause;
use super::unable;
use crate::sys;
use crate::sys::{c, Errno, Res};

const PREFIX: &str = "gbx-hostile-";
const HEADER: usize = 44;

/// Undefined until the machine has been made a hostile one, and for most until a sandbox's program runs in it.
pub fn wanted() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let (how, _) = name.trim_end().strip_prefix(PREFIX)?.split_once('-')?;
    (how == "early" || program_runs()).then(|| how.to_owned())
}

/// What the tests start in such a machine.
fn program_runs() -> bool {
    sys::visible_pids().into_iter().any(|pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "cat\n")
    })
}

pub fn act(how: &str) -> i32 {
    let done = match how {
        "noise" => noise(),
        "old" => old(),
        "gap" => gap(),
        "lies" => lies(),
        "half" => half(),
        "welcome" => welcome(),
        "early" | "silence" => silence(),
        "frozen" => frozen(),
        "console" => console(),
        "reboot" => reboot(),
        "panic" => std::fs::write("/proc/sysrq-trigger", "c")
            .map_err(|error| Errno(error.raw_os_error().unwrap_or(0))),
        _ => Err(Errno(libc::EINVAL)),
    };
    match done {
        Ok(()) => 0,
        Err(errno) => unable(how, errno),
    }
}

/// Init's own open file of what it speaks with the host by: a port has one opener at a time, and a connection no second end here.
fn port() -> Res<i32> {
    let all = std::fs::read_dir("/proc/1/fd")
        .map_err(|error| Errno(error.raw_os_error().unwrap_or(0)))?;
    let process = sys!(libc::SYS_pidfd_open, 1, 0)?;
    for entry in all.filter_map(Result::ok) {
        let Ok(leads_to) = std::fs::read_link(entry.path()) else {
            continue;
        };
        let leads_to = leads_to.to_string_lossy();
        let is_port = leads_to.starts_with("/dev/vport");
        if !is_port && !leads_to.starts_with("socket:") {
            continue;
        }
        let Ok(number) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        let fd = sys!(libc::SYS_pidfd_getfd, process, number, 0)? as i32;
        if is_port || is_connection(fd) {
            return Ok(fd);
        }
    }
    Err(Errno(libc::ENOENT))
}

/// Of vsock(7), and with somebody at its other end: not the socket that listens.
fn is_connection(fd: i32) -> bool {
    let mut family = [0u8; size_of::<libc::sockaddr_vm>()];
    let mut length = family.len() as libc::socklen_t;
    let asked = sys!(
        libc::SYS_getpeername,
        fd,
        family.as_mut_ptr(),
        &mut length as *mut libc::socklen_t
    );
    asked.is_ok() && family[..2] == (libc::AF_VSOCK as libc::sa_family_t).to_ne_bytes()
}

/// All of it, however long the host lets us wait. Init has made the port non-blocking.
fn put(port: i32, bytes: &[u8]) -> Res<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match sys!(libc::SYS_write, port, rest.as_ptr(), rest.len()) {
            Ok(count) => rest = &rest[count as usize..],
            Err(Errno(libc::EAGAIN)) => wait(port, libc::POLLOUT)?,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn wait(port: i32, events: i16) -> Res<()> {
    let mut poll = libc::pollfd {
        fd: port,
        events,
        revents: 0,
    };
    sys!(
        crate::older::SYS_poll,
        &mut poll as *mut libc::pollfd,
        1,
        -1
    )
    .map(drop)
}

fn take(port: i32) -> Res<Vec<u8>> {
    loop {
        match sys::read_some(port, 65536) {
            Err(Errno(libc::EAGAIN)) => wait(port, libc::POLLIN)?,
            other => return other,
        }
    }
}

/// The host's session, from the next frame of it: 16 bytes.
fn session(port: i32) -> Res<Vec<u8>> {
    loop {
        let bytes = take(port)?;
        if bytes.len() >= HEADER && bytes.starts_with(b"GBX\x01") {
            return Ok(bytes[8..24].to_vec());
        }
    }
}

/// A frame as it should be (docs/channel.md, "Framing").
fn frame(kind: u8, session: &[u8], sequence: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [b"GBX\x01", &[kind, 0, 0, 0][..], session].concat();
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&checksum(payload).to_be_bytes());
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// CRC-32 of ISO 3309.
fn checksum(bytes: &[u8]) -> u32 {
    if bytes.is_empty() {
        return 0;
    }
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

/// Bytes without meaning, without end.
fn noise() -> Res<()> {
    let port = port()?;
    let mut bytes = vec![0u8; 65536];
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    loop {
        for byte in &mut bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state as u8;
        }
        put(port, &bytes)?;
    }
}

/// Right frames that were delivered long ago, without end: each is dropped, and none ends the connection.
fn old() -> Res<()> {
    let port = port()?;
    let session = session(port)?;
    let one = frame(3, &session, 0, &[0u8; 16]);
    let many = one.repeat(1000);
    loop {
        put(port, &many)?;
    }
}

/// Heads of frames behind each other, each of which has the next 64 KiB summed up in vain.
fn lies() -> Res<()> {
    let port = port()?;
    let whole = frame(3, &[7u8; 16], 0, &vec![7u8; 65536]);
    let many = whole[..HEADER].repeat(1000);
    loop {
        put(port, &many)?;
    }
}

/// A right frame from far ahead.
fn gap() -> Res<()> {
    let port = port()?;
    let session = session(port)?;
    put(port, &frame(3, &session, u64::MAX, b"ahead"))?;
    loop {
        pause(1000);
    }
}

/// The head of a frame whose payload never comes, and all that init says goes for it.
fn half() -> Res<()> {
    let port = port()?;
    let session = session(port)?;
    let whole = frame(3, &session, 1, &vec![7u8; 65536]);
    put(port, &whole[..HEADER + 10])?;
    swallow(port)
}

/// Welcomes of another generation to a host that is long connected, without end.
fn welcome() -> Res<()> {
    let port = port()?;
    let session = session(port)?;
    let mut many = Vec::new();
    for generation in 0..500u64 {
        let about = [&generation.to_be_bytes()[..], &[9u8; 16]].concat();
        many.extend(frame(2, &session, 0, &about));
    }
    loop {
        put(port, &many)?;
    }
}

/// Nothing that the host says reaches init any more.
fn silence() -> Res<()> {
    swallow(port()?)
}

fn swallow(port: i32) -> Res<()> {
    loop {
        take(port)?;
    }
}

/// Init stands still, and nobody reads the port.
fn frozen() -> Res<()> {
    sys!(libc::SYS_ptrace, libc::PTRACE_SEIZE, 1, 0, 0)?;
    sys!(libc::SYS_ptrace, libc::PTRACE_INTERRUPT, 1, 0, 0)?;
    loop {
        pause(1000);
    }
}

/// The console, as fast as it goes.
fn console() -> Res<()> {
    let fd = sys::open("/dev/console", libc::O_WRONLY)?;
    let lines = "\u{1b}]0;owned\u{7}glovebox: all is well\n".repeat(1000);
    loop {
        sys::write_all(fd, lines.as_bytes())?;
    }
}

fn reboot() -> Res<()> {
    let nothing = c("");
    sys!(
        libc::SYS_reboot,
        libc::LINUX_REBOOT_MAGIC1,
        libc::LINUX_REBOOT_MAGIC2,
        libc::LINUX_REBOOT_CMD_RESTART,
        nothing.as_ptr()
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `native/wire/fixtures/framing.json`: what is sent has to be believed, or the attack is none.
    #[test]
    fn frames_have_the_checksums_of_the_specification() {
        assert_eq!(checksum(b"abc"), 0x3524_41c2);
        let whole = frame(3, &[0u8; 16], 5, b"abc");
        assert_eq!(whole.len(), HEADER + 3);
        assert_eq!(&whole[32..40], [0, 0, 0, 3, 0x35, 0x24, 0x41, 0xc2]);
    }
}
