//! A transfer under way or over. While it is under way: how far it has come, how fast, and which way its bytes take.

use eframe::egui::{Align, Label, Layout, RichText, Ui, vec2};

use super::{
    View,
    card_parts::{head_ui, left_behind_ui, pause_ui, standstill_ui, strangers_ui, title_ui},
    ended::{done_ui, failed_ui},
};
use crate::{
    app::{
        explain,
        model::{
            action::Action,
            card::{Card, CardEnd},
            standing::Standstill,
        },
        theme::{self, Weight, palette, size, space},
        widgets::{Icon, bar, graph, icon_button, part, small},
    },
    engine::Paused,
    history::Direction,
};

/// Width that a card needs for the graph, in points.
const ROOM_FOR_GRAPH: f32 = 560.0;
/// Width that the card of a resting transfer needs for the graph, in points: its line has more to say.
const ROOM_FOR_GRAPH_AT_REST: f32 = 760.0;
/// Width of the speed, in points: enough for `1023.9 MiB/s`.
const SPEED_WIDTH: f32 = 92.0;

/// Draws the card.
pub(super) fn transfer_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    match &card.end {
        None => moving_ui(ui, card, view),
        Some(CardEnd::Done(report)) => done_ui(ui, card, report, view),
        Some(CardEnd::Failed(error)) => failed_ui(ui, card, Some(error), view),
        Some(CardEnd::CutOff) => failed_ui(ui, card, None, view),
    }
}

fn moving_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let p = palette(ui);
    let name = explain::name(view.words, card);
    let cancel = view.words.tell("cancel-named", &[("name", name.as_str().into())]);
    let standstill = card.standstill(view.now);
    let (badge, ink) = match standstill {
        Some(Standstill::Paused(_)) => (Icon::Pause, p.muted),
        Some(Standstill::Lost(..)) => (Icon::Unplug, p.warn),
        _ if card.direction == Direction::Sent => (Icon::ArrowUp, p.accent),
        _ => (Icon::ArrowDown, p.accent),
    };
    let is_under_way = card.is_under_way();
    let room = if standstill.is_some() { ROOM_FOR_GRAPH_AT_REST } else { ROOM_FOR_GRAPH };
    let has_graph = is_under_way && ui.available_width() >= room;
    let more = view.words.tell("more-named", &[("name", name.as_str().into())]);
    let (mut cancels, mut pauses, mut sends_more) = (false, None, false);
    let right = |ui: &mut Ui| {
        if has_graph {
            ui.add_space(space::XS);
            graph(ui, card.meter.last_minute(), vec2(120.0, 34.0), &view.say("graph"));
        }
        if is_under_way {
            part(ui, "speed", |ui| speed_ui(ui, card, view));
        }
        if card.takes_more() {
            part(ui, "more", |ui| sends_more = icon_button(ui, Icon::Plus, &more).clicked());
        }
        part(ui, "pause", |ui| pauses = pause_ui(ui, card, &name, view));
        // The controls before it come and go.
        part(ui, "cancel", |ui| cancels = icon_button(ui, Icon::X, &cancel).clicked());
    };
    head_ui(ui, card, (badge, ink), right, |ui| {
        title_ui(ui, &name, card, view);
        let fraction = if is_under_way { card.fraction() } else { Some(0.0) };
        let ink = if matches!(standstill, Some(Standstill::Stalled(..) | Standstill::NoRoom)) {
            p.warn
        } else {
            ink
        };
        bar(ui, fraction, ink, &view.words.tell("progress-named", &[("name", name.as_str().into())]));
        small(ui, &explain::progress(view.words, card, view.now));
    });
    if cancels {
        view.act(Action::Cancel(card.id));
    }
    if let Some(is_paused) = pauses {
        view.act(Action::Pause(card.id, is_paused));
    }
    if sends_more {
        view.act(Action::PickFilesFor(card.id));
    }
    strangers_ui(ui, card, view);
    standstill_ui(ui, card, view);
    match standstill {
        Some(Standstill::Paused(Paused { there: false, .. })) => {
            small(ui, &view.say("paused-here-means"));
        }
        Some(Standstill::Stalled(..)) | None if is_under_way => {
            small(ui, &explain::path(view.words, card));
        }
        // The bytes take no way at the moment.
        _ => {}
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

/// Draws the speed. Its place stays while the transfer rests, so that nothing beside it moves.
fn speed_ui(ui: &mut Ui, card: &Card, view: &View<'_>) {
    let place = vec2(SPEED_WIDTH, 20.0);
    ui.allocate_ui_with_layout(place, Layout::right_to_left(Align::Center), |ui| {
        ui.set_min_size(place);
        if card.is_moving() {
            let speed = view.words.bytes(card.meter.speed(view.now) as u64);
            let speed = view.words.tell("per-second", &[("size", speed.into())]);
            let font = theme::font(Weight::Medium, size::BODY);
            ui.add(Label::new(RichText::new(speed).font(font).color(palette(ui).text)).extend());
        }
    });
}
