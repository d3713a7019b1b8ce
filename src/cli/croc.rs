//! Codes of croc. `caiman receive` recognises them and looks for the sender where it may wait; `caiman send --croc` shows one.

use serde_json::json;
use zeroize::Zeroizing;

use super::{
    args::{CommonArgs, CrocArgs, CrocSendArgs, PathArg},
    offer::ReceivePolicy,
    report::{Reporter, sentence},
};
use crate::{
    engine::{
        Certainty, CrocCode, CrocFate, CrocName, CrocNews, CrocPlace, CrocReceiveOrder, CrocSend,
        CrocVersion, FoundCode, Output, Payload, Reach, Registry, USUAL_PASSWORD, USUAL_PORT, find_croc,
    },
    net::client::RelayAddress,
    settings::Settings,
    store::Store,
    transfer::show::{self, Shown},
};

/// The most names that croc doesn't take of which each gets a line.
const MAX_NAMES: usize = 20;

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
    let places = places(&found, (args.croc_relay.as_deref(), args.croc_password.as_deref()), settings)?;
    if common.path == PathArg::Local && !places.iter().all(is_near) {
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

/// What is ordered of the engine for a receiver that has croc; `None` if the user wants none.
///
/// # Errors
///
/// Why the user can't have what was asked for.
pub(super) fn send_order(
    args: CrocSendArgs,
    payload: &Payload,
    common: &CommonArgs,
    settings: &Settings,
) -> Result<Option<CrocSend>, String> {
    let CrocSendArgs { is_for_croc, croc_code, croc_relay, croc_password, no_croc10 } = args;
    if !is_for_croc {
        return Ok(None);
    }
    if matches!(payload, Payload::Stream { .. }) {
        return Err(
            "standard input can be read only once, and a croc wants its hash before; leave out --croc"
                .to_owned(),
        );
    }
    let code = match croc_code {
        Some(own) => CrocCode::new(&own)
            .ok_or("a code for croc has at least six characters, and nothing that can't be typed")?,
        None => CrocCode::draw().map_err(|_| "this system provides no random numbers")?,
    };
    let relay = croc_relay.as_deref().map(read_relay).transpose()?;
    let found =
        FoundCode { code: code.clone(), relay: None, relay_password: None, certainty: Certainty::Certain };
    let mut places = places(&found, (croc_relay.as_deref(), croc_password.as_deref()), settings)?;
    if no_croc10 && !code.is_the_same_for_both() {
        places.retain(|place| place.version == CrocVersion::V11);
    }
    if common.path == PathArg::Local && !places.iter().all(is_near) {
        return Err("croc's relays are not in this network; leave out --croc or --path local".to_owned());
    }
    let needs_password = relay.is_some() && croc_password.is_some_and(|password| password != USUAL_PASSWORD);
    Ok(Some(CrocSend { code, places, allows_v10: !no_croc10, relay, needs_password }))
}

/// Says how it is with the code for croc.
pub(super) fn show(news: &CrocNews, reporter: &Reporter) {
    match news {
        CrocNews::Code { code, relay, needs_password } => {
            let code = code.as_str();
            let relay = relay.as_ref().map(ToString::to_string);
            let password = if *needs_password { " --pass …" } else { "" };
            let option =
                relay.as_ref().map_or_else(String::new, |relay| format!(" --relay {relay}{password}"));
            // On systems that show every user the list of processes, croc takes no code from its command line.
            let (windows, unix) =
                (format!("croc{option} {code}"), format!("CROC_SECRET={code} croc{option}"));
            let width = windows.len().max(unix.len());
            let lines = [
                format!("Code for croc:  {code}"),
                String::new(),
                "With croc on the other computer:".to_owned(),
                format!("  {unix:width$}   on Linux and macOS"),
                format!("  {windows:width$}   on Windows"),
                String::new(),
                "A code for croc protects less than one of Caiman's.".to_owned(),
                "Waiting for the receiver…".to_owned(),
            ];
            let fields = json!({ "code": code, "relay": relay, "command": unix, "windows_command": windows });
            reporter.say(&lines.join("\n"), "croc_code", fields);
        }
        CrocNews::Names(names) => show_names(names, reporter),
        CrocNews::NoRelay { relay, why } => {
            let why = why.to_string();
            let line = format!(
                "No croc can come over {relay} for now: {why}. It is tried again and again; Caiman's own code works."
            );
            reporter.say(&line, "croc_relay", json!({ "relay": relay.to_string(), "why": why }));
        }
        CrocNews::RelayBack(relay) => {
            let line = format!("A croc can come over {relay} again.");
            reporter.say(&line, "croc_relay", json!({ "relay": relay.to_string(), "why": null }));
        }
        CrocNews::WrongTry { tries_left } => {
            let line = match tries_left {
                0 => "A wrong code for croc was tried for the third time, so that code no longer works. Caiman's own does."
                    .to_owned(),
                left => format!(
                    "A wrong code for croc was tried. After {} it no longer works.",
                    show::count(u64::from(*left), "more try", "more tries")
                ),
            };
            reporter.say(&line, "croc_wrong_try", json!({ "tries_left": tries_left }));
        }
        CrocNews::TooLong => {
            let line = "These are more files than a croc can be told of, so there is no code for croc; pack them into an archive.\nWaiting for the receiver…";
            reporter.say(line, "croc_too_long", json!({}));
        }
    }
}

/// Says what croc doesn't take as it is.
fn show_names(names: &[CrocName], reporter: &Reporter) {
    for CrocName { path, fate } in names.iter().take(MAX_NAMES) {
        let (line, name) = match fate {
            CrocFate::Renamed(name) => (
                format!("croc refuses the name {}; with croc it becomes {}.", Shown(path), Shown(name)),
                Some(name),
            ),
            CrocFate::LinkLeftOut => {
                (format!("croc refuses the link {}; with croc it is left out.", Shown(path)), None)
            }
        };
        reporter.say(&line, "croc_name", json!({ "path": path, "name": name }));
    }
    if let Some(more) = names.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
        let line = format!("The same goes for {}.", show::count(more as u64, "more name", "more names"));
        reporter.say(&line, "croc_names", json!({ "more": more }));
    }
}

fn is_near(place: &CrocPlace) -> bool {
    matches!(place.relay.address.reach(), Some(Reach::LocalNetwork | Reach::ThisComputer))
}

fn read_relay(text: &str) -> Result<RelayAddress, String> {
    RelayAddress::with_default_port(text, USUAL_PORT).map_err(|_| {
        "the croc relay is not written as HOST or HOST:PORT, for instance relay.example.org:9009".to_owned()
    })
}

/// Where the two sides can meet: at the relay that croc's command line or the user names, or else at croc's public ones. The user may
/// name a relay and its password.
fn places(
    found: &FoundCode,
    (own, own_password): (Option<&str>, Option<&str>),
    settings: &Settings,
) -> Result<Vec<CrocPlace>, String> {
    let own = own.map(read_relay).transpose()?;
    let Some(address) = found.relay.as_deref().map(read_relay).transpose()?.or_else(|| own.clone()) else {
        let public = found.code.public_places().into_iter();
        return public
            .map(|(host, version)| {
                let relay = settings.reach(read_relay(&host)?);
                Ok(CrocPlace { relay, password: usual_password(), version })
            })
            .collect();
    };
    // A password is shown to no relay but the one for which it was given.
    let is_own = own.as_ref().is_some_and(|own| own.is_same(&address));
    let password = match (&found.relay_password, own_password) {
        (Some(password), _) if found.relay.is_some() => password.clone(),
        (_, Some(password)) if is_own => Zeroizing::new(password.to_owned()),
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
