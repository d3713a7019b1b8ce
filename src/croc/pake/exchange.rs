//! The arithmetic of the key exchange, the same on every curve:
//!
//! 1. The initiator draws α and sends `X = pw·U + α·G`.
//! 2. The responder draws β, sends `Y = pw·V + β·G` and has `Z = β·(X − pw·U)`.
//! 3. The initiator has `Z = α·(Y − pw·V)`.

use elliptic_curve::{
    CurveArithmetic, FieldBytes, FieldBytesSize, Group, array::typenum::Unsigned, group::CurveAffine,
    point::AffineCoordinates,
};
use primeorder::{AffinePoint, PrimeCurveParams, ProjectivePoint};
use zeroize::{Zeroize, Zeroizing};

use super::{
    Agreement, CurveName, PakeError, decimal,
    message::{self, Coordinates, Points},
    siec::Siec,
};

/// Length of the secret that each side draws.
pub(super) const SECRET_LEN: usize = 32;

/// A curve with the two points that croc has fixed on it, each as two decimals.
pub(super) trait PakeCurve: PrimeCurveParams {
    /// What croc calls it.
    const NAME: CurveName;
    /// The point by which the initiator hides its own.
    const U: (&'static str, &'static str);
    /// The point by which the responder hides its own.
    const V: (&'static str, &'static str);

    /// Length of a coordinate in bytes.
    fn coordinate_len() -> usize {
        <FieldBytesSize<Self> as Unsigned>::USIZE
    }
}

impl PakeCurve for Siec {
    const NAME: CurveName = CurveName::Siec;
    const U: (&'static str, &'static str) = (
        "793136080485469241208656611513609866400481671853",
        "18458907634222644275952014841865282643645472623913459400556233196838128612339",
    );
    const V: (&'static str, &'static str) = (
        "1086685267857089638167386722555472967068468061489",
        "19593504966619549205903364028255899745298716108914514072669075231742699650911",
    );
}

impl PakeCurve for p256::NistP256 {
    const NAME: CurveName = CurveName::P256;
    const U: (&'static str, &'static str) = (
        "793136080485469241208656611513609866400481671852",
        "59748757929350367369315811184980635230185250460108398961713395032485227207304",
    );
    const V: (&'static str, &'static str) = (
        "1086685267857089638167386722555472967068468061489",
        "9157340230202296554417312816309453883742349874205386245733062928888341584123",
    );
}

impl PakeCurve for p384::NistP384 {
    const NAME: CurveName = CurveName::P384;
    const U: (&'static str, &'static str) = (
        "793136080485469241208656611513609866400481671852",
        "7854890799382392388170852325516804266858248936799429260403044177981810983054351714387874260245230531084533936948596",
    );
    const V: (&'static str, &'static str) = (
        "1086685267857089638167386722555472967068468061489",
        "21898206562669911998235297167979083576432197282633635629145270958059347586763418294901448537278960988843108277491616",
    );
}

impl PakeCurve for p521::NistP521 {
    const NAME: CurveName = CurveName::P521;
    const U: (&'static str, &'static str) = (
        "793136080485469241208656611513609866400481671852",
        "4032821203812196944795502391345776760852202059010382256134592838722123385325802540879231526503456158741518531456199762365161310489884151533417829496019094620",
    );
    const V: (&'static str, &'static str) = (
        "1086685267857089638167386722555472967068468061489",
        "5010916268086655347194655708160715195931018676225831839835602465999566066450501167246678404591906342753230577187831311039273858772817427392089150297708931207",
    );
}

/// The initiator between its message and the answer. Wiped on drop.
pub(super) struct WaitingInitiator<C: PakeCurve> {
    password: Zeroizing<Vec<u8>>,
    secret: SecretScalar<C>,
    x: AffinePoint<C>,
}

/// Begins as the initiator, with `α` drawn by the caller. Returns the message too.
pub(super) fn begin<C: PakeCurve>(
    password: &[u8],
    alpha: &[u8; SECRET_LEN],
) -> (WaitingInitiator<C>, Vec<u8>) {
    let secret = SecretScalar::<C>::new(alpha);
    let hidden = fixed::<C>(C::U) * SecretScalar::<C>::new(password).0;
    let x = (hidden + ProjectivePoint::<C>::generator() * secret.0).to_affine();
    let message = message::write::<C>(&Points { role: 0, x: &decimals(&x), y: None });
    (WaitingInitiator { password: Zeroizing::new(password.to_vec()), secret, x }, message)
}

