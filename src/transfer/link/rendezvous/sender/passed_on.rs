//! How a receiver learns of the code under which a sender waits.

use tokio::sync::watch;

use crate::transfer::link::invitation::Follower;

/// How the receiver learns of the code.
pub(super) enum PassedOn {
    /// By the user, who reads it out.
    ByUser,
    /// By the send that names it.
    ByInvitation(Follower),
    /// By calls, which are of use while this is true.
    ByCalls(watch::Sender<bool>),
}

impl PassedOn {
    /// Notes whether calls are of use now.
    pub(super) fn call(&self, is_of_use: bool) {
        if let Self::ByCalls(is_up) = self {
            is_up.send_replace(is_of_use);
        }
    }
}
