//! What a send card shows of croc: the code for it, how to pass it on, and what croc doesn't take as it is.

use eframe::egui::{Align, Label, Layout, Rect, RichText, Role, Ui, UiBuilder, WidgetInfo, vec2};

use super::View;
use crate::{
    app::{
        explain,
        model::{
            action::{Action, Copied},
            card::Card,
            tone::Tone,
        },
        theme::{self, palette, space},
        widgets::{Icon, fitting, form, hairline, icon_button, muted, note, small, small_paragraph},
    },
    engine::{CrocFate, CrocName},
    transfer::show::Shown,
};

/// The size of the code, in points: smaller than Caiman's own, which stands above it.
const CODE: f32 = 22.0;
/// How many names that croc doesn't take are shown.
const FEW_NAMES: usize = 4;

/// Draws the code for croc below Caiman's own.
pub(super) fn croc_code_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let for_croc = &card.for_croc;
    if !card.is_for_croc || for_croc.is_too_long {
        return;
    }
    let p = palette(ui);
    ui.add_space(space::S);
    hairline(ui);
    ui.add_space(space::XS);
    let Some(code) = &for_croc.code else {
        muted(ui, &view.say("croc-code-coming"));
        return;
    };
    let is_over = for_croc.tries_left == Some(0);
    let code = code.as_str().to_owned();
    let points =
        fitting(ui, &code, theme::mono, CODE, ui.available_width() - theme::CONTROL_HEIGHT - space::S);
    let font = theme::mono(points);
    let ink = if is_over { p.muted } else { p.text };
    let width = ui.fonts_mut(|fonts| fonts.layout_no_wrap(code.clone(), font.clone(), ink)).size().x;
    let (copy, copied) = (view.say("copy-croc-code"), view.say("copied"));
    let is_copied = card.has_copied(Copied::CrocCode, view.now);
    let mut wants_copy = false;
    // Code and button together stand in the middle.
    let room = vec2(width + ui.spacing().item_spacing.x + theme::CONTROL_HEIGHT, theme::CONTROL_HEIGHT);
    let (_, place) = ui.allocate_space(vec2(ui.available_width(), room.y));
    let row = Rect::from_center_size(place.center(), room);
    let layout = Layout::left_to_right(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(row).layout(layout), |ui| {
        let mut text = RichText::new(&code).font(font).color(ink);
        if is_over {
            text = text.strikethrough();
        }
        let label = ui.add(Label::new(text).selectable(true).extend());
        label.widget_info(|| WidgetInfo::labeled(Role::Label, true, &code));
        let (sign, name) = if is_copied { (Icon::Check, &copied) } else { (Icon::Copy, &copy) };
        wants_copy = !is_over && icon_button(ui, sign, name).clicked();
    });
    if wants_copy {
        view.act(Action::Copy(card.id, Copied::CrocCode));
    }
    let key = if for_croc.relay.is_some() { "croc-how-own" } else { "croc-how" };
    let command = Shown(&for_croc.command()).to_string();
    let how = view.words.tell(key, &[("command", command.into())]);
    small_paragraph(ui, &how);
    small_paragraph(ui, &view.say("croc-weaker"));
}

/// Draws what is wrong with the code for croc, and what croc doesn't take.
pub(super) fn croc_notes_ui(ui: &mut Ui, card: &Card, view: &View<'_>) {
    let for_croc = &card.for_croc;
    if !card.is_for_croc {
        return;
    }
    if for_croc.is_too_long {
        note(ui, Tone::Warning, &view.say("croc-too-long"));
    }
    if for_croc.is_version_off && for_croc.works() {
        note(ui, Tone::Warning, &view.say("croc-version-off"));
    }
    match for_croc.tries_left {
        Some(0) => note(ui, Tone::Warning, &view.say("croc-retired")),
        Some(left) => note(ui, Tone::Warning, &view.words.tell("croc-wrong-try", &[("left", left.into())])),
        None => {}
    }
    if let Some((relay, why)) = &for_croc.away
        && for_croc.works()
    {
        let why = explain::error(view.words, why, explain::standpoint(card)).happened;
        let args = [("relay", relay.to_string().into()), ("why", why.into())];
        note(ui, Tone::Warning, &view.words.tell("croc-away", &args));
    }
    if for_croc.names.is_empty() {
        return;
    }
    let say = |CrocName { path, fate }: &CrocName| {
        let path = Shown(path).to_string();
        match fate {
            CrocFate::Renamed(name) => {
                let args = [("path", path.into()), ("name", Shown(name).to_string().into())];
                view.words.tell("croc-renamed", &args)
            }
            CrocFate::LinkLeftOut => view.words.tell("croc-link", &[("path", path.into())]),
        }
    };
    let mut lines = vec![view.say("croc-names")];
    lines.extend(for_croc.names.iter().take(FEW_NAMES).map(say));
    let more = for_croc.name_count.saturating_sub(FEW_NAMES);
    if more > 0 {
        lines.push(view.words.tell("croc-more-names", &[("count", more.into())]));
    }
    note(ui, Tone::Plain, &lines.join("\n"));
}

/// Draws whether the send has a code for croc.
pub(super) fn croc_option_ui(ui: &mut Ui, card: &Card, has_branches: bool, view: &mut View<'_>) {
    if has_branches {
        return;
    }
    let mut is_on = card.is_for_croc;
    if card.receivers > 1 {
        small(ui, &view.say("croc-for-one"));
    } else if form::switch(ui, &mut is_on, &view.say("also-for-croc")) {
        view.act(Action::ForCroc(card.id, is_on));
    }
}
