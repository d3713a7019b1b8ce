//! The top of the page: the program's name, the relay in use or how far codes lead, the buttons of history and settings.

use eframe::egui::{
    Color32, CornerRadius, Image, Label, Margin, RichText, Role, Sense, Stroke, StrokeKind, TextWrapMode, Ui,
    WidgetInfo, WidgetText, load::SizedTexture, pos2, vec2,
};

use super::View;
use crate::{
    app::{
        explain,
        model::{
            action::{Action, Dialog},
            settings_form::Page,
            state::{CodesLead, RelayStatus, State, WhyNearby},
        },
        theme::{self, Weight, palette, size, space},
        widgets::{Icon, focus_ring, icon_button, row, tip},
    },
    engine::RelayClientError,
};

/// The program's name, as it is shown.
pub(in crate::app) const NAME: &str = "Caiman";

/// Draws the header.
pub(super) fn header_ui(ui: &mut Ui, state: &State, view: &mut View<'_>) {
    let (history, settings, icon) = (view.say("history"), view.say("settings"), view.icon);
    let right = |ui: &mut Ui| {
        relay_pill(ui, state, view);
        if icon_button(ui, Icon::History, &history).clicked() {
            view.act(Action::Show(Some(Dialog::History)));
        }
        if icon_button(ui, Icon::Settings, &settings).clicked() {
            view.act(Action::Show(Some(Dialog::Settings)));
        }
    };
    row(ui, 40.0, right, |ui| {
        let p = palette(ui);
        let texture = SizedTexture::new(icon, vec2(34.0, 34.0));
        ui.add(Image::from_texture(texture).alt_text(NAME));
        ui.add_space(space::XS);
        let font = theme::font(Weight::SemiBold, size::HEADING);
        ui.add(Label::new(RichText::new(NAME).font(font).color(p.text)));
    });
}

/// Draws which relay is in use, and its status, or how far codes lead without one. A click checks the relay again, or leads to
/// what would help.
fn relay_pill(ui: &mut Ui, state: &State, view: &mut View<'_>) {
    let p = palette(ui);
    let (dot, text, hint) = match state.settings.relays.first() {
        None => {
            let dot = match state.codes_lead() {
                CodesLead::Anywhere { is_certain: true } => p.ok,
                CodesLead::Nearby(WhyNearby::NoRelay) => p.warn,
                CodesLead::Anywhere { is_certain: false } | CodesLead::Nearby(_) => p.muted,
            };
            let (text, hint) = explain::codes_lead(view.words, state.codes_lead(), state.settings.path_mode);
            (dot, text, hint)
        }
        Some(relay) => {
            let name = relay.name.clone().unwrap_or_else(|| relay.address.host().to_owned());
            match state.checked.get(&relay.address) {
                None if !state.has_engine => (p.muted, name, view.say("engine-ended")),
                None | Some(RelayStatus::Pending) => (p.muted, name, view.say("relay-checking")),
                Some(RelayStatus::Good(check)) => {
                    (p.ok, format!("{name} · {} ms", check.latency.as_millis()), view.say("relay-good-hint"))
                }
                Some(RelayStatus::Bad(error)) => {
                    let is_there = matches!(error, RelayClientError::Refused(_));
                    let text = view.say(if is_there { "relay-unusable" } else { "relay-bad" });
                    (p.bad, format!("{name} · {text}"), explain::relay(view.words, error))
                }
            }
        }
    };
    let font = theme::font(Weight::Regular, size::SMALL);
    let room = (ui.available_width() - 280.0).max(60.0);
    let text_ui = WidgetText::from(RichText::new(&text).font(font.clone()).color(p.text));
    let galley = text_ui.into_galley(ui, Some(TextWrapMode::Truncate), room, font);
    let margin = Margin::symmetric(12, 8);
    let dot_room = 16.0;
    let wanted = vec2(galley.size().x + dot_room, galley.size().y.max(18.0)) + margin.sum();
    let (rect, response) = ui.allocate_exact_size(wanted, Sense::click());
    let name =
        format!("{}: {text}", view.say(if state.settings.relays.is_empty() { "lead" } else { "relay" }));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    let fill = if response.hovered() { p.hover } else { p.card };
    let radius = (rect.height() / 2.0) as u8;
    ui.painter().rect(rect, CornerRadius::same(radius), fill, Stroke::new(1.0, p.line), StrokeKind::Inside);
    let left = rect.left() + f32::from(margin.left);
    ui.painter().circle_filled(pos2(left + 4.0, rect.center().y), 4.0, dot);
    let at = pos2(left + dot_room, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, Color32::PLACEHOLDER);
    focus_ring(ui, &response, rect, radius);
    if tip(response, &hint).clicked() {
        view.act(match state.codes_lead() {
            _ if !state.settings.relays.is_empty() => Action::CheckRelay,
            CodesLead::Nearby(WhyNearby::PathMode) => Action::ShowSettings(Page::Advanced),
            CodesLead::Nearby(WhyNearby::NotBuiltIn) => Action::ShowSettings(Page::Relays),
            _ => Action::ShowSettings(Page::Internet),
        });
    }
}
