//! Which inside this is, of all that were started or cloned.

use std::cell::Cell;

use rustix::rand::{getrandom, GetRandomFlags};

use crate::status::{Result, Status};

/// What Hello and a WELCOME say.
pub struct Identity {
    generation: Cell<u64>,
    instance: Cell<[u8; 16]>,
}

impl Identity {
    pub fn draw(generation: u64) -> Result<Identity> {
        Ok(Identity {
            generation: Cell::new(generation),
            instance: Cell::new(random(GetRandomFlags::empty())?),
        })
    }

    /// A guest's that is nobody yet, generation 0. Its kernel has not gathered any entropy so early, and takes a second of
    /// the boot to when it is asked to; nothing rests on these bytes.
    pub fn nobody() -> Result<Identity> {
        Ok(Identity {
            generation: Cell::new(0),
            instance: Cell::new(random(GetRandomFlags::INSECURE)?),
        })
    }

    pub fn generation(&self) -> u64 {
        self.generation.get()
    }

    pub fn instance(&self) -> [u8; 16] {
        self.instance.get()
    }

    /// A clone's own. To be called when the kernel's generator has been reseeded: before that, clones of one template draw
    /// the same bytes.
    pub fn renew(&self, generation: u64) -> Result<()> {
        self.instance.set(random(GetRandomFlags::empty())?);
        self.generation.set(generation);
        Ok(())
    }
}

fn random(how: GetRandomFlags) -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom(&mut bytes, how).map_err(|errno| Status::of("random bytes", errno))?;
    Ok(bytes)
}
