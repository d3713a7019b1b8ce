//! The receiver's question for the sender's addresses in the local network, which comes before the key exchange of the transfer and
//! has one of its own: both sides of it.
//!
//! What is answered comes from a peer that knows the code, and is still only addresses to try: the caller decides which of them it trusts.
//! A receiver that gets no answer goes on without one. A question that can't be opened is one guess at the code, like any other.

use std::{borrow::Cow, net::IpAddr, time::Duration};

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::{Instant, timeout_at};

use super::{
    channel::{Purpose, SALT_LEN, TrafficKey, random},
    code::CodeMeeting,
    error::CrocError,
    link::{FrameStream, Link, Unanswered},
    message::{VERSION, base64, from_json, list, to_json},
    pake::{self, CurveName, Initiator},
};

/// The question itself, once it can be sealed.
const QUESTION: &[u8] = b"ips?";
/// How long the two answers may take together. The user waits for them.
const ASK_LIMIT: Duration = Duration::from_secs(1);
/// The longest list of addresses that is read: more than any machine has.
const MAX_LISTED: usize = 256;

/// Where a sender has a relay of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SenderAddresses {
    /// The relay's control port; never 0.
    pub port: u16,
    /// The sender's addresses, in its order. A sender that tells none has no such relay.
    pub ips: Vec<IpAddr>,
}

impl SenderAddresses {
    fn to_json(&self) -> Vec<u8> {
        let ips = self.ips.iter().map(ToString::to_string);
        to_json(&std::iter::once(self.port.to_string()).chain(ips).collect::<Vec<_>>())
    }

    /// Reads a list. What is no address in it is left out; a list without a port is one of no addresses.
    fn from_json(json: &[u8]) -> Option<Self> {
        struct Listed<'a>(Vec<Cow<'a, str>>);

        impl<'de> Deserialize<'de> for Listed<'de> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                list::<D, Cow<'de, str>, MAX_LISTED>(deserializer).map(Self)
            }
        }

        let Listed(listed) = from_json(json).ok()?;
        let (port, ips) = listed.split_first()?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let ips = ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical());
        Some(Self { port, ips: ips.collect() })
    }
}

/// The messages of the key exchange, as croc writes them. croc 10 has the first and the third alone.
#[derive(Serialize, Deserialize)]
struct ProbeWire<'a> {
    #[serde(borrow, rename = "Bytes", default)]
    pake: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "Bytes2", default, skip_serializing_if = "Option::is_none")]
    salt: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "Kind")]
    kind: Cow<'a, str>,
    #[serde(rename = "Version", default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(borrow, rename = "Curve", default, skip_serializing_if = "Option::is_none")]
    curve: Option<Cow<'a, str>>,
}

/// A receiver's first message.
pub(super) struct ProbeQuestion {
    pake: Vec<u8>,
    /// Nothing from croc 10, which has one curve here.
    version: Option<u64>,
    curve: CurveName,
}

impl ProbeQuestion {
    /// Reads a frame that comes before the key exchange of the transfer; `None` if it asks for nothing.
    pub(super) fn read(frame: &[u8]) -> Option<Self> {
        let wire: ProbeWire<'_> = from_json(frame).ok()?;
        if wire.kind != "pake1" {
            return None;
        }
        // With a curve that isn't known here, or without a message, there is nothing to answer, but it is a question.
        let curve = wire.curve.as_deref().map_or(Ok(CurveName::P256), str::parse);
        let (pake, curve) = match (base64(wire.pake.as_deref()), curve) {
            (Ok(pake), Ok(curve)) => (pake, curve),
            _ => (Vec::new(), CurveName::P256),
        };
        Some(Self { pake, version: wire.version.filter(|version| *version != 0), curve })
    }

