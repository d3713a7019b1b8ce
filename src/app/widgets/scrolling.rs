//! Lists and long texts that the keyboard moves as in any document, once it has come to them as a whole.

use eframe::egui::{EventFilter, InputState, Key, Response, Ui, style::ScrollAnimation, vec2};

/// Keeps the arrow keys for a list that has the keyboard; otherwise they would take it elsewhere.
pub(in crate::app) fn keep_arrows(ui: &Ui, list: &Response) {
    if list.has_focus() {
        let filter = EventFilter { vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(list.id, filter));
    }
}

/// Moves the scroll area in which this is called as the keys ask for that were pressed, if the list has the keyboard: by a step, by
/// a page, or past all of it. All three are in points.
pub(in crate::app) fn scroll_by_keys(ui: &Ui, list: &Response, step: f32, page: f32, all: f32) {
    if list.has_focus() {
        let down = ui.input(|input| asked_for(input, step, page, all));
        ui.scroll_with_delta_animation(vec2(0.0, -down), ScrollAnimation::none());
    }
}

/// How far down the keys that were pressed move the text, in points.
fn asked_for(input: &InputState, step: f32, page: f32, all: f32) -> f32 {
    let presses = |key| input.num_presses(key) as f32;
    let space = if input.modifiers.shift { -page } else { page };
    step * (presses(Key::ArrowDown) - presses(Key::ArrowUp))
        + page * (presses(Key::PageDown) - presses(Key::PageUp))
        + all * (presses(Key::End) - presses(Key::Home))
        + space * presses(Key::Space)
}
