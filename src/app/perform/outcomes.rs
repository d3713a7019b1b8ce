//! Takes what the desk has done.

use std::{
    io::ErrorKind,
    path::PathBuf,
    time::{Duration, Instant},
};

use eframe::egui::{Context, Pos2};

use crate::{
    app::{
        desktop::{
            desk::{BrokenJob, ClipboardUse, DeskOutcome, Job, PickPurpose},
            dialogs::Picked,
            relocate::Relocated,
            tray::TrayDeed,
        },
        explain,
        model::{
            action::Action,
            card::{CardEnd, Relocation},
            tone::Tone,
        },
        views::DropTarget,
        window::Window,
    },
    engine::{Command, TaskId},
    panics::PanicReport,
};

/// How long a drop waits for the pointer. Windows and macOS don't report it while files are dragged over a window,
/// but it moves over the window again right after the drop.
const LATE_POINTER: Duration = Duration::from_millis(250);

impl Window {
    /// Takes one outcome of the desk.
    pub(in crate::app) fn outcome(&mut self, ctx: &Context, outcome: DeskOutcome) {
        match outcome {
            DeskOutcome::NotSaved(error) => {
                let text = explain::unsaved(&self.words, &error);
                self.state.tell(Tone::Bad, text);
            }
            DeskOutcome::Clipboard { purpose: ClipboardUse::Paste, files, text } => {
                self.paste(ctx, files, text);
            }
            DeskOutcome::Clipboard { purpose: ClipboardUse::Look, text, .. } => self.look_for_code(text),
            DeskOutcome::Tree(id, tree) => self.state.built(id, tree),
            DeskOutcome::Recognised(id, digest) => self.recognised(ctx, id, digest),
            DeskOutcome::People { people, problem, changed } => self.take_people(people, problem, changed),
            DeskOutcome::Unfinished { list, gone } => self.state.listed(list, &gone),
            DeskOutcome::Discarded { name, discarded } => self.discarded(name, discarded),
            DeskOutcome::Relocating { id, folder, done, total } => {
                let relocation = Some(Relocation { folder, done, total });
                self.change(id, |card| card.relocation = relocation);
            }
            DeskOutcome::Relocated { id, folder, relocated } => self.relocated(id, folder, relocated),
            DeskOutcome::OnlyShown(path) => {
                let text = explain::only_shown(&self.words, &path);
                self.state.tell(Tone::Plain, text);
            }
            DeskOutcome::NotOpened { path, is_there } => {
                let text = explain::not_opened(&self.words, &path, is_there);
                self.state.tell(Tone::Warning, text);
            }
            DeskOutcome::Picked(purpose, Picked::NoDialog) => self.tell_no_dialog(purpose, "no-file-dialog"),
            DeskOutcome::Picked(purpose, Picked::NotYet) => {
                // A dialog that is on the screen has taken the keyboard.
                if ctx.input(|input| input.focused) {
                    self.tell_no_dialog(purpose, "late-file-dialog");
                }
            }
            DeskOutcome::Picked(purpose, Picked::Paths(paths)) => self.picked(purpose, paths),
            #[cfg(target_os = "linux")]
            DeskOutcome::Retrieved(paths) if paths.is_empty() => {
                self.state.tell(Tone::Warning, self.words.say("drop-unreadable"));
            }
            #[cfg(target_os = "linux")]
            DeskOutcome::Retrieved(paths) => {
                let pointer = ctx.input(|input| input.pointer.latest_pos());
                self.arrive(paths, pointer.and_then(|at| self.target_at(at)));
            }
            DeskOutcome::Broke { job, report } => self.broke(job, &report),
            #[cfg(all(unix, not(target_os = "macos")))]
            DeskOutcome::Called => self.come_back(ctx),
            DeskOutcome::Tray(has_icon) => self.put_away(ctx, has_icon),
            DeskOutcome::TrayDeed(TrayDeed::Open) => self.come_back(ctx),
            DeskOutcome::TrayDeed(TrayDeed::Quit) => self.perform(ctx, Action::Quit),
            DeskOutcome::StartsAtLogin(is_on) => self.state.starts_at_login = is_on,
            DeskOutcome::NotAtLogin(error) => {
                let text = self.words.tell("login-failed", &[("detail", error.to_string().into())]);
                self.state.tell(Tone::Warning, text);
            }
            DeskOutcome::Dropped { paths, at: Some((x, y)) } => {
                let scale = ctx.pixels_per_point();
                let corner = ctx.input(|input| input.viewport().inner_rect.map(|rect| rect.min));
                let onto = corner
                    .and_then(|corner| self.target_at(Pos2::new(x / scale - corner.x, y / scale - corner.y)));
                self.arrive(paths, onto);
            }
            DeskOutcome::Dropped { paths, at: None } => {
                let earlier = self.late_drop.replace((paths, Instant::now() + LATE_POINTER));
                if let Some((paths, _)) = earlier {
                    self.arrive(paths, None);
                }
                ctx.request_repaint();
            }
        }
    }

