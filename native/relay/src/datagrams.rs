//! Datagrams to somebody outside. Those from one socket of a program's to one address belong together: the host is asked
//! once, and carries them then. Nothing here waits for anybody: what finds no room is dropped, as datagrams may be.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use glovebox_wire::egress::{Closed, FlowId, FromRelay, Order, Reason};
use rustix::io::Result;

use crate::budget::Grant;
use crate::flow::carry;
use crate::packet::{give, take, Packet};
use crate::poller::{EventFlags, Poller, Token};
use crate::relay::Common;
use crate::sock::plain;
use crate::stream::{Stream, MAX_DATAGRAM};

/// Taken of one socket before it is another's turn.
const AT_ONCE: usize = 64;

/// Of one conversation, until the host has said what becomes of it.
const HELD: usize = 4;

/// Of all of them together, what waits for the host.
const MOST_WAITING: usize = 4 << 20;

/// A program that goes on sending to whom it may not is refused again after so long, and not for each datagram.
const REFUSED_FOR: Duration = Duration::from_secs(1);

/// Refused conversations that are remembered beside those that are open.
const REFUSED: usize = 256;

/// Where there are as many as there may be, one that was silent for so long makes room.
const SILENT: Duration = Duration::from_secs(1);

pub struct Datagrams {
    sockets: Vec<OwnedFd>,
    talks: BTreeMap<FlowId, Talk>,
    ids: BTreeMap<Place, FlowId>,
    most: usize,
    /// Of those in `talks`.
    refused: usize,
    waiting: usize,
    ending: bool,
}

/// Of a conversation: which socket of ours, whose socket inside, and what that one called us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    socket: usize,
    from: SocketAddr,
    to: IpAddr,
}

struct Talk {
    place: Place,
    moved: Instant,
    stage: Stage,
}

enum Stage {
    /// What the program sent meanwhile.
    Asked(Vec<Vec<u8>>),
    Carried(Stream),
    Refused(Instant),
}

/// What a conversation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Event,
    /// Its turn.
    Again,
}

impl Datagrams {
    pub fn new(sockets: Vec<OwnedFd>, most: u32, poller: &Poller) -> Result<Datagrams> {
        for (index, socket) in sockets.iter().enumerate() {
            poller.add(socket, Token::Datagrams(index as u64), EventFlags::IN)?;
        }
        Ok(Datagrams {
            sockets,
            talks: BTreeMap::new(),
            ids: BTreeMap::new(),
            most: most as usize,
            refused: 0,
            waiting: 0,
            ending: false,
        })
    }

    pub fn has(&self, id: FlowId) -> bool {
        self.talks.contains_key(&id)
    }

    /// Nothing of a program's is left to be sent, and the host has taken all of it.
    pub fn is_done(&self) -> bool {
        self.talks.len() == self.refused
    }

