//! Which relays a headless command uses: the one that is named, the invite's, or those in the window's settings.

use serde_json::json;

use super::{
    args::{CommonArgs, ServerChoice},
    report::{Reporter, sentence},
};
use crate::{engine::RelayChoice, net::client::RelayAddress, settings::Settings, store::Store};

/// The relays, with the password that is given or those that the settings hold for them. `invited` is the server of an
/// invite link.
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
        // The other relays of the list are no business of this password's.
        let given = common.password.clone().filter(|_| at == 0);
        let password = given.or_else(|| settings.password_for(&address).map(str::to_owned));
        RelayChoice { address, password }
    };
    Ok(addresses.into_iter().enumerate().map(choice).collect())
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
