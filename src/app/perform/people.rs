//! The people that the user has remembered: waits for their calls and answers them, finds out where they can be reached, and
//! changes what is kept of them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use eframe::egui::Context;

use crate::{
    app::{
        desktop::{
            desk::{Job, PickPurpose},
            dialogs::Question,
        },
        explain,
        model::{
            action::{Action, Dialog, PersonAction, Recipient},
            card::StartedWith,
            people::Parting,
            state::{Banner, Effect},
            tone::Tone,
        },
        window::Window,
    },
    engine::{
        Answer, Called, Choices, Command, InvitationChain, KnownPair, PairId, Presence, TaskId, WaitOrder,
        today,
    },
    history::{Direction, Outcome, PastTransfer},
    panics::PanicReport,
    people::{People, PeopleError},
    store::Problem,
};

/// How long it counts where people were found, while the user is at the window.
const SOUGHT_FOR: Duration = Duration::from_mins(2);
/// How long it counts that one of them was not found.
const MISSED_FOR: Duration = Duration::from_secs(45);

impl Window {
    /// Has the list of people changed where it is kept, and read.
    fn change_people(&self, change: impl FnOnce(&mut People) -> Result<(), PeopleError> + Send + 'static) {
        self.desk.ask(Job::ChangePeople(Box::new(change)));
    }

    /// Notes something about a person.
    pub(in crate::app) fn note_of_people(&self, note: impl FnOnce(&mut People) + Send + 'static) {
        self.change_people(|people| {
            note(people);
            Ok(())
        });
    }

    /// Takes the list as it is kept: waits for those who are in it, and goes on with the sends to them that a start of the program
    /// finds.
    pub(super) fn take_people(
        &mut self,
        people: People,
        problem: Option<Problem>,
        changed: Result<(), PeopleError>,
    ) {
        // Once is enough: the list is read again and again.
        if let Some(problem) = problem.filter(|_| !self.has_read_people) {
            let args = [("detail", explain::problem(&self.words, &problem).into())];
            self.state.tell(Tone::Warning, self.words.tell("people-problem", &args));
        }
        let refused = changed.err().map(|error| explain::not_changed(&self.words, &error));
        match refused {
            Some(refused) if self.state.dialog != Some(Dialog::Person) => {
                self.state.tell(Tone::Warning, refused);
            }
            refused => self.state.people.refused = refused,
        }
        self.state.people.take(people);
        let is_open = matches!(self.state.dialog, Some(Dialog::Person | Dialog::ForgetPerson));
        if is_open && self.state.people.opened().is_none() {
            self.state.dialog = None;
        }
        self.wait_for_people();
        if !std::mem::replace(&mut self.has_read_people, true) {
            for (person, paths) in self.state.people.kept_sends() {
                // It need not be sent again by hand.
                let by_hand = Action::Send(paths.clone(), Recipient::ByCode);
                let says_so =
                    |banner: &Banner| banner.way_on.as_ref().is_some_and(|(_, way)| *way == by_hand);
                self.state.banners.retain(|banner| !says_so(banner));
                self.send(StartedWith::Paths(paths), Recipient::Person(person));
            }
        }
    }

    /// Waits for the calls of all people of whom the user wants to hear, as the settings are.
    pub(super) fn wait_for_people(&mut self) {
        let order = WaitOrder {
            people: self.state.people.welcome_pairs(),
            relays: self.state.settings.relay_choices(),
            internet: self.state.internet(),
            path_mode: self.state.settings.path_mode,
        };
        let is_new =
            order != self.waits_for && !(order.people.is_empty() && self.waits_for.people.is_empty());
        if is_new && self.command(Command::Wait(Box::new(order.clone()))) {
            (self.waits_for, self.sought_at) = (order, None);
        }
    }

