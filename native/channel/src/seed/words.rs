//! The packets, to the seed and from it.

use rustix::io::Errno;

/// What the agent asks for. Descriptors go beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// With: the memory file of the words, the pipe for an error, stdin, stdout, stderr.
    Spawn {
        generation: u64,
        id: u64,
        terminal: bool,
    },
    /// With: the pipe for an error, the socket. Connects it as the sandbox's program would.
    Connect {
        generation: u64,
        id: u64,
        address: Vec<u8>,
    },
    Signal {
        generation: u64,
        id: u64,
        signal: i32,
    },
    /// Kills what this generation and those before it have started.
    Forget { generation: u64 },
}

/// What the seed says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Forked {
        generation: u64,
        id: u64,
        pid: i32,
    },
    NotForked {
        generation: u64,
        id: u64,
        errno: i32,
    },
    Ended {
        generation: u64,
        id: u64,
        /// Of wait(2).
        status: i32,
        cpu_ms: u64,
        peak_memory_bytes: u64,
    },
}

/// An address of a Unix socket has 110 bytes at most.
pub const MAX_PACKET: usize = 256;

impl Request {
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = |kind: u8, generation: u64, id: u64| {
            let mut bytes = vec![kind];
            bytes.extend_from_slice(&generation.to_ne_bytes());
            bytes.extend_from_slice(&id.to_ne_bytes());
            bytes
        };
        match self {
            Request::Spawn {
                generation,
                id,
                terminal,
            } => {
                let mut bytes = head(b'S', *generation, *id);
                bytes.push(u8::from(*terminal));
                bytes
            }
            Request::Connect {
                generation,
                id,
                address,
            } => {
                let mut bytes = head(b'C', *generation, *id);
                bytes.extend_from_slice(address);
                bytes
            }
            Request::Signal {
                generation,
                id,
                signal,
            } => {
                let mut bytes = head(b'K', *generation, *id);
                bytes.extend_from_slice(&signal.to_ne_bytes());
                bytes
            }
            Request::Forget { generation } => head(b'F', *generation, 0),
        }
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Request> {
        let generation = number(bytes.get(1..9)?)?;
        let id = number(bytes.get(9..17)?)?;
        let rest = &bytes[17..];
        Some(match bytes[0] {
            b'S' => Request::Spawn {
                generation,
                id,
                terminal: *rest.first()? != 0,
            },
            b'C' => Request::Connect {
                generation,
                id,
                address: rest.to_vec(),
            },
            b'K' => Request::Signal {
                generation,
                id,
                signal: i32::from_ne_bytes(rest.try_into().ok()?),
            },
            b'F' => Request::Forget { generation },
            _ => return None,
        })
    }
}

impl Answer {
    pub fn to_bytes(self) -> [u8; 41] {
        let (kind, generation, id, value, cpu, memory) = match self {
            Answer::Forked {
                generation,
                id,
                pid,
            } => (b'P', generation, id, pid, 0, 0),
            Answer::NotForked {
                generation,
                id,
                errno,
            } => (b'N', generation, id, errno, 0, 0),
            Answer::Ended {
                generation,
                id,
                status,
                cpu_ms,
                peak_memory_bytes,
            } => (b'E', generation, id, status, cpu_ms, peak_memory_bytes),
        };
        let mut bytes = [0; 41];
        bytes[0] = kind;
        let numbers = [generation, id, value as u64, cpu, memory];
        for (place, number) in bytes[1..].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_ne_bytes());
        }
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Answer> {
        let at = |index: usize| number(bytes.get(1 + 8 * index..9 + 8 * index)?);
        let (generation, id, value) = (at(0)?, at(1)?, at(2)? as i32);
        Some(match *bytes.first()? {
            b'P' => Answer::Forked {
                generation,
                id,
                pid: value,
            },
            b'N' => Answer::NotForked {
                generation,
                id,
                errno: value,
            },
            b'E' => Answer::Ended {
                generation,
                id,
                status: value,
                cpu_ms: at(3)?,
                peak_memory_bytes: at(4)?,
            },
            _ => return None,
        })
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_ne_bytes)
}

/// The words of a program, as they lie in the memory file that goes with a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub argv: Vec<Vec<u8>>,
    pub env: Vec<Vec<u8>>,
    pub directory: Vec<u8>,
}

impl Words {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |word: &[u8]| {
            bytes.extend_from_slice(&(word.len() as u32).to_ne_bytes());
            bytes.extend_from_slice(word);
        };
        put(&(self.argv.len() as u32).to_ne_bytes());
        put(&self.directory);
        for word in self.argv.iter().chain(&self.env) {
            put(word);
        }
        bytes
    }

    pub fn from_bytes(mut bytes: &[u8]) -> Result<Words, Errno> {
        let mut next = || -> Result<Option<Vec<u8>>, Errno> {
            if bytes.is_empty() {
                return Ok(None);
            }
            let length = bytes.get(..4).and_then(|length| length.try_into().ok());
            let length = u32::from_ne_bytes(length.ok_or(Errno::PROTO)?) as usize;
            let word = bytes.get(4..4 + length).ok_or(Errno::PROTO)?;
            bytes = &bytes[4 + length..];
            Ok(Some(word.to_vec()))
        };
        let count = next()?.and_then(|count| count.try_into().ok());
        let count = u32::from_ne_bytes(count.ok_or(Errno::PROTO)?) as usize;
        let mut words = Words {
            directory: next()?.ok_or(Errno::PROTO)?,
            ..Words::default()
        };
        while let Some(word) = next()? {
            match words.argv.len() < count {
                true => words.argv.push(word),
                false => words.env.push(word),
            }
        }
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_come_back_as_they_were() {
        let (generation, id) = (3, u64::MAX);
        for request in [
            Request::Spawn {
                generation,
                id,
                terminal: true,
            },
            Request::Connect {
                generation,
                id,
                address: vec![1, 2, 3],
            },
            Request::Signal {
                generation,
                id,
                signal: 9,
            },
            Request::Forget { generation },
        ] {
            assert_eq!(Request::from_bytes(&request.to_bytes()), Some(request));
        }
        for answer in [
            Answer::Forked {
                generation,
                id,
                pid: 7,
            },
            Answer::NotForked {
                generation,
                id,
                errno: 11,
            },
            Answer::Ended {
                generation,
                id,
                status: 0x0b00,
                cpu_ms: 5,
                peak_memory_bytes: 1 << 40,
            },
        ] {
            assert_eq!(Answer::from_bytes(&answer.to_bytes()), Some(answer));
        }
    }

    #[test]
    fn words_come_back_and_cut_ones_do_not() {
        let words = Words {
            argv: vec![b"sh".to_vec(), b"".to_vec()],
            env: vec![b"A=1".to_vec()],
            directory: b"/tmp".to_vec(),
        };
        let bytes = words.to_bytes();
        assert_eq!(Words::from_bytes(&bytes), Ok(words));
        assert_eq!(
            Words::from_bytes(&bytes[..bytes.len() - 1]),
            Err(Errno::PROTO)
        );
        assert_eq!(Words::from_bytes(&[]), Err(Errno::PROTO));
    }
}