    /// The answer, and the key under which the question for addresses comes next; `None` if there is none to give.
    pub(super) fn answer(&self, meeting: CodeMeeting<'_>) -> Option<(TrafficKey, Vec<u8>)> {
        let (agreement, answer) = pake::respond(self.curve, meeting.password, &self.pake).ok()?;
        let wire = ProbeWire {
            pake: Some(BASE64.encode(&answer).into()),
            salt: None,
            kind: "pake2".into(),
            version: None,
            curve: None,
        };
        match self.version {
            Some(VERSION) => {
                let salt = random::<SALT_LEN>().ok()?;
                let key = meeting
                    .transcript(Purpose::Probe, self.curve, (&self.pake, &answer), &salt)
                    .keys(&agreement)
                    .traffic;
                let salt = Some(BASE64.encode(&salt).into());
                let curve = Some(self.curve.as_str().into());
                Some((key, to_json(&ProbeWire { salt, version: Some(VERSION), curve, ..wire })))
            }
            None if meeting.allows_v10 => Some((TrafficKey::unsalted(&agreement), to_json(&wire))),
            _ => None,
        }
    }
}

/// What a sender answers to a frame that should be the sealed question.
///
/// # Errors
///
/// [`CrocError::WrongCode`] if it isn't.
pub(super) fn told(
    key: &TrafficKey,
    question: &mut [u8],
    addresses: &SenderAddresses,
) -> Result<Vec<u8>, CrocError> {
    match key.open(question) {
        Ok(asked) if *asked == *QUESTION => Ok(key.seal(&addresses.to_json())?),
        _ => Err(CrocError::WrongCode),
    }
}

/// Asks the sender in the room where else it can be reached; `None` if it doesn't tell, or not in time. The answer may still come, which
/// the link remembers.
///
/// # Errors
///
/// The connection is lost. [`CrocError::WrongCode`] if that is how the sender takes the question.
pub async fn ask<S: FrameStream>(
    link: &mut Link<S>,
    meeting: CodeMeeting<'_>,
) -> Result<Option<SenderAddresses>, CrocError> {
    let until = Instant::now() + ASK_LIMIT;
    let curve = CurveName::default();
    let (initiator, question) = Initiator::begin(curve, meeting.password)?;
    let wire = ProbeWire {
        pake: Some(BASE64.encode(&question).into()),
        salt: None,
        kind: "pake1".into(),
        version: Some(VERSION),
        curve: Some(curve.as_str().into()),
    };
    link.write(&to_json(&wire)).await?;
    let Ok(answer) = timeout_at(until, link.read_awake()).await else {
        link.unanswered = Some(Unanswered::Question);
        return Ok(None);
    };
    let Some(key) = key(initiator, meeting, &question, answer?) else { return Ok(None) };
    link.write(&key.seal(QUESTION)?).await?;
    let Ok(listed) = timeout_at(until, link.read_awake()).await else {
        link.unanswered = Some(Unanswered::Sealed);
        return Ok(None);
    };
    match listed {
        Ok(listed) => Ok(key.open(listed).ok().and_then(|listed| SenderAddresses::from_json(listed))),
        Err(CrocError::Connection(_)) => Err(CrocError::WrongCode),
        Err(error) => Err(error),
    }
}

