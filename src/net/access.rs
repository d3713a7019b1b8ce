//! What lets a client use a relay that isn't open to everybody.
//!
//! A relay may have an access password, which client and relay prove to each other (`crypto::access`), the relay first. Both sides
//! of that are here: the client's from [`AccessClaim`] on, the relay's in [`answer`]. It is the only part of `net` that knows a
//! key.
//!
//! A relay that runs beside a sender has only that sender, which it knows by a [`SenderKey`].

use std::{io, time::Duration};

use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{
    crypto::access::{AccessKey, AccessPake, AccessSide},
    protocol::{
        VERSION, frame,
        relay::{AccessRequest, ClientToken, Hello, Reply, Welcome},
    },
};

/// Length in bytes of a sender's key, which is half of a token. A guess costs a connection, so this is plenty.
const KEY_LEN: usize = 8;

/// The pause before a client asks a relay again that has not known the password: it may be a false one, which has a guess at the
/// password each time.
pub const GUESS_PAUSE: Duration = Duration::from_mins(1);

/// A relay's access password. It has no `Debug`, and is wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessPassword(Zeroizing<String>);

/// A client's claim to know a relay's password, until the relay has shown that it does.
pub struct AccessClaim(AccessPake);

/// What a client and a relay have in common once they have agreed on a key: with it the client proves that it knows the
/// password, and the relay checks that.
pub struct AccessProof {
    key: AccessKey,
    welcome: Vec<u8>,
}

impl AccessPassword {
    /// The password as the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for AccessPassword {
    fn from(password: String) -> Self {
        Self(Zeroizing::new(password))
    }
}

impl From<&str> for AccessPassword {
    fn from(password: &str) -> Self {
        password.to_owned().into()
    }
}

impl AccessClaim {
    /// A claim on one connection, and what opens it.
    pub fn new(password: &AccessPassword) -> (Self, AccessRequest) {
        let (pake, point) = AccessPake::start(AccessSide::Client, password.0.as_bytes(), VERSION);
        (Self(pake), AccessRequest { version: VERSION, point })
    }

    /// Checks the relay's answer, a [`Reply::Access`]. `None` if the relay has another password, or isn't the one that sent this
    /// welcome. Then this connection must hear nothing more.
    pub fn check(self, welcome: &Welcome, point: &[u8; 32], tag: &[u8; 32]) -> Option<AccessProof> {
        let proof = AccessProof { key: self.0.finish(point).ok()?, welcome: frame::to_bytes(welcome) };
        proof.key.check(AccessSide::Relay, &[&proof.welcome], tag).ok()?;
        Some(proof)
    }
}

/// The relay's answer to a client that claims to know the password, and what the client's hello has to prove. `None` if the
/// request is malformed. The answer tells the client whether one guess was right, so the try has to be counted before.
pub fn answer(
    password: &AccessPassword,
    welcome: &Welcome,
    request: &AccessRequest,
) -> Option<(Reply, AccessProof)> {
    let (pake, point) = AccessPake::start(AccessSide::Relay, password.0.as_bytes(), VERSION);
    let proof = AccessProof { key: pake.finish(&request.point).ok()?, welcome: frame::to_bytes(welcome) };
    let tag = proof.key.prove(AccessSide::Relay, &[&proof.welcome]);
    Some((Reply::Access { point, tag }, proof))
}

impl AccessProof {
    /// Puts the proof into a hello. It is good for exactly this hello, on this connection.
    pub fn put_into(&self, hello: Hello) -> Hello {
        let bare = Hello { proof: None, ..hello };
        let tag = self.key.prove(AccessSide::Client, &[&self.welcome, &frame::to_bytes(&bare)]);
        Hello { proof: Some(tag), ..bare }
    }

    /// Whether a hello holds the proof. It takes the same time whatever the answer is.
    pub fn is_in(&self, hello: &Hello) -> bool {
        let bare = frame::to_bytes(&Hello { proof: None, ..hello.clone() });
        let said = [&self.welcome[..], &bare];
        hello.proof.is_some_and(|tag| self.key.check(AccessSide::Client, &said, &tag).is_ok())
    }
}

