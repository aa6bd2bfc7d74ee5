//! The agent's work: connections, calls, and which service each goes to.

use std::cell::{Cell, RefCell};
use std::future::{poll_fn, Future};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use glovebox_wire::inside::{Call, Empty, HelloReply, HelloRequest, SignalRequest, StatsRequest};
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{Method, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at, Instant};

use crate::caps;
use crate::egress::Egress;
use crate::exec::Exec;
use crate::files;
use crate::futures::{either, Either};
use crate::guest::{Guest, Offers};
use crate::identity::Identity;
use crate::pipe::Pipe;
use crate::rpc::{self, Inbound, Reply};
use crate::stats::Gauge;
use crate::status::{Code, Result, Status};
use crate::wall::Wall;
use crate::{machine, ports};

/// The only protocol so far.
const PROTOCOL: u32 = 1;

/// What an inside has to offer.
pub struct Offer {
    /// What is the same in each answer.
    pub hello: HelloReply,
    pub identity: Rc<Identity>,
    pub wall: Wall,
    /// "/", of the sandbox's tree or of the guest's.
    pub root: OwnedFd,
    pub figures: Box<dyn Gauge>,
}

/// Where connections come from.
pub struct Listening {
    /// The connection that was there first.
    pub first: OwnedFd,
    pub socket: OwnedFd,
}

/// Serves until the listening socket fails. To be called in a `LocalSet` of a runtime with one thread.
pub async fn serve(offer: Rc<Offer>, listening: Listening) -> io::Result<()> {
    let listener = Pipe::new(listening.socket)?;
    let mut peers = JoinSet::new();
    peers.spawn_local(connection(Pipe::new(listening.first)?, Rc::clone(&offer)));
    loop {
        while peers.len() >= caps::CONNECTIONS {
            peers.join_next().await;
        }
        while peers.try_join_next().is_some() {}
        let accepted = accept(&listener).await?;
        peers.spawn_local(connection(Pipe::new(accepted)?, Rc::clone(&offer)));
    }
}

