//! The channel over the port: one session of a host's after the other.

use std::convert::Infallible;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use glovebox_channel::framing::Role;
use glovebox_channel::{carry, connection, Children, Guest, Identity, Offer, Program, Wall};
use glovebox_wire::inside::HelloReply;
use rustix::fs::{open, Mode, OFlags};
use tokio::task::spawn_local;

use super::figures::OfTheMachine;
use super::machine::Own;
use super::mounts::SOCKETS;
use super::port::{Port, Stream};
use crate::fault::{Fault, Outcome, Step};
use crate::kernel::signal_descriptor;

const STAGE: &str = "channel";

/// Nobody is connected when a template is made, and nothing runs: a clone finds us waiting for its host's HELLO.
pub fn serve(port: OwnedFd) -> Outcome<Infallible> {
    let ended = signal_descriptor(&[libc::SIGCHLD]).step(STAGE, || "hear of children".into())?;
    let children = Rc::new(Children::default());
    let offer = offer(&children)?;
    // One thread: what else runs in the machine has its processors.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(failed)?;
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let port = Port::new(port).map_err(failed)?;
        spawn_local(async move {
            // It fails only where nothing works any more.
            let _failed = children.reap_all(ended).await;
        });
        loop {
            port.connected().await.map_err(failed)?;
            let offer = Rc::clone(&offer);
            let identity = Rc::clone(&offer.identity);
            let role = move || Role::Inside {
                generation: identity.generation(),
                instance: identity.instance(),
            };
            let stream = Stream(Rc::clone(&port));
            let carried = carry(stream, role, Vec::new(), move |connected| {
                spawn_local(connection(connected, Rc::clone(&offer)));
            });
            carried.await.map_err(failed)?;
        }
    })
}

fn failed(error: std::io::Error) -> Fault {
    Fault::host(STAGE, format!("serve: {error}"))
}

fn offer(children: &Rc<Children>) -> Outcome<Rc<Offer>> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = open("/", flags, Mode::empty()).step(STAGE, || "open /".into())?;
    let identity =
        Rc::new(Identity::nobody().map_err(|status| Fault::host(STAGE, status.message))?);
    let launcher = Program {
        path: "/proc/self/exe".into(),
        arguments: vec!["jail".into(), "--in-guest".into()],
    };
    let guest = Guest::new(
        Box::new(Own::default()),
        Rc::clone(&identity),
        launcher,
        Rc::clone(children),
        SOCKETS.into(),
    );
    Ok(Rc::new(Offer {
        hello: HelloReply {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..HelloReply::default()
        },
        identity,
        wall: Wall::Guest(Rc::new(guest)),
        root,
        figures: Box::new(OfTheMachine),
    }))
}
