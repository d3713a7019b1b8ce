//! Tells the engine what to do: send, receive, answer.

use std::path::PathBuf;

use eframe::egui::Context;

use crate::{
    app::{
        desktop::arrival::Arrival,
        model::{
            action::{Action, Recipient, Resume},
            card::{Bond, Card, StartedWith},
            code_field::Reading,
            tone::Tone,
        },
        views::DropTarget,
        window::Window,
    },
    code::CodePhrase,
    engine::{
        Answer, CodeChoice, Command, CrocCode, CrocReceiveOrder, DEFAULT_ITERATIONS, FoundCode,
        InvitationChain, Invited, Output, PATIENCE, PathMode, Payload, ReceiveOrder, RelayChoice, SendOrder,
        TaskId, Venue,
    },
    history::Direction,
    net::client::RelayAddress,
    transfer::show::Shown,
};

/// How a send begins again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Renewal {
    /// As it is.
    AsItIs,
    /// For this many receivers.
    Receivers(u16),
    /// With a code for croc, or without.
    ForCroc(bool),
}

impl Window {
    /// Hands a command to the engine and says whether it was taken. The engine refuses commands only while it is
    /// overwhelmed, or after it has stopped.
    pub(super) fn command(&mut self, command: Command) -> bool {
        let is_taken = self.state.has_engine && self.engine.command(command).is_ok();
        if !is_taken {
            let key = if self.state.has_engine { "engine-busy" } else { "engine-ended" };
            self.state.tell(Tone::Bad, self.words.say(key));
        }
        is_taken
    }

    /// Takes what a start of the program has brought. Files are sent; a code is put into its field and waits for the
    /// user to confirm it.
    pub(in crate::app) fn arrived(&mut self, ctx: &Context, arrival: Arrival) {
        let (paths, invite, missing) = arrival.into_parts();
        for name in missing {
            let text = self.words.tell("arrival-missing", &[("name", Shown(&name).to_string().into())]);
            self.state.tell(Tone::Warning, text);
        }
        self.arrive(paths, None);
        if let Some(invite) = invite {
            self.perform(ctx, Action::FillCode(invite.to_string()));
        }
    }

    /// Takes files that a start of the program, a drop, a paste or a dialog brings. `onto` is what they were dropped on or picked
    /// for.
    pub(in crate::app) fn arrive(&mut self, paths: Vec<PathBuf>, onto: Option<DropTarget>) {
        if paths.is_empty() {
            return;
        }
        let card = self.state.cards.iter().find(|card| onto == Some(DropTarget::Transfer(card.id)));
        let recipient = match (card, onto) {
            (Some(card), _) if self.state.takes_additions(card) => {
                let id = card.id;
                if self.command(Command::Add(id, paths.clone())) {
                    self.change(id, |card| {
                        if let StartedWith::Paths(all) = &mut card.started_with {
                            all.extend(paths);
                        }
                    });
                }
                return;
            }
            (Some(card), _) if card.takes_more() => Recipient::After(card.id),
            (_, Some(DropTarget::Person(person))) => Recipient::Person(person),
            _ => Recipient::ByCode,
        };
        self.send(StartedWith::Paths(paths), recipient);
    }

    /// Sends something. A code is good for as many receivers as the settings say.
    pub(in crate::app) fn send(&mut self, started_with: StartedWith, recipient: Recipient) {
        let receivers = if recipient == Recipient::ByCode { self.state.settings.receivers } else { 1 };
        self.send_for(receivers, self.state.settings.croc.sends, started_with, recipient);
    }

    fn send_for(
        &mut self,
        receivers: u16,
        is_for_croc: bool,
        started_with: StartedWith,
        recipient: Recipient,
    ) {
        let payload = match &started_with {
            StartedWith::Paths(paths) => Payload::Paths(paths.clone()),
            StartedWith::Text(text) => Payload::Text(text.clone()),
            StartedWith::Code { .. }
            | StartedWith::Croc(_)
            | StartedWith::Invitation
            | StartedWith::Call(_) => return,
        };
        let (after, person) = match recipient {
            Recipient::ByCode => (None, None),
            Recipient::After(id) => (Some(id), None),
            Recipient::Person(person) => (None, Some(person)),
        };
        let to = person.and_then(|person| Some(self.state.people.of(person)?.pair.clone()));
        if person.is_some() && to.is_none() {
            return self.state.tell(Tone::Warning, self.words.say("person-unknown"));
        }
        let (settings, internet) = (&self.state.settings, self.state.internet());
        let is_for_croc = is_for_croc && receivers == 1 && recipient == Recipient::ByCode;
        let croc_code = if is_for_croc { CrocCode::draw().ok() } else { None };
        let order = SendOrder {
            payload,
            code: CodeChoice::Drawn { words: usize::from(settings.code_words) },
            relays: settings.relay_choices(),
            internet: internet.clone(),
            path_mode: settings.path_mode,
            listen: settings.listen(),
            lanes: settings.lanes,
            bytes_per_sec: settings.bytes_per_sec,
            patience: PATIENCE,
            iterations: DEFAULT_ITERATIONS,
            after,
            receivers,
            to,
            name: settings.told_name(),
            croc: croc_code.map(|code| settings.croc_send(code, None)),
        };
        let (id, limit) = (self.engine.new_id(), order.bytes_per_sec);
        if self.command(Command::Send(id, Box::new(order))) {
            self.state.add(id, Direction::Sent, started_with);
            self.change(id, |card| {
                (card.bond, card.receivers, card.internet) = (after.map(Bond::After), receivers, internet);
                (card.limit, card.is_for_croc) = (limit, is_for_croc);
                card.folds.wants_focus = person.is_none();
            });
            if let Some(person) = person {
                self.is_with(id, person);
            }
        }
    }

