//! Carries out what the person did, and what events ask of the world outside the window.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use eframe::egui::{Context, Pos2, UserAttentionType, ViewportCommand};

use super::{
    Window,
    action::{Action, SettingsAction},
    card::{Bond, Card, Copied, Direction, End, Origin},
    code_field::Reading,
    desk::{Job, Outcome, Purpose, Why},
    dialogs::{Picked, Question},
    explain,
    state::{Checked, Dialog, Host},
    unfinished::Resume,
    views::{self, View, receive::home_relative},
    widgets::Tone,
};
use crate::{
    code::{self, CodePhrase},
    engine::{
        Answer, CodeChoice, Command, DEFAULT_ITERATIONS, Output, PATIENCE, PathMode, ReceiveOrder,
        RelayChoice, RelayConfig, SendOrder, TaskId, TransferError, What,
    },
    history::{Direction as Way, Ending, Outcome as Past, PastTransfer, unix_secs},
    net::client::RelayAddress,
    settings::SavedRelay,
    transfer::show::Shown,
};

/// Windows and macOS say nothing of the pointer while files are held over a window; it shows itself once they are dropped.
const LATE_POINTER: Duration = Duration::from_millis(250);

impl Window {
    pub(super) fn perform(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::PickFiles => self.pick(Question::Files, Purpose::Send),
            Action::PickFolder => self.pick(Question::Folder, Purpose::Send),
            Action::PickFilesFor(id) => self.pick(Question::Files, Purpose::Add(id)),
            Action::PickDestination(Some(id)) => self.pick(Question::Folder, Purpose::SaveOffer(id)),
            Action::PickDestination(None) => self.pick(Question::Folder, Purpose::SaveAlways),
            Action::Paste => self.desk.ask(Job::Clipboard(Why::Paste)),
            Action::Receive => self.receive(),
            Action::FillCode(text) => {
                self.state.offered_code = None;
                self.state.field.set(text);
                self.focus_code(ctx);
            }
            Action::FocusCode => self.focus_code(ctx),
            Action::ForgetOffered => self.state.offered_code = None,
            Action::Copy(id, what) => self.copy(ctx, id, what),
            Action::CopyText(text) => ctx.copy_text(text),
            Action::FoldQr(id) => self.change(id, Card::fold_qr),
            Action::FoldList(id) => self.change(id, |card| card.folds.list = !card.folds.list),
            Action::FoldText(id) => self.change(id, |card| card.folds.text = !card.folds.text),
            Action::FoldTroubles(id) => self.change(id, |card| card.folds.troubles = !card.folds.troubles),
            Action::Focused(id) => self.change(id, |card| card.folds.wants_focus = false),
            Action::Accept(id) => self.answer(id, true),
            Action::Decline(id) => self.answer(id, false),
            Action::Pause(id, is_paused) => {
                self.command(Command::Pause(id, is_paused));
            }
            Action::Cancel(id) => {
                self.change(id, |card| card.is_cancelling = true);
                self.command(Command::Cancel(id));
            }
            Action::Again(id) => {
                let Some(card) = self.state.card(id) else { return };
                let origin = card.origin.clone();
                self.state.cards.retain(|card| card.id != id);
                match origin {
                    Origin::Code { code, server } => self.receive_with(code, server),
                    Origin::Invitation => {}
                    other => self.send(other, None),
                }
            }
            Action::Resume(resume) => self.resume(ctx, resume),
            Action::ForgetResume => {
                self.state.unfinished.resume = None;
                // The button that was pressed is gone.
                self.focus_code(ctx);
            }
            Action::AskDiscard(id) => self.ask_discard(ctx, id),
            Action::Discard(name) => self.discard(ctx, name),
            Action::Send(paths) => self.send_paths(paths),
            Action::Dismiss(id) => self.dismiss(|card| card.id == id),
            Action::DismissEnded => self.dismiss(|_| true),
            Action::OpenPath(path) => self.desk.ask(Job::Open(path)),
            Action::Reveal(path) => self.desk.ask(Job::Reveal(path)),
            Action::CloseBanner(id) => self.state.banners.retain(|banner| banner.id != id),
            Action::Show(dialog) => self.show(ctx, dialog),
            Action::CheckRelay => self.check_relay(),
            Action::Quit => {
                self.may_close = true;
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
            Action::ForgetHistory(id) => {
                self.state.history.remove(id);
                self.save_history();
            }
            Action::ClearHistory => {
                self.state.history.clear();
                self.save_history();
            }
            Action::Settings(action) => self.perform_settings(ctx, action),
            Action::Sheet(id, action) => {
                if let Some(sheet) = self.state.card(id).and_then(|card| card.sheet.as_mut()) {
                    sheet.perform(action);
                }
            }
        }
    }

