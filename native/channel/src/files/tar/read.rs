//! A header's block, as ustar, older archives and GNU tar write it.

use rustix::fs::Timespec;

use super::{Entry, Kind, Result, BLOCK};

/// Of an extended header, or a GNU long name.
pub const MAX_EXTENDED: u64 = 64 << 10;

/// What a block says.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// All zeros.
    End,
    Entry(Entry),
    /// So many bytes follow that say more about the next entry.
    Extended {
        kind: Extended,
        size: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extended {
    Next,
    /// For all that follow. Left out: nobody writes what we would use into it.
    Global,
    GnuPath,
    GnuLink,
}

pub fn read(block: &[u8; BLOCK]) -> Result<Block> {
    if block.iter().all(|byte| *byte == 0) {
        return Ok(Block::End);
    }
    let sum: u64 = block
        .iter()
        .enumerate()
        // The field of the sum itself counts as spaces.
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u64::from(*byte)
            }
        })
        .sum();
    if number(&block[148..156])? != sum {
        return Err("a header whose checksum is wrong".into());
    }
    let size = number(&block[124..136])?;
    let kind = match block[156] {
        b'0' | 0 | b'7' => Kind::Regular,
        b'1' => Kind::HardLink,
        b'2' => Kind::Symlink,
        b'5' => Kind::Directory,
        b'x' => return extended(Extended::Next, size),
        b'g' => return extended(Extended::Global, size),
        b'L' => return extended(Extended::GnuPath, size),
        b'K' => return extended(Extended::GnuLink, size),
        b'3' | b'4' => return Err("a device".into()),
        b'6' => return Err("a FIFO".into()),
        b'S' => return Err("a sparse file of GNU tar (make the archive without --sparse)".into()),
        other => return Err(format!("an entry of an unknown kind, {other}")),
    };
    let name = text(&block[..100]);
    let is_ustar = &block[257..263] == b"ustar\0";
    let path = match text(&block[345..500]) {
        prefix if is_ustar && !prefix.is_empty() => [prefix, b"/", name].concat(),
        _ => name.to_vec(),
    };
    // Before POSIX a directory was a file whose name ends in a slash.
    let kind = match kind {
        Kind::Regular if path.ends_with(b"/") => Kind::Directory,
        kind => kind,
    };
    Ok(Block::Entry(Entry {
        path,
        kind,
        mode: number(&block[100..108])? as u32,
        size: if kind == Kind::Regular || kind == Kind::HardLink {
            size
        } else {
            0
        },
        modified: seconds(number(&block[136..148])?),
        link: text(&block[157..257]).to_vec(),
    }))
}

fn extended(kind: Extended, size: u64) -> Result<Block> {
    match size > MAX_EXTENDED {
        true => Err("an extended header of more than 64 KiB".into()),
        false => Ok(Block::Extended { kind, size }),
    }
}

pub(super) fn seconds(count: u64) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(count).unwrap_or(i64::MAX),
        tv_nsec: 0,
    }
}

pub(super) fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// No file is that long, and sums with it do not overflow.
pub(super) fn within(value: u64) -> Option<u64> {
    (value < 1 << 62).then_some(value)
}

/// Octal digits, or, with the first bit set, GNU's big-endian number.
pub(super) fn number(field: &[u8]) -> Result<u64> {
    let wrong = || "a header with a number that is none".to_owned();
    if field[0] & 0x80 != 0 {
        // Negative ones (0xff) are times before 1970, and sizes never.
        let (high, low) = field[1..].split_at(field.len().saturating_sub(9));
        if field[0] != 0x80 || high.iter().any(|byte| *byte != 0) {
            return Err(wrong());
        }
        let value = low
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        return within(value).ok_or_else(wrong);
    }
    let digits = text(field);
    let digits = trimmed(digits);
    digits.iter().try_fold(0u64, |number, digit| match digit {
        b'0'..=b'7' => number
            .checked_mul(8)
            .map(|number| number + u64::from(digit - b'0'))
            .ok_or_else(wrong),
        _ => Err(wrong()),
    })
}

/// Old archives pad with spaces on either side.
fn trimmed(mut digits: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = digits {
        digits = rest;
    }
    digits
}