    /// Has what a transfer has brought moved into another folder.
    fn relocate(&mut self, id: TaskId, folder: PathBuf) {
        let Some(card) = self.state.card(id).filter(|card| card.can_relocate()) else { return };
        let paths = card.placed().map(|(_, placed)| placed.to_vec()).unwrap_or_default();
        self.desk.ask(Job::Relocate { id, paths, folder });
    }

    fn relocated(&mut self, id: TaskId, folder: PathBuf, Relocated { places, problem }: Relocated) {
        // A user who has stopped it knows.
        if let Some(cause) = problem.as_ref().filter(|cause| cause.kind() != ErrorKind::Interrupted) {
            let way_on = (self.words.say("move-to"), Action::PickRelocation(id));
            let told = explain::not_relocated(&self.words, cause);
            self.state.tell_with(Tone::Warning, told, Some(way_on));
        }
        let Some(card) = self.state.card(id) else { return };
        card.relocation = None;
        if let Some(CardEnd::Done(report)) = &mut card.end {
            // Where something has stayed, the old folder is still where the rest is looked for.
            let folder = if problem.is_none() { folder } else { report.folder.clone().unwrap_or(folder) };
            (report.folder, report.placed) = (Some(folder.clone()), places.clone());
            if let Some(history) = card.history {
                self.state.history.relocate(history, folder, places);
                self.save_history();
            }
        }
    }

    /// Says that there is no dialog, and what can be done without one.
    fn tell_no_dialog(&mut self, purpose: PickPurpose, key: &str) {
        let without = match purpose {
            PickPurpose::Send | PickPurpose::Add(_) | PickPurpose::SendTo(_) => "without-file-dialog",
            PickPurpose::SaveOffer(_)
            | PickPurpose::SaveAlways
            | PickPurpose::Trust(_)
            | PickPurpose::Relocate(_) => "without-folder-dialog",
        };
        self.state.tell(Tone::Warning, format!("{} {}", self.words.say(key), self.words.say(without)));
    }

    /// Reports that a step was not done, and mends what would wait for it for ever.
    fn broke(&mut self, job: BrokenJob, report: &PanicReport) {
        let copy = (self.words.say("copy-report"), Action::CopyText(explain::broke(&self.words, report)));
        self.state.tell_with(Tone::Bad, self.words.say("desk-broke"), Some(copy));
        match job {
            BrokenJob::Tree(id) => self.state.not_built(id),
            BrokenJob::Discard => self.list_unfinished(),
            BrokenJob::Relocation(id) => self.change(id, |card| card.relocation = None),
            BrokenJob::Other => {}
        }
    }

    fn picked(&mut self, purpose: PickPurpose, paths: Vec<PathBuf>) {
        let first = paths.first().cloned();
        match (purpose, first) {
            (_, None) => {}
            (PickPurpose::Send, _) => self.arrive(paths, None),
            (PickPurpose::Add(id), _) => self.arrive(paths, Some(DropTarget::Transfer(id))),
            (PickPurpose::SendTo(person), _) => self.arrive(paths, Some(DropTarget::Person(person))),
            (PickPurpose::Trust(person), Some(folder)) => self.trust(person, Some(folder)),
            (PickPurpose::SaveOffer(id), Some(folder)) => {
                if let Some(sheet) = self.state.card(id).and_then(|card| card.sheet.as_mut()) {
                    (sheet.is_looking, sheet.unusable) = (true, None);
                    self.command(Command::Look(id, folder));
                }
            }
            (PickPurpose::Relocate(id), Some(folder)) => self.relocate(id, folder),
            (PickPurpose::SaveAlways, Some(folder)) => {
                self.state.save_folder.clone_from(&folder);
                self.state.settings.save_folder = Some(folder);
                self.save_settings();
            }
        }
    }
}
