//! What interrupted transfers left: the list below the transfers, the note above the code field while one of them is
//! to be resumed, and the question before one is deleted.

use std::{path::Path, time::UNIX_EPOCH};

use eframe::egui::{Context, Ui};

use super::{View, card_parts::sign_of, confirmation::Confirmation, history::moment};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, Resume},
            state::State,
        },
        theme::{palette, size, space},
        widgets::{
            self, Button, Emphasis, Icon, bar, hairline, heading, link, muted, paragraph, part, plain, row,
            row_of_words, small, tile, title,
        },
        words::shown_path,
    },
    engine::Unfinished,
    people::Person,
    transfer::show::Shown,
};

/// Height of a row, in points: a tile and a little room.
const ROW: f32 = 46.0;
/// Width of a row, in points, below which its buttons are icons without words.
const ROOM_FOR_WORDS: f32 = 600.0;

/// Draws the list, unless it is empty.
pub(super) fn unfinished_ui(ui: &mut Ui, state: &State, view: &mut View<'_>) {
    if state.unfinished_apart().next().is_none() {
        return;
    }
    if !state.cards.is_empty() {
        ui.add_space(space::S);
    }
    let name = view.say("unfinished");
    row_of_words(ui, 28.0, |_| (), |ui| heading(ui, &name));
    widgets::card(ui, |ui| {
        ui.set_width(ui.available_width());
        let has_hint = state.unfinished_apart().any(|one| state.people.whose(&one.offer).is_none());
        if has_hint {
            muted(ui, &view.say("unfinished-hint"));
        }
        for (index, unfinished) in state.unfinished_apart().enumerate() {
            if has_hint || index > 0 {
                ui.add_space(space::XS);
                hairline(ui);
                ui.add_space(space::XS);
            }
            let person = state.people.whose(&unfinished.offer);
            part(ui, &unfinished.id, |ui| row_ui(ui, unfinished, person, view));
        }
    });
}

/// Draws one of them. That of a `person` goes on by itself.
fn row_ui(ui: &mut Ui, unfinished: &Unfinished, person: Option<&Person>, view: &mut View<'_>) {
    let p = palette(ui);
    let name = name(unfinished, view);
    let has_words = ui.available_width() >= ROOM_FOR_WORDS;
    let named = |key: &str| view.words.tell(key, &[("name", name.as_str().into())]);
    let (resume, resume_name) = (view.say("resume"), named("resume-named"));
    let (discard, discard_name) = (view.say("discard"), named("discard-named"));
    let mut did = None;
    let right = |ui: &mut Ui| {
        let button = |kind, text, icon, name| {
            Button::new(kind, if has_words { text } else { "" }).icon(icon).name(name)
        };
        ui.add_space(space::XS);
        if person.is_none() && button(Emphasis::Secondary, &resume, Icon::Play, &resume_name).ui(ui).clicked()
        {
            let staging = unfinished.staging();
            did = Some(Action::Resume(Resume { name: name.clone(), staging }));
        }
        if button(Emphasis::Quiet, &discard, Icon::Trash2, &discard_name).ui(ui).clicked() {
            did = Some(Action::AskDiscard(unfinished.id.clone()));
        }
    };
    row(ui, ROW, right, |ui| {
        let sign = match unfinished.names.first() {
            _ if unfinished.count > 1 => Icon::Files,
            Some(name) if !unfinished.is_folder => sign_of(name),
            _ => Icon::Folder,
        };
        tile(ui, sign, Some((Icon::Pause, p.muted)));
        ui.add_space(space::XS);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 5.0;
            title(ui, &name);
            let fraction = unfinished.held as f64 / unfinished.bytes.max(1) as f64;
            bar(ui, Some(fraction as f32), p.muted, &named("progress-named"));
            small(ui, &line(unfinished, person, view));
        });
    });
    view.actions.extend(did);
}

/// The name of an interrupted transfer.
fn name(unfinished: &Unfinished, view: &View<'_>) -> String {
    explain::name_of(view.words, false, &unfinished.names, unfinished.count)
}

/// How much of it is here: `1.2 GiB of 3.4 GiB here`.
fn held(unfinished: &Unfinished, view: &View<'_>) -> String {
    let [held, total] = [unfinished.held, unfinished.bytes].map(|bytes| view.words.bytes(bytes));
    view.words.tell("held-of", &[("held", held.into()), ("total", total.into())])
}

/// The line of a row: by whom it goes on, how much is here, since when, and in which folder. The longest part stands last.
fn line(unfinished: &Unfinished, person: Option<&Person>, view: &View<'_>) -> String {
    let goes_on = person.map(|person| {
        let who = Shown(&person.name).to_string();
        view.words.tell("unfinished-goes-on", &[("who", who.into())])
    });
    let mut parts: Vec<String> = goes_on.into_iter().chain([held(unfinished, view)]).collect();
    if let Some(since) = unfinished.last.duration_since(UNIX_EPOCH).ok().filter(|since| !since.is_zero()) {
        parts.push(moment(since.as_secs(), view));
    }
    parts.push(shown_path(&unfinished.folder));
    parts.join(" · ")
}

/// Draws what to do to resume a transfer, above the code field. `save_folder` is where other things go.
pub(super) fn resume_ui(ui: &mut Ui, resume: &Resume, save_folder: &Path, view: &mut View<'_>) {
    let mut text = view.say("resume-means");
    if resume.folder() != save_folder {
        let args = [("folder", shown_path(resume.folder()).into())];
        text = format!("{text} {}", view.words.tell("resume-into", &args));
    }
    let undo = view.say("resume-undo");
    let mut undoes = false;
    widgets::tinted(ui, palette(ui).accent_soft, |ui| {
        ui.set_width(ui.available_width());
        title(ui, &view.words.tell("resume-named", &[("name", resume.name.as_str().into())]));
        let ink = palette(ui).text;
        paragraph(ui, &text, plain(size::BODY), ink);
        undoes = link(ui, &undo).clicked();
    });
    if undoes {
        view.act(Action::ForgetResume);
    }
}

/// Draws the question before what has arrived of a transfer is deleted.
pub(in crate::app) fn discard_ui(ctx: &Context, state: &State, view: &mut View<'_>) {
    let Some(unfinished) = state.unfinished.asked() else { return };
    let name = name(unfinished, view);
    let (text, keep, discard) = (view.say("discard-question"), view.say("discard-keep"), view.say("discard"));
    let held = view.words.bytes(unfinished.held);
    let args = [("held", held.into()), ("folder", shown_path(&unfinished.folder).into())];
    let means = view.words.tell("discard-means", &args);
    let act = (discard.as_str(), Some(Icon::Trash2), Action::Discard(name.clone()));
    Confirmation { id: "discard", width: 400.0, text: &text, keep: (&keep, Action::Show(None)), act }.ui(
        ctx,
        view,
        |ui| {
            title(ui, &name);
            muted(ui, &means);
        },
    );
}
