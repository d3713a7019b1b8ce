//! croc's password-authenticated key exchange, which it calls pake: SPAKE2 in shape, over one of four curves.
//!
//! [`Initiator`] is croc's role 0, the receiver or the client of a relay; [`respond`] is role 1, the sender or the relay. Both
//! end with an [`Agreement`], from which croc makes a key in two ways: [`Agreement::plain_key`] (relays, and croc 10) and
//! [`Agreement::bound_key`] (croc 11). What a key is used for is `channel`'s affair.
//!
//! The arithmetic is that of reviewed crates, in constant time. A peer's numbers are read strictly: a message of any shape is
//! an error and nothing else.

mod agreement;
mod curves;
mod decimal;
mod error;
mod exchange;
mod message;
mod siec;

use p256::NistP256;
use p384::NistP384;
use p521::NistP521;
use zeroize::Zeroizing;

use exchange::{SECRET_LEN, WaitingInitiator};
use siec::Siec;

pub use self::{
    agreement::{Agreement, SessionKey},
    curves::CurveName,
    error::PakeError,
};

/// The side that speaks first, between its message and the answer. Wiped on drop; can't be printed.
pub struct Initiator(OnCurve);

enum OnCurve {
    P256(Box<WaitingInitiator<NistP256>>),
    P384(Box<WaitingInitiator<NistP384>>),
    P521(Box<WaitingInitiator<NistP521>>),
    Siec(Box<WaitingInitiator<Siec>>),
}

impl Initiator {
    /// Begins, and returns the message for the responder.
    pub fn begin(curve: CurveName, password: &[u8]) -> Result<(Self, Vec<u8>), PakeError> {
        Ok(Self::begin_with(curve, password, &*secret()?))
    }

    fn begin_with(curve: CurveName, password: &[u8], alpha: &[u8; SECRET_LEN]) -> (Self, Vec<u8>) {
        macro_rules! on {
            ($name:ident) => {{
                let (waiting, message) = exchange::begin(password, alpha);
                (Self(OnCurve::$name(Box::new(waiting))), message)
            }};
        }
        match curve {
            CurveName::P256 => on!(P256),
            CurveName::P384 => on!(P384),
            CurveName::P521 => on!(P521),
            CurveName::Siec => on!(Siec),
        }
    }

    /// Reads the responder's answer. A wrong password is not noticed here: the two sides then have different keys.
    pub fn finish(self, answer: &[u8]) -> Result<Agreement, PakeError> {
        match self.0 {
            OnCurve::P256(waiting) => waiting.finish(answer),
            OnCurve::P384(waiting) => waiting.finish(answer),
            OnCurve::P521(waiting) => waiting.finish(answer),
            OnCurve::Siec(waiting) => waiting.finish(answer),
        }
    }
}

/// Answers an initiator's message. Returns what was agreed on, and the answer.
pub fn respond(curve: CurveName, password: &[u8], message: &[u8]) -> Result<(Agreement, Vec<u8>), PakeError> {
    respond_with(curve, password, &*secret()?, message)
}

fn respond_with(
    curve: CurveName,
    password: &[u8],
    beta: &[u8; SECRET_LEN],
    message: &[u8],
) -> Result<(Agreement, Vec<u8>), PakeError> {
    match curve {
        CurveName::P256 => exchange::respond::<NistP256>(password, beta, message),
        CurveName::P384 => exchange::respond::<NistP384>(password, beta, message),
        CurveName::P521 => exchange::respond::<NistP521>(password, beta, message),
        CurveName::Siec => exchange::respond::<Siec>(password, beta, message),
    }
}

fn secret() -> Result<Zeroizing<[u8; SECRET_LEN]>, PakeError> {
    let mut secret = Zeroizing::new([0; SECRET_LEN]);
    getrandom::fill(&mut *secret).map_err(|_| PakeError::NoRandomness)?;
    Ok(secret)
}

/// The exchanges of the vectors.
#[cfg(test)]
pub(super) mod vectors {
    use sha2::{Digest, Sha256};

    use super::*;

