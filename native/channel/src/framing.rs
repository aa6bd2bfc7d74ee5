//! Frames for a transport without connections (docs/channel.md, "Framing for a transport without connections").
//! Pure: bytes in, events out; both roles.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

pub type Session = [u8; 16];

pub const HEADER: usize = 44;
pub const MAX_PAYLOAD: usize = 65_536;

/// What a host writes before its HELLO: as much as the rest of the longest frame that an earlier one left half written.
pub const ZEROS: usize = HEADER + MAX_PAYLOAD;

const MAGIC: [u8; 4] = *b"GBX\x01";
const WELCOME_PAYLOAD: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hello = 1,
    Welcome = 2,
    Data = 3,
    Bye = 4,
}

#[derive(Clone, Copy, Debug)]
pub enum Role {
    Host(Session),
    Inside { generation: u64, instance: [u8; 16] },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// To be written to the transport before anything else.
    Answer(Vec<u8>),
    Connected {
        session: Session,
        generation: u64,
        instance: [u8; 16],
    },
    Data(Bytes),
    /// By the peer, or because something was lost.
    Ended,
}

#[derive(Clone, Copy, Debug)]
struct Connection {
    session: Session,
    /// Of the next frame to come, and of the next one to go.
    incoming: u64,
    outgoing: u64,
}

/// One end.
pub struct Framing {
    role: Role,
    received: BytesMut,
    connection: Option<Connection>,
}

struct Header {
    kind: Kind,
    session: Session,
    sequence: u64,
    payload: Range<usize>,
    checksum: u32,
}

impl Framing {
    pub fn new(role: Role) -> Framing {
        Framing {
            role,
            received: BytesMut::new(),
            connection: None,
        }
    }

    /// What is said in the next WELCOME.
    pub fn become_one(&mut self, role: Role) {
        self.role = role;
    }

    /// What a host writes first; the HELLO at its end is repeated until it is answered.
    pub fn hello(session: Session) -> Vec<u8> {
        let mut bytes = vec![0; ZEROS];
        bytes.extend(frame(Kind::Hello, session, 0, &[]));
        bytes
    }

    /// Of the connection, while there is one.
    pub fn session(&self) -> Option<Session> {
        self.connection.map(|connection| connection.session)
    }

    /// Data as frames; nothing while there is no connection.
    pub fn send(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        for part in data.chunks(MAX_PAYLOAD) {
            out.extend(frame(
                Kind::Data,
                connection.session,
                connection.outgoing,
                part,
            ));
            connection.outgoing += 1;
        }
    }

    /// Ends the connection from this side.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        if let Some(connection) = self.connection.take() {
            out.extend(frame(
                Kind::Bye,
                connection.session,
                connection.outgoing,
                &[],
            ));
        }
    }

    pub fn receive(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.received.extend_from_slice(bytes);
        let mut events = Vec::new();
        while self.step(&mut events) {}
        events
    }

    /// One frame, or one byte that begins none. `false`: more has to come first.
    fn step(&mut self, events: &mut Vec<Event>) -> bool {
        let start = self.received.iter().position(|byte| *byte == MAGIC[0]);
        self.received.advance(start.unwrap_or(self.received.len()));
        let head = self.received.get(..HEADER);
        let Some(head) = head.and_then(|head| <&[u8; HEADER]>::try_from(head).ok()) else {
            return false;
        };
        let believed = Header::read(head).filter(|header| self.believes(header));
        let Some(header) = believed else {
            self.received.advance(1);
            return true;
        };
        let Some(payload) = self.received.get(header.payload.clone()) else {
            return false;
        };
        if checksum(payload) != header.checksum {
            self.received.advance(1);
            return true;
        }
        let frame = self.received.split_to(header.payload.end).freeze();
        self.take(&header, frame.slice(header.payload.clone()), events);
        true
    }

    /// Without a connection only what begins one: no length in old bytes can then swallow new ones.
    fn believes(&self, header: &Header) -> bool {
        match (&self.connection, self.role) {
            (Some(_), _) => true,
            (None, Role::Inside { .. }) => header.kind == Kind::Hello,
            (None, Role::Host(session)) => {
                header.kind == Kind::Welcome && header.session == session
            }
        }
    }

    fn take(&mut self, header: &Header, payload: Bytes, events: &mut Vec<Event>) {
        match (header.kind, self.role) {
            (
                Kind::Hello,
                Role::Inside {
                    generation,
                    instance,
                },
            ) => {
                self.welcome(header.session, generation, instance, events);
            }
            (Kind::Welcome, Role::Host(session)) if self.connection.is_none() => {
                let mut payload = payload;
                let generation = payload.get_u64();
                let mut instance = [0; 16];
                payload.copy_to_slice(&mut instance);
                self.connect(session, generation, instance, events);
            }
            (Kind::Data | Kind::Bye, _) => self.take_numbered(header, payload, events),
            // A late repetition, or our own words come back.
            (Kind::Hello | Kind::Welcome, _) => {}
        }
    }

    fn welcome(
        &mut self,
        session: Session,
        generation: u64,
        instance: [u8; 16],
        events: &mut Vec<Event>,
    ) {
        let mut payload = generation.to_be_bytes().to_vec();
        payload.extend_from_slice(&instance);
        let answer = Event::Answer(frame(Kind::Welcome, session, 0, &payload));
        let before = self.connection.map(|connection| connection.session);
        if before == Some(session) {
            events.push(answer);
            return;
        }
        if before.is_some() {
            events.push(Event::Ended);
        }
        events.push(answer);
        self.connect(session, generation, instance, events);
    }

    fn connect(
        &mut self,
        session: Session,
        generation: u64,
        instance: [u8; 16],
        events: &mut Vec<Event>,
    ) {
        self.connection = Some(Connection {
            session,
            incoming: 0,
            outgoing: 0,
        });
        events.push(Event::Connected {
            session,
            generation,
            instance,
        });
    }

    fn take_numbered(&mut self, header: &Header, payload: Bytes, events: &mut Vec<Event>) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        if header.session != connection.session || header.sequence < connection.incoming {
            return;
        }
        if header.sequence > connection.incoming {
            let mut bye = Vec::new();
            self.end(&mut bye);
            events.extend([Event::Answer(bye), Event::Ended]);
            return;
        }
        connection.incoming += 1;
        if header.kind == Kind::Bye {
            self.connection = None;
            events.push(Event::Ended);
        } else {
            events.push(Event::Data(payload));
        }
    }
}

impl Header {
    fn read(bytes: &[u8; HEADER]) -> Option<Header> {
        let number = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if bytes[..4] != MAGIC || bytes[5..8] != [0; 3] || number(40) != checksum(&bytes[..40]) {
            return None;
        }
        let length = number(32) as usize;
        let (kind, is_right) = match bytes[4] {
            1 => (Kind::Hello, length == 0),
            2 => (Kind::Welcome, length == WELCOME_PAYLOAD),
            3 => (Kind::Data, (1..=MAX_PAYLOAD).contains(&length)),
            4 => (Kind::Bye, length == 0),
            _ => return None,
        };
        is_right.then(|| Header {
            kind,
            session: std::array::from_fn(|at| bytes[8 + at]),
            sequence: u64::from(number(24)) << 32 | u64::from(number(28)),
            payload: HEADER..HEADER + length,
            checksum: number(36),
        })
    }
}

fn frame(kind: Kind, session: Session, sequence: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[kind as u8, 0, 0, 0]);
    bytes.extend_from_slice(&session);
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&checksum(payload).to_be_bytes());
    bytes.extend_from_slice(&checksum(&bytes).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// 0 of nothing, as the function itself has it.
fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}
