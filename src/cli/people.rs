//! `caiman people`: lists and changes the people this computer knows; and what `send` and `receive` note about these people.

use std::path::{self, Path, PathBuf};

use serde_json::{Value, json};

use super::{
    args::{CommonArgs, PeopleArgs},
    exit::Exit,
    interrupts::Interrupts,
    output,
    report::{Reporter, failure, sentence},
    server,
    usage::quoted,
};
use crate::{
    engine::{
        Choices, Command, Engine, Event, KnownPair, Offer, PairId, Presence, TransferError, WaitOrder,
        check_folder, today,
    },
    people::{People, PeopleError, Person},
    store::Store,
    transfer::{
        error::Impossible,
        show::{self, Shown},
    },
};

/// Runs `caiman people`.
pub(super) fn run(args: PeopleArgs) -> Exit {
    let store = Store::of_history();
    let PeopleArgs { forget, rename, block, unblock, trust, into, untrust, common, .. } = args;
    let mut folder = None;
    if let Some(chosen) = into {
        if let Err(error) = check_folder(&chosen) {
            output::line(failure(&error.to_string()));
            return Exit::of(&error);
        }
        // The program that receives may be started elsewhere.
        folder = Some(path::absolute(&chosen).unwrap_or(chosen));
    }
    let with = |name: &str, change: &dyn Fn(&mut Person)| {
        People::change(&store, |people| people.with(name, |person| change(person)))
    };
    let changed = if let Some(name) = forget {
        People::change(&store, |people| people.forget(&name))
    } else if let Some([old, new]) = rename.as_deref() {
        People::change(&store, |people| people.rename(old, new))
    } else if let Some(name) = block {
        with(&name, &|person| person.is_blocked = true)
    } else if let Some(name) = unblock {
        with(&name, &|person| person.is_blocked = false)
    } else if let Some(name) = trust {
        with(&name, &|person| person.trusted_folder.clone_from(&folder))
    } else if let Some(name) = untrust {
        with(&name, &|person| person.trusted_folder = None)
    } else {
        return list(&store, common.json);
    };
    match changed {
        Ok(()) => Exit::Done,
        Err(error) => {
            output::line(failure(&error.to_string()));
            if matches!(error, PeopleError::Save(_)) { Exit::Files } else { Exit::Usage }
        }
    }
}

/// Lists the people, and where each can be reached at the moment.
pub(super) async fn check(common: &CommonArgs, interrupts: &mut Interrupts) -> Exit {
    let mut reporter = Reporter::for_receiver(common.json, false);
    let places = server::settings(common, &reporter).and_then(|settings| {
        let relays = server::choose(common, &settings, None, &reporter)?;
        Ok((relays, server::internet(common, &settings)?))
    });
    let started = places.and_then(|places| {
        let engine = Engine::start(|| {}).map_err(|error| format!("this program can't start: {error}"))?;
        Ok((places, engine))
    });
    let ((relays, internet), (engine, mut events)) = match started {
        Ok(started) => started,
        Err(error) => {
            reporter.error(&Impossible::Arguments(error).into());
            return Exit::Usage;
        }
    };
    let (people, problem) = People::look(&Store::of_history());
    if let Some(problem) = problem {
        output::line(sentence(&problem.to_string()));
    }
    let wanted = people.all().iter().map(|person| person.pair.clone()).collect();
    let order = WaitOrder { people: wanted, relays, internet, path_mode: common.path.into() };
    if engine.command(Command::Seek(Box::new(order))).is_err() {
        return Exit::Failed;
    }
    let mut left = people.all().len();
    while left > 0 {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::Presence(id, presence)) => {
                    left -= 1;
                    let Some(person) = people.of(id) else { continue };
                    let presence = match presence {
                        Presence::Nearby => "nearby",
                        Presence::Reachable => "reachable",
                        Presence::Away => "away",
                    };
                    let shown = if common.json {
                        let mut fields = as_json(person);
                        fields["presence"] = presence.into();
                        fields.to_string()
                    } else {
                        format!("{}  {presence}", as_line(person))
                    };
                    if output::data_now(format!("{shown}\n").as_bytes()).is_err() {
                        return Exit::Failed;
                    }
                }
                Some(Event::WaitBroke(report) | Event::Stopped(report)) => {
                    return reporter.error(&TransferError::Internal(report));
                }
                Some(_) => {}
                None => return Exit::Failed,
            },
            () = interrupts.next() => return Exit::Cancelled,
        }
    }
    Exit::Done
}

fn list(store: &Store, json: bool) -> Exit {
    let (people, problem) = People::look(store);
    if let Some(problem) = problem {
        output::line(sentence(&problem.to_string()));
    }
    if people.all().is_empty() && !json {
        output::line(
            "Nobody is known. After meeting under a code, both sides can remember each other: --remember",
        );
    }
    for person in people.all() {
        let line = if json { as_json(person).to_string() } else { as_line(person) };
        if output::data_now(format!("{line}\n").as_bytes()).is_err() {
            return Exit::Failed;
        }
    }
    Exit::Done
}

fn as_line(person: &Person) -> String {
    let mut line = format!("{}  {}", Shown(&person.name), seen(person.last_day));
    if let Some(folder) = &person.trusted_folder {
        line = format!("{line}  trusted, into {}", Shown(&folder.to_string_lossy()));
    }
    if person.is_blocked {
        line += "  blocked";
    }
    line
}

