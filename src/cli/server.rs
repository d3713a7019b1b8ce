//! Which relays a headless command uses: the one that is named, the one in the invite link, or those in the window's settings.

use std::str::FromStr;

use serde_json::json;

use super::{
    args::{CommonArgs, InternetChoice, PathArg, ServerChoice},
    report::{Reporter, sentence},
};
use crate::{
    engine::{AccessPassword, Internet, ProxyChoice, RelayChoice},
    net::client::RelayAddress,
    settings::Settings,
    store::Store,
};

/// The relays, with the password that is given or the passwords in the settings. `invited` is the server in an invite link.
pub(super) fn choose(
    common: &CommonArgs,
    invited: Option<&str>,
    reporter: &Reporter,
) -> Result<Vec<RelayChoice>, String> {
    let given = &common.password;
    let linked: Option<RelayAddress> = match (&common.server, invited) {
        (Some(ServerChoice::At(address)), _) if given.is_some() => {
            let relay = settings(common, reporter)?.reach(address.clone());
            return Ok(vec![RelayChoice { password: given.clone(), ..relay }]);
        }
        (Some(ServerChoice::At(address)), _) => Some(address.clone()),
        (_, Some(server)) => Some(server.parse().map_err(|error| format!("{error}"))?),
        (Some(ServerChoice::None), None) => return Ok(Vec::new()),
        (None, None) => None,
    };
    let settings = settings(common, reporter)?;
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
pub(super) fn internet(common: &CommonArgs, reporter: &Reporter) -> Result<Option<Internet>, String> {
    if common.path == PathArg::Local || common.internet == Some(InternetChoice::Off) {
        return Ok(None);
    }
    let settings = settings(common, reporter)?;
    let chosen = match &common.internet {
        None | Some(InternetChoice::Off) => return Ok(settings.internet()),
        Some(InternetChoice::On) => Internet { relays: settings.iroh_relays, proxy: settings.proxy },
        Some(InternetChoice::Through(relays)) => Internet { relays: relays.clone(), proxy: settings.proxy },
    };
    if Internet::IS_BUILT_IN {
        Ok(Some(chosen))
    } else {
        Err("this program was built without the feature `internet`".to_owned())
    }
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
fn settings(common: &CommonArgs, reporter: &Reporter) -> Result<Settings, String> {
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