    /// Finds out where people can be reached, once what is known about that is old.
    pub(in crate::app) fn seek_people(&mut self, ctx: &Context) {
        // Nobody sees it in the background.
        let is_here = ctx.input(|input| input.viewport().focused) == Some(true);
        if !self.state.has_engine || !is_here || self.waits_for.people.is_empty() {
            return;
        }
        let is_away = |pair: &KnownPair| self.state.people.presence(pair.id()) == Some(Presence::Away);
        let limit = if self.waits_for.people.iter().any(is_away) { MISSED_FOR } else { SOUGHT_FOR };
        let age = self.sought_at.map(|at| at.elapsed());
        if let Some(age) = age.filter(|age| *age < limit) {
            return ctx.request_repaint_after(limit.saturating_sub(age));
        }
        self.sought_at = Some(Instant::now());
        self.command(Command::Seek(Box::new(self.waits_for.clone())));
        ctx.request_repaint_after(limit);
    }

    /// Has the sends to people kept as they are now, so that they go on when the program starts again.
    pub(in crate::app) fn keep_sends(&mut self) {
        let mut changed = Vec::new();
        for card in self.state.cards.iter_mut().filter(|card| card.end.is_none()) {
            if let (Some(person), StartedWith::Paths(paths)) = (card.person, &card.started_with)
                && *paths != card.kept_send
            {
                changed.push((person, std::mem::replace(&mut card.kept_send, paths.clone()), paths.clone()));
            }
        }
        for (person, before, now) in changed {
            self.note_of_people(move |people| {
                people.note_sent(person, &before);
                people.note_sending(person, &now);
            });
        }
    }

    /// Receives from a person that has called.
    pub(super) fn receive_call(&mut self, called: Called) {
        let Called { person, code, relay } = called;
        let Some(known) = self.state.people.of(person) else { return };
        let folder = known.trusted_folder.clone().unwrap_or_else(|| self.state.save_folder.clone());
        let relays = self.state.settings.relay_choices().into_iter().chain(relay).collect();
        let order = self.receive_order(code.clone(), relays, folder, InvitationChain::default());
        let (id, internet) = (self.engine.new_id(), order.internet.clone());
        if self.command(Command::Receive(id, Box::new(order))) {
            // One who calls and hangs up again and again leaves one card.
            self.dismiss(|card| card.person == Some(person) && card.came_to_nothing());
            self.state.add(id, Direction::Received, StartedWith::Call(code));
            self.is_with(id, person);
            self.change(id, |card| card.internet = internet);
        }
    }

    /// Notes that a person is at the other end of a transfer.
    pub(in crate::app) fn is_with(&mut self, id: TaskId, person: PairId) {
        let name = self.state.people.name_of(person);
        self.change(id, |card| (card.person, card.peer) = (Some(person), name));
    }

    /// Accepts the offer of a person without asking, if the user wants that; else asks.
    pub(super) fn recognised(&mut self, ctx: &Context, id: TaskId, digest: [u8; 32]) {
        let Some(card) = self.state.card(id) else { return };
        card.offer = Some(digest);
        let (Some(person), Some(sheet)) = (card.person, card.sheet.as_ref()) else { return };
        let (offer, fits) = (Arc::clone(&sheet.offer), sheet.fits());
        // A user who is asked can choose another folder.
        let can = offer.unusable.is_none() && fits;
        let folder = self.state.people.goes_unasked(person, &digest).filter(|_| can).map(Path::to_owned);
        let sheet = self.state.card(id).and_then(|card| card.sheet.as_mut());
        let (Some(folder), Some(sheet)) = (folder, sheet) else {
            return self.effect(ctx, Effect::Ask(id, Arc::clone(&offer.manifest)));
        };
        sheet.is_answered = true;
        let choices = Choices { folder: Some(folder), ..sheet.choices() };
        self.note_accepted(id, &choices);
        self.dismiss(|card| card.id != id && card.goes_on() && card.is_of(person, &digest));
        self.take_back_interruption(id);
        self.command(Command::Answer(id, Answer::Accept(choices)));
    }