    /// One exchange with the secrets of the vectors: what both sides agree on, and both messages.
    pub(in crate::croc) fn exchange(
        curve: CurveName,
        password: &[u8],
    ) -> (Agreement, Agreement, Vec<u8>, Vec<u8>) {
        exchange_with(curve, password, &sha256(b"croc-vector-a"), &sha256(b"croc-vector-b"))
    }

    pub(super) fn exchange_with(
        curve: CurveName,
        password: &[u8],
        alpha: &[u8; 32],
        beta: &[u8; 32],
    ) -> (Agreement, Agreement, Vec<u8>, Vec<u8>) {
        let (initiator, message) = Initiator::begin_with(curve, password, alpha);
        let (responder, answer) = respond_with(curve, password, beta, &message).unwrap();
        (initiator.finish(&answer).unwrap(), responder, message, answer)
    }

    pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::{vectors::*, *};

    const CURVES: [CurveName; 4] = [CurveName::P256, CurveName::P384, CurveName::P521, CurveName::Siec];

    fn hex(key: &SessionKey) -> String {
        HEXLOWER.encode(key.as_bytes())
    }

    fn as_decimals(agreement: &Agreement) -> [String; 6] {
        agreement.coordinates.each_ref().map(|bytes| decimal::write(bytes))
    }

    #[test]
    fn the_exchange_with_a_relay_is_crocs() {
        let (mine, theirs, message, answer) = exchange(CurveName::Siec, &[1, 2, 3]);
        assert_eq!(
            as_decimals(&mine),
            [
                "5633704656006211133580926226641580291303874869166156690972471052437044143455",
                "5568602253916900023409587281462480261952498506279037544955668022381262656404",
                "9080542243294411600430919373058018009409103076559338519783691898967338041811",
                "1521832525987881265019740730322656938292482916578058869767977749992497092698",
                "21679566804178140997544002534538197631581285370207270548494884644340652319315",
                "20006670908347616193548728251361144240050918199829899360478777616359758933571",
            ]
        );
        assert_eq!((message.len(), answer.len()), (632, 776));
        assert_eq!(
            hex(&mine.plain_key()),
            "216f7c556c2ea3aabc774a807909a7e2bac5217e0019e85586404e7c3a7a1eae"
        );
        assert_eq!(hex(&mine.plain_key()), hex(&theirs.plain_key()));
    }

    #[test]
    fn the_exchange_of_a_transfer_is_crocs() {
        let (mine, theirs, message, answer) = exchange(CurveName::P256, b"alpha-bravo-charlie");
        assert_eq!(
            as_decimals(&mine)[..4],
            [
                "82485295943025638528575497232044638747577828331433727908582028481249783334660",
                "109178262122709344473445817776912190285412631988058359859823355608104734631581",
                "53239331987804511771316662971896869523828877277788126819257697498096954938206",
                "46966144410653806264068858398530044253525139726366355808296253071513750629288",
            ]
        );
        assert_eq!((message.len(), answer.len()), (634, 780));
        assert_eq!(
            hex(&mine.plain_key()),
            "1c6a21df3e4dba06e84c7eef4f35a716837cb7ef7711351a95ef63bf94e2c813"
        );
        assert_eq!(hex(&mine.plain_key()), hex(&theirs.plain_key()));
    }

    #[test]
    fn both_sides_agree_on_every_curve() {
        for curve in CURVES {
            let (initiator, message) = Initiator::begin(curve, b"password").unwrap();
            let (theirs, answer) = respond(curve, b"password", &message).unwrap();
            let mine = initiator.finish(&answer).unwrap();
            assert_eq!(hex(&mine.plain_key()), hex(&theirs.plain_key()), "{curve}");
            assert_eq!(hex(&mine.bound_key(b"a", b"b")), hex(&theirs.bound_key(b"a", b"b")), "{curve}");
            assert_ne!(hex(&mine.bound_key(b"a", b"b")), hex(&theirs.bound_key(b"b", b"a")), "{curve}");
        }
    }

    #[test]
    fn two_passwords_lead_to_two_keys() {
        for curve in CURVES {
            let (initiator, message) = Initiator::begin(curve, b"one").unwrap();
            let (theirs, answer) = respond(curve, b"two", &message).unwrap();
            assert_ne!(hex(&initiator.finish(&answer).unwrap().plain_key()), hex(&theirs.plain_key()));
        }
    }

