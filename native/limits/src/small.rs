//! Files of /proc and of cgroup trees: small, made by the kernel anew for each read, and of no size that it tells.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// More than any that is read on the way to a start has.
const AT_ONCE: usize = 4096;

/// The whole file, in one call and one that finds its end. The standard library asks for the size first, and then begins with
/// 32 bytes; what `/proc/PID/stat` tells is gathered anew for each.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::with_capacity(AT_ONCE);
    let mut chunk = [0; AT_ONCE];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

pub fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_longer_than_one_read_is_read_whole() {
        let read = read_text("/proc/self/smaps").unwrap();
        assert!(read.len() > AT_ONCE, "{}", read.len());
        let last = read.lines().last().unwrap();
        assert!(last.starts_with("VmFlags:"), "{last}");
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let missing = read("/proc/self/no-such-file").map_err(|error| error.kind());
        assert_eq!(missing, Err(io::ErrorKind::NotFound));
    }
}
