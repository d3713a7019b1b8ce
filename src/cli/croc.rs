//! Codes of croc: `caiman receive` reads them and looks for the sender where it may be; `caiman send --croc` shows one.

use serde_json::json;
use zeroize::Zeroizing;

use super::{
    args::{CommonArgs, CrocArgs, CrocSendArgs},
    report::Reporter,
};
use crate::{
    code::CodeError,
    engine::{
        CrocCode, CrocFate, CrocName, CrocNews, CrocSearch, CrocSend, FoundCode, Payload, TypedCode,
        find_croc, read_code,
    },
    net::client::RelayAddress,
    settings::{CrocSettings, Settings},
    transfer::show::{self, Shown},
};

/// The most names that croc doesn't take of which each gets a line.
const MAX_NAMES: usize = 20;

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
pub(super) fn search(found: FoundCode, args: &CrocArgs, settings: &Settings) -> Result<CrocSearch, String> {
    let own = args.croc_relay.as_deref().map(read_relay).transpose()?;
    let named = found.relay.as_deref().map(read_relay).transpose()?;
    let relay = named.or_else(|| own.clone()).map(|address| {
        let own_password = || args.croc_password.clone().map(Zeroizing::new);
        let is_own = own.as_ref().is_some_and(|own| own.is_same(&address));
        let password = found.relay_password.or_else(|| own_password().filter(|_| is_own));
        settings.croc_relay(address, password)
    });
    Ok(settings.croc_search(found.code, relay))
}

/// Where the sender of a code may be that is Caiman's or croc's; `None` if it is Caiman's after all, because the user names a server.
pub(super) fn also_search(
    found: FoundCode,
    args: &CrocArgs,
    (common, settings): (&CommonArgs, &Settings),
) -> Option<CrocSearch> {
    let is_caimans = common.server.is_some();
    search(found, args, settings).ok().filter(|_| !is_caimans)
}

/// What is ordered of the engine for a receiver that has croc; `None` if the user wants none.
///
/// # Errors
///
/// Why the user can't have what was asked for.
pub(super) fn send_order(
    args: CrocSendArgs,
    payload: &Payload,
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
    let relay = relay.map(|address| settings.croc_relay(address, croc_password.map(Zeroizing::new)));
    let mut order = settings.croc_send(code, relay);
    if no_croc10 {
        order.forbid_v10();
    }
    Ok(Some(order))
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
            // croc asks for the code. Not every version and system takes it on the command line.
            let command = format!("croc{option}");
            let lines = [
                format!("Code for croc:  {code}"),
                String::new(),
                "With croc on the other computer, type the code when it asks for it:".to_owned(),
                format!("  {command}"),
                String::new(),
                "A code for croc protects less than one of Caiman's.".to_owned(),
                "Waiting for the receiver…".to_owned(),
            ];
            let fields = json!({ "code": code, "relay": relay, "command": command });
            reporter.say(&lines.join("\n"), "croc_code", fields);
        }
        CrocNews::Peer { version } => {
            let line = format!("The other side has croc {version}, whose codes protect less than Caiman's.");
            reporter.say(&line, "croc", json!({ "version": version }));
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
        CrocNews::VersionOff => {
            let line = "A receiver came with croc 10, which is turned off. Only croc 11 is let in.";
            reporter.say(line, "croc_version_off", json!({}));
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

fn read_relay(text: &str) -> Result<RelayAddress, String> {
    CrocSettings::address(text).ok_or_else(|| {
        "the croc relay is not written as HOST or HOST:PORT, for instance relay.example.org:9009".to_owned()
    })
}
