//! `caiman receive` with a code of croc: how it is recognised, at which relays the sender may wait, and the order for the engine.

use serde_json::json;
use zeroize::Zeroizing;

use super::{
    args::{CommonArgs, CrocArgs, PathArg},
    offer::ReceivePolicy,
    report::{Reporter, sentence},
};
use crate::{
    engine::{
        Certainty, CrocCode, CrocPlace, CrocReceiveOrder, CrocVersion, FoundCode, Output, Reach, Registry,
        USUAL_PASSWORD, USUAL_PORT, find_croc,
    },
    net::client::RelayAddress,
    settings::Settings,
    store::Store,
};

/// The code of croc in what the user gave or typed, if it is one for certain, or if the user says so.
pub(super) fn recognise(text: &str, args: &CrocArgs) -> Option<FoundCode> {
    let found = find_croc(text);
    if !args.croc {
        return found.filter(|found| found.certainty == Certainty::Certain);
    }
    found.or_else(|| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let code = CrocCode::new(&words.join("-"))?;
        Some(FoundCode { code, relay: None, relay_password: None, certainty: Certainty::Certain })
    })
}

/// What is ordered of the engine for a code of croc. Says to the user what a croc code is worth.
///
/// # Errors
///
/// Why the user can't have what was asked for.
pub(super) fn order(
    found: FoundCode,
    args: &CrocArgs,
    (common, settings): (&CommonArgs, &Settings),
    (policy, output): (&ReceivePolicy, Output),
    reporter: &Reporter,
) -> Result<CrocReceiveOrder, String> {
    if policy.remember.is_some() {
        return Err("a sender that has croc can't be remembered".to_owned());
    }
    let places = places(&found, args, settings)?;
    let is_local = |place: &CrocPlace| {
        matches!(place.relay.address.reach(), Some(Reach::LocalNetwork | Reach::ThisComputer))
    };
    if common.path == PathArg::Local && !places.iter().all(is_local) {
        return Err(
            "this is a code of croc, and croc's relays are not in this network; leave out --path local"
                .to_owned(),
        );
    }
    let message = "this is a code of croc, which protects less than one of Caiman's";
    reporter.say(&sentence(message), "croc", json!({ "message": message }));
    let unfinished = Registry::at(Store::unfinished_folder());
    Ok(CrocReceiveOrder { code: found.code, places, output, unfinished })
}

/// Where the sender may wait: at the relay that its command line or the user names, or else at croc's public ones.
fn places(found: &FoundCode, args: &CrocArgs, settings: &Settings) -> Result<Vec<CrocPlace>, String> {
    let read = |text: &str| {
        RelayAddress::with_default_port(text, USUAL_PORT).map_err(|_| {
            "the croc relay is not written as HOST or HOST:PORT, for instance relay.example.org:9009"
                .to_owned()
        })
    };
    let own = args.croc_relay.as_deref().map(read).transpose()?;
    let Some(address) = found.relay.as_deref().map(read).transpose()?.or_else(|| own.clone()) else {
        let public = found.code.public_places().into_iter();
        return public
            .map(|(host, version)| {
                let relay = settings.reach(read(&host)?);
                Ok(CrocPlace { relay, password: usual_password(), version })
            })
            .collect();
    };
    // A password is shown to no relay but the one for which it was given.
    let is_own = own.as_ref().is_some_and(|own| own.is_same(&address));
    let password = match (&found.relay_password, &args.croc_password) {
        (Some(password), _) if found.relay.is_some() => password.clone(),
        (_, Some(password)) if is_own => Zeroizing::new(password.clone()),
        _ => usual_password(),
    };
    let versions = if found.code.is_the_same_for_both() {
        &[CrocVersion::V11][..]
    } else {
        &[CrocVersion::V11, CrocVersion::V10]
    };
    let place = |version: &CrocVersion| CrocPlace {
        relay: settings.reach(address.clone()),
        password: password.clone(),
        version: *version,
    };
    Ok(versions.iter().map(place).collect())
}

fn usual_password() -> Zeroizing<String> {
    Zeroizing::new(USUAL_PASSWORD.to_owned())
}
