//! Headers of archives: POSIX pax (IEEE Std 1003.1, "pax Interchange Format"), and what GNU tar writes for long
//! names and large numbers. Pure: bytes in, entries out.

mod extended;
mod read;
mod write;

pub use extended::More;
pub use read::{read, Block};
pub use write::write;

use rustix::fs::Timespec;

pub const BLOCK: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Regular,
    Directory,
    Symlink,
    HardLink,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub path: Vec<u8>,
    pub kind: Kind,
    pub mode: u32,
    pub size: u64,
    pub modified: Timespec,
    pub link: Vec<u8>,
}

type Result<T> = std::result::Result<T, String>;

#[cfg(test)]
mod tests {
    use super::read::{number, seconds, Extended};
    use super::write::header;
    use super::*;

    fn entry(path: &[u8]) -> Entry {
        Entry {
            path: path.to_vec(),
            kind: Kind::Regular,
            mode: 0o640,
            size: 3,
            modified: seconds(1_700_000_000),
            link: Vec::new(),
        }
    }

    fn read_back(bytes: &[u8]) -> Entry {
        let mut more = More::default();
        let mut at = 0;
        loop {
            let block: &[u8; BLOCK] = bytes[at..at + BLOCK].try_into().expect("a block");
            at += BLOCK;
            match read(block).expect("a header") {
                Block::Extended { kind, size } => {
                    let content = &bytes[at..at + size as usize];
                    more.take(kind, content).expect("records");
                    at += (size as usize).next_multiple_of(BLOCK);
                }
                Block::Entry(mut entry) => {
                    more.apply(&mut entry);
                    assert_eq!(at, bytes.len());
                    return entry;
                }
                Block::End => panic!("an end"),
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for entry in [
            entry(b"a"),
            Entry {
                kind: Kind::Directory,
                size: 0,
                ..entry(b"d/")
            },
            Entry {
                kind: Kind::Symlink,
                size: 0,
                link: vec![b'l'; 300],
                ..entry(b"s")
            },
            Entry {
                size: 1 << 40,
                ..entry(&[b'x'; 1000])
            },
            Entry {
                modified: Timespec {
                    tv_sec: -2,
                    tv_nsec: 500_000_000,
                },
                ..entry(b"old")
            },
            entry(&[0xff; 98]),
            entry(&[b'n'; 99]),
            entry(&[b'n'; 100]),
        ] {
            assert_eq!(read_back(&write(&entry)), entry);
        }
    }

    #[test]
    fn gnu_numbers_and_names_are_read() {
        let mut block = header(&entry(b"big"), b'0');
        block[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]);
        let sum = |block: &mut [u8; BLOCK]| {
            block[148..156].copy_from_slice(b"        ");
            let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        };
        sum(&mut block);
        let Ok(Block::Entry(read_entry)) = read(&block) else {
            panic!("an entry")
        };
        assert_eq!(read_entry.size, 3 << 32);
        let mut more = More::default();
        more.take(Extended::GnuPath, b"long/name\0")
            .expect("a name");
        let mut named = entry(b"cut");
        more.apply(&mut named);
        assert_eq!(named.path, b"long/name");
    }

    #[test]
    fn no_number_is_too_much() {
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 1, 0]), Ok(256));
        assert!(number(&[0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_ok());
        assert!(number(&[0x80, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(number(&[0xff; 12]).is_err());
        assert!(number(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
        let mut more = More::default();
        assert!(more
            .take(Extended::Next, b"29 size=18446744073709551615\n")
            .is_err());
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let mut block = header(&entry(b"a"), b'0');
        block[0] ^= 1;
        assert!(read(&block).is_err(), "the checksum");
        for kind in [b'3', b'4', b'6', b'S', b'?'] {
            assert!(read(&header(&entry(b"a"), kind)).is_err(), "{kind}");
        }
        for records in [
            &b"5 a=b\n"[..],
            b"99 a=b\n",
            b"x a=b\n",
            b"6 a=b ",
            b"13 size=many\n\n",
        ] {
            assert!(
                More::default().take(Extended::Next, records).is_err(),
                "{records:?}"
            );
        }
    }
}
