//! The channel over the port, or over a connection: one session of a host's after the other.

use std::convert::Infallible;
use std::io;
use std::rc::Rc;

use glovebox_channel::framing::Role;
use glovebox_channel::{carry, connection, Children, Guest, Identity, Offer, Program, Wall};
use glovebox_wire::inside::HelloReply;
use rustix::fs::{open, Mode, OFlags};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;

use super::devices::Way;
use super::figures::OfTheMachine;
use super::machine::Own;
use super::mounts::SOCKETS;
use super::port::{Port, Stream};
use super::vsock::Listener;
use crate::fault::{Fault, Outcome, Step};
use crate::kernel::signal_descriptor;

const STAGE: &str = "channel";

/// Nobody is connected when a template is made, and nothing runs: a clone finds us waiting for its host's HELLO.
pub fn serve(way: Way) -> Outcome<Infallible> {
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
        spawn_local(async move {
            // It fails only where nothing works any more.
            let _failed = children.reap_all(ended).await;
        });
        match way {
            Way::Port(port) => over_port(Port::new(port).map_err(failed)?, &offer).await,
            Way::Vsock(socket) => {
                over_connections(Listener::new(socket).map_err(failed)?, &offer).await
            }
        }
        .map_err(failed)
    })
}

/// There is one port: where it fails, nothing can be said any more.
async fn over_port(port: Rc<Port>, offer: &Rc<Offer>) -> io::Result<Infallible> {
    loop {
        port.connected().await?;
        session(Stream(Rc::clone(&port)), offer).await?;
    }
}

async fn over_connections(listener: Listener, offer: &Rc<Offer>) -> io::Result<Infallible> {
    loop {
        // One that is reset when its clone goes on says so by an error alone, without a hang-up: what waits for a port sees that too.
        let connection = Port::new(listener.accept().await?)?;
        // One that breaks off is an end like any other.
        let _ended = session(Stream(connection), offer).await;
    }
}

async fn session<T>(transport: T, offer: &Rc<Offer>) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + 'static,
{
    let identity = Rc::clone(&offer.identity);
    let role = move || Role::Inside {
        generation: identity.generation(),
        instance: identity.instance(),
    };
    let offer = Rc::clone(offer);
    carry(transport, role, Vec::new(), move |connected| {
        spawn_local(connection(connected, Rc::clone(&offer)));
    })
    .await
}

fn failed(error: io::Error) -> Fault {
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
