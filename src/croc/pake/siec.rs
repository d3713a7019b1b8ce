//! The curve siec (SIEC255), with which every client of a croc relay begins: `y² = x³ + 19`.
//!
//! Only its numbers are here. The arithmetic is that of `primefield` and `primeorder`, as for the curves of NIST. That of the
//! field, of the scalars and of the points is in constant time.

use elliptic_curve::{
    Curve, CurveArithmetic, FieldBytes, PrimeCurve, PrimeCurveArithmetic,
    bigint::{Limb, Odd, U256},
    consts::U32,
    ff::PrimeField,
    field,
    hazmat::FieldArithmetic,
    ops::{BatchInvert, Reduce},
    scalar::{FromUintUnchecked, IsHigh},
    subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater, CtOption},
};
use primeorder::{PrimeCurveParams, mul_backend::VariableOnly, point_arithmetic::EquationAIsZero, wnaf};

const MODULUS_HEX: &str = "4000000000000000000000000200104080000000000000000004004103082041";
const ORDER_HEX: &str = "4000000000000000000000000200103f800000000000000000040040ff07ffc1";

/// The curve.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, PartialOrd, Ord)]
pub struct Siec;

impl Curve for Siec {
    type FieldBytesSize = U32;
    type Uint = U256;
    const ORDER: Odd<U256> = Odd::<U256>::from_be_hex(ORDER_HEX);
}

impl PrimeCurve for Siec {}

impl elliptic_curve::point::PointCompression for Siec {
    const COMPRESS_POINTS: bool = false;
}

impl elliptic_curve::point::PointCompaction for Siec {
    const COMPACT_POINTS: bool = false;
}

impl CurveArithmetic for Siec {
    type AffinePoint = primeorder::AffinePoint<Siec>;
    type ProjectivePoint = primeorder::ProjectivePoint<Siec>;
    type Scalar = Scalar;
}

impl FieldArithmetic for Siec {
    type FieldElement = FieldElement;
}

impl PrimeCurveArithmetic for Siec {
    type CurveGroup = primeorder::ProjectivePoint<Siec>;
}

impl PrimeCurveParams for Siec {
    type PointArithmetic = EquationAIsZero;
    type Backend = VariableOnly;
    const EQUATION_A: FieldElement = FieldElement::ZERO;
    const EQUATION_B: FieldElement = FieldElement::from_u64(19);
    const GENERATOR: (FieldElement, FieldElement) = (FieldElement::from_u64(5), FieldElement::from_u64(12));
}

#[expect(deprecated, reason = "the macro calls it")]
mod element {
    //! The field of the coordinates.
    use super::{Choice, ConstantTimeEq, CtOption, MODULUS_HEX, PrimeField, U256};

    primefield::monty_field_params! {
        name: FieldParams,
        modulus: MODULUS_HEX,
        uint: U256,
        byte_order: primefield::ByteOrder::BigEndian,
        multiplicative_generator: 19,
        doc: "Montgomery parameters of siec's field."
    }

    primefield::monty_field_element! {
        name: FieldElement,
        params: FieldParams,
        uint: U256,
        doc: "An element of siec's field."
    }

    primefield::monty_field_arithmetic! {
        name: FieldElement,
        params: FieldParams,
        uint: U256
    }
}

#[expect(deprecated, reason = "the macro calls it")]
mod scalar {
    //! The numbers by which points are multiplied.
    use super::{Choice, ConstantTimeEq, CtOption, ORDER_HEX, PrimeField, U256};

    primefield::monty_field_params! {
        name: ScalarParams,
        modulus: ORDER_HEX,
        uint: U256,
        byte_order: primefield::ByteOrder::BigEndian,
        multiplicative_generator: 7,
        doc: "Montgomery parameters of siec's scalars."
    }

    primefield::monty_field_element! {
        name: Scalar,
        params: ScalarParams,
        uint: U256,
        doc: "A number by which a point of siec is multiplied."
    }