async fn accept(listener: &Pipe) -> io::Result<OwnedFd> {
    use rustix::io::Errno;
    use rustix::net::{accept_with, SocketFlags};
    loop {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match listener
            .when_readable(|socket| accept_with(socket, flags))
            .await
        {
            Ok(accepted) => return Ok(accepted),
            // Whoever called has gone again.
            Err(Errno::CONNABORTED) => {}
            // No descriptors: some call's end gives them back.
            Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// One peer, to its end; what it had under way is dropped with it.
pub async fn connection<T>(stream: T, offer: Rc<Offer>)
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut settings = Builder::new();
    settings
        .max_concurrent_streams(caps::STREAMS)
        .max_frame_size(caps::FRAME)
        .initial_window_size(caps::STREAM_WINDOW)
        .initial_connection_window_size(offer.wall.window())
        .max_header_list_size(caps::HEADERS)
        .max_concurrent_reset_streams(caps::RESETS)
        .max_pending_accept_reset_streams(caps::RESETS)
        .max_send_buffer_size(caps::CHUNK * 2);
    let deadline = Instant::now() + offer.wall.hello();
    // A peer that speaks something else, or nothing, is left.
    let Ok(Ok(mut http)) = timeout_at(deadline, settings.handshake(stream)).await else {
        return;
    };
    let peer = Rc::new(Peer {
        exec: match &offer.wall {
            Wall::Jail(jail) => Some(Exec::new(jail)),
            Wall::Guest(_) => None,
        },
        egress: Egress::default(),
        offers: Offers::default(),
        is_known: Cell::new(false),
        offer,
    });
    let mut calls = JoinSet::new();
    loop {
        let next = poll_fn(|context| poll_next(&mut http, &mut calls, context));
        let next = match peer.is_known.get() {
            true => next.await,
            false => match either(next, tokio::time::sleep_until(deadline)).await {
                Either::First(next) => next,
                Either::Second(()) if peer.is_known.get() => continue,
                Either::Second(()) => {
                    http.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    // As far as it takes no waiting: the peer may not read.
                    let _told = timeout(
                        Duration::from_millis(100),
                        poll_fn(|context| http.poll_closed(context)),
                    )
                    .await;
                    return;
                }
            },
        };
        match next {
            Some(Ok((request, respond))) => {
                calls.spawn_local(call(Rc::clone(&peer), request, respond));
            }
            Some(Err(_)) | None => return,
        }
    }
}

type Next = Option<std::result::Result<(Request<RecvStream>, SendResponse<Bytes>), h2::Error>>;

/// The next request. Calls that have ended are let go meanwhile, so that they do not pile up.
fn poll_next<T>(
    http: &mut Connection<T, Bytes>,
    calls: &mut JoinSet<()>,
    context: &mut Context<'_>,
) -> Poll<Next>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Poll::Ready(Some(_)) = calls.poll_join_next(context) {}
    http.poll_accept(context)
}

struct Peer {
    offer: Rc<Offer>,
    exec: Option<Exec>,
    egress: Egress,
    offers: Offers,
    is_known: Cell<bool>,
}

async fn call(peer: Rc<Peer>, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
    let reply = Reply::new(respond);
    let trailers = RefCell::new(Vec::new());
    let (head, body) = request.into_parts();
    let mut inbound = Inbound::new(body);
    let work = async {
        if head.method != Method::POST {
            return Err(Status::invalid("method: must be POST"));
        }
        rpc::check(&head.headers)?;
        let limit = rpc::timeout(&head.headers)?;
        let Some(wanted) = Call::at(head.uri.path()) else {
            return Err(Status::new(Code::Unimplemented, "no such call"));
        };
        if wanted != Call::HelloHello && !peer.is_known.get() {
            return Err(Status::new(Code::FailedPrecondition, "Hello comes first"));
        }
        let work = peer.dispatch(wanted, &mut inbound, &reply, &trailers);
        within(limit.filter(|_| !is_long(wanted)), work).await
    };
    // Bound, so that what the call holds goes before its end is told.
    let done = either(work, reply.abandoned()).await;
    match done {
        Either::First(done) => reply.finish(done, trailers.into_inner()),
        Either::Second(()) => {}
    }
}

async fn within(limit: Option<Duration>, work: impl Future<Output = Result<()>>) -> Result<()> {
    match limit {
        None => work.await,
        Some(limit) => match timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(Status::new(Code::DeadlineExceeded, "grpc-timeout is over")),
        },
    }
}

/// Calls that carry a stream last as long as it does.
fn is_long(call: Call) -> bool {
    matches!(
        call,
        Call::ExecExec
            | Call::FilesRead
            | Call::FilesWrite
            | Call::FilesUpdate
            | Call::FilesTarIn
            | Call::FilesTarOut
            | Call::PortsConnect
            | Call::EgressAccept
            | Call::GuestStart
            | Call::GuestResume
            | Call::GuestAccept
    )
}

