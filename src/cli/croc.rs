//! `caiman receive` with a code of croc: how it is read, and the search that is ordered of the engine.

use zeroize::Zeroizing;

use super::args::{CommonArgs, CrocArgs, PathArg};
use crate::{
    code::CodeError,
    engine::{CrocCode, CrocSearch, FoundCode, Reach, TypedCode, find_croc, read_code},
    settings::{CrocSettings, Settings},
};

/// Reads what the user gave or typed. With `--croc` it is croc's, whatever it looks like.
pub(super) fn read(text: &str, args: &CrocArgs) -> Result<TypedCode, CodeError> {
    if !args.croc {
        return read_code(text);
    }
    let found = find_croc(text).or_else(|| {
        let words: Vec<&str> = text.split_whitespace().collect();
        CrocCode::new(&words.join("-")).map(FoundCode::typed)
    });
    found.map(TypedCode::Croc).ok_or(CodeError::Empty)
}

/// Where the sender may be: at the relay that its command line or the user names, or else at those of the settings, or at croc's
/// public ones.
///
/// # Errors
///
/// Why the user can't have what was asked for.
pub(super) fn search(
    found: FoundCode,
    args: &CrocArgs,
    (common, settings): (&CommonArgs, &Settings),
) -> Result<CrocSearch, String> {
    let read = |text: &str| {
        CrocSettings::address(text).ok_or_else(|| {
            "the croc relay is not written as HOST or HOST:PORT, for instance relay.example.org:9009"
                .to_owned()
        })
    };
    let own = args.croc_relay.as_deref().map(read).transpose()?;
    let named = found.relay.as_deref().map(read).transpose()?;
    let relay = named.or_else(|| own.clone()).map(|address| {
        let own_password = || args.croc_password.clone().map(Zeroizing::new);
        let is_own = own.as_ref().is_some_and(|own| own.is_same(&address));
        let password = found.relay_password.or_else(|| own_password().filter(|_| is_own));
        settings.croc_relay(address, password)
    });
    let search = settings.croc_search(found.code, relay);
    let is_local = |reach| matches!(reach, Some(Reach::LocalNetwork | Reach::ThisComputer));
    if common.path == PathArg::Local
        && !search.places.iter().all(|place| is_local(place.relay.address.reach()))
    {
        return Err(
            "this is a code of croc, and croc's relays are not in this network; leave out --path local"
                .to_owned(),
        );
    }
    Ok(search)
}
