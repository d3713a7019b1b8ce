//! The receivers of a send for several: a row for each one that has come, below the code that leads to all of them.

use eframe::egui::{Color32, Ui};

use super::{
    View,
    card_parts::{left_behind_ui, pause_ui, standstill_ui},
    ended::{done_badge, failed_badge},
};
use crate::{
    app::{
        explain,
        model::{
            action::Action,
            card::{Bond, Card, CardEnd},
            standing::Standstill,
            state::State,
            tone::Tone,
        },
        theme::{self, palette, size, space},
        widgets::{Icon, bar, face_tile, hairline, icon_button, line, part, plain, row, small, tile, title},
    },
    transfer::show::Shown,
};

/// Height of a row, in points: a tile and a little room.
const ROW: f32 = 46.0;

/// Draws the rows.
pub(super) fn branches_ui(ui: &mut Ui, send: &Card, state: &State, view: &mut View<'_>) {
    for branch in state.branches(send.id) {
        part(ui, branch.id, |ui| {
            ui.add_space(space::XS);
            hairline(ui);
            ui.add_space(space::XS);
            let name = name(branch, send, state, view);
            branch_ui(ui, branch, &name, state, view);
        });
    }
}

/// What a receiver is called: the name of its computer, with its number if another has the same; or only when it came.
fn name(branch: &Card, send: &Card, state: &State, view: &View<'_>) -> String {
    let number = match branch.bond {
        Some(Bond::Branch { number, .. }) => number,
        _ => 0,
    };
    let Some(peer) = &branch.peer else {
        return view.words.tell("receiver-named", &[("number", number.into())]);
    };
    let shown = Shown(peer.as_str());
    let has_it = |other: &&Card| other.peer.as_ref() == Some(peer);
    if state.branches(send.id).filter(has_it).count() > 1 {
        format!("{shown} ({number})")
    } else {
        shown.to_string()
    }
}

fn branch_ui(ui: &mut Ui, branch: &Card, name: &str, state: &State, view: &mut View<'_>) {
    let of = |key: &str| view.words.tell(key, &[("name", name.into())]);
    let (cancel, progress) = (of("cancel-named"), of("progress-named"));
    let (sign, ink) = badge(ui, branch, view);
    let remember = explain::about(view.words, branch, "remember", &[]);
    let (mut cancels, mut pauses, mut remembers) = (false, None, false);
    let right = |ui: &mut Ui| {
        // There is room for two buttons, whichever there are: a receiver goes through several states within a few frames, and the page would
        // be laid out anew for each of them.
        let (from, gap) = (ui.cursor().left(), ui.spacing().item_spacing.x);
        ui.expand_to_include_x(from + 2.0 * theme::CONTROL_HEIGHT + gap);
        let is_over = branch.end.is_some();
        if is_over || !branch.can_pause() {
            ui.add_space(theme::CONTROL_HEIGHT + gap);
        } else {
            part(ui, "pause", |ui| pauses = pause_ui(ui, branch, name, view));
        }
        if !is_over {
            part(ui, "cancel", |ui| cancels = icon_button(ui, Icon::X, &cancel).clicked());
        } else if may_be_remembered(branch, state) {
            part(ui, "remember", |ui| remembers = icon_button(ui, Icon::UserPlus, &remember).clicked());
        }
    };
    row(ui, ROW, right, |ui| {
        match &branch.peer {
            Some(peer) => face_tile(ui, peer.as_str(), (sign, ink)),
            None => tile(ui, Icon::User, Some((sign, ink))),
        }
        ui.add_space(space::XS);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 5.0;
            title(ui, name);
            match &branch.end {
                None => {
                    let fraction = if branch.is_under_way() { branch.fraction() } else { Some(0.0) };
                    bar(ui, fraction, ink, &progress);
                    small(ui, &explain::progress(view.words, branch, view.now));
                }
                Some(CardEnd::Done(report)) => {
                    let (text, tone) = explain::done(view.words, branch, report);
                    told_ui(ui, &text, if tone == Tone::Good { palette(ui).ok } else { palette(ui).warn });
                }
                Some(CardEnd::Failed(error)) => {
                    let text = explain::error(view.words, error, explain::standpoint(branch)).happened;
                    told_ui(ui, &text, palette(ui).muted);
                }
                Some(CardEnd::CutOff) => {
                    let text = explain::cut_off(view.words, explain::standpoint(branch)).happened;
                    told_ui(ui, &text, palette(ui).muted);
                }
            }
        });
    });
    if remembers {
        view.act(Action::Remember(branch.id));
    }
    if cancels {
        view.act(Action::Cancel(branch.id));
    }
    if let Some(is_paused) = pauses {
        view.act(Action::Pause(branch.id, is_paused));
    }
    standstill_ui(ui, branch, view);
    left_behind_ui(ui, branch, view);
}

/// Whether the receiver got something and is not in the list of people yet.
fn may_be_remembered(branch: &Card, state: &State) -> bool {
    let is_new = branch.pair.as_ref().is_some_and(|pair| state.people.of(pair.id()).is_none());
    is_new && matches!(branch.end, Some(CardEnd::Done(_)))
}

fn told_ui(ui: &mut Ui, text: &str, ink: Color32) {
    line(ui, text, plain(size::SMALL), ink);
}

/// The badge of a receiver's row, and its colour.
fn badge(ui: &Ui, branch: &Card, view: &View<'_>) -> (Icon, Color32) {
    let p = palette(ui);
    match (&branch.end, branch.standstill(view.now)) {
        (Some(CardEnd::Done(report)), _) => done_badge(p, report),
        (Some(end), _) => failed_badge(p, explain::tone_of_end(end, explain::standpoint(branch))),
        (None, Some(Standstill::Paused(_))) => (Icon::Pause, p.muted),
        (None, Some(Standstill::Lost(..))) => (Icon::Unplug, p.warn),
        (None, _) => (Icon::ArrowUp, p.accent),
    }
}
