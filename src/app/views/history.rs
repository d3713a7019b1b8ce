//! The dialog of the history: what was sent and received, with a way back to it.

use eframe::egui::{Context, Id, Modal, ScrollArea, Ui, vec2};
use jiff::{Timestamp, tz::TimeZone};

use super::{View, card_parts::sign_of_kind, confirmation::Confirmation, take_keyboard_of_dialog};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, Dialog},
            state::State,
        },
        theme::{palette, size, space},
        widgets::{
            Button, Emphasis, Icon, dialog_frame, disc, face, heading, icon_button, line, muted, name_dialog,
            plain, row, small, tile,
        },
        words::shown_path,
    },
    history::{Direction, Outcome, PastKind, PastTransfer},
    transfer::show::Shown,
};

/// Height of a row, in points: two lines and some room.
const ROW: f32 = 58.0;

/// Draws the dialog.
pub(in crate::app) fn history_ui(ctx: &Context, state: &State, view: &mut View<'_>) {
    let room = ctx.content_rect().size();
    let size = vec2((room.x - 64.0).min(720.0), (room.y - 96.0).min(560.0));
    let shown = Modal::new(Id::unique("history")).frame(dialog_frame(&ctx.global_style())).show(ctx, |ui| {
        ui.set_min_size(size);
        ui.set_max_size(size);
        let (name, close, clear) = (view.say("history"), view.say("close"), view.say("history-clear"));
        name_dialog(ui, &name);
        let entries = state.history.entries();
        let mut closes = false;
        let right = |ui: &mut Ui| {
            if !entries.is_empty() && Button::new(Emphasis::Quiet, &clear).icon(Icon::Trash2).ui(ui).clicked()
            {
                view.act(Action::Show(Some(Dialog::ClearHistory)));
            }
            let button = icon_button(ui, Icon::X, &close);
            take_keyboard_of_dialog(state, &button);
            closes = button.clicked();
        };
        row(ui, 36.0, right, |ui| heading(ui, &name));
        ui.add_space(space::XS);
        if entries.is_empty() {
            empty_ui(ui, &view.say("history-empty"));
            return closes;
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().auto_shrink(false).show_rows(ui, ROW, entries.len(), |ui, range| {
            ui.set_max_width(ui.available_width() - space::M);
            for entry in entries.get(range).unwrap_or_default() {
                ui.push_id(entry.id, |ui| entry_ui(ui, entry, state, view));
            }
        });
        closes
    });
    if shown.inner || shown.should_close() {
        view.act(Action::Show(None));
    }
}

/// Draws the question before the history is cleared.
pub(in crate::app) fn clear_ui(ctx: &Context, state: &State, view: &mut View<'_>) {
    let (text, keep, act) =
        (view.say("history-question"), view.say("history-keep"), view.say("history-clear"));
    let means = view.words.tell("history-means", &[("count", state.history.entries().len().into())]);
    let question = Confirmation {
        id: "clear history",
        width: 380.0,
        text: &text,
        keep: (&keep, Action::Show(Some(Dialog::History))),
        act: (&act, Some(Icon::Trash2), Action::ClearHistory),
    };
    question.ui(ctx, view, |ui| {
        muted(ui, &means);
    });
}

/// Draws what is shown while the history is empty.
fn empty_ui(ui: &mut Ui, text: &str) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 2.0 - 72.0).max(0.0));
        disc(ui, Icon::History);
        muted(ui, text);
    });
}

fn entry_ui(ui: &mut Ui, entry: &PastTransfer, state: &State, view: &mut View<'_>) {
    let p = palette(ui);
    let what = Shown(&entry.what).to_string();
    let forget = view.words.tell("history-forget", &[("name", what.as_str().into())]);
    let (open, show) = (view.say("open"), view.say("show-in-folder"));
    // Before it has ended there is nothing to open.
    let has_ended = entry.outcome != Outcome::Running;
    let target = entry.paths.first().or(entry.kept.as_ref()).or(entry.folder.as_ref()).filter(|_| has_ended);
    let mut did = None;
    let right = |ui: &mut Ui| {
        if let Some(target) = target {
            if icon_button(ui, Icon::ExternalLink, &format!("{open}: {what}")).clicked() {
                did = Some(Action::OpenPath(target.clone()));
            }
            if icon_button(ui, Icon::FolderOpen, &format!("{show}: {what}")).clicked() {
                did = Some(Action::Reveal(target.clone()));
            }
        }
        if icon_button(ui, Icon::X, &forget).clicked() {
            did = Some(Action::ForgetHistory(entry.id));
        }
    };
    let (sign, ink) = match &entry.outcome {
        Outcome::Done => (Icon::Check, p.ok),
        Outcome::Partial { .. } | Outcome::Interrupted => (Icon::TriangleAlert, p.warn),
        Outcome::Failed { .. } => (Icon::X, p.bad),
        Outcome::Running | Outcome::Cancelled | Outcome::Declined => (Icon::Minus, p.muted),
    };
    row(ui, ROW, right, |ui| {
        tile(ui, sign_of_kind(entry.kind, &entry.what), Some((sign, ink)));
        ui.add_space(space::XS);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            // This puts the two lines in the middle of the row.
            ui.add_space(10.0);
            line(ui, &what, plain(size::BODY), p.text);
            let key = match entry.direction {
                Direction::Sent => "history-sent",
                Direction::Received => "history-received",
            };
            let way = explain::sentence(view.words, key, (entry.direction, entry.peer.as_deref()), &[]);
            // A text doesn't count as a file for the user.
            let amount = match entry.kind {
                PastKind::Text => view.words.bytes(entry.bytes),
                _ => explain::amount(view.words, entry.files, Some(entry.bytes)),
            };
            let mut line = format!(
                "{way} · {} · {amount} · {}",
                moment(entry.started, view),
                outcome(entry, state, view)
            );
            if let Some(folder) = &entry.folder {
                line = format!("{line} · {}", shown_path(folder));
            }
            ui.horizontal(|ui| {
                if let Some(peer) = &entry.peer {
                    face(ui, peer, 16.0);
                }
                small(ui, &line);
            });
        });
    });
    view.actions.extend(did);
}

fn outcome(entry: &PastTransfer, state: &State, view: &View<'_>) -> String {
    match &entry.outcome {
        // The next start writes this into the history and reports it.
        Outcome::Running if !state.has_engine => view.say("history-interrupted"),
        Outcome::Running => view.say("history-running"),
        Outcome::Done => view.say("history-done"),
        Outcome::Partial { missing } => view.words.tell("history-partial", &[("count", (*missing).into())]),
        Outcome::Cancelled => view.say("history-cancelled"),
        Outcome::Declined => view.say("history-declined"),
        Outcome::Failed { reason } => Shown(reason).to_string(),
        Outcome::Interrupted => view.say("history-interrupted"),
    }
}

/// A moment in words: only the time if it is today, else the date as well.
pub(super) fn moment(secs: u64, view: &View<'_>) -> String {
    let Ok(stamp) = Timestamp::from_second(i64::try_from(secs).unwrap_or_default()) else {
        return String::new();
    };
    let there = stamp.to_zoned_datetime(TimeZone::system());
    let time = there.strftime("%H:%M").to_string();
    if there.date() == Timestamp::now().to_zoned_datetime(TimeZone::system()).date() {
        view.words.tell("history-today", &[("time", time.into())])
    } else {
        let date = there.strftime("%Y-%m-%d").to_string();
        view.words.tell("history-on", &[("date", date.into()), ("time", time.into())])
    }
}
