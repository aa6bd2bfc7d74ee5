//! Headers that we write: ustar, with records of pax where its fields have no room.

use rustix::fs::Timespec;

use super::{Entry, Kind, BLOCK};

/// The blocks in front of an entry's content; with an extended header where the plain one has no room.
pub fn write(entry: &Entry) -> Vec<u8> {
    let mut records = Vec::new();
    if entry.path.len() > 100 {
        record(&mut records, b"path", &entry.path);
    }
    if entry.link.len() > 100 {
        record(&mut records, b"linkpath", &entry.link);
    }
    if entry.size >= 1 << 33 {
        record(&mut records, b"size", entry.size.to_string().as_bytes());
    }
    if entry.modified.tv_nsec != 0 || !(0..1 << 33).contains(&entry.modified.tv_sec) {
        record(
            &mut records,
            b"mtime",
            seconds_of(entry.modified).as_bytes(),
        );
    }
    let mut out = Vec::new();
    if !records.is_empty() {
        let extended = Entry {
            path: b"PaxHeader".to_vec(),
            size: records.len() as u64,
            link: Vec::new(),
            mode: 0o644,
            ..entry.clone()
        };
        out.extend(header(&extended, b'x'));
        out.extend(&records);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    let kind = match entry.kind {
        Kind::Regular => b'0',
        Kind::HardLink => b'1',
        Kind::Symlink => b'2',
        Kind::Directory => b'5',
    };
    out.extend(header(entry, kind));
    out
}

fn seconds_of(time: Timespec) -> String {
    let total = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    let sign = if total < 0 { "-" } else { "" };
    let total = total.unsigned_abs();
    format!(
        "{sign}{}.{:09}",
        total / 1_000_000_000,
        total % 1_000_000_000
    )
}

/// The length counts its own digits.
fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend(length.to_string().as_bytes());
    out.push(b' ');
    out.extend([key, b"=", value, b"\n"].concat());
}

pub(super) fn header(entry: &Entry, kind: u8) -> [u8; BLOCK] {
    let mut block = [0u8; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    let octal = |value: u64, digits: usize| format!("{value:0digits$o}\0").into_bytes();
    put(0, &entry.path[..entry.path.len().min(100)]);
    put(100, &octal(u64::from(entry.mode & 0o7777), 7));
    put(108, &octal(0, 7));
    put(116, &octal(0, 7));
    put(124, &octal(entry.size & ((1 << 33) - 1), 11));
    let seconds = u64::try_from(entry.modified.tv_sec).unwrap_or(0);
    put(136, &octal(seconds & ((1 << 33) - 1), 11));
    put(148, b"        ");
    put(156, &[kind]);
    put(157, &entry.link[..entry.link.len().min(100)]);
    put(257, b"ustar\x0000");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}