    /// Gives up the code of a waiting send, and sends the same under a new one.
    pub(super) fn renew_for(&mut self, id: TaskId, renewal: Renewal) {
        let Some(card) = self.state.card(id) else { return };
        let (started_with, is_retired) = (card.started_with.clone(), card.is_retired());
        let (mut receivers, mut is_for_croc) = (card.receivers, card.is_for_croc);
        match renewal {
            Renewal::AsItIs => {}
            Renewal::Receivers(number) => receivers = number,
            Renewal::ForCroc(is_on) => is_for_croc = is_on,
        }
        let (limit, is_open) = (card.limit, card.folds.options);
        if is_retired {
            // The send goes on for its last minute, in which it tells those who try the old code that it is retired.
            self.state.cards.retain(|card| card.id != id);
        } else if self.command(Command::Cancel(id)) {
            self.change(id, |card| card.is_cancelling = true);
        } else {
            return;
        }
        self.send_for(receivers, is_for_croc, started_with, Recipient::ByCode);
        if let Some(new) = self.state.cards.first().map(|card| card.id).filter(|new| *new != id) {
            self.change(new, |card| card.folds.options = is_open);
            if limit != self.state.settings.bytes_per_sec {
                self.limit(new, limit);
            }
        }
    }

    /// Sends the text that was written or pasted.
    pub(super) fn send_text(&mut self, ctx: &Context) {
        if !self.state.draft.trim().is_empty() {
            let text = std::mem::take(&mut self.state.draft);
            self.perform(ctx, Action::Show(None));
            // Where the person is forgotten meanwhile, the dialog has offered a code.
            let person = self.state.text_for.filter(|id| self.state.people.of(*id).is_some());
            let recipient = person.map_or(Recipient::ByCode, Recipient::Person);
            self.send(StartedWith::Text(text), recipient);
        }
    }

    /// Takes an entry at the top of the list out of a waiting send.
    pub(super) fn remove_entry(&mut self, id: TaskId, name: String) {
        self.command(Command::Remove(id, name));
    }

    /// Limits the speed of a send from now on.
    pub(super) fn limit(&mut self, id: TaskId, bytes_per_sec: Option<u64>) {
        if self.command(Command::Limit(id, bytes_per_sec)) {
            self.change(id, |card| card.limit = bytes_per_sec);
        }
    }

    /// Limits the speed of all sends that have not ended, as the settings say.
    pub(super) fn limit_all(&mut self) {
        let sends =
            self.state.cards.iter().filter(|card| card.direction == Direction::Sent && card.end.is_none());
        for id in sends.map(|card| card.id).collect::<Vec<_>>() {
            self.limit(id, self.state.settings.bytes_per_sec);
        }
    }

    pub(super) fn receive(&mut self) {
        let (invite, croc) = match self.state.field.read() {
            Reading::Code(invite) => (invite, None),
            Reading::Either(invite, found) => (invite, Some(found)),
            Reading::Croc(found) => return self.receive_croc(found),
            Reading::Empty | Reading::Typing | Reading::Slip { .. } | Reading::Wrong(_) => return,
        };
        let (code, server) = invite.into_parts();
        let server = server.and_then(|server| server.parse().ok());
        self.receive_with(code, server, croc);
    }

    /// Receives under a code of croc.
    pub(super) fn receive_croc(&mut self, found: FoundCode) {
        let Some(search) = self.state.settings.croc_search_for(found.clone()) else {
            return self.state.tell(Tone::Warning, self.words.say("croc-bad-relay"));
        };
        let resume = &self.state.unfinished.resume;
        let folder = resume.as_ref().map_or(self.state.save_folder.as_path(), Resume::folder);
        let (output, unfinished) = (Output::Folder(folder.to_owned()), self.unfinished.clone());
        let id = self.engine.new_id();
        let path_mode = self.state.settings.path_mode;
        let order = Box::new(CrocReceiveOrder { search, path_mode, output, unfinished });
        if self.command(Command::ReceiveCroc(id, order)) {
            self.began_to_receive(id, StartedWith::Croc(found));
        }
    }

