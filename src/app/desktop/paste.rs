//! Which key presses are a paste. The toolkit reports one, as often as the key repeats, only if the clipboard holds
//! text. Of files it says nothing: all that shows is the release of a V whose press was withheld, and Control may
//! already be up again.

use eframe::egui::{Event, Key};

/// What is known about the keys that paste. It has to see every event, even while something else takes the pastes.
#[derive(Debug, Default)]
pub(in crate::app) struct PasteKeys {
    /// A V is down that is only a letter.
    is_letter: bool,
    /// A paste was reported; the same key press may report it again.
    is_told: bool,
}

impl PasteKeys {
    /// Whether there is a paste among the events of a frame.
    pub(in crate::app) fn take(&mut self, events: &[Event]) -> bool {
        events.iter().filter(|event| self.is_paste(event)).count() > 0
    }

    fn is_paste(&mut self, event: &Event) -> bool {
        match event {
            Event::Paste(_) => !std::mem::replace(&mut self.is_told, true),
            Event::Key { key: Key::V, pressed: true, .. } => {
                self.is_letter = true;
                false
            }
            Event::Key { key: Key::V, pressed: false, .. } => {
                let PasteKeys { is_letter, is_told } = std::mem::take(self);
                !is_letter && !is_told
            }
            Event::Key { key: Key::Insert | Key::Paste, pressed: false, .. } => {
                self.is_told = false;
                false
            }
            // From here on, releases go to another window.
            Event::WindowFocused(false) => {
                *self = Self::default();
                false
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::Modifiers;

    use super::*;

    fn text() -> Event {
        Event::Paste("text".to_owned())
    }

    fn key(key: Key, pressed: bool, modifiers: Modifiers) -> Event {
        Event::Key { key, physical_key: None, pressed, repeat: false, modifiers }
    }

    fn pastes(frames: &[&[Event]]) -> usize {
        let mut keys = PasteKeys::default();
        frames.iter().filter(|events| keys.take(events)).count()
    }

    #[test]
    fn a_clipboard_with_text_is_pasted_once_however_long_the_key_is_down() {
        let released = [key(Key::V, false, Modifiers::COMMAND)];
        assert_eq!(pastes(&[&[text(), released[0].clone()]]), 1);
        assert_eq!(pastes(&[&[text()], &[text()], &[text(), released[0].clone()]]), 1);
        assert_eq!(pastes(&[&[text()], &released, &[text()], &released]), 2);
    }

    #[test]
    fn files_are_pasted_whichever_key_is_let_go_first() {
        for modifiers in [Modifiers::COMMAND, Modifiers::NONE] {
            assert_eq!(pastes(&[&[key(Key::V, false, modifiers)]]), 1);
        }
    }

    #[test]
    fn the_letter_is_no_paste() {
        let typed = [key(Key::V, true, Modifiers::NONE), key(Key::V, false, Modifiers::NONE)];
        assert_eq!(pastes(&[&typed]), 0);
        assert_eq!(pastes(&[&typed[..1], &typed[1..]]), 0);
        // The next one may be a paste.
        assert_eq!(pastes(&[&typed, &typed[1..]]), 1);
    }

    #[test]
    fn other_keys_that_paste_are_told_of_too() {
        let released = [key(Key::Insert, false, Modifiers::SHIFT)];
        assert_eq!(pastes(&[&[text()], &released, &[text()], &released]), 2);
    }

    #[test]
    fn a_key_that_is_let_go_elsewhere_leaves_nothing_behind() {
        let (pressed, released) =
            (key(Key::V, true, Modifiers::NONE), key(Key::V, false, Modifiers::COMMAND));
        assert_eq!(pastes(&[&[pressed, Event::WindowFocused(false)], std::slice::from_ref(&released)]), 1);
        assert_eq!(
            pastes(&[&[text(), Event::WindowFocused(false)], &[text()], std::slice::from_ref(&released)]),
            2
        );
    }
}