    /// Takes what programs have sent to one socket. True: there is more.
    pub fn take(&mut self, index: u64, next_id: &mut FlowId, common: &mut Common) -> bool {
        let socket = index as usize;
        let mut bytes = [0u8; MAX_DATAGRAM];
        for _ in 0..AT_ONCE {
            let Some(inside) = self.sockets.get(socket) else {
                return false;
            };
            match take(inside.as_fd(), &mut bytes) {
                Ok(Some(Packet { from, to, length })) => {
                    let place = Place { socket, from, to };
                    self.let_in(place, &bytes[..length], next_id, common);
                }
                Ok(None) => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn let_in(&mut self, place: Place, bytes: &[u8], next_id: &mut FlowId, common: &mut Common) {
        if let Some(id) = self.ids.get(&place).copied() {
            match self.talks.get_mut(&id) {
                Some(talk) if !talk.is_over(common.now) => return self.send(id, bytes, common),
                _ => self.forget(id),
            }
        }
        if common.link.is_congested() || !self.has_room(common) {
            return;
        }
        let id = *next_id;
        *next_id += 1;
        let (address, port) = (plain(place.to), self.port_of(place.socket));
        common
            .link
            .tell(id, &FromRelay::Datagrams { address, port });
        let stage = Stage::Asked(Vec::new());
        let moved = common.now;
        self.talks.insert(
            id,
            Talk {
                place,
                moved,
                stage,
            },
        );
        self.ids.insert(place, id);
        self.send(id, bytes, common);
    }

    /// A socket that was bound has a port.
    fn port_of(&self, socket: usize) -> u16 {
        let name = self.sockets.get(socket).map(rustix::net::getsockname);
        let address = name.and_then(|name| SocketAddr::try_from(name.ok()?).ok());
        address.map_or(0, |address| address.port())
    }

    /// What a program sent goes on its way, as far as there is one.
    fn send(&mut self, id: FlowId, bytes: &[u8], common: &mut Common) {
        let Some(talk) = self.talks.get_mut(&id) else {
            return;
        };
        talk.moved = common.now;
        let has_room = self.waiting + bytes.len() <= MOST_WAITING;
        match &mut talk.stage {
            Stage::Asked(held) if held.len() < HELD && has_room => {
                held.push(bytes.to_vec());
                self.waiting += bytes.len();
            }
            Stage::Carried(stream) if has_room && may_move(bytes, common) => {
                let before = stream.unsent();
                stream.send(bytes);
                self.waiting = self.waiting + stream.unsent() - before;
            }
            _ => {}
        }
    }

    /// What the host wants.
    pub fn obey(&mut self, id: FlowId, order: Order, common: &mut Common) {
        let Some(talk) = self.talks.get_mut(&id) else {
            return;
        };
        match (&mut talk.stage, order) {
            (Stage::Asked(held), Order::Hand) => {
                let held = std::mem::take(held);
                self.waiting -= held.iter().map(Vec::len).sum::<usize>();
                match carry(id, common) {
                    Ok(sock) => {
                        talk.stage = Stage::Carried(Stream::new(sock));
                        for bytes in held {
                            self.send(id, &bytes, common);
                        }
                        if self.ending {
                            self.end(id);
                        }
                    }
                    Err(_) => self.close(id, Reason::Failed, common),
                }
            }
            (Stage::Asked(held), Order::Refuse) => {
                self.waiting -= held.iter().map(Vec::len).sum::<usize>();
                talk.stage = Stage::Refused(common.now + REFUSED_FOR);
                self.refused += 1;
                tell_end(id, Reason::Refused, common);
            }
            (Stage::Carried(_), Order::Refuse) => self.close(id, Reason::Refused, common),
            // It was told that this one has ended.
            (Stage::Refused(_), _) => {}
            // One of us is mistaken about it.
            _ => self.close(id, Reason::Refused, common),
        }
    }

    /// The host's end of one can do more.
    pub fn go_on(&mut self, id: FlowId, flags: EventFlags, common: &mut Common) -> Next {
        let Some(Talk {
            place,
            moved,
            stage: Stage::Carried(stream),
        }) = self.talks.get_mut(&id)
        else {
            return Next::Event;
        };
        let Some(inside) = self.sockets.get(place.socket) else {
            return Next::Event;
        };
        let before = stream.unsent();
        stream.note(flags);
        stream.flush();
        self.waiting = self.waiting + stream.unsent() - before;
        let (from, to) = (place.to, place.from);
        let received = stream.receive(|bytes| {
            *moved = common.now;
            if may_move(bytes, common) {
                // A program that does not read loses datagrams, here as anywhere.
                let _given = give(inside.as_fd(), bytes, from, to);
            }
        });
        match received {
            Ok(true) => Next::Again,
            Ok(false) => Next::Event,
            Err(_) => {
                self.close(id, Reason::Handed, common);
                Next::Event
            }
        }
    }

    /// The sandbox has ended: what its programs sent last is taken and goes out, and the host says when it has all of it.
    pub fn begin_to_end(&mut self, next_id: &mut FlowId, common: &mut Common) {
        for index in 0..self.sockets.len() as u64 {
            while self.take(index, next_id, common) {}
        }
        self.ending = true;
        let ids: Vec<FlowId> = self.talks.keys().copied().collect();
        ids.into_iter().for_each(|id| self.end(id));
    }

    fn end(&mut self, id: FlowId) {
        if let Some(Stage::Carried(stream)) = self.talks.get_mut(&id).map(|talk| &mut talk.stage) {
            stream.end();
        }
    }

    /// Whether there may be one more, for which an old one may have to go.
    fn has_room(&mut self, common: &mut Common) -> bool {
        if self.refused >= REFUSED {
            let now = common.now;
            let over = self.talks.iter().filter(|(_, talk)| talk.is_over(now));
            let over: Vec<FlowId> = over.map(|(id, _)| *id).collect();
            over.into_iter().for_each(|id| self.forget(id));
        }
        if self.refused >= REFUSED {
            return false;
        }
        if self.talks.len() - self.refused < self.most {
            return true;
        }
        let open = self.talks.iter();
        let carried = open.filter(|(_, talk)| matches!(talk.stage, Stage::Carried(_)));
        let Some((id, talk)) = carried.min_by_key(|(_, talk)| talk.moved) else {
            return false;
        };
        let (id, is_silent) = (*id, common.now.duration_since(talk.moved) >= SILENT);
        if is_silent {
            self.close(id, Reason::Handed, common);
        }
        is_silent
    }

    fn close(&mut self, id: FlowId, reason: Reason, common: &mut Common) {
        self.forget(id);
        tell_end(id, reason, common);
    }

    fn forget(&mut self, id: FlowId) {
        let Some(talk) = self.talks.remove(&id) else {
            return;
        };
        self.ids.remove(&talk.place);
        match talk.stage {
            Stage::Asked(held) => self.waiting -= held.iter().map(Vec::len).sum::<usize>(),
            Stage::Carried(stream) => self.waiting -= stream.unsent(),
            Stage::Refused(_) => self.refused -= 1,
        }
    }
}

impl Talk {
    /// Refused, and long enough ago that it is asked again.
    fn is_over(&self, now: Instant) -> bool {
        matches!(self.stage, Stage::Refused(until) if now >= until)
    }
}

/// Whole or not at all, within what all connections of the sandbox together may move.
fn may_move(bytes: &[u8], common: &mut Common) -> bool {
    let wanted = bytes.len().max(1) as u64;
    common.budget.refill(common.now);
    let is_granted = common.budget.ask(wanted) == Grant::Bytes(wanted);
    if is_granted {
        common.budget.spend(wanted);
    }
    is_granted
}

/// Who carries it has counted.
fn tell_end(id: FlowId, reason: Reason, common: &mut Common) {
    let closed = Closed {
        sent: 0,
        received: 0,
        reason,
    };
    common.link.tell(id, &FromRelay::Closed(closed));
}
