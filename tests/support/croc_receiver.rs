//! A receiver that has croc, of which each step is under control, so that it can do what no croc does.

use std::net::{Ipv4Addr, SocketAddr};

use caiman::{
    croc::{
        channel::{MAX_MESSAGE, TrafficKey, deflate, inflate},
        chunks::{ChunkOpener, Coding},
        client::join,
        code::{USUAL_PASSWORD, Version},
        control::{CodeMeeting, CrocControl, secure_receiver},
        error::CrocError,
        frame::{KEEP_ALIVE, MAX_PAYLOAD},
        link::Link,
        manifest::CrocList,
        message::{Message, Request},
        pake::{CurveName, Initiator},
    },
    engine::CrocCode,
};
use tokio::net::TcpStream;

use super::{croc_world::CrocWorld, within};

/// Another code that leads to the same room.
pub fn wrong(right: &CrocCode) -> CrocCode {
    let (selector, rest) = right.as_str().split_once('-').unwrap();
    let other = if rest == "acorn-acre" { "acorn-acid" } else { "acorn-acre" };
    CrocCode::new(&format!("{selector}-{other}")).unwrap()
}

/// A receiver of which each step is under control.
pub struct CrocReceiver {
    pub control: ReceiverChannel,
    pub lanes: Vec<Link<TcpStream>>,
    pub opener: ChunkOpener,
    list: CrocList,
}

pub enum ReceiverChannel {
    V11(CrocControl<TcpStream>),
    V10(Link<TcpStream>, TrafficKey),
}

impl ReceiverChannel {
    pub async fn say(&mut self, message: Message) {
        match self {
            Self::V11(control) => control.send(&message).await.unwrap(),
            Self::V10(link, key) => {
                let sealed = key.seal(&deflate(&message.to_json())).unwrap();
                link.write(&sealed).await.unwrap();
            }
        }
    }

    pub async fn hear(&mut self) -> Result<Message, CrocError> {
        match self {
            Self::V11(control) => within("a message", control.receive()).await,
            Self::V10(link, key) => {
                let frame = within("a message", link.read_awake()).await?;
                Ok(Message::from_json(&inflate(key.open(frame)?, MAX_MESSAGE)?)?)
            }
        }
    }
}

pub async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap()
}

impl CrocReceiver {
    /// Meets the sender, and reads its list.
    pub async fn meet(world: &CrocWorld, code: &CrocCode, version: Version) -> Result<Self, CrocError> {
        let room = code.room(version);
        let joined = join(connect(world.port()).await, USUAL_PASSWORD, &room).await?;
        let ports = joined.data_ports()?;
        let meeting = CodeMeeting { room: &room, password: code.password(version), allows_v10: true };
        let (mut control, key) = match version {
            Version::V11 => {
                let control = secure_receiver(joined.link, meeting, CurveName::default()).await?;
                let key = control.key();
                (ReceiverChannel::V11(control), key)
            }
            Version::V10 => {
                let (link, key) = agree_as_v10(joined.link, meeting.password).await?;
                (ReceiverChannel::V10(link, key.clone()), key)
            }
        };
        let mut lanes = Vec::new();
        for (number, port) in ports.into_iter().enumerate() {
            let room = format!("{room}-{number}");
            let mut lane = join(connect(port).await, USUAL_PASSWORD, &room).await?.link;
            lane.set_limit(MAX_PAYLOAD);
            lanes.push(lane);
        }
        control.say(Message::Address { address: String::new(), pake: Vec::new() }).await;
        let Message::Address { .. } = control.hear().await? else { panic!("the sender tells its address") };
        let Message::Files(list) = control.hear().await? else { panic!("the sender tells its files") };
        let list = CrocList::from_json(&list).unwrap();
        Ok(Self { control, lanes, opener: ChunkOpener::new(key), list })
    }

    pub async fn ask(&mut self, index: usize, ranges: Vec<u64>) {
        let request = Request { ranges, index, ..Request::default() };
        self.control.say(Message::Ready(request)).await;
    }

    /// Asks for a whole file, and takes it.
    pub async fn fetch(&mut self, index: usize) -> Vec<u8> {
        self.ask(index, Vec::new()).await;
        let mut bytes = vec![0; self.list.entries[index].size as usize];
        let mut left = bytes.len();
        while left > 0 {
            let mut ready = None;
            let arrived = async {
                // Whichever lane has something.
                std::future::poll_fn(|cx| {
                    for (number, lane) in self.lanes.iter_mut().enumerate() {
                        let mut waiting = std::pin::pin!(lane.ready());
                        if let std::task::Poll::Ready(done) = waiting.as_mut().poll(cx) {
                            done.unwrap();
                            ready = Some(number);
                            return std::task::Poll::Ready(());
                        }
                    }
                    std::task::Poll::Pending
                })
                .await;
            };
            within("a chunk", arrived).await;
            let lane = &mut self.lanes[ready.unwrap()];
            while let Some(frame) = lane.arrived().unwrap() {
                if frame != KEEP_ALIVE {
                    let (start, chunk) = self.opener.open(Coding::Plain, frame).unwrap();
                    bytes[start as usize..start as usize + chunk.len()].copy_from_slice(chunk);
                    left -= chunk.len();
                }
            }
        }
        self.control.say(Message::CloseSender).await;
        assert_eq!(self.control.hear().await.unwrap(), Message::CloseRecipient);
        bytes
    }

    pub async fn finish(mut self) {
        self.control.say(Message::Finished).await;
        assert_eq!(self.control.hear().await.unwrap(), Message::Finished);
    }

    /// Whether the sender says that it gives up.
    pub async fn is_told_the_end(&mut self) -> bool {
        matches!(self.control.hear().await, Err(CrocError::PeerGaveUp(_)))
    }
}

/// The key exchange as croc 10 does it, which proves nothing.
pub async fn agree_as_v10(
    mut link: Link<TcpStream>,
    password: &[u8],
) -> Result<(Link<TcpStream>, TrafficKey), CrocError> {
    link.write(b"handshake").await?;
    let curve = CurveName::default();
    let (initiator, question) = Initiator::begin(curve, password)?;
    let extra = curve.as_str().as_bytes().to_vec();
    link.write(&deflate(&Message::Pake { version: 0, pake: question, extra }.to_json())).await?;
    let answer = inflate(within("an answer", link.read_awake()).await?, MAX_MESSAGE)?;
    let Message::Pake { version: 0, pake, extra } = Message::from_json(&answer)? else {
        return Err(CrocError::VersionOff);
    };
    let key = TrafficKey::salted(&initiator.finish(&pake)?, &extra);
    link.set_limit(MAX_PAYLOAD);
    Ok((link, key))
}

/// Asserts that nobody is in a code's room.
pub async fn assert_room_is_free(world: &CrocWorld, code: &CrocCode) {
    let mut joined =
        join(connect(world.port()).await, USUAL_PASSWORD, &code.room(Version::V11)).await.unwrap();
    assert_eq!(within("a keep-alive", joined.link.read()).await.unwrap(), KEEP_ALIVE);
}
