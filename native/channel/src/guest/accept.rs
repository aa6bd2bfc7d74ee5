//! Accept: from a Unix socket in the machine to the host, which offers to take the next connection.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use glovebox_wire::inside::{AcceptInput, AcceptInputCase};
use rustix::io::Errno;
use rustix::net::{accept_with, SocketFlags};

use super::rooms::{Listener, Rooms};
use super::Guest;
use crate::futures::{either, Either};
use crate::pipe::Pipe;
use crate::ports;
use crate::rpc::{Chunk, Inbound, Reply};
use crate::status::{Code, Result, Status};

/// The sockets that one connection of the host's has had made; they go with it.
#[derive(Default)]
pub struct Offers(RefCell<HashMap<Bytes, Offer>>);

struct Offer {
    rooms: Rc<Rooms>,
    id: String,
    name: String,
    listener: Rc<Listener>,
}

impl Drop for Offer {
    fn drop(&mut self) {
        self.rooms.close(&self.id, &self.name, &self.listener);
    }
}

impl Offers {
    fn socket(&self, rooms: &Rc<Rooms>, path: Bytes) -> Result<Rc<Listener>> {
        let mut offers = self.0.borrow_mut();
        // What a sandbox that has ended had is made anew for the next one of its name.
        let is_open = |offer: &&Offer| offer.listener.open.has_changed().is_ok();
        if let Some(offer) = offers.get(&path).filter(is_open) {
            return Ok(Rc::clone(&offer.listener));
        }
        offers.retain(|_, offer| is_open(&&*offer));
        let (id, name, listener) = rooms.listen(&path)?;
        let offer = Offer {
            rooms: Rc::clone(rooms),
            id,
            name,
            listener: Rc::clone(&listener),
        };
        offers.insert(path, offer);
        Ok(listener)
    }
}

impl Guest {
    pub async fn accept(
        &self,
        offers: &Offers,
        inbound: &mut Inbound,
        reply: &Reply,
    ) -> Result<()> {
        let first = inbound.next::<AcceptInput>().await?;
        let Some(AcceptInputCase::Path(path)) = first.and_then(|first| first.input) else {
            return Err(Status::invalid("the first message must be `path`"));
        };
        let listener = offers.socket(&self.rooms, path)?;
        // The headers say that the socket is there.
        reply.begin()?;
        let connection = next(&listener).await?;
        drop(listener);
        reply.send_frame(Chunk::new(1).framed(1, 0)).await?;
        ports::bridge(&connection, inbound, reply, data).await
    }
}

async fn next(listener: &Listener) -> Result<Pipe> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let mut open = listener.open.clone();
    loop {
        let accepted = listener
            .socket
            .when_readable(|socket| accept_with(socket, flags));
        match either(accepted, open.changed()).await {
            Either::First(Ok(accepted)) => {
                return Pipe::new(accepted).map_err(|_| Status::of("accept", Errno::MFILE))
            }
            // Whoever called has gone again.
            Either::First(Err(Errno::CONNABORTED)) => {}
            Either::First(Err(errno)) => return Err(Status::of("accept", errno)),
            Either::Second(_) => {
                return Err(Status::new(Code::Unavailable, "the sandbox has ended"))
            }
        }
    }
}

fn data(input: AcceptInput) -> Result<Option<Bytes>> {
    match input.input {
        Some(AcceptInputCase::Data(bytes)) => Ok(Some(bytes)),
        Some(AcceptInputCase::Path(_)) => Err(Status::invalid("`path` comes once")),
        None => Ok(None),
    }
}
