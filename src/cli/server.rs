//! Which relays a headless command uses: the one that is named, the one in the invite link, or those in the window's settings.

use serde_json::json;

use super::{
    args::{CommonArgs, ServerChoice},
    report::{Reporter, sentence},
};
use crate::{engine::RelayChoice, net::client::RelayAddress, settings::Settings, store::Store};

/// The relays, with the password that is given or the passwords in the settings. `invited` is the server in an invite link.
pub(super) fn choose(
    common: &CommonArgs,
    invited: Option<&str>,
    reporter: &Reporter,
) -> Result<Vec<RelayChoice>, String> {
    let named: Option<RelayAddress> = match (&common.server, invited) {
        (Some(ServerChoice::At(address)), _) => Some(address.clone()),
        (_, Some(server)) => Some(server.parse().map_err(|error| format!("{error}"))?),
        (Some(ServerChoice::None), None) => return Ok(Vec::new()),
        (None, None) => None,
    };
    if let (Some(address), Some(_)) = (&named, &common.password) {
        return Ok(vec![RelayChoice { address: address.clone(), password: common.password.clone() }]);
    }
    let settings = settings(reporter);
    let addresses = match named {
        Some(address) => vec![address],
        None => settings.relays.iter().map(|relay| relay.address.clone()).collect(),
    };
    let choice = |(at, address): (usize, RelayAddress)| {
        // The password must not be shown to the other relays of the list.
        let given = common.password.clone().filter(|_| at == 0);
        let password = given.or_else(|| settings.password_for(&address).map(str::to_owned));
        RelayChoice { address, password }
    };
    Ok(addresses.into_iter().enumerate().map(choice).collect())
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
