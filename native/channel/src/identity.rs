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
            instance: Cell::new(random()?),
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
        self.instance.set(random()?);
        self.generation.set(generation);
        Ok(())
    }
}

fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom(&mut bytes, GetRandomFlags::empty())
        .map_err(|errno| Status::of("random bytes", errno))?;
    Ok(bytes)
}
