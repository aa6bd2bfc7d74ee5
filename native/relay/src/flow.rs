//! One connection of a program's: from the question to the host to its last byte.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use glovebox_wire::egress::{Closed, FlowId, FromRelay, Hello, Order, Reason};
use rustix::io::{Errno, Result};
use rustix::net::{connect, send, socket_with, AddressFamily, SendFlags, SocketFlags, SocketType};

use crate::dial::{Dial, Dialed};
use crate::look::{Look, Looked};
use crate::poller::{EventFlags, Token};
use crate::pump::{Means, Pump, Turn};
use crate::relay::Common;
use crate::sock::Sock;

/// The host's socket has a queue; when it is full, it is tried again.
const CARRY_AGAIN: Duration = Duration::from_millis(10);

pub struct Flow {
    id: FlowId,
    program: Sock,
    stage: Stage,
    /// Present until what the program sends may go out.
    look: Option<Look>,
    up: Pump,
    down: Pump,
    /// The host carries it itself.
    is_handed: bool,
    /// The other side takes nothing any more. What it said before may still be on its way.
    is_unheard: bool,
    /// When something last moved.
    moved: Instant,
    /// When it is looked at again, as the timers have it.
    pub timer: Option<Instant>,
}

enum Stage {
    /// The host has not said yet what becomes of it.
    Asked,
    Dialing(Dial),
    /// The host's socket had no room.
    Carrying {
        again: Instant,
        until: Instant,
    },
    Connected {
        other: Sock,
    },
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Event,
    /// Its turn.
    Again,
    /// Bytes to spend.
    Budget,
    /// The host, to read.
    Link,
    Close(Reason),
}

impl Flow {
    pub fn new(id: FlowId, program: Sock, now: Instant) -> Flow {
        Flow {
            id,
            program,
            stage: Stage::Asked,
            // Not when the host asks for it: most programs speak at once, and what they say is then there when it decides.
            look: Some(Look::default()),
            up: Pump::default(),
            down: Pump::default(),
            is_handed: false,
            is_unheard: false,
            moved: now,
            timer: None,
        }
    }

    pub fn note_program(&mut self, flags: EventFlags) {
        self.program.note(flags);
    }

    pub fn note_other(&mut self, flags: EventFlags) {
        match &mut self.stage {
            Stage::Connected { other } => other.note(flags),
            Stage::Dialing(dial) => {
                if let Some(sock) = dial.sock() {
                    sock.note(flags);
                }
            }
            Stage::Asked | Stage::Carrying { .. } => {}
        }
    }

    /// What the host wants. What it cannot want now ends the connection: one of us is mistaken about it.
    pub fn obey(&mut self, order: Order, common: &mut Common) -> Next {
        match order {
            Order::Connect {
                addresses,
                port,
                look,
            } if matches!(self.stage, Stage::Asked) => {
                if !look {
                    self.look = None;
                }
                let patience = Duration::from_millis(common.limits.connect_ms);
                self.stage = Stage::Dialing(Dial::new(self.id, addresses, port, patience));
            }
            Order::Pass if self.look.is_some() && !matches!(self.stage, Stage::Asked) => {
                self.look = None;
            }
            Order::Hand if self.has_kept_all() => {
                self.look = None;
                self.is_handed = true;
                // What has come from outside so far is for nobody.
                self.down.forget();
                self.stage = Stage::Carrying {
                    again: common.now,
                    until: common.now + Duration::from_millis(common.limits.connect_ms),
                };
            }
            _ => return Next::Close(Reason::Refused),
        }
        self.go_on(common)
    }

    /// Nothing of the program's has gone anywhere.
    fn has_kept_all(&self) -> bool {
        match self.stage {
            Stage::Asked | Stage::Dialing(_) => true,
            Stage::Connected { .. } => self.look.is_some(),
            Stage::Carrying { .. } => false,
        }
    }

