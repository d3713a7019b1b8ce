//! What a headless command takes from the window's settings, unless its arguments say otherwise: the relays, what it may use of the
//! internet, the computer's name.

use std::str::FromStr;

use serde_json::json;

use super::{
    args::{CommonArgs, InternetChoice, PathArg, ServerChoice},
    report::{Reporter, sentence},
};
use crate::{
    engine::{AccessPassword, Internet, IrohRelay, PeerName, ProxyChoice, RelayChoice},
    net::client::RelayAddress,
    settings::Settings,
    store::Store,
};

/// The relays, with the password that is given or the passwords in the settings. `invited` is the server in an invite link.
pub(super) fn choose(
    common: &CommonArgs,
    settings: &Settings,
    invited: Option<&str>,
    reporter: &Reporter,
) -> Result<Vec<RelayChoice>, String> {
    let given = &common.password;
    let linked: Option<RelayAddress> = match (&common.server, invited) {
        (Some(ServerChoice::At(address)), _) if given.is_some() => {
            let relay = settings.reach(address.clone());
            return Ok(vec![RelayChoice { password: given.clone(), ..relay }]);
        }
        (Some(ServerChoice::At(address)), _) => Some(address.clone()),
        (_, Some(server)) => Some(server.parse().map_err(|error| format!("{error}"))?),
        (Some(ServerChoice::None), None) => return Ok(Vec::new()),
        (None, None) => None,
    };
    let own = match &common.server {
        None => settings.default_relay().map(|relay| relay.address.clone()),
        Some(_) => None,
    };
    let addresses = match linked {
        Some(address) => vec![address],
        None => settings.relays.iter().map(|relay| relay.address.clone()).collect(),
    };
    let choice = |address: RelayAddress| {
        // A password must be shown to no relay but the one that the user means.
        let is_meant = own.as_ref().is_some_and(|own| own.is_same(&address));
        let password =
            given.as_ref().filter(|_| is_meant).or_else(|| settings.password_for(&address)).cloned();
        RelayChoice { password, ..settings.reach(address) }
    };
    let chosen: Vec<RelayChoice> = addresses.into_iter().map(choice).collect();
    warn_if_unused(given.as_ref(), &chosen, reporter);
    Ok(chosen)
}

/// What the command may use of the internet.
///
/// # Errors
///
/// Why the user can't have what was asked for.
pub(super) fn internet(common: &CommonArgs, settings: &Settings) -> Result<Option<Internet>, String> {
    if common.path == PathArg::Local || common.internet == Some(InternetChoice::Off) {
        return Ok(None);
    }
    let through = |relays: &[IrohRelay]| Internet { relays: relays.to_vec(), proxy: settings.proxy.clone() };
    let chosen = match &common.internet {
        None | Some(InternetChoice::Off) => return Ok(settings.internet()),
        Some(InternetChoice::On) => through(&settings.iroh_relays),
        Some(InternetChoice::Through(relays)) => through(relays),
    };
    if Internet::IS_BUILT_IN {
        Ok(Some(chosen))
    } else {
        Err("this program was built without the feature `internet`".to_owned())
    }
}

/// What the other side is told that this computer is called.
pub(super) fn told_name(common: &CommonArgs, settings: &Settings) -> Option<PeerName> {
    if common.no_name {
        return None;
    }
    common.name.clone().or_else(|| settings.told_name())
}

/// Says it if the password that was given goes to no relay, because the one that is used comes from an invite link.
fn warn_if_unused(given: Option<&AccessPassword>, chosen: &[RelayChoice], reporter: &Reporter) {
    let is_used = chosen.iter().any(|relay| relay.password.as_ref() == given);
    if let ([RelayChoice { address, .. }], Some(_), false) = (chosen, given, is_used) {
        let message = format!(
            "the password is not shown to {address}, which the invite link names; if it is meant for that relay, add \
             --server {address}"
        );
        reporter.say(&sentence(&message), "warning", json!({ "message": message }));
    }
}

/// The settings as they are, with the proxy that the command names. Only the window repairs or moves a broken file.
///
/// # Errors
///
/// The command names no proxy. What it names is not repeated, because it may hold a password.
pub(super) fn settings(common: &CommonArgs, reporter: &Reporter) -> Result<Settings, String> {
    let mut loaded = Settings::look(&Store::of_settings());
    if let Some(problem) = &loaded.problem {
        let message = problem.to_string();
        reporter.say(&sentence(&message), "warning", json!({ "message": message }));
    }
    if let Some(proxy) = &common.proxy {
        loaded.settings.proxy =
            proxy.parse().map_err(|error: <ProxyChoice as FromStr>::Err| error.to_string())?;
    }
    Ok(loaded.settings)
}
