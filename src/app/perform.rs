//! Carries out what the user did, and what events ask for outside the state.
//!
//! - `orders`: what the engine is told to do
//! - `outcomes`: what the desk has done
//! - `people`: the people that the user has remembered
//! - `clipboard`: copying, pasting, codes on the clipboard
//! - `settings`: settings and the relays that they name
//! - `closing`: what closing the window means, and the program without its window
//! - `history`: writing down transfers
//! - `notify`: notifications
//! - `unfinished`: interrupted transfers

mod clipboard;
mod closing;
mod history;
mod notify;
mod orders;
mod outcomes;
mod people;
mod settings;
mod unfinished;

use eframe::egui::{Context, OpenUrl};

use self::orders::Renewal;
use super::{
    desktop::{
        desk::{ClipboardUse, Job, PickPurpose},
        dialogs::Question,
    },
    explain,
    model::{
        action::{Action, Dialog, SheetAction},
        card::{Card, CardEnd, StartedWith},
        code_field::Reading,
        state::Effect,
        tone::Tone,
    },
    views::{first_steps, header::NAME, receive},
    window::Window,
};
use crate::{
    engine::{Command, TaskId, TransferError, TypedCode, read_code},
    panics::PanicReport,
    sync::lock,
};

impl Window {
    /// Carries out what the user did.
    pub(super) fn perform(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::PickFiles => self.pick(Question::Files, PickPurpose::Send),
            Action::PickFolder => self.pick(Question::Folder, PickPurpose::Send),
            Action::PickFilesFor(id) => self.pick(Question::Files, PickPurpose::Add(id)),
            Action::PickDestination(Some(id)) => self.pick(Question::Folder, PickPurpose::SaveOffer(id)),
            Action::StopRelocating(id) => self.desk.ask(Job::StopRelocating(id)),
            Action::PickRelocation(id) => self.pick(Question::Folder, PickPurpose::Relocate(id)),
            Action::PickDestination(None) => self.pick(Question::Folder, PickPurpose::SaveAlways),
            Action::Remember(id) => self.remember(id),
            Action::Person(id, action) => self.perform_person(ctx, id, action),
            Action::Paste => self.desk.ask(Job::Clipboard(ClipboardUse::Paste)),
            Action::WriteText => {
                self.show(ctx, Some(Dialog::Text));
                self.state.text_for = None;
            }
            Action::SendText => self.send_text(ctx),
            Action::Receive => self.receive(),
            Action::FillCode(text) => self.fill_code(ctx, text),
            Action::CorrectCode(id) => self.correct_code(ctx, id),
            Action::ForgetServer => {
                self.state.field.server = None;
                // The button that was pressed is gone.
                self.focus_code(ctx);
            }
            Action::FocusCode => self.focus_code(ctx),
            Action::ForgetOffered => self.state.offered_code = None,
            Action::Copy(id, what) => self.copy(ctx, id, what),
            Action::CopyText(text) => {
                *lock(&self.last_copied) = Some(text.clone());
                ctx.copy_text(text);
            }
            Action::FoldQr(id) => self.change(id, Card::fold_qr),
            Action::FoldList(id) => self.change(id, |card| card.folds.list = !card.folds.list),
            Action::FoldOptions(id) => self.change(id, |card| card.folds.options = !card.folds.options),
            Action::RemoveEntry(id, name) => self.remove_entry(id, name),
            Action::Limit(id, limit) => self.limit(id, limit),
            Action::Receivers(id, receivers) => self.renew_for(id, Renewal::Receivers(receivers)),
            Action::ForCroc(id, is_for_croc) => self.renew_for(id, Renewal::ForCroc(is_for_croc)),
            Action::Expire(id, after) => self.expire_after(id, after),
            Action::FoldText(id) => self.change(id, |card| card.folds.text = !card.folds.text),
            Action::FoldLeftBehind(id) => {
                self.change(id, |card| card.folds.left_behind = !card.folds.left_behind);
            }
            Action::FoldDetails(id) => self.change(id, |card| {
                card.folds.details = !card.folds.details;
                card.file_list.open(card.folds.details);
            }),
            Action::Focused(id) => self.change(id, |card| card.folds.wants_focus = false),
            Action::Accept(id) => self.answer(id, true),
            Action::Decline(id) => self.answer(id, false),
            Action::Pause(id, is_paused) => _ = self.command(Command::Pause(id, is_paused)),
            Action::PauseAll(is_paused) => self.pause_all(is_paused),
            Action::AskStop(id, asks) => self.change(id, |card| card.folds.stop = asks),
            Action::Cancel(id) => self.cancel(id),
            Action::Again(id) => self.again(id),
            Action::Renew(id) => self.renew_for(id, Renewal::AsItIs),
            Action::Resume(resume) => self.resume(ctx, resume),
            Action::ForgetResume => {
                self.state.unfinished.resume = None;
                // The button that was pressed is gone.
                self.focus_code(ctx);
            }
            Action::AskDiscard(id) => self.ask_discard(ctx, id),
            Action::Discard(name) => self.discard(ctx, name),
            Action::Send(paths, recipient) => self.send(StartedWith::Paths(paths), recipient),
            Action::Dismiss(id) => self.dismiss(|card| card.id == id),
            Action::DismissEnded => self.dismiss(|_| true),
            Action::OpenPath(path) => self.desk.ask(Job::Open(path)),
            Action::Reveal(path) => self.desk.ask(Job::Reveal(path)),
            Action::CloseBanner(id) => self.state.banners.retain(|banner| banner.id != id),
            Action::Show(dialog) => self.show(ctx, dialog),
            Action::ShowSettings(page) => {
                self.show(ctx, Some(Dialog::Settings));
                self.state.form.page = page;
            }
            Action::InternetTold => {
                self.state.settings.internet_told = true;
                self.take_settings(ctx);
            }
            Action::FirstStep(step) => self.first_step(ctx, step),
            Action::EndFirstSteps => self.end_first_steps(ctx),
            Action::CheckRelay => self.check_relay(),
            Action::Browse(address) => ctx.open_url(OpenUrl::new_tab(address)),
            Action::Quit => self.quit(ctx),
            Action::KeepRunning => self.keep_running(),
            Action::StartAtLogin(is_on) => self.desk.ask(Job::StartAtLogin(is_on)),
            Action::ForgetHistory(id) => {
                self.state.history.remove(id);
                self.save_history();
            }
            Action::ClearHistory => {
                self.state.history.clear();
                self.save_history();
                self.show(ctx, Some(Dialog::History));
            }
            Action::Settings(action) => self.perform_settings(ctx, action),
            Action::Sheet(id, action) => self.perform_sheet(id, action),
        }
    }

    fn perform_sheet(&mut self, id: TaskId, action: SheetAction) {
        if let SheetAction::InSight(entries) = &action {
            self.command(Command::Thumbnails(id, entries.clone()));
        }
        if let Some(sheet) = self.state.card(id).and_then(|card| card.sheet.as_mut()) {
            sheet.perform(action);
        }
    }

    /// Carries out what an event asks for.
    pub(super) fn effect(&mut self, ctx: &Context, effect: Effect) {
        match effect {
            Effect::Recognise(id, offer) => self.desk.ask(Job::Recognise(id, offer)),
            Effect::Ask(id, manifest) => {
                self.desk.ask(Job::BuildTree(id, manifest));
                self.tell_elsewhere(ctx, id, "offered");
                // While an offer is checked, what it may resume is in use for a moment, and the last listing may have
                // missed it.
                self.list_unfinished();
            }
            Effect::TellEnded(id) => {
                let is_whole =
                    self.state.card(id).and_then(|card| card.end.as_ref()).is_some_and(CardEnd::is_whole);
                self.tell_elsewhere(ctx, id, if is_whole { "notify-done" } else { "notify-trouble" });
            }
            Effect::Begin(id) => {
                self.begin_history(id);
                self.relist_for(id);
            }
            Effect::Part(parting) => self.part(parting),
            Effect::Receive(called) => self.receive_call(called),
            Effect::WaitBroke(report) => self.tell_wait_broke(&report),
            Effect::Finish(id) => {
                self.finish_history(id);
                self.relist_for(id);
            }
            Effect::Follow(from, way) => {
                self.follow(from, *way);
            }
            Effect::Drop(sheet) => self.desk.ask(Job::Drop(sheet)),
        }
    }

    /// Reports that the engine has stopped, which has cut off everything under way, and asks the user to start the program
    /// again.
    pub(super) fn tell_engine_ended(&mut self, ctx: &Context, report: &PanicReport) {
        let text = self.words.say("engine-ended");
        let copy = (self.words.say("copy-report"), Action::CopyText(explain::broke(&self.words, report)));
        self.state.tell_with(Tone::Bad, text.clone(), Some(copy));
        self.notify(ctx, NAME.to_owned(), text);
    }

    /// Pauses everything under way, or resumes it as far as this side is concerned.
    fn pause_all(&mut self, is_paused: bool) {
        let can = |card: &&Card| card.can_pause() && card.progress.paused.here != is_paused;
        let all: Vec<TaskId> = self.state.cards.iter().filter(can).map(|card| card.id).collect();
        for id in all {
            self.command(Command::Pause(id, is_paused));
        }
    }

    /// Starts a transfer again, as it was started.
    fn again(&mut self, id: TaskId) {
        let Some(card) = self.state.card(id) else { return };
        let (started_with, recipient) = (card.started_with.clone(), card.recipient());
        self.state.cards.retain(|card| card.id != id);
        match started_with {
            StartedWith::Code { code, server } => {
                let croc = match read_code(&code.to_string()) {
                    Ok(TypedCode::Either(_, found)) if server.is_none() => Some(found),
                    _ => None,
                };
                self.receive_with(code, server, croc);
            }
            StartedWith::Croc(found) => self.receive_croc(found),
            StartedWith::Invitation | StartedWith::Call(_) => {}
            other => self.send(other, recipient),
        }
    }

    /// Goes to one of the first steps. Who has come past the last one has read who runs the relays.
    fn first_step(&mut self, ctx: &Context, step: usize) {
        self.state.first_step = step;
        if step >= first_steps::STEPS {
            self.state.settings.internet_told = true;
            self.state.settings.first_steps_done = true;
        }
        self.take_settings(ctx);
    }

    fn end_first_steps(&mut self, ctx: &Context) {
        self.state.settings.first_steps_done = true;
        self.take_settings(ctx);
    }

    /// Ends a transfer. A send that only waits can be taken up again with one click.
    fn cancel(&mut self, id: TaskId) {
        let Some(card) = self.state.card(id) else { return };
        let again = match &card.started_with {
            StartedWith::Paths(paths) if card.is_waiting() && card.bond.is_none() => {
                Some((explain::name(&self.words, card), Action::Send(paths.clone(), card.recipient())))
            }
            _ => None,
        };
        self.change(id, |card| (card.is_cancelling, card.folds.stop) = (true, false));
        self.command(Command::Cancel(id));
        if let Some((name, again)) = again {
            let text = self.words.tell("send-withdrawn", &[("name", name.into())]);
            self.state.tell_with(Tone::Quiet, text, Some((self.words.say("send-again"), again)));
        }
    }

    /// Puts a text into the code field. A repaired code is looked for at the relay of the link in which the slip was.
    fn fill_code(&mut self, ctx: &Context, text: String) {
        let reading = self.state.field.read();
        let is_repair = matches!(reading, Reading::Slip { repaired, .. } if repaired.to_string() == text);
        let server = self.state.field.server.take().filter(|_| is_repair);
        self.state.offered_code = None;
        self.state.field.set(text);
        let named = self.state.field.server.take();
        self.state.field.server = named.or(server);
        self.focus_code(ctx);
    }

    /// Puts the code of a failed receive into the code field, with the keyboard where the slip is likely to be.
    fn correct_code(&mut self, ctx: &Context, id: TaskId) {
        let Some(card) = self.state.card(id) else { return };
        let (code, server) = match card.started_with.clone() {
            StartedWith::Code { code, server } => (code, server),
            StartedWith::Croc(found) => {
                self.state.offered_code = None;
                self.state.field.correct_croc(found);
                return self.focus_code(ctx);
            }
            _ => return,
        };
        let is_found = matches!(
            card.end,
            Some(CardEnd::Failed(TransferError::WrongCode { .. } | TransferError::OnlyStrangers { .. }))
        );
        self.state.offered_code = None;
        self.state.field.correct(&code, server.map(|server| server.to_string()), is_found);
        self.focus_code(ctx);
    }

    /// Puts the keyboard into the code field and brings the field into sight.
    pub(super) fn focus_code(&mut self, ctx: &Context) {
        self.state.field.wants_sight = true;
        ctx.memory_mut(|memory| memory.request_focus(receive::field_id()));
    }

    fn change(&mut self, id: TaskId, change: impl FnOnce(&mut Card)) {
        if let Some(card) = self.state.card(id) {
            change(card);
        }
    }

    /// Removes those of the selected cards that have ended.
    pub(super) fn dismiss(&mut self, which: impl Fn(&Card) -> bool) {
        let dismissed = self
            .state
            .cards
            .extract_if(.., |card| card.end.is_some() && card.relocation.is_none() && which(card));
        let mut dismissed: Vec<Card> = dismissed.collect();
        // A send takes its receivers' rows with it.
        let gone: Vec<TaskId> = dismissed.iter().map(|card| card.id).collect();
        let is_of_them = |card: &mut Card| card.branch_of().is_some_and(|of| gone.contains(&of));
        dismissed.extend(self.state.cards.extract_if(.., is_of_them));
        self.desk.ask(Job::Drop(Box::new(dismissed)));
    }

    fn show(&mut self, ctx: &Context, dialog: Option<Dialog>) {
        if self.state.dialog == Some(Dialog::Settings) {
            // The last field may still be being edited.
            self.take_settings(ctx);
        }
        if dialog == Some(Dialog::Settings) {
            self.desk.ask(Job::LookAtLogin);
            self.state.form.fill(&self.state.settings);
            let is_back = self.state.dialog == Some(Dialog::Licences);
            (self.state.replaces_licences, self.state.form.is_back_from_licences) = (is_back, is_back);
        }
        self.state.dialog = dialog;
    }

    fn pick(&mut self, question: Question, purpose: PickPurpose) {
        let (key, start) = match purpose {
            PickPurpose::Send | PickPurpose::Add(_) | PickPurpose::SendTo(_) => {
                (if question == Question::Files { "pick-files" } else { "pick-folder" }, None)
            }
            PickPurpose::SaveOffer(_)
            | PickPurpose::SaveAlways
            | PickPurpose::Trust(_)
            | PickPurpose::Relocate(_) => ("pick-destination", Some(self.state.save_folder.clone())),
        };
        self.desk.pick(question, self.words.say(key), start, purpose);
    }
}
