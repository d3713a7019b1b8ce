//! The control messages of a transfer: JSON objects, of which the files' list and the request for a file carry
//! another JSON in them, read by `manifest` and [`Request`].
//!
//! Lists are bounded while they are read, so a message takes no more memory than a few times its own length.

use std::{borrow::Cow, fmt, marker::PhantomData};

use data_encoding::BASE64;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};

/// The version that a croc 11 puts into the messages of the key exchange.
pub const VERSION: u64 = 2;
/// The feature by which two peers compress only what shrinks.
pub const PER_FILE_COMPRESSION: &str = "per-file-compression-v1";
/// How many features a peer may name.
const MAX_FEATURES: usize = 64;
/// How many numbers a request may have. With a range of its own for every other chunk, that is a file of 256 GiB.
const MAX_RANGE_NUMBERS: usize = 1 << 23;
/// The longest text of a peer that is kept, in bytes.
const MAX_TEXT: usize = 1024;

/// Why bytes are not a control message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message could not be understood")]
pub struct MessageError;

/// A control message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A step of the key exchange.
    Pake {
        /// 2 from croc 11, nothing from croc 10.
        version: u64,
        /// The message of `pake`.
        pake: Vec<u8>,
        /// The receiver's curve, or the sender's salt.
        extra: Vec<u8>,
    },
    /// A proof of the key; croc 11 alone has it.
    Confirm {
        /// 2.
        version: u64,
        /// The proof.
        proof: Vec<u8>,
    },
    /// The sender of the message tells under which address a relay sees it.
    Address {
        /// The address, or nothing.
        address: String,
        /// The receiver also repeats the sender's message of the key exchange.
        pake: Vec<u8>,
    },
    /// The sender's list of files, as JSON that `manifest` reads.
    Files(Vec<u8>),
    /// The receiver wants a file.
    Ready(Request),
    /// The receiver has the file.
    CloseSender,
    /// The sender has heard that.
    CloseRecipient,
    /// Nothing more is to be transferred.
    Finished,
    /// The peer gives up, and says why.
    Error(String),
    /// A type that isn't known here. croc passes over it.
    Unknown,
}

/// What every control message has; croc leaves out what is empty.
#[derive(Serialize, Deserialize, Default)]
struct MessageWire<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_zero")]
    v: u64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    m: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    b: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    b2: Option<Cow<'a, str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Message {
    /// Writes the message as croc does.
    pub fn to_json(&self) -> Vec<u8> {
        let base64 = |bytes: &[u8]| (!bytes.is_empty()).then(|| BASE64.encode(bytes).into());
        let wire = match self {
            Message::Pake { version, pake, extra } => MessageWire {
                t: "pake".into(),
                v: *version,
                b: base64(pake),
                b2: base64(extra),
                ..MessageWire::default()
            },
            Message::Confirm { version, proof } => MessageWire {
                t: "pake-confirm".into(),
                v: *version,
                b: base64(proof),
                ..MessageWire::default()
            },
            Message::Address { address, pake } => {
                let m = (!address.is_empty()).then(|| address.into());
                MessageWire { t: "externalip".into(), m, b: base64(pake), ..MessageWire::default() }
            }
            Message::Files(list) => {
                MessageWire { t: "fileinfo".into(), b: base64(list), ..MessageWire::default() }
            }
            Message::Ready(request) => MessageWire {
                t: "recipientready".into(),
                b: base64(&request.to_json()),
                ..MessageWire::default()
            },
            Message::CloseSender => MessageWire { t: "close-sender".into(), ..MessageWire::default() },
            Message::CloseRecipient => MessageWire { t: "close-recipient".into(), ..MessageWire::default() },
            Message::Finished => MessageWire { t: "finished".into(), ..MessageWire::default() },
            Message::Error(text) => {
                MessageWire { t: "error".into(), m: Some(text.into()), ..MessageWire::default() }
            }
            // croc passes over it, so it may stand for a keep-alive.
            Message::Unknown => MessageWire { t: "unknown".into(), ..MessageWire::default() },
        };
        to_json(&wire)
    }

    /// Reads a message.
    pub fn from_json(json: &[u8]) -> Result<Self, MessageError> {
        let wire: MessageWire<'_> = from_json(json)?;
        let bytes = || base64(wire.b.as_deref());
        Ok(match &*wire.t {
            "pake" => Message::Pake { version: wire.v, pake: bytes()?, extra: base64(wire.b2.as_deref())? },
            "pake-confirm" => Message::Confirm { version: wire.v, proof: bytes()? },
            "externalip" => Message::Address { address: shortened(wire.m.as_deref()), pake: bytes()? },
            "fileinfo" => Message::Files(bytes()?),
            "recipientready" => Message::Ready(Request::from_json(&bytes()?)?),
            "close-sender" => Message::CloseSender,
            "close-recipient" => Message::CloseRecipient,
            "finished" => Message::Finished,
            "error" => Message::Error(shortened(wire.m.as_deref())),
            _ => Message::Unknown,
        })
    }
}

