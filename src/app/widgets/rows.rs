//! Rows with something at their right end.

use eframe::egui::{Align, Id, Layout, Rect, Ui, UiBuilder, Vec2, vec2};

/// Draws a row with controls at its right end, which always have room. The keyboard and screen readers come to them
/// last and from left to right, in reading order. So they are drawn last, where they ended in the last frame; if they
/// turn out to be wider or narrower, the page is laid out once more.
pub(in crate::app) fn row<L>(
    ui: &mut Ui,
    height: f32,
    right: impl FnOnce(&mut Ui),
    left: impl FnOnce(&mut Ui) -> L,
) -> L {
    let own = ui.next_auto_id().with("right end");
    // The rows of one list are alike, so one that is scrolled into sight rarely needs a second layout.
    let alike = Id::unique(("right end of a row", height.to_bits()));
    let before = ui.data(|data| data.get_temp(own).or_else(|| data.get_temp(alike))).unwrap_or(Vec2::ZERO);
    let gap = if before.x > 0.0 { ui.spacing().item_spacing.x } else { 0.0 };
    // Both ends are centred on one line, even if the controls are higher than the row was to be.
    let height = height.max(before.y);
    let size = vec2(ui.available_width(), height);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_height(height);
        let whole = Rect::from_min_size(ui.min_rect().min, size);
        let room = vec2((size.x - before.x - gap).max(0.0), height);
        let done = ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_size(room);
            left(ui)
        });
        // It may be wider this time, so its room is open to the right.
        let end = whole.translate(vec2(size.x - before.x, 0.0));
        let shown = ui.scope_builder(UiBuilder::new().max_rect(end), right);
        let now = shown.response.rect.size();
        ui.data_mut(|data| {
            data.insert_temp(own, now);
            data.insert_temp(alike, now);
        });
        if (now - before).abs().max_elem() > 0.5 {
            ui.ctx().request_discard("the right end of a row has another size");
        }
        done.inner
    })
    .inner
}

/// Draws a row with words at its right end, which always have room. They are not reached by the keyboard.
pub(in crate::app) fn row_of_words<L>(
    ui: &mut Ui,
    height: f32,
    right: impl FnOnce(&mut Ui),
    left: impl FnOnce(&mut Ui) -> L,
) -> L {
    let size = vec2(ui.available_width(), height);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        ui.set_min_height(height);
        right(ui);
        let room = vec2(ui.available_width(), height);
        ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_size(room);
            left(ui)
        })
        .inner
    })
    .inner
}
