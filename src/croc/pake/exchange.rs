//! The arithmetic of the key exchange, the same on every curve:
//!
//! 1. The initiator draws α and sends `X = pw·U + α·G`.
//! 2. The responder draws β, sends `Y = pw·V + β·G` and has `Z = β·(X − pw·U)`.
//! 3. The initiator has `Z = α·(Y − pw·V)`.

use elliptic_curve::{CurveArithmetic, FieldBytes, Group, group::CurveAffine, point::AffineCoordinates};
use primeorder::{AffinePoint, ProjectivePoint};
use zeroize::{Zeroize, Zeroizing};

use super::{
    agreement::Agreement,
    curves::PakeCurve,
    decimal,
    error::PakeError,
    message::{self, Coordinates, Points},
};

/// Length of the secret that each side draws.
pub(super) const SECRET_LEN: usize = 32;

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
