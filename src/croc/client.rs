//! The client of a croc relay: from a fresh connection to being admitted to a room. The relay's control port and its data
//! ports are joined alike.

use std::time::Duration;

use tokio::time::timeout;

use super::{
    channel::{SHORT_SALT_LEN, TrafficKey},
    error::{CrocError, RelayRefusal},
    frame::{self, KEEP_ALIVE},
    link::{FrameStream, Link},
    pake::{CurveName, Initiator, PakeError},
};

/// The password of the key exchange with a relay, which everyone knows.
pub(super) const WEAK_PASSWORD: &[u8] = &[1, 2, 3];
/// What stands between the parts of a relay's welcome.
pub(super) const SEPARATOR: &str = "|||";
/// What a relay says to a client that it admits.
pub(super) const ADMITTED: &[u8] = b"ok";
/// How long a relay may take for its part of the handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);
/// How many frames of a hasty peer may come before the relay's last word. croc's relays up to 11.2.5 copy before they admit
///.
const MAX_HASTY_FRAMES: usize = 8;
/// How long after its admission a client waits for the first keep-alive, which tells it that it is alone.
const FIRST_KEEP_ALIVE: Duration = Duration::from_millis(250);
/// After how much silence a client that was alone takes it that the peer has come. A relay's keep-alives are a second apart.
const PEER_CAME: Duration = Duration::from_millis(2500);

/// A connection that a relay has admitted to a room.
pub struct InRoom<S> {
    /// The connection; everything that follows is between the peers.
    pub link: Link<S>,
    /// What the relay says of itself: its data ports, or `ok`.
    pub banner: String,
    /// Under which address the relay sees this client.
    pub seen_as: String,
}

/// Joins a room over a fresh connection. The room's name and the password are sent at once, which saves a round trip.
pub async fn join<S: FrameStream>(stream: S, password: &str, room: &str) -> Result<InRoom<S>, CrocError> {
    match timeout(HANDSHAKE_LIMIT, shake(Link::new(stream), password, room)).await {
        Ok(joined) => joined,
        Err(_) => Err(CrocError::Silence),
    }
}

async fn shake<S: FrameStream>(
    mut link: Link<S>,
    password: &str,
    room: &str,
) -> Result<InRoom<S>, CrocError> {
    let (initiator, message) = Initiator::begin(CurveName::Siec, WEAK_PASSWORD)?;
    link.write(&message).await?;
    let agreement = initiator.finish(link.read().await?)?;
    let mut salt = [0; SHORT_SALT_LEN];
    getrandom::fill(&mut salt).map_err(|_| PakeError::NoRandomness)?;
    let key = TrafficKey::salted(&agreement, &salt);

    let request = [&salt[..], &key.seal(password.as_bytes())?, &key.seal(room.as_bytes())?];
    link.write_frames(&request.map(frame::encode).concat()).await?;
    let (banner, seen_as) = welcome(key.open(link.read().await?)?)?;
    admission(&mut link, &key).await?;
    Ok(InRoom { link, banner, seen_as })
}

/// Reads a relay's welcome; further fields are those of later relays.
fn welcome(text: &[u8]) -> Result<(String, String), CrocError> {
    let text = str::from_utf8(text).map_err(|_| RelayRefusal::Other)?;
    let mut fields = text.split(SEPARATOR);
    match (fields.next(), fields.next()) {
        (Some(banner), Some(seen_as)) => Ok((banner.to_owned(), seen_as.to_owned())),
        (Some("bad password"), None) => Err(RelayRefusal::BadPassword.into()),
        _ => Err(RelayRefusal::Other.into()),
    }
}

/// Waits for the relay's last word. What a hasty peer has sent before it is kept for later.
async fn admission<S: FrameStream>(link: &mut Link<S>, key: &TrafficKey) -> Result<(), CrocError> {
    let mut hasty = Vec::new();
    while hasty.len() < MAX_HASTY_FRAMES {
        let frame = link.read().await?;
        let kept = frame.to_vec();
        match key.open(frame).map(|text| &*text) {
            Ok(ADMITTED) => {
                link.put_back(hasty);
                return Ok(());
            }
            Ok(b"room full") => return Err(RelayRefusal::RoomFull.into()),
            Ok(b"rate limited") => return Err(RelayRefusal::RateLimited.into()),
            Ok(_) => return Err(RelayRefusal::Other.into()),
            Err(_) if kept == KEEP_ALIVE => {}
            Err(_) => hasty.push(kept),
        }
    }
    Err(RelayRefusal::Other.into())
}

impl<S: FrameStream> InRoom<S> {
    /// Waits until the peer is in the room too, or has sent something.
    ///
    /// A relay tells a client that it is alone and not that it no longer is. What is sent before the peer comes can reach it before
    /// its admission, which makes a croc fail; so this side waits for the keep-alives to cease.
    pub async fn wait_for_peer(&mut self) -> Result<(), CrocError> {
        let mut patience = FIRST_KEEP_ALIVE;
        loop {
            match timeout(patience, self.link.peek()).await {
                Ok(Ok(KEEP_ALIVE)) => {
                    self.link.read().await?;
                    patience = PEER_CAME;
                }
                Ok(Ok(_)) | Err(_) => return Ok(()),
                Ok(Err(error)) => return Err(error),
            }
        }
    }

    /// Whether the client is alone in the room, as a relay that is near tells it at once, or has lost the connection.
    pub async fn is_alone(&mut self) -> bool {
        matches!(timeout(FIRST_KEEP_ALIVE, self.link.peek()).await, Ok(Ok(KEEP_ALIVE) | Err(_)))
    }

    /// The data ports that the relay names, as far as they are numbers. None is an error of the relay's.
    pub fn data_ports(&self) -> Result<Vec<u16>, CrocError> {
        let ports: Vec<u16> = self
            .banner
            .split(',')
            .take(MAX_LANES)
            .filter_map(|port| port.trim().parse::<u16>().ok())
            .collect();
        if ports.is_empty() { Err(RelayRefusal::Other.into()) } else { Ok(ports) }
    }
}

/// How many data ports of a relay are used: croc 10 can't have more.
pub const MAX_LANES: usize = 15;
/// How many data ports a relay of this program may name: later versions of croc use no more.
pub const MAX_HOSTED_LANES: usize = 8;
