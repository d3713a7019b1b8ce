//! Every label that separates one use of a key or a hash from another. Changing a label changes the protocol: two versions
//! with different labels derive different keys and can't understand each other.

/// Prefix of the hash that turns the first two words into a room id.
pub const ROOM: &[u8] = b"caiman room v1";

/// The key under which a sender can be found over the internet, made of the first two words and the day.
pub const MEETING_KEY: &[u8] = b"caiman meeting key v1";

/// SPAKE2 identity of the sending side; the room id and the protocol version follow.
pub const PAKE_SENDER: &[u8] = b"caiman pake sender v1";
/// SPAKE2 identity of the receiving side; the room id and the protocol version follow.
pub const PAKE_RECEIVER: &[u8] = b"caiman pake receiver v1";

/// Key confirmation by the sending side, over the handshake's transcript.
pub const CONFIRM_SENDER: &[u8] = b"caiman confirm sender v1";
/// Key confirmation by the receiving side, over the handshake's transcript.
pub const CONFIRM_RECEIVER: &[u8] = b"caiman confirm receiver v1";

/// The hash that turns a sender's key into the name that it has while its code is up.
pub const SENDER_ID: &[u8] = b"caiman sender id v1";

/// AES-256 key of metadata records from sender to receiver.
pub const METADATA_FORWARD_ENCRYPT: &[u8] = b"caiman metadata forward encrypt v1";
/// MAC key of metadata records from sender to receiver.
pub const METADATA_FORWARD_MAC: &[u8] = b"caiman metadata forward mac v1";
/// AES-256 key of metadata records from receiver to sender.
pub const METADATA_BACK_ENCRYPT: &[u8] = b"caiman metadata back encrypt v1";
/// MAC key of metadata records from receiver to sender.
pub const METADATA_BACK_MAC: &[u8] = b"caiman metadata back mac v1";
/// AES-256 key of file data records from sender to receiver.
pub const DATA_FORWARD_ENCRYPT: &[u8] = b"caiman data forward encrypt v1";
/// MAC key of file data records from sender to receiver.
pub const DATA_FORWARD_MAC: &[u8] = b"caiman data forward mac v1";
/// AES-256 key of file data records from receiver to sender.
pub const DATA_BACK_ENCRYPT: &[u8] = b"caiman data back encrypt v1";
/// MAC key of file data records from receiver to sender.
pub const DATA_BACK_MAC: &[u8] = b"caiman data back mac v1";

/// The secret by which the two ends of a session find and recognise each other after a connection is lost.
pub const RECONNECT: &[u8] = b"caiman reconnect v1";
/// The room in which the two ends of a session meet after a connection is lost.
pub const RECONNECT_ROOM: &[u8] = b"caiman reconnect room v1";
/// The sending side's proof of the reconnect secret, over both nonces.
pub const RECONNECT_SENDER: &[u8] = b"caiman reconnect sender v1";
/// The receiving side's proof of the reconnect secret, over both nonces.
pub const RECONNECT_RECEIVER: &[u8] = b"caiman reconnect receiver v1";
/// Root of the metadata keys after a reconnect, over both nonces.
pub const RECONNECT_METADATA: &[u8] = b"caiman reconnect metadata v1";
/// Root of the data keys after a reconnect, over both nonces.
pub const RECONNECT_DATA: &[u8] = b"caiman reconnect data v1";

/// The pair key, by which two that have met can find each other again without a code.
pub const PAIR: &[u8] = b"caiman pair v1";
/// The code under which the side that was the sender when the two met can be called on a day, which follows.
pub const CALL_SENDER: &[u8] = b"caiman call of sender v1";
/// The code under which the side that was the receiver when the two met can be called on a day, which follows.
pub const CALL_RECEIVER: &[u8] = b"caiman call of receiver v1";
/// The name that a program gives a pair key, which tells nothing of the key.
pub const PAIR_ID: &[u8] = b"caiman pair id v1";

/// The key with which a session's direct connections are authenticated.
pub const DIRECT: &[u8] = b"caiman direct v1";
/// The sending side's proof on a direct connection, over both nonces and the connection's purpose.
pub const DIRECT_SENDER: &[u8] = b"caiman direct sender v1";
/// The receiving side's proof on a direct connection, over both nonces and the connection's purpose.
pub const DIRECT_RECEIVER: &[u8] = b"caiman direct receiver v1";

/// The seal of a staging folder's offer, with the key of its user.
pub const STAGING_OFFER: &[u8] = b"caiman staging offer v1";
/// The seal of a record in a staging folder's journal, with the key of its user.
pub const STAGING_RECORD: &[u8] = b"caiman staging record v1";

/// SPAKE2 identity of a client that proves a relay's access password; the protocol version follows.
pub const ACCESS_CLIENT: &[u8] = b"caiman access client v1";
/// SPAKE2 identity of a relay that proves its access password; the protocol version follows.
pub const ACCESS_RELAY: &[u8] = b"caiman access relay v1";
/// The client's proof that it knows a relay's access password, over the relay's welcome and the client's hello.
pub const ACCESS_CLIENT_PROOF: &[u8] = b"caiman access client proof v1";
/// The relay's proof that it knows its access password, over its welcome.
pub const ACCESS_RELAY_PROOF: &[u8] = b"caiman access relay proof v1";
