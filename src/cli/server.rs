//! Which relays a headless command uses: the one that is named, the one in the invite link, or those in the window's settings.

use serde_json::json;

use super::{
    args::{CommonArgs, InternetChoice, PathArg, ServerChoice},
    report::{Reporter, sentence},
};
use crate::{
    engine::{AccessPassword, Internet, RelayChoice},
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
            return Ok(vec![RelayChoice { address: address.clone(), password: given.clone() }]);
        }
        (Some(ServerChoice::At(address)), _) => Some(address.clone()),
        (_, Some(server)) => Some(server.parse().map_err(|error| format!("{error}"))?),
        (Some(ServerChoice::None), None) => return Ok(Vec::new()),
        (None, None) => None,
    };
    let settings = settings(reporter);
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
        RelayChoice { address, password }
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
    if common.path == PathArg::Local {
        return Ok(None);
    }
    let chosen = match &common.internet {
        Some(InternetChoice::Off) => return Ok(None),
        None => return Ok(settings(reporter).internet()),
        Some(InternetChoice::On) => Internet { relays: settings(reporter).iroh_relays },
        Some(InternetChoice::Through(relays)) => Internet { relays: relays.clone() },
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

/// The settings as they are. Only the window repairs or moves a broken file.
fn settings(reporter: &Reporter) -> Settings {
    let loaded = Settings::look(&Store::of_settings());
    if let Some(problem) = &loaded.problem {
        let message = problem.to_string();
        reporter.say(&sentence(&message), "warning", json!({ "message": message }));
    }
    loaded.settings
}