/// The receiver's request for a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Request {
    /// Which chunks are wanted, as `chunks` reads it; nothing for all.
    #[serde(rename = "CurrentFileChunkRanges", default, deserialize_with = "ranges")]
    pub ranges: Vec<u64>,
    /// Which file of the list is wanted.
    #[serde(rename = "FilesToTransferCurrentNum")]
    pub index: usize,
    /// What the receiver's computer is called.
    #[serde(rename = "MachineID", default)]
    pub machine_id: String,
    /// 1 if the receiver would come again after a lost connection.
    #[serde(rename = "ReconnectVersion", default)]
    pub reconnect_version: u64,
    /// What the receiver can do beside the rest.
    #[serde(
        rename = "Features",
        default,
        deserialize_with = "features",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub features: Vec<String>,
}

impl Request {
    fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }

    fn from_json(json: &[u8]) -> Result<Self, MessageError> {
        from_json(json)
    }

    /// Whether the receiver can tell file by file what is compressed.
    pub fn has_per_file_compression(&self) -> bool {
        self.features.iter().any(|feature| feature == PER_FILE_COMPRESSION)
    }
}

fn ranges<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    list::<D, u64, MAX_RANGE_NUMBERS>(deserializer)
}

/// Reads the features that a peer names.
pub(super) fn features<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    list::<D, String, MAX_FEATURES>(deserializer)
}

/// Reads a list of at most `MAX` items, or `null` as an empty one.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Bounded<T, const MAX: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Bounded<T, MAX> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX} items")
        }

        fn visit_unit<E: de::Error>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut read = Vec::new();
            while let Some(item) = items.next_element()? {
                if read.len() == MAX {
                    return Err(de::Error::invalid_length(MAX + 1, &self));
                }
                read.push(item);
            }
            Ok(read)
        }
    }

    deserializer.deserialize_any(Bounded::<T, MAX>(PhantomData))
}

/// Writes a value whose type can't fail to be written.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("messages hold only what JSON can hold")
}

/// Reads a value.
pub(super) fn from_json<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, MessageError> {
    serde_json::from_slice(json).map_err(|_| MessageError)
}

/// Reads base64; nothing is no bytes.
pub(super) fn base64(text: Option<&str>) -> Result<Vec<u8>, MessageError> {
    BASE64.decode(text.unwrap_or_default().as_bytes()).map_err(|_| MessageError)
}

