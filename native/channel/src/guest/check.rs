//! What the host says about a guest, before anything is done with it.

use crate::identity::Identity;
use crate::status::{Result, Status};

/// As a plan's `id` and a host's name are written.
const NAME: usize = 64;
/// `sun_path` of a Unix socket's address, without its NUL.
const SOCKET_PATH: usize = 107;

pub fn entropy(bytes: &[u8]) -> Result<&[u8]> {
    match bytes.len() {
        32..=512 => Ok(bytes),
        _ => Err(Status::invalid("entropy: must be 32 to 512 bytes")),
    }
}

pub fn generation(wanted: u64, identity: &Identity) -> Result<()> {
    match wanted > identity.generation() {
        true => Ok(()),
        false => Err(Status::invalid(format!(
            "generation: must be above {}",
            identity.generation()
        ))),
    }
}

pub fn time(unix_ns: i64) -> Result<i64> {
    match unix_ns > 0 {
        true => Ok(unix_ns),
        false => Err(Status::invalid("unix_ns: must be after 1970")),
    }
}

pub fn hostname(name: &str) -> Result<&str> {
    match is_name(name.as_bytes()) {
        true => Ok(name),
        false => Err(Status::invalid(
            "hostname: must be 1 to 64 of a-z, 0-9 and \"-\"",
        )),
    }
}

pub fn machine_id(bytes: &[u8]) -> Result<&[u8]> {
    // machine-id(5): all zeros is no machine.
    match bytes.len() == 16 && bytes.iter().any(|byte| *byte != 0) {
        true => Ok(bytes),
        false => Err(Status::invalid("machine_id: must be 16 bytes, not all 0")),
    }
}

/// A socket's path as the sandbox's ID and a name in its directory.
pub fn socket<'a>(path: &'a [u8], below: &[u8]) -> Result<(&'a str, &'a str)> {
    let parts = || {
        let rest = path.strip_prefix(below)?.strip_prefix(b"/")?;
        let (id, name) = std::str::from_utf8(rest).ok()?.split_once('/')?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_plain = !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain);
        let fits = path.len() <= SOCKET_PATH;
        (fits && is_plain && is_name(id.as_bytes())).then_some((id, name))
    };
    parts().ok_or_else(|| {
        Status::invalid(format!(
            "path: must be {}/ID/NAME, {SOCKET_PATH} bytes at most",
            String::from_utf8_lossy(below)
        ))
    })
}

/// Whole lines, so that what comes next is not read as their end.
pub fn lines(bytes: &[u8]) -> Result<()> {
    match bytes.ends_with(b"\n") {
        true => Ok(()),
        false => Err(Status::invalid("command: must end with a newline")),
    }
}

fn is_name(bytes: &[u8]) -> bool {
    let plain = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=NAME).contains(&bytes.len()) && bytes.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_lies_in_the_directory_of_one_sandbox() {
        let of = |path: &str| socket(path.as_bytes(), b"/s").is_ok();
        assert_eq!(socket(b"/s/a-1/egress", b"/s"), Ok(("a-1", "egress")));
        let long = format!("/s/{}/{}", "a".repeat(64), "b".repeat(50));
        for wrong in [
            "/s",
            "/s/a",
            "/s/a/",
            "/s//a",
            "/s/../x/y",
            "/s/a/../y",
            "/s/a/b/c",
            "/s/a/.x",
            "/s/A/x",
            "/t/a/x",
            "s/a/x",
            "/s/a/x\0",
            &long,
        ] {
            assert!(!of(wrong), "{wrong}");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        assert!(hostname("gb-1").is_ok());
        for wrong in ["", "A", "a.b", "a b", "a\n", &"a".repeat(65)] {
            assert!(hostname(wrong).is_err(), "{wrong:?}");
        }
        assert!(machine_id(&[1; 16]).is_ok());
        assert!(machine_id(&[0; 16]).is_err() && machine_id(&[1; 15]).is_err());
    }
}
