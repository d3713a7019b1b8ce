//! `caiman send` and `caiman receive`: from the arguments to the orders for the engine.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::Duration,
};

#[cfg(feature = "croc")]
use super::croc;
use super::{
    args::{CommonArgs, PathArg, ReceiveArgs, SendArgs},
    ask::{self, NoCode},
    conversation::{Again, run},
    exit::Exit,
    from_people::{FromPeople, ReceiveOrders},
    interrupts::Interrupts,
    offer::ReceivePolicy,
    people::{addressee, unusable_name},
    report::{Reporter, failure, sentence},
    server,
    transfer::Policy,
};
#[cfg(feature = "croc")]
use crate::engine::{CrocReceiveOrder, CrocSearch};
use crate::{
    code::{self, CodeError, CodePhrase},
    engine::{
        self, CodeChoice, Command, DEFAULT_ITERATIONS, Internet, InvitationChain, Invited, OnConflict,
        OnMerge, Output, PathMode, Payload, PeerName, ReceiveOrder, Registry, SendOrder, TransferError,
        TypedCode, WaitOrder, check_folder, check_paths,
    },
    store::Store,
    transfer::{error::Impossible, show::Shown},
};
use serde_json::json;

/// Runs `caiman send`.
pub(super) async fn send(args: SendArgs, interrupts: &mut Interrupts) -> Exit {
    let reporter = Reporter::for_sender(args.common.json);
    let common = args.common;
    let payload = match payload(args.paths, args.text, args.file_name) {
        Ok(payload) => payload,
        Err(error) => return usage(reporter, &error),
    };
    if args.receivers > 1 && matches!(payload, Payload::Stream { .. }) {
        let advice = "standard input can be read only once, so it can't be sent to several receivers";
        return usage(reporter, &Impossible::Arguments(advice.to_owned()).into());
    }
    let to = match args.to.as_deref().map(addressee).transpose() {
        Ok(to) => to.map(|person| person.pair),
        Err(error) => return usage(reporter, &Impossible::Arguments(error).into()),
    };
    if let Some(error) = args.remember.as_deref().and_then(unusable_name) {
        return usage(reporter, &Impossible::Arguments(error).into());
    }
    if to.is_some() && matches!(payload, Payload::Stream { .. }) {
        let advice =
            "standard input can be read only once, and what goes to a person may have to be sent again";
        return usage(reporter, &Impossible::Arguments(advice.to_owned()).into());
    }
    let code = match args.code.map(|text| CodePhrase::own(&text)).transpose() {
        Ok(Some(own)) => CodeChoice::Own(own),
        Ok(None) => CodeChoice::Drawn { words: usize::from(args.words) },
        Err(error) => return unusable_code(&reporter, &error),
    };
    let settings = match server::settings(&common, &reporter) {
        Ok(settings) => settings,
        Err(error) => return usage(reporter, &Impossible::Arguments(error).into()),
    };
    let relays = match server::choose(&common, &settings, None, &reporter) {
        Ok(relays) => relays,
        Err(error) => return usage(reporter, &Impossible::Arguments(error).into()),
    };
    let internet = match server::internet(&common, &settings) {
        Ok(internet) => internet,
        Err(error) => return usage(reporter, &Impossible::Arguments(error).into()),
    };
    #[cfg(feature = "croc")]
    let croc = match croc::send_order(args.croc, &payload, &settings) {
        Ok(croc) => croc,
        Err(error) => return usage(reporter, &Impossible::Arguments(error).into()),
    };
    let guarded = relays.iter().filter(|relay| relay.password.is_some());
    let guarded = guarded.map(|relay| relay.address.clone()).collect();
    let without_relay = match common.path {
        _ if !engine::has_network() => "Once this computer has a network, the code works there as well.",
        PathArg::Relay if internet.is_some() => {
            "The code works as soon as a relay on the internet answers, which takes a moment."
        }
        PathArg::Auto if internet.is_some() && relays.is_empty() => {
            "The code works on the local network now, and from anywhere as soon as the internet way is ready."
        }
        PathArg::Auto if !relays.is_empty() => {
            "Only the local network works for now. The relay is tried again and again."
        }
        PathArg::Relay => {
            "No relay was given, so one runs here: the other computer has to be able to reach this one."
        }
        PathArg::Auto | PathArg::Local => {
            "No relay is used: the code is enough on the local network. From elsewhere, the other computer has to be able to \
             reach this one."
        }
    };
    let order = SendOrder {
        payload,
        code,
        relays,
        internet,
        path_mode: common.path.into(),
        listen: common.listen(),
        lanes: common.lanes,
        bytes_per_sec: args.rate.map(|rate| rate.bytes_per_sec().get()),
        patience: Duration::from_secs(common.patience),
        iterations: DEFAULT_ITERATIONS,
        after: None,
        receivers: args.receivers,
        to: to.clone(),
        name: server::told_name(&common, &settings),
        #[cfg(feature = "croc")]
        croc,
    };
    if let Some(name) = &args.to {
        reporter.say(&format!("Calling {}…", Shown(name.trim())), "calling", json!({ "name": name.trim() }));
    }
    let goes_online = order.internet.is_some();
    let (receivers, remember) = (args.receivers, args.remember);
    #[cfg(feature = "croc")]
    let is_for_croc = order.croc.is_some();
    #[cfg(not(feature = "croc"))]
    let is_for_croc = false;
    let policy = Policy::Send { guarded, without_relay, goes_online, receivers, remember, is_for_croc };
    run(reporter, (policy, to), None, interrupts, |id| Command::Send(id, Box::new(order))).await
}