    primefield::monty_field_arithmetic! {
        name: Scalar,
        params: ScalarParams,
        uint: U256
    }
}

pub(super) use element::FieldElement;
pub(super) use scalar::Scalar;

impl BatchInvert for FieldElement {}

elliptic_curve::scalar_impls!(Siec, Scalar);
wnaf::impl_wnaf_size_for_scalar!(Scalar);

impl AsRef<Scalar> for Scalar {
    fn as_ref(&self) -> &Scalar {
        self
    }
}

impl FromUintUnchecked for Scalar {
    type Uint = U256;

    fn from_uint_unchecked(uint: U256) -> Self {
        Self::from_uint_unchecked(uint)
    }
}

impl IsHigh for Scalar {
    fn is_high(&self) -> Choice {
        const HALF: U256 = Siec::ORDER.as_ref().shr_vartime(1);
        self.to_canonical().ct_gt(&HALF)
    }
}

impl Reduce<U256> for Scalar {
    /// Takes the order away as often as it fits, three times at most.
    fn reduce(number: &U256) -> Self {
        let mut reduced = *number;
        for _ in 0..3 {
            let (less, borrow) = reduced.borrowing_sub(&Siec::ORDER, Limb::ZERO);
            let is_less = Choice::from((borrow.0 >> (Limb::BITS - 1)) as u8);
            reduced = U256::conditional_select(&less, &reduced, is_less);
        }
        Self::from_uint_unchecked(reduced)
    }
}

impl Reduce<FieldBytes<Siec>> for Scalar {
    fn reduce(bytes: &FieldBytes<Siec>) -> Self {
        <Self as Reduce<U256>>::reduce(&field::bytes_to_uint::<Siec>(bytes))
    }
}

#[cfg(test)]
mod tests {
    use elliptic_curve::{group::Group, point::AffineCoordinates};

    use super::*;
    use crate::croc::pake::decimal;

    type Point = primeorder::ProjectivePoint<Siec>;

    fn coordinates(point: Point) -> (String, String) {
        let affine = point.to_affine();
        (decimal::write(&affine.x()), decimal::write(&affine.y()))
    }

    /// From the tests of siec itself.
    #[test]
    fn multiples_of_the_generator_are_siecs() {
        for (factor, x, y) in [
            (
                0x40u64,
                "22784956368772284587014129354783824301122808969944262244690262244567645543628",
                "15122902039027963115899162435007755480175091927763482548168795824636596047001",
            ),
            (
                0x01_02_03,
                "20229788123255377252117609246816679794288126641783108573469038758141726144217",
                "24954944596292334650496455898477874666706713116404087873386411796931353338967",
            ),
        ] {
            assert_eq!(coordinates(Point::GENERATOR * Scalar::from(factor)), (x.to_owned(), y.to_owned()));
        }
    }

    /// Catches a wrong order or a wrong formula for `a = 0`.
    #[test]
    fn the_order_leads_back_to_nothing() {
        let last = Point::GENERATOR * -Scalar::ONE;
        assert_eq!(last, -Point::GENERATOR);
        assert!(bool::from((last + Point::GENERATOR).is_identity()));
        assert_eq!(Point::GENERATOR * Scalar::from(3u64), Point::GENERATOR.double() + Point::GENERATOR);
    }

    #[test]
    fn a_number_over_the_order_is_reduced() {
        assert_eq!(<Scalar as Reduce<U256>>::reduce(&U256::MAX), {
            let mut sum = Scalar::ZERO;
            for bit in 0..256 {
                sum += Scalar::from(2u64).pow_vartime(&U256::from(bit as u64));
            }
            sum
        });
        assert_eq!(<Scalar as Reduce<U256>>::reduce(Siec::ORDER.as_ref()), Scalar::ZERO);
    }

    primefield::test_primefield!(Scalar, U256);
}