/// The secret by which a relay that runs beside a sender knows that sender: the tokens of all of its clients begin with it.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SenderKey([u8; KEY_LEN]);

impl SenderKey {
    /// Draws a key.
    pub fn draw() -> io::Result<Self> {
        random().map(Self)
    }

    /// Draws a token for one of the sender's clients.
    pub fn client_token(&self) -> io::Result<ClientToken> {
        let mut token: [u8; 16] = random()?;
        token[..KEY_LEN].copy_from_slice(&self.0);
        Ok(ClientToken(token))
    }

    /// Whether `token` was drawn for a client of this sender. It takes the same time whatever the answer is.
    pub fn has_drawn(&self, token: &ClientToken) -> bool {
        token.0.iter().zip(&self.0).fold(0, |differing, (theirs, ours)| differing | (theirs ^ ours)) == 0
    }
}

/// Bytes from the operating system's generator.
fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Role, relay::RoomId};

    #[test]
    fn a_sender_is_known_by_its_tokens_and_no_two_of_them_are_alike() {
        let (key, other) = (SenderKey::draw().unwrap(), SenderKey::draw().unwrap());
        let [one, two] = [key.client_token().unwrap(), key.client_token().unwrap()];
        assert_ne!(one, two);
        assert!(key.has_drawn(&one) && key.has_drawn(&two));
        assert!(!key.has_drawn(&other.client_token().unwrap()));
        for at in 0..KEY_LEN {
            let mut guess = one;
            guess.0[at] ^= 1;
            assert!(!key.has_drawn(&guess), "byte {at}");
        }
    }

    fn welcome(nonce: u8) -> Welcome {
        let observed = "192.0.2.1:9".parse().unwrap();
        let data_ports = vec![27002];
        Welcome {
            version: VERSION,
            features: 0,
            nonce: [nonce; 32],
            password_required: true,
            data_ports,
            observed,
        }
    }

    fn hello(room: u8) -> Hello {
        let (room, client_token) = (RoomId([room; 16]), ClientToken([3; 16]));
        let (role, first) = (Role::Receiver, Vec::new());
        Hello { version: VERSION, features: 0, role, room, client_token, waits: false, proof: None, first }
    }

    /// What both sides have after the relay's answer; the client's is missing if it doesn't trust the relay. The client has heard
    /// `heard` where the relay has said `said`.
    fn agree(passwords: [&str; 2], heard: &Welcome, said: &Welcome) -> (Option<AccessProof>, AccessProof) {
        let [client, relay] = passwords.map(AccessPassword::from);
        let (claim, request) = AccessClaim::new(&client);
        let (reply, due) = answer(&relay, said, &request).unwrap();
        let Reply::Access { point, tag } = reply else { panic!("{reply:?}") };
        (claim.check(heard, &point, &tag), due)
    }

    #[test]
    fn only_the_same_password_on_the_same_connection_passes() {
        let (proof, due) = agree(["lagoon"; 2], &welcome(1), &welcome(1));
        let proven = proof.unwrap().put_into(hello(1));
        assert!(due.is_in(&proven) && !due.is_in(&hello(1)));
        let (_, next) = agree(["lagoon"; 2], &welcome(1), &welcome(1));
        assert!(!next.is_in(&proven), "a proof was good twice");
        // An attacker in between can use the proof neither in another room nor for a client that waits.
        for other in
            [Hello { room: RoomId([9; 16]), ..proven.clone() }, Hello { waits: true, ..proven.clone() }]
        {
            assert!(!due.is_in(&other));
        }
    }

    #[test]
    fn a_relay_that_does_not_know_the_password_is_told_nothing() {
        assert!(agree(["lagoon", "Lagoon"], &welcome(1), &welcome(1)).0.is_none());
        // Nor one whose welcome was changed on its way.
        assert!(agree(["lagoon"; 2], &welcome(2), &welcome(1)).0.is_none());
        let other_ports = Welcome { data_ports: vec![1], ..welcome(1) };
        assert!(agree(["lagoon"; 2], &other_ports, &welcome(1)).0.is_none());
    }
}
