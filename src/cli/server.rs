//! Which relay a headless command uses: the one that is named, the invite's, or the first in the window's settings.

use serde_json::json;

use super::{
    args::{CommonArgs, Server},
    report::{Reporter, sentence},
};
use crate::{engine::RelayChoice, net::client::RelayAddress, settings::Settings, store::Store};

/// The relay, with the password that is given or that the settings hold for it; `None` if no relay is known. `invited` is
/// the server of an invite link.
pub(super) fn choose(
    common: &CommonArgs,
    invited: Option<&str>,
    reporter: &Reporter,
) -> Result<Option<RelayChoice>, String> {
    let named: Option<RelayAddress> = match (&common.server, invited) {
        (Some(Server::At(address)), _) => Some(address.clone()),
        (_, Some(server)) => Some(server.parse().map_err(|error| format!("{error}"))?),
        (Some(Server::None), None) => return Ok(None),
        (None, None) => None,
    };
    if let (Some(address), Some(_)) = (&named, &common.password) {
        return Ok(Some(RelayChoice { address: address.clone(), password: common.password.clone() }));
    }
    let settings = settings(reporter);
    let address = named.or_else(|| Some(settings.default_relay()?.address.clone()));
    Ok(address.map(|address| {
        let known = || settings.password_for(&address).map(str::to_owned);
        let password = common.password.clone().or_else(known);
        RelayChoice { address, password }
    }))
}

/// The settings, as they are: mending or moving a broken file is the window's business.
fn settings(reporter: &Reporter) -> Settings {
    let loaded = Settings::look(&Store::of_settings());
    if let Some(problem) = &loaded.problem {
        let message = problem.to_string();
        reporter.say(&sentence(&message), "warning", json!({ "message": message }));
    }
    loaded.settings
}
