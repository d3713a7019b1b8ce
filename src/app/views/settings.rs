//! The settings dialog. Every change takes effect at once and is saved; there is nothing to confirm.

mod advanced;
mod croc;
mod fields;
mod general;
mod host;
mod internet;
mod name;
mod relays;

use eframe::egui::{Align, Context, Id, Layout, Modal, Role, ScrollArea, Ui, WidgetInfo, vec2};

use super::{View, take_keyboard_of_dialog};
use crate::app::{
    model::{action::Action, settings_form::Page, state::State},
    theme::{self, space},
    widgets::{self, Button, Emphasis, Icon, form, heading, icon_button, row},
};
use advanced::advanced_ui;
use croc::croc_ui;
pub(super) use general::folder_ui;
use general::general_ui;
use host::host_ui;
use internet::internet_ui;
pub(super) use name::name_ui;
use relays::relays_ui;

/// Width of the list of pages, in points.
const NAV: f32 = 190.0;
/// The pages, the keys of their names, and their icons.
const PAGES: [(Page, &str, Icon); 6] = [
    (Page::General, "set-general", Icon::AppWindow),
    (Page::Internet, "set-internet", Icon::Globe),
    (Page::Relays, "set-relays", Icon::Server),
    (Page::Croc, "set-croc", Icon::Terminal),
    (Page::Host, "set-host", Icon::Radio),
    (Page::Advanced, "set-advanced", Icon::SlidersHorizontal),
];

/// Draws the dialog.
pub(in crate::app) fn settings_ui(ctx: &Context, state: &mut State, view: &mut View<'_>) {
    let room = ctx.content_rect().size();
    let size = vec2((room.x - 64.0).min(760.0), (room.y - 96.0).min(560.0));
    let id = Id::unique("settings");
    let modal = Modal::new(id).area(Modal::default_area(id).fade_in(!state.replaces_licences));
    let shown = modal.frame(widgets::dialog_frame(&ctx.global_style())).show(ctx, |ui| {
        ui.set_min_size(size);
        ui.set_max_size(size);
        let (name, close) = (view.say("settings"), view.say("close"));
        widgets::name_dialog(ui, &name);
        let mut closes = false;
        let right = |ui: &mut Ui| closes = icon_button(ui, Icon::X, &close).clicked();
        row(ui, theme::CONTROL_HEIGHT, right, |ui| heading(ui, &name));
        ui.add_space(space::XS);
        let is_wide = size.x >= 560.0;
        if is_wide {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = space::CARD;
                ui.allocate_ui_with_layout(
                    vec2(NAV, ui.available_height()),
                    Layout::top_down(Align::Min),
                    |ui| {
                        ui.set_width(NAV);
                        pages_ui(ui, state, view, true);
                    },
                );
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.x = space::S;
                    page_ui(ui, state, view);
                });
            });
        } else {
            ui.horizontal_wrapped(|ui| pages_ui(ui, state, view, false));
            page_ui(ui, state, view);
        }
        closes
    });
    if shown.inner || shown.should_close() {
        view.act(Action::Show(None));
    }
}

fn pages_ui(ui: &mut Ui, state: &mut State, view: &View<'_>, is_wide: bool) {
    for (page, key, sign) in PAGES {
        let text = view.say(key);
        let is_on = state.form.page == page;
        let button = Button::new(if is_on { Emphasis::Secondary } else { Emphasis::Quiet }, &text).icon(sign);
        let response = if is_wide { button.wide().left().ui(ui) } else { button.ui(ui) };
        response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, is_on, &text));
        if is_on {
            form::chosen_edge(ui, response.rect);
            take_keyboard_of_dialog(state, &response);
        }
        if response.clicked() {
            state.form.page = page;
        }
    }
}

fn page_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        // The scroll bar floats over the right edge.
        ui.set_max_width(ui.available_width() - space::M);
        ui.spacing_mut().item_spacing.y = space::M;
        match state.form.page {
            Page::General => general_ui(ui, state, view),
            Page::Internet => internet_ui(ui, state, view),
            Page::Relays => relays_ui(ui, state, view),
            Page::Croc => croc_ui(ui, state, view),
            Page::Host => host_ui(ui, state, view),
            Page::Advanced => advanced_ui(ui, state, view),
        }
    });
}
