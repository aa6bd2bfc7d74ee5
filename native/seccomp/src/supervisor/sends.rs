//! `bind` and messages to an address: recorded. The empty network namespace and Landlock decide.

use std::collections::BTreeSet;

use rustix::io::Errno;

use super::address::{self, Address};
use super::decision::NO_RESOLVER;
use super::listener::{Answer, Notification};
use super::record::{cut, Sink};
use super::target::Target;
use super::{memory, ActivityKind, Supervisor, SupervisorError, Verdict, What, KERNEL};

/// Sizes of `struct msghdr` and `struct mmsghdr`, which begins with one.
pub const MSGHDR: usize = std::mem::size_of::<libc::msghdr>();
pub const MMSGHDR: usize = std::mem::size_of::<libc::mmsghdr>();

/// As many as the kernel takes in one call.
const MOST_MESSAGES: u32 = 1024;

impl<S: Sink> Supervisor<S> {
    pub(super) fn record_address(
        &mut self,
        call: &Notification,
        kind: ActivityKind,
        at: u64,
        length: i32,
    ) -> Result<(), SupervisorError> {
        if let Ok(bytes) = address::copy(call.tid, at, length) {
            let address = Address::parse(&bytes);
            if kind == ActivityKind::Send && self.is_vain(&address) {
                return self.refuse_question(call, &address);
            }
            let text = cut(address.to_string().as_bytes());
            let what = What::to_address(kind, text, Verdict::Recorded, KERNEL);
            if !self.record_for(call, &Target { tid: call.tid }, what)? {
                return Ok(());
            }
        }
        self.answer(call, Answer::Continue).map(|_| ())
    }

    /// Messages without an address, on connected sockets, leave no record.
    pub(super) fn record_messages(
        &mut self,
        call: &Notification,
        kind: ActivityKind,
        count: u32,
        size: usize,
    ) -> Result<(), SupervisorError> {
        let length = count.min(MOST_MESSAGES) as usize * size;
        let headers = memory::bytes(call.tid, call.args[1], length).unwrap_or_default();
        let named = |header| named(call.tid, header);
        let addresses: Vec<Address> = headers.chunks_exact(size).filter_map(named).collect();
        if let Some(address) = addresses.iter().find(|address| self.is_vain(address)) {
            return self.refuse_question(call, address);
        }
        let texts: BTreeSet<String> = addresses
            .iter()
            .map(|address| cut(address.to_string().as_bytes()))
            .collect();
        for text in texts {
            let what = What::to_address(kind, text, Verdict::Recorded, KERNEL);
            if !self.record_for(call, &Target { tid: call.tid }, what)? {
                return Ok(());
            }
        }
        self.answer(call, Answer::Continue).map(|_| ())
    }

    /// Whether nobody can hear what is sent there.
    fn is_vain(&self, address: &Address) -> bool {
        self.options.egress.is_none() && address.is_default_resolver()
    }

    /// As the kernel would a datagram later, when the program reads: so that the record says what it is.
    fn refuse_question(
        &mut self,
        call: &Notification,
        address: &Address,
    ) -> Result<(), SupervisorError> {
        let text = cut(address.to_string().as_bytes());
        let what = What::to_address(ActivityKind::Send, text, Verdict::Denied, NO_RESOLVER);
        if !self.record_for(call, &Target { tid: call.tid }, what)? {
            return Ok(());
        }
        let refused = Answer::Errno(Errno::CONNREFUSED.raw_os_error());
        self.answer(call, refused).map(|_| ())
    }
}

/// What the flags of a message mean by its address: the first bytes of a new connection (tcp(7), TCP_FASTOPEN), or a datagram's.
pub fn kind(flags: u64) -> ActivityKind {
    match flags as i32 & libc::MSG_FASTOPEN {
        0 => ActivityKind::Send,
        _ => ActivityKind::Connect,
    }
}

/// `msg_name` and `msg_namelen` are the first two fields.
fn named(tid: u32, header: &[u8]) -> Option<Address> {
    let name = u64::from_ne_bytes(header.get(..8)?.try_into().ok()?);
    let length = i32::from_ne_bytes(header.get(8..12)?.try_into().ok()?);
    if name == 0 || length == 0 {
        return None;
    }
    let bytes = address::copy(tid, name, length).ok()?;
    Some(Address::parse(&bytes))
}
