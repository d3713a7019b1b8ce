//! The messages of the key exchange: JSON whose names are Unicode, with decimal integers of any length.

use elliptic_curve::FieldBytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{curves::PakeCurve, decimal, error::PakeError};

/// The longest message that is read: twice what p521 needs and more.
const MAX_LEN: usize = 16 << 10;

/// What both roles send beside their points.
pub(super) struct Points<'a> {
    /// 0 for the initiator, 1 for the responder.
    pub role: u8,
    /// The point of the initiator, as two decimals.
    pub x: &'a (String, String),
    /// The point of the responder, as two decimals.
    pub y: Option<&'a (String, String)>,
}

/// Writes a message as croc does, with every key that it has. A croc that is built with Go 1.27 decodes an answer over its own
/// message, and gets another key if the answer is the shorter one.
pub(super) fn write<C: PakeCurve>(points: &Points<'_>) -> Vec<u8> {
    let (u, v) = (C::U, C::V);
    let (x, null) = (points.x, ("null".to_owned(), "null".to_owned()));
    let y = points.y.unwrap_or(&null);
    let role = points.role;
    format!(
        "{{\"Role\":{role},\"Uᵤ\":{},\"Uᵥ\":{},\"Vᵤ\":{},\"Vᵥ\":{},\"Xᵤ\":{},\"Xᵥ\":{},\"Yᵤ\":{},\"Yᵥ\":{},\
         \"P\":null,\"Pw\":null,\"Vpwᵤ\":null,\"Vpwᵥ\":null,\"Upwᵤ\":null,\"Upwᵥ\":null,\
         \"Aα\":null,\"Aαᵤ\":null,\"Aαᵥ\":null,\"Zᵤ\":null,\"Zᵥ\":null,\"K\":null}}",
        u.0, u.1, v.0, v.1, x.0, x.1, y.0, y.1
    )
    .into_bytes()
}

/// A message as it arrives. Everything else in it, U and V above all, is the peer's word for what is agreed on already.
#[derive(Deserialize)]
struct PakeWire<'a> {
    #[serde(rename = "Role")]
    role: u8,
    #[serde(borrow, rename = "Xᵤ", default)]
    x_u: Option<&'a RawValue>,
    #[serde(borrow, rename = "Xᵥ", default)]
    x_v: Option<&'a RawValue>,
    #[serde(borrow, rename = "Yᵤ", default)]
    y_u: Option<&'a RawValue>,
    #[serde(borrow, rename = "Yᵥ", default)]
    y_v: Option<&'a RawValue>,
}

/// The coordinates that the initiator's message carries.
pub(super) fn read_initiator<C: PakeCurve>(bytes: &[u8]) -> Result<Coordinates<C>, PakeError> {
    let wire = parse(bytes)?;
    if wire.role != 0 {
        return Err(PakeError::SameRole);
    }
    coordinates::<C>(wire.x_u, wire.x_v)
}

/// The coordinates that the responder's message carries.
pub(super) fn read_responder<C: PakeCurve>(bytes: &[u8]) -> Result<Coordinates<C>, PakeError> {
    let wire = parse(bytes)?;
    if wire.role != 1 {
        return Err(PakeError::SameRole);
    }
    coordinates::<C>(wire.y_u, wire.y_v)
}

/// Two numbers of the size of the curve's coordinates, of which nothing else is known yet.
pub(super) type Coordinates<C> = (FieldBytes<C>, FieldBytes<C>);

fn parse(bytes: &[u8]) -> Result<PakeWire<'_>, PakeError> {
    if bytes.len() > MAX_LEN {
        return Err(PakeError::Malformed);
    }
    serde_json::from_slice(bytes).map_err(|_| PakeError::Malformed)
}

fn coordinates<C: PakeCurve>(
    u: Option<&RawValue>,
    v: Option<&RawValue>,
) -> Result<Coordinates<C>, PakeError> {
    let read = |number: Option<&RawValue>| {
        let bytes = decimal::read(number?.get(), C::coordinate_len())?;
        FieldBytes::<C>::try_from(bytes.as_slice()).ok()
    };
    read(u).zip(read(v)).ok_or(PakeError::Malformed)
}