    /// Puts the keyboard into the code field, and the field into sight.
    pub(super) fn focus_code(&mut self, ctx: &Context) {
        self.state.field.wants_sight = true;
        ctx.memory_mut(|memory| memory.request_focus(views::receive::field_id()));
    }

    fn change(&mut self, id: TaskId, change: impl FnOnce(&mut Card)) {
        if let Some(card) = self.state.card(id) {
            change(card);
        }
    }

    /// Takes those of the cards that have ended from the page.
    fn dismiss(&mut self, which: impl Fn(&Card) -> bool) {
        let dismissed = self.state.cards.extract_if(.., |card| card.end.is_some() && which(card));
        let mut dismissed: Vec<Card> = dismissed.collect();
        // Its receivers go with a send.
        let gone: Vec<TaskId> = dismissed.iter().map(|card| card.id).collect();
        let is_of_them = |card: &mut Card| card.branch_of().is_some_and(|of| gone.contains(&of));
        dismissed.extend(self.state.cards.extract_if(.., is_of_them));
        self.desk.ask(Job::Drop(Box::new(dismissed)));
    }

    fn show(&mut self, ctx: &Context, dialog: Option<Dialog>) {
        if self.state.dialog == Some(Dialog::Settings) {
            // What was typed last.
            self.take_settings(ctx);
        }
        if dialog == Some(Dialog::Settings) {
            self.state.form.fill(&self.state.settings);
        }
        self.state.dialog = dialog;
    }

    fn pick(&mut self, question: Question, purpose: Purpose) {
        let (key, start) = match purpose {
            Purpose::Send | Purpose::Add(_) if question == Question::Files => ("pick-files", None),
            Purpose::Send | Purpose::Add(_) => ("pick-folder", None),
            Purpose::SaveOffer(_) | Purpose::SaveAlways => {
                ("pick-destination", Some(self.state.save_folder.clone()))
            }
        };
        self.desk.pick(question, self.words.say(key), start, purpose);
    }

    /// Hands the engine a command. It refuses only when it is overwhelmed or gone.
    pub(super) fn command(&mut self, command: Command) -> bool {
        let is_taken = self.engine.command(command).is_ok();
        if !is_taken {
            self.state.tell(Tone::Bad, self.words.say("engine-busy"));
        }
        is_taken
    }

    pub(super) fn send_paths(&mut self, paths: Vec<PathBuf>) {
        self.send(Origin::Paths(paths), None);
    }

    /// Offers more to the receiver of a send that runs.
    pub(super) fn send_after(&mut self, id: TaskId, paths: Vec<PathBuf>) {
        self.send(Origin::Paths(paths), Some(id));
    }

