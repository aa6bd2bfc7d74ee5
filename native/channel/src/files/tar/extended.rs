//! What extended headers say about the entry that follows: records of pax, and GNU's long names.

use rustix::fs::Timespec;

use super::read::{text, within, Extended};
use super::{Entry, Kind, Result};

/// What extended headers said about the next entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct More {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    modified: Option<Timespec>,
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
