//! What an agent needs of the launcher: what is enforced, how it is to be bound, and open files of the cgroups, which
//! are not visible inside. Told once, when the program runs and nobody waits; each agent looks at it anew.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use glovebox_channel::Figures;
use glovebox_wire::Enforcement;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::{retry_on_intr, Errno};
use rustix::net::{
    recvmsg, sendmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde_json::{json, Value};

use crate::bounds::Bounds;
use crate::fault::{Fault, Outcome, Step};
use crate::kernel::packet_pair;

const STAGE: &str = "channel";
const MAX_PACKET: usize = 16 << 10;
const FIGURES: usize = 9;

pub struct Teller(OwnedFd);
pub struct Hearer(OwnedFd);

/// What was told.
pub struct News {
    pub enforcements: Vec<(String, String, bool)>,
    pub bounds: Bounds,
    pub figures: Figures,
}

pub fn pair() -> Outcome<(Teller, Hearer)> {
    let (teller, hearer) = packet_pair().step(STAGE, || "make a socket pair".into())?;
    Ok((Teller(teller), Hearer(hearer)))
}

impl Teller {
    pub fn tell(
        self,
        enforcements: &[Enforcement],
        bounds: &[u8],
        figures: &Figures,
    ) -> Outcome<()> {
        let files = in_order(figures);
        let told = json!({
            "enforcements": enforcements
                .iter()
                .map(|line| json!([line.control.name(), line.mechanism, line.enforced]))
                .collect::<Vec<Value>>(),
            "bounds": bounds,
            "figures": files.iter().map(|file| file.is_some()).collect::<Vec<bool>>(),
        });
        let packet = told.to_string().into_bytes();
        let there: Vec<BorrowedFd<'_>> = files.into_iter().flatten().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FIGURES))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !there.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&there)) {
            return Err(Fault::call(STAGE, "tell the news", Errno::NOBUFS));
        }
        let parts = [IoSlice::new(&packet)];
        match retry_on_intr(|| sendmsg(&self.0, &parts, &mut ancillary, SendFlags::NOSIGNAL)) {
            // Pid 1 has ended meanwhile.
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(errno) => Err(Fault::call(STAGE, "tell the news", errno)),
        }
    }
}

fn in_order(figures: &Figures) -> [Option<&OwnedFd>; FIGURES] {
    [
        figures.memory.as_ref(),
        figures.memory_limit.as_ref(),
        figures.cpu.as_ref(),
        figures.processes.as_ref(),
        figures.processes_limit.as_ref(),
        figures.cpu_pressure.as_ref(),
        figures.memory_pressure.as_ref(),
        figures.io_pressure.as_ref(),
        figures.denials.as_ref(),
    ]
}

impl Hearer {
    pub fn descriptor(&self) -> &OwnedFd {
        &self.0
    }

    /// For an agent: the packet stays for the next one. It comes a moment after the program's start, so that an
    /// early one waits for it.
    pub fn look(&self) -> rustix::io::Result<News> {
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        let patience = Timespec {
            tv_sec: 5,
            tv_nsec: 0,
        };
        if retry_on_intr(|| poll(&mut ready, Some(&patience)))? == 0 {
            return Err(Errno::TIMEDOUT);
        }
        let mut packet = vec![0u8; MAX_PACKET];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FIGURES))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut packet)];
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::PEEK;
        let received = retry_on_intr(|| recvmsg(&self.0, &mut parts, &mut ancillary, flags))?;
        let files = ancillary
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(files) => Some(files),
                _ => None,
            })
            .flatten();
        read(&packet[..received.bytes], files).ok_or(Errno::PROTO)
    }
}

fn read(packet: &[u8], mut files: impl Iterator<Item = OwnedFd>) -> Option<News> {
    let told: Value = serde_json::from_slice(packet).ok()?;
    let line = |line: &Value| {
        let text = |at: usize| line.get(at)?.as_str().map(str::to_owned);
        Some((text(0)?, text(1)?, line.get(2)?.as_bool()?))
    };
    let byte = |byte: &Value| u8::try_from(byte.as_u64()?).ok();
    let bounds: Vec<u8> = told["bounds"]
        .as_array()?
        .iter()
        .map(byte)
        .collect::<Option<_>>()?;
    let there = told["figures"].as_array()?;
    let mut next = |at: usize| match there.get(at).and_then(Value::as_bool) {
        Some(true) => files.next(),
        _ => None,
    };
    Some(News {
        enforcements: told["enforcements"]
            .as_array()?
            .iter()
            .map(line)
            .collect::<Option<_>>()?,
        bounds: Bounds::from_parts(&bounds, Vec::new())?,
        figures: Figures {
            memory: next(0),
            memory_limit: next(1),
            cpu: next(2),
            processes: next(3),
            processes_limit: next(4),
            cpu_pressure: next(5),
            memory_pressure: next(6),
            io_pressure: next(7),
            denials: next(8),
            ..Figures::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glovebox_limits::InChild;
    use glovebox_wire::Control;

    #[test]
    fn every_agent_hears_the_same_news() {
        let (teller, hearer) = pair().expect("a pair");
        let file = || {
            Some(OwnedFd::from(
                std::fs::File::open("/dev/null").expect("a file"),
            ))
        };
        let figures = Figures {
            memory: file(),
            io_pressure: file(),
            ..Figures::default()
        };
        let line = Enforcement {
            control: Control::Net,
            enforced: true,
            mechanism: "empty".into(),
            layers: Vec::new(),
            fix: None,
        };
        let bounds = Bounds::to_bytes(&InChild::default(), false);
        teller.tell(&[line], &bounds, &figures).expect("told");
        for _ in 0..2 {
            let news = hearer.look().expect("news");
            assert_eq!(news.enforcements, [("net".into(), "empty".into(), true)]);
            assert!(news.figures.memory.is_some() && news.figures.io_pressure.is_some());
            assert!(news.figures.cpu.is_none());
        }
    }
}
