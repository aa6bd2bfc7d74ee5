//! Copies out of a caller's memory (process_vm_readv(2)). A copy is what gets decided on.

use rustix::io::Errno;

use super::listener::checked;

const PAGE: u64 = 4096;

/// As much as the kernel itself reads of a path.
const PATH_MAX: usize = 4096;

/// Exactly `length` bytes, or EFAULT.
pub fn bytes(tid: u32, address: u64, length: usize) -> Result<Vec<u8>, Errno> {
    let mut copy = vec![0; length];
    if length > 0 && read(tid, address, &mut copy)? < length {
        return Err(Errno::FAULT);
    }
    Ok(copy)
}

/// Up to the terminating zero, which is left away; a longer string is cut.
pub fn string(tid: u32, address: u64) -> Result<Vec<u8>, Errno> {
    let mut copy = Vec::new();
    let mut chunk = [0; PAGE as usize];
    while copy.len() < PATH_MAX {
        let from = address.checked_add(copy.len() as u64).ok_or(Errno::FAULT)?;
        // Within one page all or nothing can be read; the next one may not be there, nor needed.
        let to_page_end = (PAGE - from % PAGE) as usize;
        let want = to_page_end.min(PATH_MAX - copy.len());
        let got = read(tid, from, &mut chunk[..want])?;
        if let Some(end) = chunk[..got].iter().position(|&byte| byte == 0) {
            copy.extend_from_slice(&chunk[..end]);
            return Ok(copy);
        }
        copy.extend_from_slice(&chunk[..got]);
    }
    Ok(copy)
}

fn read(tid: u32, address: u64, into: &mut [u8]) -> Result<usize, Errno> {
    let local = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: into.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: into.len(),
    };
    // SAFETY: the kernel writes at most `into.len()` bytes into `into`; the remote address is checked by it.
    let got = unsafe { libc::process_vm_readv(tid as i32, &local, 1, &remote, 1, 0) };
    Ok(checked(got as i32)? as usize)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn own() -> u32 {
        std::process::id()
    }

    #[test]
    fn a_copy_is_what_is_there_or_a_fault() {
        let text = *b"some bytes";
        assert_eq!(bytes(own(), text.as_ptr() as u64, 4).unwrap(), b"some");
        assert_eq!(bytes(own(), 0, 0).unwrap(), b"");
        assert_eq!(bytes(own(), 8, 4), Err(Errno::FAULT));
        assert_eq!(bytes(own(), u64::MAX, 4), Err(Errno::FAULT));
    }

    #[test]
    fn a_string_ends_at_its_zero_or_is_cut() {
        let text = *b"path\0rest";
        assert_eq!(string(own(), text.as_ptr() as u64).unwrap(), b"path");
        let long = vec![b'a'; 3 * 4096];
        assert_eq!(string(own(), long.as_ptr() as u64).unwrap().len(), 4096);
        assert_eq!(string(own(), 8), Err(Errno::FAULT));
    }

    #[test]
    fn a_string_at_the_end_of_its_mapping_is_read() {
        // SAFETY: maps two pages and takes the second away; writes within the first.
        unsafe {
            let pages = libc::mmap(
                std::ptr::null_mut(),
                8192,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(pages, libc::MAP_FAILED);
            libc::munmap(pages.add(4096), 4096);
            let at = pages.cast::<u8>().add(4096 - 3);
            at.copy_from_nonoverlapping(b"ab\0".as_ptr(), 3);
            assert_eq!(string(own(), at as u64).unwrap(), b"ab");
            at.add(2).write(b'c');
            assert_eq!(string(own(), at as u64), Err(Errno::FAULT));
            libc::munmap(pages, 4096);
        }
    }
}
