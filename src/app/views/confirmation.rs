//! A question over the page with two answers: one loses nothing, the other acts.

use eframe::egui::{Context, Id, Modal, Ui};

use super::View;
use crate::app::{
    model::action::Action,
    theme::space,
    widgets::{Button, Emphasis, Icon, dialog_frame, heading, name_dialog},
};

/// A question and its answers.
pub(super) struct Confirmation<'a> {
    /// The dialog's name for the toolkit.
    pub(super) id: &'a str,
    /// Width of the dialog, in points.
    pub(super) width: f32,
    /// The question itself.
    pub(super) text: &'a str,
    /// The answer that loses nothing: its text, and what it does. It has the keyboard.
    pub(super) keep: (&'a str, Action),
    /// The answer that acts: its text, its icon if it has one, and what it does.
    pub(super) act: (&'a str, Option<Icon>, Action),
}

impl Confirmation<'_> {
    /// Draws the question. `explain` draws what the answers mean.
    pub(super) fn ui(self, ctx: &Context, view: &mut View<'_>, explain: impl FnOnce(&mut Ui)) {
        let Self { id, width, text, keep: (keep, keeps), act: (act, icon, action) } = self;
        let shown = Modal::new(Id::unique(id)).frame(dialog_frame(&ctx.global_style())).show(ctx, |ui| {
            ui.set_width(width);
            name_dialog(ui, text);
            heading(ui, text);
            explain(ui);
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                let keep = Button::new(Emphasis::Primary, keep).ui(ui);
                if ui.memory(|memory| memory.focused().is_none()) {
                    keep.request_focus();
                }
                if keep.clicked() {
                    view.act(keeps);
                }
                let mut button = Button::new(Emphasis::Secondary, act);
                if let Some(icon) = icon {
                    button = button.icon(icon);
                }
                if button.ui(ui).clicked() {
                    view.act(action);
                }
            });
        });
        if shown.should_close() {
            view.act(Action::Show(None));
        }
    }
}