impl<C: PakeCurve> WaitingInitiator<C> {
    /// Reads the responder's answer.
    pub(super) fn finish(self, answer: &[u8]) -> Result<Agreement, PakeError> {
        let y = point::<C>(&message::read_responder::<C>(answer)?)?;
        let hidden = fixed::<C>(C::V) * SecretScalar::<C>::new(&self.password).0;
        let z = (ProjectivePoint::from(y) - hidden) * self.secret.0;
        agreement::<C>(&self.password, &self.x, &y, z)
    }
}

/// Answers an initiator's message, with `β` drawn by the caller. Returns the answer too.
pub(super) fn respond<C: PakeCurve>(
    password: &[u8],
    beta: &[u8; SECRET_LEN],
    message: &[u8],
) -> Result<(Agreement, Vec<u8>), PakeError> {
    let x = point::<C>(&message::read_initiator::<C>(message)?)?;
    let (scalar, secret) = (SecretScalar::<C>::new(password), SecretScalar::<C>::new(beta));
    let hidden = fixed::<C>(C::V) * scalar.0;
    let y = (hidden + ProjectivePoint::<C>::generator() * secret.0).to_affine();
    let z = (ProjectivePoint::from(x) - fixed::<C>(C::U) * scalar.0) * secret.0;
    let answer = message::write::<C>(&Points { role: 1, x: &decimals(&x), y: Some(&decimals(&y)) });
    Ok((agreement::<C>(password, &x, &y, z)?, answer))
}

/// A number made of secret bytes, which is wiped on drop.
struct SecretScalar<C: CurveArithmetic>(<C as CurveArithmetic>::Scalar);

impl<C: CurveArithmetic> SecretScalar<C> {
    /// Takes bytes of any length as one big-endian number and reduces it to the curve's order, in a time that depends on their
    /// length alone. The order is prime, so the points are those that croc gets without reducing.
    fn new(bytes: &[u8]) -> Self {
        let byte = <C as CurveArithmetic>::Scalar::from(256);
        let add = |sum, next: &u8| sum * byte + <C as CurveArithmetic>::Scalar::from(u64::from(*next));
        Self(bytes.iter().fold(<C as CurveArithmetic>::Scalar::from(0), add))
    }
}

impl<C: CurveArithmetic> Drop for SecretScalar<C> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

fn fixed<C: PakeCurve>((x, y): (&str, &str)) -> ProjectivePoint<C> {
    let read = |digits| {
        let bytes = decimal::read(digits, C::coordinate_len()).expect("the fixed points are decimals");
        FieldBytes::<C>::try_from(bytes.as_slice()).expect("they are read at the length of a coordinate")
    };
    let point = AffinePoint::<C>::from_coordinates(&read(x), &read(y));
    point.into_option().expect("the fixed points are on their curve").into()
}

/// Takes a peer's point, if it is one of the curve. Numbers over the field's modulus are refused, and there are no numbers for the
/// point at infinity. The order of each curve is prime, so there are no small subgroups.
fn point<C: PakeCurve>((x, y): &Coordinates<C>) -> Result<AffinePoint<C>, PakeError> {
    AffinePoint::<C>::from_coordinates(x, y).into_option().ok_or(PakeError::NotOnCurve)
}

fn decimals<C: PakeCurve>(point: &AffinePoint<C>) -> (String, String) {
    (decimal::write(&point.x()), decimal::write(&point.y()))
}

fn agreement<C: PakeCurve>(
    password: &[u8],
    x: &AffinePoint<C>,
    y: &AffinePoint<C>,
    z: ProjectivePoint<C>,
) -> Result<Agreement, PakeError> {
    let z = z.to_affine();
    // A peer that knows the password can choose its point so. It learns nothing by it, but the key would be known to all.
    if bool::from(CurveAffine::is_identity(&z)) {
        return Err(PakeError::NotOnCurve);
    }
    let minimal = |bytes: FieldBytes<C>| decimal::minimal(&bytes);
    Ok(Agreement {
        curve: C::NAME,
        password: Zeroizing::new(password.to_vec()),
        coordinates: [x.x(), x.y(), y.x(), y.y(), z.x(), z.y()].map(minimal),
    })
}
