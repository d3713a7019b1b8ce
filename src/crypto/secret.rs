//! [`Secret`], the 32 bytes behind every key of a session that is kept for long or handed from one place to another.

use std::ops::Deref;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret of 32 bytes on the heap. Moving it moves a pointer and leaves no copy of the bytes behind; dropping it wipes
/// them. It can be neither printed nor cloned.
pub(super) struct Secret(Box<[u8; 32]>);

impl Secret {
    /// A secret that `write` writes in place.
    pub(super) fn written_by(write: impl FnOnce(&mut [u8; 32])) -> Self {
        let mut secret = Self(Box::new([0; 32]));
        write(&mut secret.0);
        secret
    }
}

impl Deref for Secret {
    type Target = [u8; 32];

    fn deref(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Secret {}