/// Runs `caiman receive`.
pub(super) async fn receive(args: ReceiveArgs, interrupts: &mut Interrupts) -> Exit {
    let reporter = Reporter::for_receiver(args.common.json, args.stdout);
    let (policy, from_people) = (policy(&args), args.from_people);
    #[cfg(feature = "croc")]
    let croc_args = args.croc;
    let ReceiveArgs { code, out, yes, stdout, common, .. } = args;
    if let Some(advice) = folder_among(&code) {
        return usage(reporter, &Impossible::Arguments(advice).into());
    }
    // Once the two have met, the code is used up, so what can be known before is found out before; and what is wrong with the
    // folder, before the user has typed the code.
    let folder = if stdout { None } else { Some(out) };
    if let Some(folder) = &folder
        && let Err(error) = check_folder(folder)
    {
        return usage(reporter, &error);
    }
    if let Some(error) = policy.remember.as_deref().and_then(unusable_name) {
        return usage(reporter, &Impossible::Arguments(error).into());
    }
    #[cfg(feature = "croc")]
    let read = |text: &str| croc::read(text, &croc_args);
    #[cfg(not(feature = "croc"))]
    let read = engine::read_code;
    let typed = if from_people {
        None
    } else {
        let given = (!code.is_empty()).then(|| code.join(" "));
        match ask::for_code(given, read, interrupts).await {
            Ok(typed) => Some(typed),
            Err(NoCode::Unusable(error)) => return unusable_code(&reporter, &error),
            Err(NoCode::Ended) => return Exit::Cancelled,
        }
    };
    let settings = match server::settings(&common, &reporter) {
        Ok(settings) => settings,
        Err(error) => return usage(reporter, &Impossible::Arguments(error).into()),
    };
    if !from_people && !yes && !stdout && !io::stdin().is_terminal() {
        return usage(reporter, &nobody_to_ask());
    }
    #[cfg(feature = "croc")]
    let mut also_croc = None;
    let invite = match typed {
        None => None,
        Some(TypedCode::Caiman(invite)) => Some(invite),
        #[cfg(feature = "croc")]
        Some(TypedCode::Either(invite, found)) => {
            also_croc = croc::also_search(found, &croc_args, (&common, &settings));
            Some(invite)
        }
        #[cfg(feature = "croc")]
        Some(TypedCode::Croc(found)) => {
            let search =
                croc::search(found, &croc_args, &settings).map(|search| (search, common.path.into()));
            let order = match search.and_then(|sender| croc_order(sender, &policy, folder)) {
                Ok(order) => Box::new(order),
                Err(error) => return usage(reporter, &Impossible::Arguments(error).into()),
            };
            let policy = (Policy::Receive(policy), None);
            return run(reporter, policy, None, interrupts, |id| Command::ReceiveCroc(id, order)).await;
        }
    };
    let path_mode = PathMode::from(common.path);
    let internet = match server::internet(&common, &settings) {
        Ok(internet) => internet,
        Err(error) => return usage(reporter, &Impossible::Arguments(error).into()),
    };
    let server = invite.as_ref().and_then(|invite| invite.server());
    let relays = match server::choose(&common, &settings, server, &reporter) {
        Ok(relays) if relays.is_empty() && internet.is_none() && path_mode == PathMode::RelayOnly => {
            let advice = "no relay is known; give --server as the sender shows it, or the whole invite link"
                .to_owned();
            return usage(reporter, &Impossible::Arguments(advice).into());
        }
        Ok(relays) => relays,
        Err(error) => return usage(reporter, &Impossible::Arguments(error).into()),
    };
    warn_without_network(&reporter);
    let order = orders(&common, internet.clone(), server::told_name(&common, &settings));
    let (code, folder) = match (invite, folder) {
        (Some(invite), folder) => (invite.into_parts().0, folder),
        (None, folder) => {
            let wait = WaitOrder { people: Vec::new(), relays, internet, path_mode };
            let out = folder.unwrap_or_default();
            return FromPeople { reporter, wait, out, policy, order }.run(interrupts).await;
        }
    };
    let output = folder.clone().map_or_else(|| Output::Writer(Box::new(io::stdout())), Output::Folder);
    let first = order(code, relays, output, InvitationChain::default());
    #[cfg(feature = "croc")]
    let first = ReceiveOrder { croc: also_croc, ..first };
    let again = folder.map(|folder| -> Again {
        Box::new(move |Invited { code, venue, chain }| {
            let relays = venue.relay().cloned().into_iter().collect();
            order(code, relays, Output::Folder(folder.clone()), chain)
        })
    });
    let policy = Policy::Receive(policy);
    run(reporter, (policy, None), again, interrupts, |id| Command::Receive(id, Box::new(first))).await
}

