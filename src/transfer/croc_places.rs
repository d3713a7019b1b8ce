//! Where the two users of a croc code meet.

use zeroize::Zeroizing;

use crate::{
    croc::code::{CrocCode, USUAL_PASSWORD, USUAL_PORT, Version},
    net::client::{RelayAddress, RelayChoice},
};

/// A croc relay at which the other side may be.
#[derive(Clone)]
pub struct CrocPlace {
    /// The relay, and how it is reached. Its password is none of Caiman's kind.
    pub relay: RelayChoice,
    /// The relay's password.
    pub password: Zeroizing<String>,
    /// Which version's room of the code to look in.
    pub version: Version,
}

/// A code of croc, and where the other side may be under it.
#[derive(Clone)]
pub struct CrocSearch {
    /// The code.
    pub code: CrocCode,
    /// The relays at which the other side may be. All are searched at once.
    pub places: Vec<CrocPlace>,
    /// Whether the other side may have croc 10.
    pub allows_v10: bool,
}

/// A croc relay of the user's.
#[derive(Clone)]
pub struct CrocRelay {
    /// The relay, and how it is reached.
    pub relay: RelayChoice,
    /// Its password; `None` for the usual one.
    pub password: Option<Zeroizing<String>>,
}

impl CrocSearch {
    /// Looks at these relays.
    pub fn at(code: CrocCode, relays: &[CrocRelay], allows_v10: bool) -> Self {
        // Where both versions make the same room of a code, looking there once is enough.
        let versions: &[Version] = if allows_v10 && !code.is_the_same_for_both() {
            &[Version::V11, Version::V10]
        } else {
            &[Version::V11]
        };
        let place = |relay: &CrocRelay, version: Version| CrocPlace {
            relay: relay.relay.clone(),
            password: relay.password.clone().unwrap_or_else(usual_password),
            version,
        };
        let places = relays.iter().flat_map(|relay| versions.iter().map(|version| place(relay, *version)));
        Self { places: places.collect(), code, allows_v10 }
    }

    /// Looks at the public relays at which a croc may be under this code. `reach` says how a relay is reached.
    pub fn at_public(code: CrocCode, allows_v10: bool, reach: impl Fn(RelayAddress) -> RelayChoice) -> Self {
        let places = code.public_places(allows_v10).into_iter().map(|(host, version)| {
            let address = RelayAddress::with_default_port(&host, USUAL_PORT);
            let relay = reach(address.expect("the public relays have valid names"));
            CrocPlace { relay, password: usual_password(), version }
        });
        Self { places: places.collect(), code, allows_v10 }
    }
}

fn usual_password() -> Zeroizing<String> {
    Zeroizing::new(USUAL_PASSWORD.to_owned())
}
