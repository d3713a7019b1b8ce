//! The curves of the key exchange: their names, and the points that croc has fixed on them.

use std::{fmt, str::FromStr};

use elliptic_curve::{FieldBytesSize, array::typenum::Unsigned};
use primeorder::PrimeCurveParams;

use super::{error::PakeError, siec::Siec};

/// The curves of croc, without `ed25519`, which a croc takes only if its user asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CurveName {
    /// The one that croc takes for a transfer.
    #[default]
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// SIEC255, the one that relays take.
    Siec,
}

impl CurveName {
    /// What croc calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            CurveName::P256 => "p256",
            CurveName::P384 => "p384",
            CurveName::P521 => "p521",
            CurveName::Siec => "siec",
        }
    }
}

impl fmt::Display for CurveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CurveName {
    type Err = PakeError;

    fn from_str(name: &str) -> Result<Self, PakeError> {
        [CurveName::P256, CurveName::P384, CurveName::P521, CurveName::Siec]
            .into_iter()
            .find(|curve| curve.as_str() == name)
            .ok_or(PakeError::UnknownCurve)
    }
}

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