    pub fn go_on(&mut self, common: &mut Common) -> Next {
        if common.now >= self.idle_at(common) {
            return Next::Close(Reason::Idle);
        }
        match self.step(common) {
            Ok(next) => next,
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                Next::Close(Reason::Failed)
            }
            Err(_) => Next::Close(Reason::Reset),
        }
    }

    fn step(&mut self, common: &mut Common) -> Result<Next> {
        if let Some(look) = &mut self.look {
            let looked = look.show(self.id, &mut self.program, &mut common.link, common.now)?;
            if looked == Looked::Congested {
                return Ok(Next::Link);
            }
        }
        match &mut self.stage {
            Stage::Asked => {}
            Stage::Dialing(dial) => match dial.go_on(common.now, &common.poller) {
                Dialed::NotYet => {}
                Dialed::Connected(other, address) => {
                    let connected = FromRelay::Connected { address };
                    common.link.tell_late(self.id, &connected, common.now);
                    self.begin(other, common.now);
                }
                Dialed::Failed(errno) => {
                    let errno = errno.raw_os_error();
                    common.link.tell(self.id, &FromRelay::Failed { errno });
                    return Ok(Next::Close(Reason::Failed));
                }
            },
            Stage::Carrying { again, until } => {
                if common.now >= *again {
                    match carry(self.id, common) {
                        Ok(other) => self.begin(other, common.now),
                        Err(Errno::AGAIN) if common.now < *until => {
                            *again = common.now + CARRY_AGAIN;
                        }
                        Err(_) => return Ok(Next::Close(Reason::Failed)),
                    }
                }
            }
            Stage::Connected { .. } => {}
        }
        match &self.stage {
            Stage::Connected { .. } => self.carry_bytes(common),
            // Whoever has gone by now wants nothing any more.
            _ if self.program.hung_up => Ok(Next::Close(Reason::Reset)),
            _ => Ok(Next::Event),
        }
    }

    fn begin(&mut self, other: Sock, now: Instant) {
        self.moved = now;
        self.stage = Stage::Connected { other };
    }

    fn carry_bytes(&mut self, common: &mut Common) -> Result<Next> {
        let Stage::Connected { other } = &mut self.stage else {
            return Ok(Next::Event);
        };
        let before = self.up.moved + self.down.moved;
        let mut means = Means {
            pipes: &mut common.pipes,
            budget: &mut common.budget,
        };
        let up = match &self.look {
            Some(_) => Turn::Waits,
            None if self.is_unheard => Turn::Over,
            None => match self.up.run(&mut self.program, other, &mut means) {
                // A server that refuses a long request answers, and is gone before it has read all of it.
                Err(Errno::PIPE | Errno::CONNRESET) => {
                    self.is_unheard = true;
                    self.up.forget();
                    Turn::Over
                }
                turn => turn?,
            },
        };
        let down = self.down.run(other, &mut self.program, &mut means)?;
        if self.up.moved + self.down.moved > before {
            self.moved = common.now;
        }
        let both = [up, down];
        let next = if both == [Turn::Over; 2] {
            Next::Close(match self.is_handed {
                _ if self.is_unheard => Reason::Reset,
                true => Reason::Handed,
                false => Reason::End,
            })
        } else if both.contains(&Turn::Spent) {
            Next::Close(Reason::Limit)
        } else if both.contains(&Turn::Again) {
            Next::Again
        } else if both.contains(&Turn::Throttled) {
            Next::Budget
        } else if (self.program.hung_up
            && !self.down.over
            && (self.up.ended || self.is_unheard || self.look.is_some()))
            || (other.hung_up && !self.up.over && self.down.ended)
        {
            // It has said all and hears nothing any more, though the other side has not ended.
            Next::Close(Reason::Reset)
        } else {
            Next::Event
        };
        Ok(next)
    }

    /// What has come for the program before its connection is cut, as far as it takes it now.
    pub fn say_last(&mut self, common: &mut Common) {
        let Stage::Connected { other } = &mut self.stage else {
            return;
        };
        // Heard together with the order, and not looked at yet.
        other.note(EventFlags::IN);
        let mut means = Means {
            pipes: &mut common.pipes,
            budget: &mut common.budget,
        };
        // It is cut in any case.
        let _said = self.down.run(other, &mut self.program, &mut means);
    }

    /// When it has to be looked at, if nothing happens.
    pub fn next_moment(&self, common: &Common) -> Instant {
        let idle = self.idle_at(common);
        let stage = match &self.stage {
            Stage::Dialing(dial) => dial.until(),
            Stage::Carrying { again, .. } => Some(*again),
            Stage::Asked | Stage::Connected { .. } => None,
        };
        let look = self.look.as_ref().and_then(|look| look.again);
        [stage, look].into_iter().flatten().fold(idle, Instant::min)
    }

    fn idle_at(&self, common: &Common) -> Instant {
        self.moved + Duration::from_millis(common.limits.idle_ms)
    }

    /// Whether the program's last byte has gone out, or nothing of its will.
    pub fn has_sent_all(&self) -> bool {
        self.up.over || self.is_unheard
    }

    /// Ends it. Where both sides had not ended by themselves they see a reset.
    pub fn close(self, reason: Reason) -> Closed {
        let closed = Closed {
            sent: self.up.moved,
            received: self.down.moved,
            reason,
        };
        if matches!(reason, Reason::End | Reason::Handed) {
            if let Stage::Connected { other } = self.stage {
                other.close_in_peace();
            }
            self.program.close_in_peace();
        }
        closed
    }
}

/// A connection to the host's socket, on which the bytes will be this one's.
pub fn carry(id: FlowId, common: &Common) -> Result<Sock> {
    let socket: OwnedFd = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    connect(&socket, &common.host)?;
    // An empty socket has room for a line.
    send(&socket, &Hello::Carry(id).to_line(), SendFlags::NOSIGNAL)?;
    common.poller.add_socket(&socket, Token::Other(id))?;
    Ok(Sock::new(socket))
}