    /// Catches an encoding of fixed width, with which one exchange in 43 fails.
    #[test]
    fn a_coordinate_that_begins_with_zero_is_hashed_without_it() {
        let short = (0..2000u32)
            .map(|n| exchange_with(CurveName::P256, b"zero", &sha256(&n.to_le_bytes()), &sha256(b"beta")))
            .find(|(mine, ..)| mine.coordinates.iter().any(|bytes| bytes.len() < 32))
            .unwrap();
        assert!(short.0.coordinates.iter().all(|bytes| bytes.first() != Some(&0)));
        assert_eq!(hex(&short.0.plain_key()), hex(&short.1.plain_key()));
    }

    #[test]
    fn a_message_that_lies_is_refused() {
        let (initiator, message) = Initiator::begin(CurveName::P256, b"pw").unwrap();
        assert_eq!(initiator.finish(&message).err(), Some(PakeError::SameRole));
        let refused = |message: &str| respond(CurveName::P256, b"pw", message.as_bytes()).err().unwrap();
        for malformed in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"Role":0}"#,
            r#"{"Role":0,"Xᵤ":null,"Xᵥ":null}"#,
            r#"{"Role":0,"Xᵤ":"1","Xᵥ":"1"}"#,
            r#"{"Role":0,"Xᵤ":-1,"Xᵥ":1}"#,
            r#"{"Role":0,"Xᵤ":1.5,"Xᵥ":1e9}"#,
            r#"{"Role":300,"Xᵤ":1,"Xᵥ":1}"#,
            r#"{"Role":0,"Xᵤ":[[1]],"Xᵥ":{"a":1}}"#,
        ] {
            assert_eq!(refused(malformed), PakeError::Malformed, "{malformed}");
        }
        assert_eq!(refused(r#"{"Role":0,"Xᵤ":1,"Xᵥ":1}"#), PakeError::NotOnCurve);
        assert_eq!(refused(r#"{"Role":0,"Xᵤ":0,"Xᵥ":0}"#), PakeError::NotOnCurve);
        assert_eq!(refused(r#"{"Role":1,"Xᵤ":1,"Xᵥ":1}"#), PakeError::SameRole);
        assert_eq!(refused(&"[".repeat(10_000)), PakeError::Malformed);
        assert_eq!(refused(&" ".repeat(1 << 20)), PakeError::Malformed);
    }

    /// A number that is congruent to a point's coordinate, but over the modulus, has a second way to be written.
    #[test]
    fn a_number_over_the_modulus_is_refused() {
        let over = "115792089210356248762697446949407573530086143415290314195533631308867097853956";
        let y = "11";
        let message = format!(r#"{{"Role":0,"Xᵤ":{over},"Xᵥ":{y}}}"#);
        assert_eq!(respond(CurveName::P256, b"pw", message.as_bytes()).err(), Some(PakeError::NotOnCurve));
    }

    /// A peer that knows the password can cancel its own point: the key would then be made of what was sent.
    #[test]
    fn a_point_that_cancels_itself_is_refused() {
        let zero = [0; SECRET_LEN];
        let (_, message) = Initiator::begin_with(CurveName::P256, b"pw", &zero);
        assert_eq!(respond(CurveName::P256, b"pw", &message).err(), Some(PakeError::NotOnCurve));
    }

    #[test]
    fn curves_are_known_by_their_names() {
        for curve in CURVES {
            assert_eq!(curve.to_string().parse(), Ok(curve));
        }
        assert_eq!("P256".parse::<CurveName>(), Err(PakeError::UnknownCurve));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_message_makes_either_side_panic(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
            for curve in CURVES {
                let (initiator, message) = Initiator::begin(curve, b"pw").unwrap();
                let _ = respond(curve, b"pw", &bytes);
                let mut mutated = message;
                let at = at.index(mutated.len());
                mutated[at] = byte;
                if let Ok((_, answer)) = respond(curve, b"pw", &mutated) {
                    let mut mutated = answer;
                    mutated[at] = byte;
                    let _ = initiator.finish(&mutated);
                }
            }
        }
    }
}