    /// Takes back what a start of the program has told of a transfer that goes on now.
    fn take_back_interruption(&mut self, id: TaskId) {
        let Some(card) = self.state.cards.iter().find(|card| card.id == id) else { return };
        let name = explain::name(&self.words, card);
        let is_its = |entry: &&PastTransfer| entry.what == name && entry.outcome == Outcome::Interrupted;
        let past = self.state.history.entries().iter().filter(is_its);
        let told: Vec<String> = past.map(|entry| explain::interrupted(&self.words, entry)).collect();
        self.state.banners.retain(|banner| !told.contains(&banner.text));
    }

    /// Notes that the offer of a person is accepted. Only one that is accepted whole goes on without asking if it is interrupted.
    pub(super) fn note_accepted(&mut self, id: TaskId, choices: &Choices) {
        let Some(card) = self.state.card(id) else { return };
        let (Some(person), Some(digest), Some(folder)) = (card.person, card.offer, choices.folder.clone())
        else {
            return;
        };
        if choices.unwanted.is_empty() {
            self.note_of_people(move |people| people.note_accepted(person, &digest, &folder));
        } else {
            card.offer = None;
        }
    }

    /// Notes that a transfer with a person has ended.
    pub(super) fn part(&mut self, Parting { person, offer, sent }: Parting) {
        self.note_of_people(move |people| {
            people.note_over(person, offer.as_ref(), today());
            people.note_sent(person, &sent);
        });
    }

    /// Remembers who is at the other end of a transfer.
    pub(in crate::app) fn remember(&mut self, id: TaskId) {
        let unnamed = self.words.say("person-unnamed");
        let Some(card) = self.state.card(id) else { return };
        let Some(pair) = card.pair.clone() else { return };
        let said = card.peer.as_ref().map_or(unnamed, |peer| peer.as_str().to_owned());
        let name = self.state.people.free_name_like(&said);
        self.change_people(move |people| people.remember(&name, pair));
    }

    /// Carries out what the user did to a person.
    pub(super) fn perform_person(&mut self, ctx: &Context, id: PairId, action: PersonAction) {
        match action {
            PersonAction::PickFiles => self.pick(Question::Files, PickPurpose::SendTo(id)),
            PersonAction::PickFolder => self.pick(Question::Folder, PickPurpose::SendTo(id)),
            PersonAction::PickTrusted => self.pick(Question::Folder, PickPurpose::Trust(id)),
            PersonAction::Open => {
                self.state.people.open(id);
                self.perform(ctx, Action::Show(Some(Dialog::Person)));
            }
            PersonAction::WriteText => {
                self.perform(ctx, Action::Show(Some(Dialog::Text)));
                self.state.text_for = Some(id);
            }
            PersonAction::Rename(name) => {
                self.change_person(id, move |people, old| people.rename(old, &name));
            }
            PersonAction::AlwaysAsk => self.trust(id, None),
            PersonAction::Block(is_blocked) => {
                self.change_person(id, move |people, name| {
                    people.with(name, |person| person.is_blocked = is_blocked)
                });
            }
            PersonAction::AskForget => self.perform(ctx, Action::Show(Some(Dialog::ForgetPerson))),
            PersonAction::Forget => {
                self.change_person(id, People::forget);
                self.perform(ctx, Action::Show(None));
            }
        }
    }

    /// Has what a person sends received into this folder without asking, or asks again.
    pub(super) fn trust(&self, id: PairId, folder: Option<PathBuf>) {
        self.change_person(id, |people, name| people.with(name, |person| person.trusted_folder = folder));
    }

    /// Changes a person, by the name that it has by then.
    fn change_person(
        &self,
        id: PairId,
        change: impl FnOnce(&mut People, &str) -> Result<(), PeopleError> + Send + 'static,
    ) {
        self.change_people(move |people| {
            let name = people.of(id).map(|person| person.name.clone()).ok_or(PeopleError::Unknown)?;
            change(people, &name)
        });
    }

    /// Reports that no person can send to this computer any more.
    pub(super) fn tell_wait_broke(&mut self, report: &PanicReport) {
        self.waits_for = WaitOrder::default();
        let copy = (self.words.say("copy-report"), Action::CopyText(explain::broke(&self.words, report)));
        self.state.tell_with(Tone::Bad, self.words.say("people-wait-broke"), Some(copy));
    }
}