impl Peer {
    async fn dispatch(
        &self,
        call: Call,
        inbound: &mut Inbound,
        reply: &Reply,
        trailers: &RefCell<Vec<(&'static str, Vec<u8>)>>,
    ) -> Result<()> {
        let root = &self.offer.root;
        match call {
            Call::HelloHello => {
                let hello = self.hello(&inbound.only().await?)?;
                reply.send(&hello).await
            }
            // Apart, as some below: every call has room for whichever it is.
            Call::ExecExec => Box::pin(self.exec()?.run(inbound, reply)).await,
            Call::ExecSignal => {
                let exec = self.exec()?;
                let request: SignalRequest = inbound.only().await?;
                exec.signal(&request)?;
                reply.send(&Empty {}).await
            }
            Call::FilesStat => {
                reply
                    .send(&files::stat(root, &inbound.only().await?)?)
                    .await
            }
            Call::FilesList => files::list(root, &inbound.only().await?, reply).await,
            Call::FilesRead => files::read(root, &inbound.only().await?, reply).await,
            Call::FilesWrite => {
                let written = files::write(root, inbound).await?;
                reply.send(&written).await
            }
            Call::FilesMakeDirectory => {
                let made = files::make_directory(root, &inbound.only().await?)?;
                reply.send(&made).await
            }
            Call::FilesRemove => {
                files::remove(root, &inbound.only().await?).await?;
                reply.send(&Empty {}).await
            }
            Call::FilesTarOut => {
                let left_out = files::tar_out(root, &inbound.only().await?, reply).await?;
                let named = left_out.into_iter().map(|path| (files::LEFT_OUT, path));
                trailers.borrow_mut().extend(named);
                Ok(())
            }
            Call::FilesTarIn => {
                let result = files::tar_in(root, inbound).await?;
                reply.send(&result).await
            }
            Call::FilesChange => {
                let changed = files::change(root, &inbound.only().await?)?;
                reply.send(&changed).await
            }
            Call::FilesRename => {
                files::rename(root, &inbound.only().await?)?;
                reply.send(&Empty {}).await
            }
            Call::FilesMakeLink => {
                let made = files::make_link(root, &inbound.only().await?)?;
                reply.send(&made).await
            }
            Call::FilesUpdate => files::update(root, inbound, reply).await,
            Call::PortsConnect => {
                let by = match &self.offer.wall {
                    Wall::Jail(jail) => ports::By::Seed(&jail.seed),
                    Wall::Guest(_) => ports::By::Ourselves,
                };
                ports::connect(by, inbound, reply).await
            }
            Call::EgressAccept => {
                self.exec()?;
                self.egress.accept(inbound, reply).await
            }
            Call::StatsRead => {
                let StatsRequest {} = inbound.only().await?;
                reply.send(&self.offer.figures.read()).await
            }
            Call::MachineSetClock | Call::MachineReseed | Call::MachinePowerOff => {
                let machine = &*self.guest()?.machine;
                machine::call(machine, &self.offer.identity, call, inbound).await?;
                reply.send(&Empty {}).await
            }
            Call::GuestIdentify => {
                let guest = self.guest()?;
                guest.identify(&inbound.only().await?)?;
                reply.send(&Empty {}).await
            }
            Call::GuestMountGiven => {
                let guest = self.guest()?;
                let Empty {} = inbound.only().await?;
                guest.machine.mount_given()?;
                reply.send(&Empty {}).await
            }
            Call::GuestStart => Box::pin(self.guest()?.start(inbound, reply)).await,
            Call::GuestResume => Box::pin(self.guest()?.resume(inbound, reply)).await,
            Call::GuestCommand => {
                let guest = self.guest()?;
                guest.command(inbound.only().await?).await?;
                reply.send(&Empty {}).await
            }
            Call::GuestCloseOutput => {
                let guest = self.guest()?;
                guest.close_output(&inbound.only().await?)?;
                reply.send(&Empty {}).await
            }
            Call::GuestAccept => Box::pin(self.guest()?.accept(&self.offers, inbound, reply)).await,
        }
    }

    /// Programs, which only a sandbox has.
    fn exec(&self) -> Result<&Exec> {
        self.exec.as_ref().ok_or_else(|| {
            Status::new(
                Code::Unimplemented,
                "a guest's programs run in its sandboxes: ask one of those",
            )
        })
    }

    fn guest(&self) -> Result<&Guest> {
        match &self.offer.wall {
            Wall::Guest(guest) => Ok(guest),
            Wall::Jail(_) => Err(Status::new(
                Code::Unimplemented,
                "a jail shares the host's clock, generator and power",
            )),
        }
    }

    fn hello(&self, request: &HelloRequest) -> Result<HelloReply> {
        if request.oldest > PROTOCOL || request.newest < PROTOCOL {
            return Err(Status::new(
                Code::FailedPrecondition,
                format!(
                    "this inside speaks protocol {PROTOCOL}, the host {} to {}",
                    request.oldest, request.newest
                ),
            ));
        }
        self.is_known.set(true);
        let mut hello = self.offer.hello.clone();
        hello.protocol = PROTOCOL;
        hello.generation = self.offer.identity.generation();
        hello.instance = Bytes::copy_from_slice(&self.offer.identity.instance());
        hello.services = self.offer.wall.services();
        Ok(hello)
    }
}