    fn send(&mut self, origin: Origin, after: Option<TaskId>) {
        let what = match &origin {
            Origin::Paths(paths) => What::Paths(paths.clone()),
            Origin::Text(text) => What::Text(text.clone()),
            Origin::Code { .. } | Origin::Invitation => return,
        };
        let settings = &self.state.settings;
        let order = SendOrder {
            what,
            code: CodeChoice::Drawn { words: usize::from(settings.code_words) },
            relays: settings.relays.iter().map(choice).collect(),
            path_mode: settings.path_mode,
            entrance: settings.entrance(),
            lanes: settings.lanes,
            bytes_per_sec: settings.bytes_per_sec,
            patience: PATIENCE,
            iterations: DEFAULT_ITERATIONS,
            after,
            receivers: if after.is_some() { 1 } else { settings.receivers },
        };
        let (id, receivers) = (self.engine.new_id(), order.receivers);
        if self.command(Command::Send(id, Box::new(order))) {
            self.state.add(id, Direction::Sending, origin);
            self.change(id, |card| {
                (card.bond, card.receivers) = (after.map(Bond::After), receivers);
                card.folds.wants_focus = true;
            });
        }
    }

    fn receive(&mut self) {
        let Reading::Code(invite) = self.state.field.read() else { return };
        let (code, server) = invite.into_parts();
        let server = server.and_then(|server| server.parse().ok());
        self.receive_with(code, server);
    }

    /// Receives under a code, through the relay that its invite link named or else those of the list.
    pub(super) fn receive_with(&mut self, code: CodePhrase, server: Option<RelayAddress>) {
        let settings = &self.state.settings;
        let relays: Vec<RelayChoice> = if let Some(server) = &server {
            let password = settings.password_for(server).map(str::to_owned);
            vec![RelayChoice { address: server.clone(), password }]
        } else {
            let own = self.own_relay(&code).map(|address| RelayChoice { address, password: None });
            own.into_iter().chain(settings.relays.iter().map(choice)).collect()
        };
        if relays.is_empty() && settings.path_mode == PathMode::RelayOnly {
            return self.state.tell(Tone::Warning, self.words.say("receive-needs-relay"));
        }
        // Until it is known on which of them the sender is.
        let likeliest = relays.first().map(|relay| relay.address.clone());
        // What is to be gone on with is found where it is.
        let resume = &self.state.unfinished.resume;
        let folder = resume.as_ref().map_or(self.state.save_folder.as_path(), Resume::folder);
        let order = self.receive_order(code.clone(), relays, folder.to_owned());
        let id = self.engine.new_id();
        if self.command(Command::Receive(id, Box::new(order))) {
            self.state.add(id, Direction::Receiving, Origin::Code { code, server });
            let resume = self.state.unfinished.resume.take();
            self.change(id, |card| {
                card.resume = resume;
                card.relay = likeliest;
                card.folds.wants_focus = true;
            });
            self.state.field.set(String::new());
            self.state.offered_code = None;
        }
    }

    /// Looks for what the sender of a transfer has besides. It is offered like anything else, and goes to the same folder.
    pub(super) fn follow(&mut self, from: TaskId, code: CodePhrase, relay: RelayChoice) {
        let folder = self.state.card(from).and_then(|card| card.folder.clone());
        let folder = folder.unwrap_or_else(|| self.state.save_folder.clone());
        // Where the two met already is no question of the setting.
        let order = self.receive_order(code, vec![relay], folder);
        let id = self.engine.new_id();
        if self.command(Command::Receive(id, Box::new(order))) {
            self.state.add(id, Direction::Receiving, Origin::Invitation);
        }
    }

    fn receive_order(&self, code: CodePhrase, relays: Vec<RelayChoice>, folder: PathBuf) -> ReceiveOrder {
        let settings = &self.state.settings;
        ReceiveOrder {
            code,
            relays,
            output: Output::Folder(folder),
            lanes: settings.lanes,
            patience: PATIENCE,
            path_mode: settings.path_mode,
            entrance: settings.entrance(),
            unfinished: self.unfinished.clone(),
        }
    }

    /// The relay on this very machine under which a code of this window waits: somebody tries things out alone.
    fn own_relay(&self, code: &CodePhrase) -> Option<RelayAddress> {
        let card = self.state.cards.iter().find(|card| card.code.as_ref() == Some(code))?;
        card.only_here()?.first().cloned()
    }

