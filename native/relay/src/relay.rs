//! The loop: what happened, whose turn it is, what is due.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use glovebox_wire::egress::{FlowId, FromRelay, Limits, Order, Reason};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;

use crate::budget::Budget;
use crate::datagrams::{self, Datagrams};
use crate::door::{Door, Sockets};
use crate::flow::{Flow, Next};
use crate::link::{Link, LinkError};
use crate::pipes::Pipes;
use crate::poller::{EventFlags, Poller, Token};
use crate::queries::Queries;
use crate::sock::Sock;
use crate::timers::Timers;
use crate::turns::Turns;

/// Two sockets and, where both readers are slow, two pipes; beside each connection a conversation by datagrams.
const DESCRIPTORS_OF_A_FLOW: u64 = 7;
/// Standard streams, epolls, link, life line, resolver, pipes that are spare, an attempt to connect that follows another.
const DESCRIPTORS_OF_OURS: u64 = 64;

/// How often there are new bytes to spend, where there is a limit.
const REFILL: Duration = Duration::from_millis(10);

/// When the sandbox has ended, what its programs sent last gets so long to leave.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// What the relay works with.
pub struct Charge {
    pub link: Link,
    pub limits: Limits,
    /// The host's socket.
    pub host: SocketAddrUnix,
    pub sockets: Sockets,
    /// Hangs up when the sandbox has ended.
    pub life: OwnedFd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With the sandbox.
    Sandbox,
    /// The host is gone.
    Host,
}

/// Descriptors that a relay needs for so many connections and listening sockets.
pub fn descriptors_for(connections: u32, listeners: usize) -> u64 {
    u64::from(connections) * DESCRIPTORS_OF_A_FLOW + listeners as u64 + DESCRIPTORS_OF_OURS
}

/// What each connection uses too.
pub struct Common {
    pub now: Instant,
    pub poller: Poller,
    pub link: Link,
    pub limits: Limits,
    pub host: SocketAddrUnix,
    pub pipes: Pipes,
    pub budget: Budget,
}

/// Ready to work: it makes nothing further but connections and pipes.
pub struct Relay {
    common: Common,
    door: Door,
    queries: Queries,
    datagrams: Datagrams,
    flows: BTreeMap<FlowId, Flow>,
    next_id: FlowId,
    timers: Timers,
    again: Turns,
    throttled: Turns,
    unheard: Turns,
    /// Watched; never read.
    _life: OwnedFd,
    /// The sandbox has ended, and this is the end of ours.
    until: Option<Instant>,
}

impl Relay {
    /// `descriptors`: how many this process may have.
    pub fn prepare(charge: Charge, descriptors: u64) -> rustix::io::Result<Relay> {
        let Charge {
            link,
            mut limits,
            host,
            sockets,
            life,
        } = charge;
        let ours = descriptors_for(0, sockets.count());
        let affordable = descriptors.saturating_sub(ours) / DESCRIPTORS_OF_A_FLOW;
        limits.connections = u32::try_from(affordable)
            .unwrap_or(u32::MAX)
            .min(limits.connections);
        let now = Instant::now();
        let poller = Poller::new()?;
        poller.add(&link, Token::Link, link.awaited())?;
        poller.add(&sockets.udp, Token::Queries, EventFlags::IN)?;
        poller.add(&life, Token::Life, EventFlags::RDHUP | EventFlags::ET)?;
        let datagrams = Datagrams::new(sockets.datagrams, limits.connections, &poller)?;
        Ok(Relay {
            common: Common {
                now,
                poller,
                link,
                host,
                pipes: Pipes::default(),
                budget: Budget::new(limits.bytes_per_second, limits.bytes, now),
                limits,
            },
            door: Door::new(sockets.tcp)?,
            queries: Queries::new(sockets.udp),
            datagrams,
            flows: BTreeMap::new(),
            next_id: 1,
            timers: Timers::default(),
            again: Turns::default(),
            throttled: Turns::default(),
            unheard: Turns::default(),
            _life: life,
            until: None,
        })
    }

