//! How a sender and a receiver find each other: the code, the rooms that it names, the handshake, and the retirement of a
//! code after too many wrong guesses.
//!
//! A code's room can be in several places at once: on a relay that both sides know, on one that runs beside the sender and is
//! announced in the local network, and on the internet, under a key made of the words (`online`). `sender` waits in all of them, `receiver` looks in all of them, and the first in
//! which the code is proven wins.

mod meeting;
mod online;
mod places;
mod proofs;
mod receiver;
mod room;
mod sender;

pub use meeting::{Meeting, Relayed, Seat, explain_loss};
pub use online::{days, today};
pub use places::{CodeChoice, MeetBy, OnlinePlace, OwnRelay, WaitOptions, WaitingPlaces};
pub use receiver::{SearchPlaces, meet_again, meet_sender};
pub use sender::{Admitted, Gate, WaitingSender, wait_for_several};