    fn answer(&mut self, id: TaskId, is_yes: bool) {
        let Some(sheet) = self.state.card(id).and_then(|card| card.sheet.as_mut()) else { return };
        let answer = if is_yes { Answer::Accept(sheet.choices()) } else { Answer::Decline };
        sheet.is_answered = true;
        self.command(Command::Answer(id, answer));
    }

    fn copy(&mut self, ctx: &Context, id: TaskId, what: Copied) {
        let view = View { words: &self.words, now: Instant::now(), actions: &mut Vec::new() };
        let Some(card) = self.state.cards.iter_mut().find(|card| card.id == id) else { return };
        let text = match what {
            Copied::Code => card.code.as_ref().map(ToString::to_string),
            Copied::Link => card.invites().first().map(ToString::to_string),
            Copied::Text => card.text.clone(),
            Copied::Report => {
                let name = views::transfer::name(card, &view);
                Some(explain::report(&self.words, card, &name))
            }
        };
        if let Some(text) = text {
            // What this window put there need not be offered to it.
            self.last_offered = Some(text.clone());
            ctx.copy_text(text);
            card.copied = Some((what, Instant::now()));
            ctx.request_repaint_after(std::time::Duration::from_secs(2));
        }
    }

    /// What the desk has done.
    pub(super) fn outcome(&mut self, ctx: &Context, outcome: Outcome) {
        match outcome {
            Outcome::NotSaved(error) => {
                let text = explain::unsaved(&self.words, &error);
                self.state.tell(Tone::Bad, text);
            }
            Outcome::Clipboard { why: Why::Paste, files, text } => self.paste(files, text),
            Outcome::Clipboard { why: Why::Look, text, .. } => self.look_for_code(text),
            Outcome::Tree(id, tree) => self.state.built(id, tree),
            Outcome::Unfinished { list, gone } => self.state.listed(list, &gone),
            Outcome::Discarded { name, discarded } => self.discarded(name, discarded),
            Outcome::NotOpened { path, is_there } => {
                let text = explain::not_opened(&self.words, &path, is_there);
                self.state.tell(Tone::Warning, text);
            }
            Outcome::Picked(_, Picked::NoDialog) => {
                self.state.tell(Tone::Warning, self.words.say("no-file-dialog"));
            }
            Outcome::Picked(purpose, Picked::Paths(paths)) => self.picked(purpose, paths),
            #[cfg(all(unix, not(target_os = "macos")))]
            Outcome::Called => {
                ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
                ctx.send_viewport_cmd(ViewportCommand::Focus);
            }
            Outcome::Dropped { paths, at: Some((x, y)) } => {
                let scale = ctx.pixels_per_point();
                let corner = ctx.input(|input| input.viewport().inner_rect.map(|rect| rect.min));
                let onto = corner
                    .and_then(|corner| self.card_at(Pos2::new(x / scale - corner.x, y / scale - corner.y)));
                self.arrive(paths, onto);
            }
            Outcome::Dropped { paths, at: None } => {
                let earlier = self.late_drop.replace((paths, Instant::now() + LATE_POINTER));
                if let Some((paths, _)) = earlier {
                    self.arrive(paths, None);
                }
                ctx.request_repaint();
            }
        }
    }

    fn picked(&mut self, purpose: Purpose, paths: Vec<PathBuf>) {
        let first = paths.first().cloned();
        match (purpose, first) {
            (_, None) => {}
            (Purpose::Send, _) => self.arrive(paths, None),
            (Purpose::Add(id), _) => self.arrive(paths, Some(id)),
            (Purpose::SaveOffer(id), Some(folder)) => {
                if let Some(sheet) = self.state.card(id).and_then(|card| card.sheet.as_mut()) {
                    (sheet.is_looking, sheet.unusable) = (true, None);
                    self.command(Command::Look(id, folder));
                }
            }
            (Purpose::SaveAlways, Some(folder)) => {
                self.state.save_folder.clone_from(&folder);
                self.state.settings.save_folder = Some(folder);
                self.save_settings();
            }
        }
    }