fn as_json(person: &Person) -> Value {
    let Person { name, trusted_folder, is_blocked, last_day, .. } = person;
    json!({ "name": name, "trusted_folder": trusted_folder, "blocked": is_blocked, "last_day": last_day })
}

fn seen(day: Option<u64>) -> String {
    match day.map(|day| today().saturating_sub(day)) {
        None => "no transfer yet".to_owned(),
        Some(0) => "last transfer today".to_owned(),
        Some(days) => format!("last transfer {} ago", show::count(days, "day", "days")),
    }
}

/// The person to which a command sends, or what is wrong with the name.
pub(super) fn addressee(name: &str) -> Result<Person, String> {
    let (people, problem) = People::look(&Store::of_history());
    match people.find(name) {
        Some(person) if person.is_blocked => Err(format!(
            "{} is blocked; to hear of each other again: caiman people --unblock {}",
            Shown(&person.name),
            Shown(&person.name)
        )),
        Some(person) => Ok(person.clone()),
        None => Err(match problem {
            Some(problem) => problem.to_string(),
            None => format!("nobody is known as “{}”; caiman people lists those who are", Shown(name)),
        }),
    }
}

/// What is wrong with a name under which the other side is to be remembered, as far as that can be known before. The name is empty if
/// it is to be the one that the other computer tells.
pub(super) fn unusable_name(name: &str) -> Option<String> {
    let (people, _) = People::look(&Store::of_history());
    let name = if name.is_empty() { people.free_name_like("?") } else { name.to_owned() };
    people.check_name(&name).err().map(|error| error.to_string())
}

/// Remembers the other side, and says so: under this name, or if that is empty, under the one that the other computer has told.
pub(super) fn remember(name: &str, told: Option<&str>, pair: &KnownPair, reporter: &Reporter) {
    let remembered = People::change(&Store::of_history(), |people| {
        let name = match (name.trim(), told) {
            ("", Some(told)) => people.free_name_like(told),
            (name, _) => name.to_owned(),
        };
        people.remember(&name, pair.clone())?;
        people.note_over(pair.id(), None, today());
        Ok(name)
    });
    match remembered {
        Ok(name) => {
            let name = name.as_str();
            let line = format!(
                "{} is remembered. If the other side remembers this one as well, no code is needed the next time: caiman send \
                 --to {} …",
                Shown(name),
                quoted(name.as_ref())
            );
            reporter.say(&line, "remembered", json!({ "name": name }));
        }
        // A sender may have more to offer, and this is the next of its transfers.
        Err(PeopleError::Known(_)) => {}
        Err(error) => {
            let message = match (name.trim(), told) {
                ("", None) => "the other side has told no name, so it is not remembered; name it yourself: --remember=NAME"
                    .to_owned(),
                (name, told) => {
                    format!("{} is not remembered: {error}", Shown(if name.is_empty() { told.unwrap_or_default() } else { name }))
                }
            };
            reporter.say(&sentence(&message), "warning", json!({ "message": message }));
        }
    }
}

/// What a transfer has to do with a person this computer knows.
pub(super) struct PersonLink {
    person: PairId,
    /// The digest of the offer, and whether it was accepted here.
    offer: Option<[u8; 32]>,
}

impl PersonLink {
    pub(super) fn new(person: &KnownPair) -> Self {
        Self { person: person.id(), offer: None }
    }

    /// Takes note of an offer. If it is one that was accepted before and interrupted, returns the folder into which it goes.
    pub(super) fn accepted_before(&mut self, offer: &Offer) -> Option<PathBuf> {
        let digest = self.offer.insert(offer.manifest.digest());
        let (people, _) = People::look(&Store::of_history());
        people.of(self.person)?.accepted_before(digest).map(Path::to_owned)
    }

    /// Notes that the offer is accepted. Only one that is accepted whole is to go on without asking.
    pub(super) fn note_accepted(&self, offer: &Offer, choices: &Choices) {
        let folder = choices.folder.as_ref().or(offer.folder.as_ref());
        let (Some(digest), Some(folder)) = (&self.offer, folder) else { return };
        let Ok(folder) = path::absolute(folder) else { return };
        if choices.unwanted.is_empty() {
            keep(|people| people.note_accepted(self.person, digest, &folder));
        }
    }

    /// Notes that the transfer has ended, and whether it was interrupted.
    pub(super) fn note_end(&self, is_interrupted: bool) {
        let over = self.offer.as_ref().filter(|_| !is_interrupted);
        keep(|people| people.note_over(self.person, over, today()));
    }
}

/// Notes with the people that the user has deleted what had arrived of an offer ([`People::note_discarded`]).
pub(super) fn note_discarded(offer: &[u8; 32]) {
    let (people, _) = People::look(&Store::of_history());
    if people.all().iter().any(|person| person.accepted_before(offer).is_some()) {
        keep(|people| people.note_discarded(offer));
    }
}

/// Keeps what is noted about a person.
fn keep(change: impl FnOnce(&mut People)) {
    let changed = People::change(&Store::of_history(), |people| {
        change(people);
        Ok(())
    });
    if let Err(error) = changed {
        tracing::warn!(%error, "what is known of a person can't be kept");
    }
}