/// A peer's text, cut to what anyone would read.
pub(super) fn shortened(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Message, MessageError> {
        Message::from_json(json.as_bytes())
    }

    #[test]
    fn messages_come_back_as_they_were() {
        let request = Request {
            ranges: vec![32768, 32768, 2, 163_840, 1],
            index: 3,
            machine_id: "id".to_owned(),
            reconnect_version: 1,
            features: vec![PER_FILE_COMPRESSION.to_owned()],
        };
        for message in [
            Message::Pake { version: VERSION, pake: b"{}".to_vec(), extra: b"p256".to_vec() },
            Message::Pake { version: 0, pake: vec![], extra: vec![0; 8] },
            Message::Confirm { version: VERSION, proof: vec![255; 32] },
            Message::Address { address: "127.0.0.1".to_owned(), pake: vec![1] },
            Message::Files(b"{}".to_vec()),
            Message::Ready(request),
            Message::CloseSender,
            Message::CloseRecipient,
            Message::Finished,
            Message::Error("refusing files".to_owned()),
            Message::Unknown,
        ] {
            assert_eq!(Message::from_json(&message.to_json()), Ok(message));
        }
    }

    #[test]
    fn messages_are_written_as_croc_writes_them() {
        assert_eq!(Message::Finished.to_json(), br#"{"t":"finished"}"#);
        let message = Message::Pake { version: 2, pake: b"abc".to_vec(), extra: b"p256".to_vec() };
        assert_eq!(message.to_json(), br#"{"t":"pake","v":2,"b":"YWJj","b2":"cDI1Ng=="}"#);
    }

    #[test]
    fn what_is_unknown_is_passed_over() {
        assert_eq!(read(r#"{"t":"file-prepared","x":[1,{"y":null}],"f":["a"]}"#), Ok(Message::Unknown));
        assert_eq!(read(r#"{"t":"finished","m":null,"b":null,"n":3}"#), Ok(Message::Finished));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for json in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"t":1}"#,
            r#"{"t":"pake","v":-1}"#,
            r#"{"t":"pake","v":2.5}"#,
            r#"{"t":"pake","b":"@"}"#,
            r#"{"t":"fileinfo","b":[1,2]}"#,
            r#"{"t":"recipientready"}"#,
            r#"{"t":"recipientready","b":"e30="}"#,
            &format!("{}{}", r#"{"t":"finished","x":"#, "[".repeat(100_000)),
        ] {
            assert_eq!(read(json), Err(MessageError), "{}", &json[..json.len().min(60)]);
        }
    }

    #[test]
    fn a_request_is_checked() {
        let read = |json: &str| Request::from_json(json.as_bytes());
        let request = read(r#"{"CurrentFileChunkRanges":null,"FilesToTransferCurrentNum":2}"#).unwrap();
        assert_eq!((request.index, request.ranges), (2, vec![]));
        for json in [
            r#"{"FilesToTransferCurrentNum":-1}"#,
            r#"{"FilesToTransferCurrentNum":1e3}"#,
            r#"{"FilesToTransferCurrentNum":1,"CurrentFileChunkRanges":[-5]}"#,
            r#"{"FilesToTransferCurrentNum":1,"CurrentFileChunkRanges":[1.5]}"#,
            r#"{"FilesToTransferCurrentNum":1,"CurrentFileChunkRanges":{}}"#,
        ] {
            assert_eq!(read(json), Err(MessageError), "{json}");
        }
    }

    #[test]
    fn lists_are_bounded_while_they_are_read() {
        let features = vec!["x"; MAX_FEATURES + 1];
        let json = serde_json::json!({"FilesToTransferCurrentNum": 1, "Features": features});
        assert_eq!(Request::from_json(json.to_string().as_bytes()), Err(MessageError));
    }

    #[test]
    fn a_long_text_is_cut_at_a_letter() {
        let json = serde_json::json!({"t": "error", "m": "ü".repeat(5000)}).to_string();
        assert_eq!(read(&json), Ok(Message::Error("ü".repeat(512))));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>, at: proptest::sample::Index, byte: u8) {
            let _ = Message::from_json(&bytes);
            let request = Request { ranges: vec![32768, 0, 1], ..Request::default() };
            let mut json = Message::Ready(request.clone()).to_json();
            let place = at.index(json.len());
            json[place] = byte;
            let _ = Message::from_json(&json);
            let mut json = request.to_json();
            let place = at.index(json.len());
            json[place] = byte;
            let _ = Request::from_json(&json);
        }
    }
}