    fn paste(&mut self, files: Vec<PathBuf>, text: Option<String>) {
        if !files.is_empty() {
            return self.arrive(files, None);
        }
        match text.filter(|text| !text.trim().is_empty()) {
            None => self.state.tell(Tone::Plain, self.words.say("nothing-to-paste")),
            // Also an own one: nobody wants to send it, and somebody may try things out alone.
            Some(text) if is_listed_code(&text) => {
                self.state.field.set(text.trim().to_owned());
            }
            Some(text) => self.send(Origin::Text(text), None),
        }
    }

    /// Offers a code that was found on the clipboard, once, unless it is one of this window's own or taken already.
    fn look_for_code(&mut self, text: Option<String>) {
        let Some(text) = text.map(|text| text.trim().to_owned()) else { return };
        let is_known = self.state.is_own_code(&text) || self.state.has_taken_code(&text);
        let is_new = self.last_offered.as_ref() != Some(&text) && !is_known;
        let is_typed = !self.state.field.text.is_empty();
        if is_new && !is_typed && is_listed_code(&text) {
            self.last_offered = Some(text.clone());
            self.state.offered_code = Some(text);
        }
    }

    pub(super) fn check_relay(&mut self) {
        if let Some(relay) = self.state.settings.default_relay() {
            let (address, password) = (relay.address.clone(), relay.password.clone());
            self.check(address, password);
        }
    }

    fn check(&mut self, address: RelayAddress, password: Option<String>) {
        let id = self.engine.new_id();
        self.state.checked.insert(address.clone(), Checked::Pending);
        self.state.checks.insert(id, address.clone());
        self.command(Command::Check(id, RelayChoice { address, password }));
    }

    fn perform_settings(&mut self, ctx: &Context, action: SettingsAction) {
        self.take_settings(ctx);
        match action {
            SettingsAction::Changed => {}
            SettingsAction::Test(address) => {
                let password = self.state.settings.password_for(&address).map(str::to_owned);
                self.check(address, password);
            }
            SettingsAction::StartRelay => self.start_relay(),
            SettingsAction::StopRelay => {
                if let Some(host) = &mut self.state.host {
                    host.is_stopping = true;
                    let id = host.id;
                    self.command(Command::Cancel(id));
                }
            }
        }
    }

    /// Puts into force what has changed in the settings or in their form.
    fn take_settings(&mut self, ctx: &Context) {
        self.state.form.apply_to(&mut self.state.settings);
        let before = std::mem::replace(&mut self.in_force, self.state.settings.clone());
        if before == self.in_force {
            return;
        }
        if before.language != self.in_force.language {
            self.words = super::Words::of(self.in_force.language.as_deref());
        }
        self.apply_appearance(ctx);
        if before.relays.first() != self.in_force.relays.first() {
            self.check_relay();
        }
        self.save_settings();
    }

    pub(super) fn start_relay(&mut self) {
        if self.state.host.is_some() {
            return;
        }
        let host = self.state.settings.host.clone();
        let config = RelayConfig {
            port: host.port,
            data_ports: host.data_ports.0.clone(),
            password: host.password.clone().map(Into::into),
            ..RelayConfig::default()
        };
        let id = self.engine.new_id();
        if self.command(Command::Relay(id, Box::new(config))) {
            self.state.host_error = None;
            self.state.host =
                Some(Host { id, reachable: None, ports: Vec::new(), is_stopping: false, as_set: host });
        }
    }

    pub(super) fn save_settings(&self) {
        self.desk.ask(Job::SaveSettings(Box::new(self.state.settings.clone())));
    }

    fn save_history(&self) {
        self.desk.ask(Job::SaveHistory(self.state.history.clone()));
    }

