//! Takes what the user does to the window as a whole: drops, pastes, shortcuts, resizing and the close button.

use std::{path::PathBuf, time::Instant};

use eframe::egui::{Context, Key, KeyboardShortcut, Modifiers, Pos2};

#[cfg(target_os = "linux")]
use super::desktop::drops;
use super::{
    desktop::desk::{ClipboardUse, Job},
    model::action::{Action, Dialog},
    views::DropTarget,
    window::Window,
};
use crate::settings::WindowSize;

impl Window {
    /// Takes the keyboard from the page when a dialog opens, and gives it back to where it was once that is closed.
    pub(super) fn pass_keyboard(&mut self, ctx: &Context) {
        let was_open = std::mem::replace(&mut self.had_dialog, self.state.dialog.is_some());
        if self.state.dialog.is_some() {
            if !was_open {
                self.state.dialog_opens = true;
                self.keyboard_before = ctx.memory_mut(|memory| {
                    let before = memory.focused();
                    before.inspect(|id| memory.surrender_focus(*id))
                });
            }
            return;
        }
        if self.keyboard_before.is_none() {
            return;
        }
        // The toolkit keeps the keyboard away from the page for one more frame.
        if ctx.memory(|memory| memory.top_modal_layer().is_some()) {
            ctx.request_repaint();
            return;
        }
        let before = self.keyboard_before.take();
        ctx.memory_mut(|memory| {
            if let Some(before) = before.filter(|_| memory.focused().is_none()) {
                memory.request_focus(before);
            }
        });
    }

    /// Takes drops, pastes, shortcuts and the close button.
    pub(super) fn take_input(&mut self, ctx: &Context) {
        let paste_keys = &mut self.paste_keys;
        let (dropped, hovering, pastes, closes, has_focus) = ctx.input(|input| {
            let dropped: Vec<PathBuf> =
                input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect();
            let hovering: Vec<PathBuf> =
                input.raw.hovered_files.iter().filter_map(|file| file.path.clone()).collect();
            let pastes = paste_keys.take(&input.raw.events);
            (dropped, hovering, pastes, input.viewport().close_requested(), input.focused)
        });
        self.state.hover_count = ctx.input(|input| input.raw.hovered_files.len());
        #[cfg(target_os = "linux")]
        if let Some(count) = self.drops.as_ref().and_then(drops::FileDrops::hovering) {
            self.state.hover_count = count;
        }
        self.state.hovering = hovering;
        if !dropped.is_empty() {
            let pointer = ctx.input(|input| input.pointer.latest_pos());
            let onto = pointer.and_then(|at| self.target_at(at));
            match onto {
                None if !self.rects.is_empty() => self.desk.ask(Job::Dropped(dropped)),
                onto => self.arrive(dropped, onto),
            }
        }
        self.place_late_drop(ctx);
        let types = ctx.text_edit_focused();
        if pastes && !types {
            self.desk.ask(Job::Clipboard(ClipboardUse::Paste));
        }
        if has_focus && !self.had_focus {
            self.desk.ask(Job::Clipboard(ClipboardUse::Look));
            // A command may have changed the list.
            self.desk.ask(Job::LookAtPeople);
        }
        self.had_focus = has_focus;
        if closes {
            self.closes(ctx);
        }
        self.take_shortcuts(ctx);
    }

    /// Delivers a drop that waits for the pointer to show where it landed. When the time is up and the pointer has
    /// not shown itself, the files become a send of their own.
    fn place_late_drop(&mut self, ctx: &Context) {
        let Some((_, until)) = &self.late_drop else { return };
        let pointer = ctx.input(|input| input.pointer.latest_pos());
        let left = until.saturating_duration_since(Instant::now());
        if pointer.is_none() && !left.is_zero() {
            return ctx.request_repaint_after(left);
        }
        if let Some((paths, _)) = self.late_drop.take() {
            self.arrive(paths, pointer.and_then(|at| self.target_at(at)));
        }
    }

    fn take_shortcuts(&mut self, ctx: &Context) {
        if self.state.dialog.is_some() {
            return;
        }
        let shortcuts = [
            // The longer shortcut stands first, because egui also accepts the shorter one while Shift is held.
            (KeyboardShortcut::new(Modifiers::COMMAND | Modifiers::SHIFT, Key::O), Action::PickFolder),
            (KeyboardShortcut::new(Modifiers::COMMAND, Key::O), Action::PickFiles),
            (KeyboardShortcut::new(Modifiers::COMMAND, Key::Comma), Action::Show(Some(Dialog::Settings))),
            (KeyboardShortcut::new(Modifiers::COMMAND, Key::H), Action::Show(Some(Dialog::History))),
            (KeyboardShortcut::new(Modifiers::COMMAND, Key::R), Action::FocusCode),
        ];
        for (shortcut, action) in shortcuts {
            if ctx.input_mut(|input| input.consume_shortcut(&shortcut)) {
                self.actions.push(action);
            }
        }
    }

    /// Remembers the size that the window opens with next time.
    pub(super) fn note_size(&mut self, ctx: &Context) {
        let zoom = ctx.zoom_factor();
        let (is_large, size) = ctx.input(|input| {
            let viewport = input.viewport();
            let is_large = viewport.maximized == Some(true) || viewport.fullscreen == Some(true);
            (is_large, viewport.inner_rect.map(|rect| rect.size() * zoom))
        });
        if let Some(size) = size.filter(|_| !is_large) {
            let (width, height) = (size.x.round() as u32, size.y.round() as u32);
            self.size = Some(WindowSize { width, height });
        }
    }

    pub(super) fn target_at(&self, at: Pos2) -> Option<DropTarget> {
        self.rects.iter().find(|(_, rect)| rect.contains(at)).map(|(target, _)| *target)
    }
}
