//! The dialog of the licences: the notices of the crates, the fonts and the data in the program. They are a long text, of which only
//! the rows in sight are drawn. It has the keyboard, which moves it as in any document.

use eframe::egui::{
    Context, CornerRadius, Frame, Id, Label, Margin, Modal, RichText, Role, ScrollArea, Sense, Ui,
    WidgetInfo, vec2,
};

use super::View;
use crate::app::{
    about::Notices,
    model::action::{Action, Dialog},
    theme::{self, CONTROL_RADIUS, palette, size, space},
    widgets::{
        Icon, dialog_frame, focus_ring, heading, icon_button, keep_arrows, name_dialog, row, scroll_by_keys,
    },
};

/// How many rows an arrow key moves the text by.
const STEP: f32 = 3.0;

/// Draws the dialog. It leads back to Settings, from where it was opened.
pub(in crate::app) fn licences_ui(ctx: &Context, notices: &mut Notices, view: &mut View<'_>) {
    let room = ctx.content_rect().size();
    let size = vec2((room.x - 64.0).min(760.0), (room.y - 96.0).min(560.0));
    // It takes the place of Settings at once; if it faded in, the page would light up in between.
    let id = Id::unique("licences");
    let modal = Modal::new(id).area(Modal::default_area(id).fade_in(false));
    let shown = modal.frame(dialog_frame(&ctx.global_style())).show(ctx, |ui| {
        ui.set_min_size(size);
        ui.set_max_size(size);
        let (name, close) = (view.say("licences"), view.say("close"));
        name_dialog(ui, &name);
        let mut closes = false;
        let right = |ui: &mut Ui| closes = icon_button(ui, Icon::X, &close).clicked();
        row(ui, theme::CONTROL_HEIGHT, right, |ui| heading(ui, &name));
        ui.add_space(space::XS);
        notices_ui(ui, &name, notices);
        closes
    });
    if shown.inner || shown.should_close() {
        view.act(Action::Show(Some(Dialog::Settings)));
    }
}

/// Draws the text in the room that is left.
fn notices_ui(ui: &mut Ui, name: &str, notices: &mut Notices) {
    let text = ui.interact(
        ui.available_rect_before_wrap(),
        ui.scope_id().with("text"),
        Sense::focusable_noninteractive(),
    );
    text.widget_info(|| WidgetInfo::labeled(Role::Document, true, name));
    if ui.memory(|memory| memory.focused().is_none()) {
        text.request_focus();
    }
    keep_arrows(ui, &text);
    let sheet =
        Frame::new().fill(palette(ui).sunken).corner_radius(CornerRadius::same(CONTROL_RADIUS)).inner_margin(
            Margin { left: space::M as i8, right: 0, top: space::XS as i8, bottom: space::XS as i8 },
        );
    sheet.show(ui, |ui| {
        let font = theme::mono(size::SMALL);
        let (width, height) = ui.fonts_mut(|fonts| (fonts.glyph_width(&font, 'n'), fonts.row_height(&font)));
        // The scroll bar floats over the right edge.
        let count = notices.wrap(((ui.available_width() - space::M) / width) as usize);
        ui.spacing_mut().item_spacing.y = 0.0;
        let page = ui.available_height() - 2.0 * height;
        let all = count as f32 * height;
        ScrollArea::vertical().auto_shrink(false).show_rows(ui, height, count, |ui, range| {
            for line in notices.rows(range) {
                ui.add(Label::new(RichText::new(line).font(font.clone())).extend());
            }
            scroll_by_keys(ui, &text, STEP * height, page, all);
        });
    });
    focus_ring(ui, &text, text.rect, CONTROL_RADIUS);
}