    pub(super) fn begin_history(&mut self, id: TaskId) {
        let view = View { words: &self.words, now: Instant::now(), actions: &mut Vec::new() };
        let Some(card) = self.state.cards.iter_mut().find(|card| card.id == id) else { return };
        let (files, bytes) = card.accepted.unwrap_or_default();
        let way = match card.direction {
            Direction::Sending => Way::Sent,
            Direction::Receiving => Way::Received,
        };
        let mut entry = PastTransfer::now(way, views::transfer::name(card, &view));
        (entry.files, entry.bytes) = (files, bytes.unwrap_or_default());
        match &card.origin {
            Origin::Paths(paths) => entry.paths.clone_from(paths),
            Origin::Code { .. } | Origin::Invitation if !card.is_text() => {
                entry.folder.clone_from(&card.folder);
            }
            _ => {}
        }
        card.history = Some(self.state.history.begin(entry));
        self.save_history();
    }

    pub(super) fn finish_history(&mut self, id: TaskId) {
        let Some(card) = self.state.cards.iter_mut().find(|card| card.id == id) else { return };
        let (Some(history), Some(end)) = (card.history, &card.end) else { return };
        let outcome = match end {
            End::Done(report) if report.missing == 0 => Past::Done,
            End::Done(report) => Past::Partial { missing: report.missing },
            End::Failed(TransferError::Cancelled | TransferError::PeerCancelled) => Past::Cancelled,
            End::Failed(TransferError::Declined | TransferError::PeerDeclined) => Past::Declined,
            End::Failed(error) => {
                Past::Failed { reason: explain::error(&self.words, error, card.standpoint()).happened }
            }
        };
        let paths = card.placed().map(|(_, placed)| placed.to_vec()).unwrap_or_default();
        let here = if let End::Done(report) = end { report.here } else { 0 };
        let (files, bytes) = (card.accepted.map_or(0, |(files, _)| files) + here, card.progress.bytes);
        let ending = Ending { outcome, ended: unix_secs(), files, bytes, paths, kept: card.kept.clone() };
        self.state.history.finish(history, ending);
        self.save_history();
    }

    /// Notifies, and asks for attention, while the window is in the background.
    pub(super) fn tell_elsewhere(&mut self, ctx: &Context, id: TaskId, key: &str) {
        let is_here = ctx.input(|input| input.viewport().focused.unwrap_or(true));
        if is_here || !self.state.settings.notifications {
            return;
        }
        let view = View { words: &self.words, now: Instant::now(), actions: &mut Vec::new() };
        let Some(card) = self.state.cards.iter().find(|card| card.id == id) else { return };
        let title = match card.end {
            Some(_) => self.words.tell(key, &[("name", views::transfer::name(card, &view).into())]),
            None => views::transfer::offered(card, &view),
        };
        let body = match &card.end {
            Some(End::Done(report)) => explain::done(&self.words, card, report).0,
            Some(End::Failed(error)) => explain::error(&self.words, error, card.standpoint()).happened,
            None => self.words.say("notify-asked-body"),
        };
        self.desk.ask(Job::Notify { title, body });
        ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(UserAttentionType::Informational));
    }

    /// The window closes: its size is kept, and so is the history of what is cut off.
    pub(super) fn remember_running(&mut self) {
        self.save_history();
        if self.size.is_some() && self.size != self.state.settings.window {
            self.state.settings.window = self.size;
            self.save_settings();
        }
    }
}

/// A relay of the settings, with its password.
fn choice(relay: &SavedRelay) -> RelayChoice {
    RelayChoice { address: relay.address.clone(), password: relay.password.clone() }
}

/// Whether a text is a code of listed words, or an invite link. Any four words may be an own code; those are not guessed at.
fn is_listed_code(text: &str) -> bool {
    text.len() <= 512
        && code::parse_any(text).is_ok_and(|invite| {
            invite.code().is_listed()
                && (text.trim().starts_with(code::SCHEME) || text.split_whitespace().count() <= 6)
        })
}

/// Where an interrupted transfer was going.
pub(super) fn folder_text(entry: &PastTransfer) -> String {
    entry.folder.as_deref().map(|folder| Shown(&home_relative(folder)).to_string()).unwrap_or_default()
}

/// How an interruption is told.
pub(super) fn interrupted_key(entry: &PastTransfer) -> &'static str {
    if entry.folder.is_some() { "interrupted-receive" } else { "interrupted-send" }
}
