//! A transfer under way or over. While it is under way: how far it has come, how fast, what moves just now, and which way its
//! bytes take.

use eframe::egui::{Align, Color32, Label, Layout, RichText, Ui, vec2};

use super::{
    View,
    card_parts::{
        code_or_name, fold_ui, head_ui, left_behind_ui, pause_ui, standstill_ui, strangers_ui, title_ui,
    },
    ended::{done_ui, failed_ui, slim_end_ui},
    file_list::file_list_ui,
};
use crate::{
    app::{
        explain,
        model::{
            action::Action,
            card::{Card, CardEnd},
            standing::Standstill,
            state::State,
        },
        theme::{self, Palette, Weight, palette, size, space},
        widgets::{Button, Emphasis, Icon, bar, fold, graph, icon_button, part, row, small, tinted},
    },
    engine::Paused,
    history::Direction,
};

/// Width that a card needs for the graph, in points.
const ROOM_FOR_GRAPH: f32 = 560.0;
/// Width that the card of a resting transfer needs for the graph, in points: its line has more to say.
const ROOM_FOR_GRAPH_AT_REST: f32 = 760.0;
/// How many seconds a transfer must have moved before it has a graph, which would show nothing yet.
const WORTH_A_GRAPH: usize = 10;
/// Width of the speed, in points: enough for `1023.9 MiB/s`.
const SPEED_WIDTH: f32 = 92.0;

/// Draws the card.
pub(super) fn transfer_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    match &card.end {
        None => moving_ui(ui, card, view),
        Some(CardEnd::Done(report)) => done_ui(ui, card, report, state, view),
        Some(end @ (CardEnd::Failed(_) | CardEnd::CutOff)) => {
            let kept = state.unfinished_of(card);
            failed_ui(ui, card, end, kept.map(|kept| kept.id.as_str()), view);
        }
    }
}

/// Draws the card as one row, which the user can unfold.
pub(super) fn slim_transfer_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    match &card.end {
        None => head_of_moving_ui(ui, card, true, view),
        Some(end) => slim_end_ui(ui, card, end, view),
    }
}

fn moving_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    head_of_moving_ui(ui, card, false, view);
    strangers_ui(ui, card, view);
    standstill_ui(ui, card, view);
    let is_under_way = card.is_under_way();
    let standstill = card.standstill(view.now);
    if let Some(Standstill::Paused(Paused { there: false, .. })) = standstill {
        small(ui, &view.say("paused-here-means"));
    }
    if is_under_way {
        // While it rests, the bytes take no way.
        let has_way = matches!(standstill, Some(Standstill::Stalled(..)) | None);
        part(ui, "files", |ui| files_ui(ui, card, has_way, view));
    }
    if is_under_way && card.progress.is_tampered_with() {
        small(ui, &view.say("tampered"));
    }
    if is_under_way && card.progress.large_packets_are_lost {
        small(ui, &view.say("large-packets-lost"));
    }
    if let Some((wished, used)) = card.refused_port {
        small(ui, &explain::refused_port(view.words, wished, used));
    }
    left_behind_ui(ui, card, view);
}

/// The badge of a transfer that is not over, its colour, and that of its bar.
fn look(p: &Palette, card: &Card, standstill: Option<Standstill>) -> (Icon, Color32, Color32) {
    let (badge, ink) = match standstill {
        Some(Standstill::Paused(_)) => (Icon::Pause, p.muted),
        Some(Standstill::Lost(..)) => (Icon::Unplug, p.warn),
        _ if card.direction == Direction::Sent => (Icon::ArrowUp, p.accent),
        _ => (Icon::ArrowDown, p.accent),
    };
    let warns = matches!(standstill, Some(Standstill::Stalled(..) | Standstill::NoRoom));
    (badge, ink, if warns { p.warn } else { ink })
}

