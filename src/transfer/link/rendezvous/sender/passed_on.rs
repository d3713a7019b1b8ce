//! How a receiver learns of the code under which a sender waits.

use tokio::sync::watch;

use crate::transfer::link::invitation::Follower;

/// How the receiver learns of the code.
pub(super) enum PassedOn {
    /// The user reads it out.
    User,
    /// A running send names it.
    Invitation(Follower),
    /// It is said in calls, which are of use while this is true.
    Calls(watch::Sender<bool>),
}

impl PassedOn {
    /// Notes whether calls are of use now.
    pub(super) fn call(&self, is_of_use: bool) {
        if let Self::Calls(is_up) = self {
            is_up.send_replace(is_of_use);
        }
    }
}