    /// Carries connections until the sandbox or the host has ended.
    pub fn run(mut self) -> Result<Ended, LinkError> {
        loop {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => return Ok(Ended::Sandbox),
                Err(LinkError::Closed) => return Ok(Ended::Host),
                Err(error) => return Err(error),
            }
        }
    }

    /// Says what is due; true: all of it.
    fn say(&mut self) -> Result<bool, LinkError> {
        let Common {
            link, poller, now, ..
        } = &mut self.common;
        let awaited = link.awaited();
        let is_said = link.flush(*now)?;
        if link.awaited() != awaited {
            poller
                .change(&*link, Token::Link, link.awaited())
                .map_err(|errno| LinkError::Call("watch the link", errno))?;
        }
        Ok(is_said)
    }

    /// False: the work is done.
    fn turn(&mut self) -> Result<bool, LinkError> {
        let call = |what| move |errno| LinkError::Call(what, errno);
        self.watch_the_door().map_err(call("watch the door"))?;
        let timeout = self.timeout();
        let events = self.common.poller.wait(timeout).map_err(call("wait"))?;
        self.common.now = Instant::now();
        for (token, flags) in events {
            match token {
                Token::Link => self.hear()?,
                Token::Life => self.begin_to_end().map_err(call("close the door"))?,
                Token::Door => self.let_in().map_err(call("accept"))?,
                Token::Queries => {
                    let Common { link, now, .. } = &mut self.common;
                    self.queries.take(link, &mut self.next_id, *now);
                }
                Token::Datagrams(index) => {
                    self.datagrams
                        .take(index, &mut self.next_id, &mut self.common);
                }
                Token::Program(id) => self.go_on(id, |flow| flow.note_program(flags)),
                Token::Other(id) if self.datagrams.has(id) => self.carry_datagrams(id, flags),
                Token::Other(id) => self.go_on(id, |flow| flow.note_other(flags)),
            }
        }
        self.serve_those_who_wait();
        for id in self.timers.due(self.common.now) {
            self.go_on(id, |_| {});
        }
        if self.say()? {
            // Before anything else is said, and each once.
            for _ in 0..self.unheard.len() {
                if let Some(id) = self.unheard.next() {
                    self.go_on(id, |_| {});
                }
            }
            self.say()?;
        }
        self.is_still_needed()
    }

    fn watch_the_door(&mut self) -> rustix::io::Result<()> {
        let now = self.common.now;
        self.door.until = self.door.until.filter(|until| now < *until);
        let wanted =
            self.until.is_none() && self.door.until.is_none() && !self.common.link.is_congested();
        self.door.watch(&self.common.poller, wanted)
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let refill = (!self.throttled.is_empty()).then(|| self.common.now + REFILL);
        let late = self.common.link.next();
        let moments = [
            self.timers.next(),
            refill,
            late,
            self.until,
            self.door.until,
        ];
        let first = moments.into_iter().flatten().min()?;
        Some(first.saturating_duration_since(Instant::now()))
    }

    fn hear(&mut self) -> Result<(), LinkError> {
        while let Some((id, order)) = self.common.link.hear()? {
            match order {
                order if self.datagrams.has(id) => {
                    self.datagrams.obey(id, order, &mut self.common);
                }
                Order::Refuse => {
                    if let Some(flow) = self.flows.get_mut(&id) {
                        flow.say_last(&mut self.common);
                    }
                    self.close(id, Reason::Refused);
                }
                Order::Answer(bytes) => self.queries.answer(id, &bytes, self.common.now),
                order => {
                    // One that has just ended is told nothing.
                    if let Some(flow) = self.flows.get_mut(&id) {
                        let next = flow.obey(order, &mut self.common);
                        self.follow(id, next);
                    }
                }
            }
        }
        Ok(())
    }

    fn let_in(&mut self) -> rustix::io::Result<()> {
        for socket in self.door.take(self.common.now)? {
            // Dropped is reset: one too many, or gone by now.
            if self.flows.len() >= self.common.limits.connections as usize {
                continue;
            }
            let program = Sock::new(socket);
            let Ok(Some(address)) = program.own_address() else {
                continue;
            };
            let id = self.next_id;
            self.next_id += 1;
            match self.common.poller.add_socket(&program, Token::Program(id)) {
                Ok(()) => {}
                // Watches have a limit of the user's own (epoll(7)).
                Err(Errno::NOSPC | Errno::NOMEM) => continue,
                Err(errno) => return Err(errno),
            }
            self.common.link.tell(
                id,
                &FromRelay::Opened {
                    address: address.ip(),
                    port: address.port(),
                },
            );
            self.flows
                .insert(id, Flow::new(id, program, self.common.now));
            let next = match self.common.budget.is_spent() {
                true => Next::Close(Reason::Limit),
                false => Next::Event,
            };
            self.follow(id, next);
        }
        Ok(())
    }

    fn carry_datagrams(&mut self, id: FlowId, flags: EventFlags) {
        if self.datagrams.go_on(id, flags, &mut self.common) == datagrams::Next::Again {
            self.again.add(id);
        }
    }

    fn go_on(&mut self, id: FlowId, note: impl FnOnce(&mut Flow)) {
        if let Some(flow) = self.flows.get_mut(&id) {
            note(flow);
            let next = flow.go_on(&mut self.common);
            self.follow(id, next);
        }
    }

    fn follow(&mut self, id: FlowId, next: Next) {
        match next {
            Next::Event => {}
            Next::Again => self.again.add(id),
            Next::Budget => self.throttled.add(id),
            Next::Link => self.unheard.add(id),
            Next::Close(reason) => return self.close(id, reason),
        }
        if let Some(flow) = self.flows.get_mut(&id) {
            let moment = Some(flow.next_moment(&self.common));
            if flow.timer != moment {
                self.timers.change(id, flow.timer, moment);
                flow.timer = moment;
            }
        }
    }

    fn close(&mut self, id: FlowId, reason: Reason) {
        let Some(flow) = self.flows.remove(&id) else {
            return;
        };
        self.timers.change(id, flow.timer, None);
        for turns in [&mut self.again, &mut self.throttled, &mut self.unheard] {
            turns.remove(id);
        }
        let closed = flow.close(reason);
        self.common.link.tell(id, &FromRelay::Closed(closed));
    }

    /// As many as wait now; who waits again afterwards comes next time.
    fn serve_those_who_wait(&mut self) {
        for _ in 0..self.again.len() {
            match self.again.next() {
                Some(id) if self.datagrams.has(id) => {
                    self.carry_datagrams(id, EventFlags::empty());
                }
                Some(id) => self.go_on(id, |_| {}),
                None => break,
            }
        }
        if self.throttled.is_empty() {
            return;
        }
        self.common.budget.refill(self.common.now);
        for _ in 0..self.throttled.len() {
            if self.common.budget.is_used_up() {
                break;
            }
            if let Some(id) = self.throttled.next() {
                self.go_on(id, |_| {});
            }
        }
    }

    fn begin_to_end(&mut self) -> rustix::io::Result<()> {
        if self.until.is_none() {
            self.until = Some(self.common.now + LAST_BYTES);
            self.door.close(&self.common.poller)?;
            self.datagrams
                .begin_to_end(&mut self.next_id, &mut self.common);
        }
        Ok(())
    }

    fn is_still_needed(&mut self) -> Result<bool, LinkError> {
        let Some(until) = self.until else {
            return Ok(true);
        };
        let is_over = self.common.now >= until;
        let flows = self.flows.iter();
        let done: Vec<(FlowId, Reason)> = flows
            .filter_map(|(id, flow)| match flow.has_sent_all() {
                true => Some((*id, Reason::End)),
                false => is_over.then_some((*id, Reason::Reset)),
            })
            .collect();
        for (id, reason) in done {
            self.close(id, reason);
        }
        let is_said = self.say()?;
        let is_done = self.flows.is_empty() && self.datagrams.is_done() && is_said;
        Ok(!is_over && !is_done)
    }
}
