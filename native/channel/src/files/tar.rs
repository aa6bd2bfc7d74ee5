//! Headers of archives: POSIX pax (IEEE Std 1003.1, "pax Interchange Format"), and what GNU tar writes for long
//! names and large numbers. Pure: bytes in, entries out.

use rustix::fs::Timespec;

pub const BLOCK: usize = 512;

/// Of an extended header, or a GNU long name.
pub const MAX_EXTENDED: u64 = 64 << 10;

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

/// What extended headers said about the next entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct More {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    modified: Option<Timespec>,
}

type Result<T> = std::result::Result<T, String>;

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

fn seconds(count: u64) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(count).unwrap_or(i64::MAX),
        tv_nsec: 0,
    }
}

fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// No file is that long, and sums with it do not overflow.
fn within(value: u64) -> Option<u64> {
    (value < 1 << 62).then_some(value)
}

/// Octal digits, or, with the first bit set, GNU's big-endian number.
fn number(field: &[u8]) -> Result<u64> {
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

impl More {
    pub fn take(&mut self, kind: Extended, content: &[u8]) -> Result<()> {
        match kind {
            Extended::Global => Ok(()),
            Extended::GnuPath => {
                self.path = Some(text(content).to_vec());
                Ok(())
            }
            Extended::GnuLink => {
                self.link = Some(text(content).to_vec());
                Ok(())
            }
            Extended::Next => self.take_records(content),
        }
    }

    /// Records of the form "LENGTH KEY=VALUE\n", the length being that of the whole record.
    fn take_records(&mut self, mut content: &[u8]) -> Result<()> {
        let wrong = || "an extended header that cannot be read".to_owned();
        while !content.is_empty() {
            let space = content
                .iter()
                .position(|byte| *byte == b' ')
                .ok_or_else(wrong)?;
            let length: usize = ascii(&content[..space]).ok_or_else(wrong)?;
            if length <= space + 1 || length > content.len() || content[length - 1] != b'\n' {
                return Err(wrong());
            }
            let record = &content[space + 1..length - 1];
            let equals = record
                .iter()
                .position(|byte| *byte == b'=')
                .ok_or_else(wrong)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(ascii(value).and_then(within).ok_or_else(wrong)?),
                b"mtime" => self.modified = Some(time(value).ok_or_else(wrong)?),
                key if key.starts_with(b"GNU.sparse") => {
                    return Err(
                        "a sparse file of GNU tar (make the archive without --sparse)".into(),
                    )
                }
                // Owners, access times, and what others have invented.
                _ => {}
            }
            content = &content[length..];
        }
        Ok(())
    }

    pub fn apply(self, entry: &mut Entry) {
        if let Some(path) = self.path {
            entry.path = path;
        }
        if let Some(link) = self.link {
            entry.link = link;
        }
        if let (Some(size), Kind::Regular | Kind::HardLink) = (self.size, entry.kind) {
            entry.size = size;
        }
        if let Some(modified) = self.modified {
            entry.modified = modified;
        }
    }
}

fn ascii<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    let plain = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    plain.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// Seconds with a fraction, which may be negative.
fn time(value: &[u8]) -> Option<Timespec> {
    let (is_negative, value) = match value.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let (whole, fraction) = match value.iter().position(|byte| *byte == b'.') {
        Some(point) => (&value[..point], &value[point + 1..]),
        None => (value, &b""[..]),
    };
    let whole: i64 = ascii(whole)?;
    let mut nanoseconds = 0;
    for place in 0..9 {
        let digit = match fraction.get(place) {
            None => 0,
            Some(digit @ b'0'..=b'9') => i64::from(digit - b'0'),
            Some(_) => return None,
        };
        nanoseconds = nanoseconds * 10 + digit;
    }
    let total = i128::from(whole) * 1_000_000_000 + i128::from(nanoseconds);
    let total = if is_negative { -total } else { total };
    Some(Timespec {
        tv_sec: i64::try_from(total.div_euclid(1_000_000_000)).ok()?,
        tv_nsec: total.rem_euclid(1_000_000_000) as _,
    })
}

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

fn header(entry: &Entry, kind: u8) -> [u8; BLOCK] {
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

#[cfg(test)]
mod tests {
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