/// The key that a sender's answer leads to, if it is one.
fn key(initiator: Initiator, meeting: CodeMeeting<'_>, question: &[u8], answer: &[u8]) -> Option<TrafficKey> {
    let wire: ProbeWire<'_> = from_json(answer).ok().filter(|wire: &ProbeWire<'_>| wire.kind == "pake2")?;
    let answer = base64(wire.pake.as_deref()).ok()?;
    let salt = base64(wire.salt.as_deref()).ok()?;
    match wire.version {
        Some(VERSION) => {
            let salt: &[u8; SALT_LEN] = salt.as_slice().try_into().ok()?;
            let agreement = initiator.finish(&answer).ok()?;
            Some(
                meeting
                    .transcript(Purpose::Probe, CurveName::default(), (question, &answer), salt)
                    .keys(&agreement)
                    .traffic,
            )
        }
        None | Some(0) if meeting.allows_v10 => Some(TrafficKey::unsalted(&initiator.finish(&answer).ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::croc::control::{secure_receiver, secure_sender};

    fn meeting(password: &[u8]) -> CodeMeeting<'_> {
        CodeMeeting { room: "room", password, allows_v10: true }
    }

    fn pair() -> (Link<DuplexStream>, Link<DuplexStream>) {
        let (a, b) = duplex(1 << 20);
        (Link::new(a), Link::new(b))
    }

    fn addresses() -> SenderAddresses {
        let ips = ["10.1.2.3", "fd00::3", "203.0.113.5"].map(|ip| ip.parse().unwrap());
        SenderAddresses { port: 9009, ips: ips.to_vec() }
    }

    #[tokio::test]
    async fn a_receiver_learns_the_addresses_and_goes_on() {
        let (sender, mut receiver) = pair();
        let told = addresses();
        let receiving = async {
            let asked = ask(&mut receiver, meeting(b"code")).await.unwrap();
            assert_eq!(asked, Some(addresses()));
            secure_receiver(receiver, meeting(b"code"), CurveName::P256).await.unwrap()
        };
        let (sender, _) = tokio::join!(secure_sender(sender, meeting(b"code"), Some(&told)), receiving);
        sender.unwrap();
    }

    #[tokio::test]
    async fn a_sender_that_tells_none_is_met_all_the_same() {
        let (sender, mut receiver) = pair();
        let receiving = async {
            assert_eq!(ask(&mut receiver, meeting(b"code")).await.unwrap(), None);
            secure_receiver(receiver, meeting(b"code"), CurveName::P256).await.unwrap()
        };
        let (sender, _) = tokio::join!(secure_sender(sender, meeting(b"code"), None), receiving);
        sender.unwrap();
    }

    /// Without a version, as croc 10 asks; and then in the words of croc 10 alone.
    #[tokio::test]
    async fn a_receiver_that_has_croc_10_gets_an_answer_of_its_kind() {
        let (sender, mut receiver) = pair();
        let told = addresses();
        let receiving = async {
            let (initiator, question) = Initiator::begin(CurveName::P256, b"code").unwrap();
            let question = format!(r#"{{"Bytes":"{}","Kind":"pake1"}}"#, BASE64.encode(&question));
            receiver.write(question.as_bytes()).await.unwrap();
            let answer = receiver.read().await.unwrap().to_vec();
            let wire: ProbeWire<'_> = from_json(&answer).unwrap();
            assert!(wire.version.is_none() && wire.salt.is_none());
            let pake = base64(wire.pake.as_deref()).unwrap();
            // A croc that is built with Go 1.27 mistakes a shorter one.
            assert!(pake.len() > 700, "{}", pake.len());
            let key = TrafficKey::unsalted(&initiator.finish(&pake).unwrap());
            receiver.write(&key.seal(b"ips?").unwrap()).await.unwrap();
            let listed = key.open(receiver.read().await.unwrap()).unwrap().to_vec();
            assert_eq!(listed, br#"["9009","10.1.2.3","fd00::3","203.0.113.5"]"#);
            secure_receiver(receiver, meeting(b"code"), CurveName::P256).await.unwrap()
        };
        let (sender, _) = tokio::join!(secure_sender(sender, meeting(b"code"), Some(&told)), receiving);
        sender.unwrap();
    }

    /// Otherwise a code could be guessed at as often as one asks.
    #[tokio::test]
    async fn a_question_under_another_code_is_a_wrong_code_for_both() {
        let (sender, mut receiver) = pair();
        let told = addresses();
        let sending = async {
            let secured = secure_sender(sender, meeting(b"code"), Some(&told)).await;
            assert!(matches!(secured, Err(CrocError::WrongCode)));
        };
        let ((), asked) = tokio::join!(sending, ask(&mut receiver, meeting(b"other")));
        assert!(matches!(asked, Err(CrocError::WrongCode)));
    }

    #[tokio::test]
    async fn only_one_question_on_a_connection_is_answered() {
        let (sender, mut receiver) = pair();
        let told = addresses();
        let receiving = async {
            assert!(ask(&mut receiver, meeting(b"code")).await.unwrap().is_some());
            assert_eq!(ask(&mut receiver, meeting(b"guess")).await.unwrap(), None);
            secure_receiver(receiver, meeting(b"code"), CurveName::P256).await.unwrap()
        };
        let (sender, _) = tokio::join!(secure_sender(sender, meeting(b"code"), Some(&told)), receiving);
        sender.unwrap();
    }

    /// The answers come when the receiver no longer waits for them, into the middle of the key exchange.
    #[tokio::test(start_paused = true)]
    async fn answers_that_come_late_are_passed_over() {
        for seconds in [[2, 0], [0, 2]] {
            let [first, second] = seconds.map(Duration::from_secs);
            let (mut sender, mut receiver) = pair();
            let told = addresses();
            let sending = async {
                let question = ProbeQuestion::read(sender.read().await.unwrap()).unwrap();
                let (key, answer) = question.answer(meeting(b"code")).unwrap();
                tokio::time::sleep(first).await;
                sender.write(&answer).await.unwrap();
                if !second.is_zero() {
                    let listed = super::told(&key, sender.read().await.unwrap(), &told).unwrap();
                    tokio::time::sleep(second).await;
                    sender.write(&listed).await.unwrap();
                }
                secure_sender(sender, meeting(b"code"), None).await.unwrap()
            };
            let receiving = async {
                assert_eq!(ask(&mut receiver, meeting(b"code")).await.unwrap(), None);
                secure_receiver(receiver, meeting(b"code"), CurveName::P256).await.unwrap()
            };
            tokio::join!(sending, receiving);
        }
    }

    /// Silence, nonsense, the receiver's own words, and an answer of no use: in a second at most the receiver goes on.
    #[tokio::test(start_paused = true)]
    async fn whatever_is_answered_the_receiver_goes_on() {
        let nothing: &[&[u8]] = &[b"", b"null", b"[]", b"nonsense", b"handshake", br#"{"Kind":"pake2"}"#];
        for answer in nothing {
            let (mut sender, mut receiver) = pair();
            sender.write(answer).await.unwrap();
            assert_eq!(ask(&mut receiver, meeting(b"code")).await.unwrap(), None);
        }
        let (mut sender, mut receiver) = pair();
        let reflecting = async {
            let own = sender.read().await.unwrap().to_vec();
            sender.write(&own).await.unwrap();
        };
        let (asked, ()) = tokio::join!(ask(&mut receiver, meeting(b"code")), reflecting);
        assert_eq!(asked.unwrap(), None);
        let (_silent, mut receiver) = pair();
        let begun = Instant::now();
        assert_eq!(ask(&mut receiver, meeting(b"code")).await.unwrap(), None);
        assert!(begun.elapsed() <= Duration::from_millis(1100));
    }

    #[test]
    fn only_a_list_with_a_port_is_one() {
        for none in ["null", "[]", r#"["0","10.0.0.1"]"#, r#"["10.0.0.1"]"#, r#"["70000"]"#, "[9009]", "{}"] {
            assert_eq!(SenderAddresses::from_json(none.as_bytes()), None, "{none}");
        }
        let read = SenderAddresses::from_json(br#"["9009","10.0.0.1","x","::ffff:10.0.0.2","10.0.0.1:80"]"#);
        let ips = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap()).to_vec();
        assert_eq!(read, Some(SenderAddresses { port: 9009, ips }));
        let endless = SenderAddresses { port: 1, ips: vec![[10, 0, 0, 1].into(); MAX_LISTED] };
        assert_eq!(SenderAddresses::from_json(&endless.to_json()), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>, text: String) {
            let _ = SenderAddresses::from_json(&bytes);
            let _ = SenderAddresses::from_json(format!("[{text}]").as_bytes());
            if let Some(question) = ProbeQuestion::read(&bytes) {
                let _ = question.answer(meeting(b"code"));
            }
            let asked = format!(r#"{{"Bytes":{text:?},"Kind":"pake1","Version":2}}"#);
            if let Some(question) = ProbeQuestion::read(asked.as_bytes()) {
                let _ = question.answer(meeting(b"code"));
            }
        }
    }
}