/// Draws the head: name, bar and buttons. `is_slim` is for a card that is nothing else.
fn head_of_moving_ui(ui: &mut Ui, card: &Card, is_slim: bool, view: &mut View<'_>) {
    let p = palette(ui);
    let name = explain::name(view.words, card);
    let named = |key: &str| view.words.tell(key, &[("name", name.as_str().into())]);
    let (cancel, more, progress) = (named("cancel-named"), named("more-named"), named("progress-named"));
    let standstill = card.standstill(view.now);
    let (badge, ink, bar_ink) = look(p, card, standstill);
    let is_under_way = card.is_under_way();
    let room = if standstill.is_some() { ROOM_FOR_GRAPH_AT_REST } else { ROOM_FOR_GRAPH };
    let samples = card.meter.last_minute();
    let has_graph =
        is_under_way && !is_slim && samples.len() >= WORTH_A_GRAPH && ui.available_width() >= room;
    let (mut stops, mut pauses, mut sends_more, mut unfolds) = (false, None, false, false);
    let right = |ui: &mut Ui| {
        if has_graph {
            ui.add_space(space::XS);
            graph(ui, &samples, vec2(120.0, 34.0), &view.say("graph"));
        }
        if is_under_way {
            part(ui, "speed", |ui| speed_ui(ui, card, view));
        }
        if card.takes_more() {
            part(ui, "more", |ui| sends_more = icon_button(ui, Icon::Plus, &more).clicked());
        }
        part(ui, "pause", |ui| pauses = pause_ui(ui, card, &name, view));
        if is_slim {
            unfolds = fold_ui(ui, card, &name, view);
        }
        // The controls before it come and go.
        part(ui, "cancel", |ui| stops = icon_button(ui, Icon::X, &cancel).clicked());
    };
    head_ui(ui, card, (badge, ink), right, |ui| {
        title_ui(ui, &code_or_name(card, name.clone()), card, view);
        bar(ui, if is_under_way { card.fraction() } else { Some(0.0) }, bar_ink, &progress);
        small(ui, &explain::progress(view.words, card, view.now));
    });
    if stops && is_under_way && !card.is_cancelling {
        view.act(Action::AskStop(card.id, !card.folds.stop));
    } else if stops {
        view.act(Action::Cancel(card.id));
    }
    if let Some(is_paused) = pauses {
        view.act(Action::Pause(card.id, is_paused));
    }
    if sends_more {
        view.act(Action::PickFilesFor(card.id));
    }
    if unfolds {
        view.act(Action::FoldDetails(card.id));
    }
    if card.folds.stop && is_under_way {
        part(ui, "stop", |ui| stop_ui(ui, card, view));
    }
}

/// Draws the question whether a transfer is to be stopped. One click must not end hours of work at both ends.
fn stop_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let key = if card.direction == Direction::Sent { "stop-sending" } else { "stop-receiving" };
    let (question, stop, keep) = (view.say(key), view.say("stop"), view.say("stop-keep"));
    let (mut stops, mut keeps) = (false, false);
    tinted(ui, palette(ui).warn_soft, |ui| {
        ui.set_width(ui.available_width());
        let right = |ui: &mut Ui| {
            stops = Button::new(Emphasis::Secondary, &stop).icon(Icon::X).ui(ui).clicked();
            keeps = Button::new(Emphasis::Quiet, &keep).ui(ui).clicked();
        };
        row(ui, theme::CONTROL_HEIGHT, right, |ui| {
            ui.add(Label::new(RichText::new(&question).color(palette(ui).text)).wrap());
        });
    });
    if stops {
        view.act(Action::Cancel(card.id));
    }
    if keeps {
        view.act(Action::AskStop(card.id, false));
    }
}

/// Draws what moves just now and where to, and on demand which way the bytes take.
fn files_ui(ui: &mut Ui, card: &Card, has_way: bool, view: &mut View<'_>) {
    let Some(files) = explain::moving_files(view.words, card) else {
        if has_way {
            small(ui, &explain::path(view.words, card));
        }
        return;
    };
    let text = view.say(if card.folds.details { "hide-details" } else { "show-details" });
    let mut folds = false;
    row(
        ui,
        24.0,
        |ui| folds = fold(ui, card.folds.details, &text).clicked(),
        |ui| {
            small(ui, &files);
        },
    );
    if folds {
        view.act(Action::FoldDetails(card.id));
    }
    if !card.folds.details {
        return;
    }
    if has_way {
        small(ui, &explain::path(view.words, card));
    }
    if card.croc.is_some() {
        small(ui, &view.say("croc-weaker"));
    }
    if let Some(code) = card.typed_words() {
        small(ui, &view.words.tell("with-code", &[("code", code.into())]));
    }
    part(ui, "list", |ui| file_list_ui(ui, card, view));
}

/// Draws the speed. Its place stays while the transfer rests, so that nothing beside it moves.
fn speed_ui(ui: &mut Ui, card: &Card, view: &View<'_>) {
    let place = vec2(SPEED_WIDTH, 20.0);
    ui.allocate_ui_with_layout(place, Layout::right_to_left(Align::Center), |ui| {
        ui.set_min_size(place);
        if card.is_moving() && card.standstill(view.now).is_none() {
            let speed = view.words.bytes(card.meter.speed(view.now) as u64);
            let speed = view.words.tell("per-second", &[("size", speed.into())]);
            let font = theme::font(Weight::Medium, size::BODY);
            ui.add(Label::new(RichText::new(speed).font(font).color(palette(ui).text)).extend());
        }
    });
}
