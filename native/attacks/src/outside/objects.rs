//! What the witness watches over.

use crate::network::Address;
use crate::sys;
use crate::sys::{c, Res};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

pub struct Door {
    pub name: &'static str,
    pub fd: i32,
    pub stream: bool,
    pub port: u16,
}

/// Socket kinds by what they are called in reports.
pub const UNIX_KINDS: [(&str, &str, i32); 3] = [
    ("unix-stream", "abstract-stream", libc::SOCK_STREAM),
    ("unix-datagram", "abstract-datagram", libc::SOCK_DGRAM),
    ("unix-seqpacket", "abstract-seqpacket", libc::SOCK_SEQPACKET),
];

pub fn door(name: &'static str, address: &Address, kind: i32) -> Res<Door> {
    let fd = sys!(
        libc::SYS_socket,
        address.family,
        kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
        0
    )? as i32;
    sys!(libc::SYS_bind, fd, address.pointer(), address.length())?;
    let stream = kind != libc::SOCK_DGRAM;
    if stream {
        sys!(libc::SYS_listen, fd, 512)?;
    }
    let mut bytes = [0u8; 128];
    let mut length = 128u32;
    sys!(
        libc::SYS_getsockname,
        fd,
        bytes.as_mut_ptr(),
        &mut length as *mut u32
    )?;
    let port = if address.family == libc::AF_UNIX {
        0
    } else {
        u16::from_be_bytes([bytes[2], bytes[3]])
    };
    Ok(Door {
        name,
        fd,
        stream,
        port,
    })
}

pub fn start_victim(token: &str) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(["victim", token])
        .env("GLOVEBOX_VICTIM_SECRET", token)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Its own group, so that signals to a group can be told from signals to us.
        .process_group(0)
        .spawn()
}

pub fn read_line(victim: &mut Child) -> Result<String, String> {
    let out = victim.stdout.as_mut().ok_or("no output")?;
    // One byte at a time: the rest of the stream is read by descriptor later.
    let mut line = String::new();
    BufReader::with_capacity(1, out.by_ref())
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    let number: String = line.chars().filter(char::is_ascii_digit).collect();
    if number.is_empty() {
        Err("the victim said nothing".into())
    } else {
        Ok(number)
    }
}

pub fn shared_memory(key: i32, token: &str) -> Res<(i64, *mut u8)> {
    let flags = libc::IPC_CREAT | 0o600;
    let segment = sys!(libc::SYS_shmget, key, 4096, flags)?;
    let address = sys!(libc::SYS_shmat, segment, 0, 0)? as *mut u8;
    let bytes = &token.as_bytes()[..token.len().min(64)];
    // SAFETY: the segment is attached and one page long.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), address, bytes.len()) };
    sys!(libc::SYS_msgget, key, flags)?;
    sys!(libc::SYS_semget, key, 1, flags)?;
    Ok((segment, address))
}

/// A POSIX queue and a POSIX segment, which is a file.
pub fn posix_objects(name: &str, token: &str) -> Res<Vec<String>> {
    let word = c(name);
    // One message of 64 bytes: a user may have few queues of the default size.
    let attributes = [0i64, 1, 64, 0, 0, 0, 0, 0];
    let flags = libc::O_CREAT | libc::O_RDWR;
    sys!(
        libc::SYS_mq_open,
        word.as_ptr(),
        flags,
        0o600,
        attributes.as_ptr()
    )?;
    let path = format!("/dev/shm/{name}");
    sys::make_file(&path, token.as_bytes(), 0o600)?;
    Ok(vec![path])
}

pub fn send_descriptor(socket: i32, fd: i32) -> Res {
    let mut byte = [b'!'];
    let mut piece = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    // cmsghdr: a length of 20, SOL_SOCKET, SCM_RIGHTS, then the descriptor.
    let mut control = [
        20u64,
        libc::SOL_SOCKET as u64 | (libc::SCM_RIGHTS as u64) << 32,
        fd as u64,
    ];
    // SAFETY: all zeros is a valid empty msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &mut piece;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = 24;
    sys!(
        libc::SYS_sendmsg,
        socket,
        &header as *const libc::msghdr,
        libc::MSG_NOSIGNAL
    )
}
