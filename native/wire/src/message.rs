//! Protocol Buffers on the wire (protobuf.dev, "Encoding"), as far as `inside.proto` needs them.
//!
//! Strict where prost is lenient: a known field with another wire type, a group, or a list without end is
//! an error. `bytes` are slices of what was received, not copies. The types are in [`crate::inside`].

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Elements of one repeated field: an empty one takes two bytes on the wire and 32 in memory.
pub const MAX_REPEATED: usize = 8192;

/// What was received is no message of this type; says what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError(pub &'static str);

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for DecodeError {}

pub type Result<T> = std::result::Result<T, DecodeError>;

/// How a field is laid out, the low three bits of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Varint = 0,
    Fixed64 = 1,
    Delimited = 2,
    Fixed32 = 5,
}

/// A message of `inside.proto`.
pub trait Message: Default {
    /// Appends its encoding.
    fn encode(&self, out: &mut BytesMut);

    /// Takes one field, or leaves it if its number is unknown.
    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()>;

    fn decode(bytes: Bytes) -> Result<Self> {
        let mut reader = Reader { rest: bytes };
        let mut message = Self::default();
        while reader.rest.has_remaining() {
            let (number, layout) = reader.key()?;
            message.take(number, layout, &mut reader)?;
        }
        Ok(message)
    }
}

/// What is left of a message.
pub struct Reader {
    rest: Bytes,
}

impl Reader {
    fn key(&mut self) -> Result<(u32, Layout)> {
        let key = u32::try_from(self.varint()?).map_err(|_| DecodeError("a field number"))?;
        let layout = match key & 7 {
            0 => Layout::Varint,
            1 => Layout::Fixed64,
            2 => Layout::Delimited,
            5 => Layout::Fixed32,
            _ => return Err(DecodeError("a wire type that nothing here has")),
        };
        match key >> 3 {
            0 => Err(DecodeError("field number 0")),
            number => Ok((number, layout)),
        }
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            if !self.rest.has_remaining() {
                return Err(DecodeError("ends within a number"));
            }
            let byte = self.rest.get_u8();
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError("a number of more than 64 bits"))
    }

    /// A field that we do not know: a newer peer's.
    pub fn skip(&mut self, layout: Layout) -> Result<()> {
        match layout {
            Layout::Varint => self.varint().map(drop),
            Layout::Fixed64 => self.part(8).map(drop),
            Layout::Fixed32 => self.part(4).map(drop),
            Layout::Delimited => self.bytes(layout).map(drop),
        }
    }

    fn part(&mut self, length: usize) -> Result<Bytes> {
        if self.rest.remaining() < length {
            return Err(DecodeError("ends within a field"));
        }
        Ok(self.rest.split_to(length))
    }

    pub fn u64(&mut self, layout: Layout) -> Result<u64> {
        expect(layout, Layout::Varint)?;
        self.varint()
    }

    /// As every implementation does: the low 32 bits (protobuf.dev, "Updating A Message Type").
    pub fn u32(&mut self, layout: Layout) -> Result<u32> {
        self.u64(layout).map(|value| value as u32)
    }

    pub fn i32(&mut self, layout: Layout) -> Result<i32> {
        self.u64(layout).map(|value| value as i32)
    }

    pub fn i64(&mut self, layout: Layout) -> Result<i64> {
        self.u64(layout).map(|value| value as i64)
    }

    pub fn bool(&mut self, layout: Layout) -> Result<bool> {
        self.u64(layout).map(|value| value != 0)
    }

    pub fn f32(&mut self, layout: Layout) -> Result<f32> {
        expect(layout, Layout::Fixed32)?;
        self.part(4).map(|mut part| part.get_f32_le())
    }

    pub fn bytes(&mut self, layout: Layout) -> Result<Bytes> {
        expect(layout, Layout::Delimited)?;
        let length = usize::try_from(self.varint()?);
        self.part(length.map_err(|_| DecodeError("a length"))?)
    }

    pub fn string(&mut self, layout: Layout) -> Result<String> {
        String::from_utf8(self.bytes(layout)?.to_vec()).map_err(|_| DecodeError("not UTF-8"))
    }

    pub fn message<M: Message>(&mut self, layout: Layout) -> Result<M> {
        M::decode(self.bytes(layout)?)
    }

    /// A repeated number, packed or one by one.
    pub fn numbers<T>(
        &mut self,
        layout: Layout,
        into: &mut Vec<T>,
        mut each: impl FnMut(&mut Reader, Layout) -> Result<T>,
    ) -> Result<()> {
        if layout != Layout::Delimited {
            let value = each(self, layout)?;
            return push(into, value);
        }
        let mut packed = Reader {
            rest: self.bytes(layout)?,
        };
        while packed.rest.has_remaining() {
            let value = each(&mut packed, Layout::Varint)?;
            push(into, value)?;
        }
        Ok(())
    }
}

/// Appends to a repeated field.
pub fn push<T>(into: &mut Vec<T>, value: T) -> Result<()> {
    if into.len() == MAX_REPEATED {
        return Err(DecodeError("a list of too many"));
    }
    into.push(value);
    Ok(())
}

fn expect(layout: Layout, expected: Layout) -> Result<()> {
    match layout == expected {
        true => Ok(()),
        false => Err(DecodeError("a field with another wire type than its own")),
    }
}

pub fn put_varint(mut value: u64, out: &mut BytesMut) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

fn put_key(number: u32, layout: Layout, out: &mut BytesMut) {
    put_varint(u64::from(number << 3 | layout as u32), out);
}

/// A negative number is sign-extended to 64 bits first, as the encoding wants it.
pub fn put_number(number: u32, value: u64, out: &mut BytesMut) {
    put_key(number, Layout::Varint, out);
    put_varint(value, out);
}

pub fn put_f32(number: u32, value: f32, out: &mut BytesMut) {
    put_key(number, Layout::Fixed32, out);
    out.put_f32_le(value);
}

pub fn put_bytes(number: u32, value: &[u8], out: &mut BytesMut) {
    put_key(number, Layout::Delimited, out);
    put_varint(value.len() as u64, out);
    out.put_slice(value);
}

pub fn put_message(number: u32, value: &impl Message, out: &mut BytesMut) {
    let mut inner = BytesMut::new();
    value.encode(&mut inner);
    put_bytes(number, &inner, out);
}

pub fn put_packed(number: u32, values: &[u32], out: &mut BytesMut) {
    let mut inner = BytesMut::new();
    for value in values {
        put_varint(u64::from(*value), &mut inner);
    }
    put_bytes(number, &inner, out);
}