fn warn_without_network(reporter: &Reporter) {
    if !engine::has_network() {
        let message = "this computer has no network, so only a sender on this same computer can be found";
        reporter.say(&sentence(message), "warning", json!({ "message": message }));
    }
}

#[cfg(feature = "croc")]
fn croc_order(
    (search, path_mode): (CrocSearch, PathMode),
    policy: &ReceivePolicy,
    folder: Option<PathBuf>,
) -> Result<CrocReceiveOrder, String> {
    if policy.remember.is_some() {
        return Err("a sender that has croc can't be remembered; leave out --remember".to_owned());
    }
    let output = folder.map_or_else(|| Output::Writer(Box::new(io::stdout())), Output::Folder);
    Ok(CrocReceiveOrder { search, path_mode, output, unfinished: Registry::at(Store::unfinished_folder()) })
}

fn nobody_to_ask() -> TransferError {
    let advice = "there is no terminal on which you could be asked; add --yes to accept what is offered";
    Impossible::Arguments(advice.to_owned()).into()
}

/// What the arguments say about the answer to an offer.
fn policy(args: &ReceiveArgs) -> ReceivePolicy {
    ReceivePolicy {
        accepts: args.yes || args.stdout,
        on_conflict: match (args.overwrite, args.skip) {
            (true, _) => OnConflict::Replace,
            (_, true) => OnConflict::Skip,
            _ => OnConflict::KeepBoth,
        },
        on_merge: match (args.merge, args.skip) {
            (true, _) => OnMerge::Merge,
            (_, true) => OnMerge::Skip,
            _ => OnMerge::KeepBoth,
        },
        exclude: args.exclude.clone(),
        resumes: !args.no_resume,
        allows_hidden: args.allow_hidden,
        ignores_space: args.ignore_space,
        remember: args.remember.clone(),
    }
}

/// Makes the orders of a call.
fn orders(common: &CommonArgs, internet: Option<Internet>, told: Option<PeerName>) -> ReceiveOrders {
    let patience = Duration::from_secs(common.patience);
    let (lanes, listen, path_mode) = (common.lanes, common.listen(), common.path.into());
    Box::new(move |code, relays, output, chain| {
        let (internet, unfinished) = (internet.clone(), Registry::at(Store::unfinished_folder()));
        let name = told.clone();
        ReceiveOrder {
            code,
            relays,
            internet,
            path_mode,
            listen,
            output,
            lanes,
            patience,
            unfinished,
            chain,
            name,
            #[cfg(feature = "croc")]
            croc: None,
        }
    })
}

fn payload(mut paths: Vec<PathBuf>, text: Option<String>, name: String) -> Result<Payload, TransferError> {
    if let Some(text) = text {
        return Ok(Payload::Text(text));
    }
    let input = Path::new("-");
    if paths.iter().any(|path| path == input) {
        if paths.len() > 1 {
            let advice = "'-' stands for standard input and can't be sent together with files";
            return Err(Impossible::Arguments(advice.to_owned()).into());
        }
        return Ok(Payload::Stream { name, reader: Box::new(io::stdin()) });
    }
    paths.dedup();
    check_paths(&paths)?;
    Ok(Payload::Paths(paths))
}

/// What to type instead, if a folder stands behind the code. In a sentence it would be passed over, and the files would come into
/// another folder.
fn folder_among(words: &[String]) -> Option<String> {
    let [code @ .., folder] = words else { return None };
    let is_folder =
        folder.contains(std::path::is_separator) && !folder.contains(':') || Path::new(folder).is_dir();
    let (alone, all) = (code::parse_any(&code.join(" ")).ok()?, code::parse_any(&words.join(" ")));
    let is_passed_over = all.is_ok_and(|all| all.code() == alone.code());
    (is_folder && is_passed_over).then(|| {
        let (code, folder) = (code.join(" "), Shown(folder));
        format!("the folder to receive into is named with --out:\n  caiman receive {code} --out {folder}")
    })
}

fn usage(mut reporter: Reporter, error: &TransferError) -> Exit {
    match reporter.error(error) {
        Exit::Failed => Exit::Usage,
        other => other,
    }
}

fn unusable_code(reporter: &Reporter, error: &CodeError) -> Exit {
    let exit = Exit::Code;
    let message = error.to_string();
    let fields = json!({ "message": message, "kind": "code", "exit": exit as u8 });
    reporter.say(&failure(&message), "error", fields);
    exit
}