    /// Shows a receive that was begun by the code in the field.
    fn began_to_receive(&mut self, id: TaskId, started_with: StartedWith) {
        self.dismiss(Card::is_failed_attempt);
        self.state.add(id, Direction::Received, started_with);
        let resume = self.state.unfinished.resume.take();
        self.change(id, |card| {
            card.resume = resume;
            card.folds.wants_focus = true;
        });
        self.state.field.set(String::new());
        self.state.offered_code = None;
    }

    /// Receives under a code, through the relay of its invite link, or else through those of the list. `croc` is what it would be as
    /// a code of croc, if it may be one.
    pub(super) fn receive_with(
        &mut self,
        code: CodePhrase,
        server: Option<RelayAddress>,
        croc: Option<FoundCode>,
    ) {
        let settings = &self.state.settings;
        let relays: Vec<RelayChoice> = if let Some(server) = &server {
            vec![settings.reach(server.clone())]
        } else {
            let own = self.own_relay(&code).map(RelayChoice::new);
            own.into_iter().chain(settings.relay_choices()).collect()
        };
        if relays.is_empty() && self.state.internet().is_none() && settings.path_mode == PathMode::RelayOnly {
            return self.state.tell(Tone::Warning, self.words.say("receive-needs-relay"));
        }
        // This is shown until it is known on which of them the sender is.
        let likeliest = relays.first().map(|relay| relay.address.clone());
        // What is to be resumed is found only in the folder where it is.
        let resume = &self.state.unfinished.resume;
        let folder = resume.as_ref().map_or(self.state.save_folder.as_path(), Resume::folder);
        let mut order =
            self.receive_order(code.clone(), relays, folder.to_owned(), InvitationChain::default());
        order.croc = croc.and_then(|found| settings.croc_search_for(found));
        let internet = order.internet.clone();
        let id = self.engine.new_id();
        if self.command(Command::Receive(id, Box::new(order))) {
            self.began_to_receive(id, StartedWith::Code { code, server });
            self.change(id, |card| (card.relay, card.internet) = (likeliest, internet));
        }
    }

    /// Receives what the sender of a transfer has besides. It is offered like anything else, and goes to the same
    /// folder by default.
    pub(super) fn follow(&mut self, from: TaskId, Invited { code, venue, chain }: Invited) {
        let person = self.state.card(from).and_then(|card| card.person);
        let folder = self.state.card(from).and_then(|card| card.folder.clone());
        let folder = folder.unwrap_or_else(|| self.state.save_folder.clone());
        // The two have met there already, whatever the settings say.
        let relays = venue.relay().cloned().into_iter().collect();
        let mut order = self.receive_order(code, relays, folder, chain.clone());
        if let Venue::Internet(internet) = venue {
            order.internet = Some(internet);
        }
        let (id, internet) = (self.engine.new_id(), order.internet.clone());
        if self.command(Command::Receive(id, Box::new(order))) {
            self.state.add(id, Direction::Received, StartedWith::Invitation);
            self.change(id, |card| (card.chain, card.internet) = (Some(chain), internet));
            if let Some(person) = person {
                self.is_with(id, person);
            }
        }
    }

    pub(super) fn receive_order(
        &self,
        code: CodePhrase,
        relays: Vec<RelayChoice>,
        folder: PathBuf,
        chain: InvitationChain,
    ) -> ReceiveOrder {
        let settings = &self.state.settings;
        ReceiveOrder {
            code,
            relays,
            internet: self.state.internet(),
            output: Output::Folder(folder),
            lanes: settings.lanes,
            patience: PATIENCE,
            path_mode: settings.path_mode,
            listen: settings.listen(),
            unfinished: self.unfinished.clone(),
            chain,
            name: settings.told_name(),
            croc: None,
        }
    }

    /// The relay on this computer under which a code of this window waits. A user who tries things out alone receives
    /// from it.
    fn own_relay(&self, code: &CodePhrase) -> Option<RelayAddress> {
        let card = self.state.cards.iter().find(|card| card.code.as_ref() == Some(code))?;
        card.only_here()?;
        card.loopback.clone()
    }

    pub(super) fn answer(&mut self, id: TaskId, is_yes: bool) {
        let Some(sheet) = self.state.card(id).and_then(|card| card.sheet.as_mut()) else { return };
        sheet.is_answered = true;
        let answer = if is_yes { Answer::Accept(sheet.choices()) } else { Answer::Decline };
        if let Answer::Accept(choices) = &answer {
            self.note_accepted(id, choices);
        }
        self.command(Command::Answer(id, answer));
    }
}
