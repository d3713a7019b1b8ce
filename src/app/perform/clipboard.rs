//! Puts texts on the clipboard, and takes what is pasted or found there.

use std::{path::PathBuf, time::Instant};

use eframe::egui::Context;

use crate::{
    app::{
        explain,
        model::{
            action::{Action, Copied},
            tone::Tone,
        },
        window::Window,
    },
    code,
    engine::{TaskId, TypedCode, read_code},
    sync::lock,
};

impl Window {
    pub(super) fn copy(&mut self, ctx: &Context, id: TaskId, what: Copied) {
        let Some(card) = self.state.cards.iter_mut().find(|card| card.id == id) else { return };
        let text = match what {
            Copied::Code => card.code.as_ref().map(ToString::to_string),
            Copied::CrocCode => card.for_croc.code.as_ref().map(|code| code.as_str().to_owned()),
            Copied::Invitation => explain::invitation(&self.words, card, self.releases.as_deref()),
            Copied::Text => card.text.clone(),
            Copied::Report => Some(explain::report(&self.words, card)),
        };
        if let Some(text) = text {
            // The window doesn't offer what it has put there itself.
            self.last_offered = Some(text.clone());
            // A code ends with the window.
            let outlives = matches!(what, Copied::Text | Copied::Report);
            *lock(&self.last_copied) = outlives.then(|| text.clone());
            ctx.copy_text(text);
            card.copied = Some((what, Instant::now()));
        }
    }

    /// Sends files that were pasted. A text is shown first: nobody sees what is on a clipboard, and it may be a password.
    pub(super) fn paste(&mut self, ctx: &Context, files: Vec<PathBuf>, text: Option<String>) {
        if !files.is_empty() {
            return self.arrive(files, None);
        }
        match text.filter(|text| !text.trim().is_empty()) {
            None => self.state.tell(Tone::Plain, self.words.say("nothing-to-paste")),
            // This includes a code of this window: nobody wants to send that as a text, and a user who tries things
            // out alone pastes it to receive.
            Some(text) if is_listed_code(&text) => {
                self.state.field.set(text.trim().to_owned());
            }
            Some(text) => {
                self.state.draft = text;
                self.perform(ctx, Action::WriteText);
            }
        }
    }

    /// Offers a code that was found on the clipboard, once, unless it is one of this window's own or was taken
    /// already, also before a restart.
    pub(super) fn look_for_code(&mut self, text: Option<String>) {
        let Some(text) = text.map(|text| text.trim().to_owned()) else { return };
        let is_used_up = code::parse_any(&text).is_ok_and(|invite| self.is_used_up(invite.code()));
        let is_known = self.state.is_own_code(&text) || self.state.has_taken_code(&text) || is_used_up;
        let is_new = self.last_offered.as_ref() != Some(&text) && !is_known;
        let is_typed = !self.state.field.text.is_empty();
        if is_new && !is_typed && is_listed_code(&text) {
            self.last_offered = Some(text.clone());
            self.state.offered_code = Some(text);
        }
    }
}

/// The longest text in which a code is looked for, in bytes: longer than an invitation in any language.
const MAX_INVITATION: usize = 1024;

/// Whether a text is a code of listed words, or holds an invite link, or is certainly croc's. Any four words could be a sender's own
/// code, so those are not recognised.
fn is_listed_code(text: &str) -> bool {
    text.len() <= MAX_INVITATION
        && match read_code(text) {
            Ok(TypedCode::Caiman(invite) | TypedCode::Either(invite, _)) => {
                invite.code().is_listed()
                    && (text.contains(code::SCHEME) || text.split_whitespace().count() <= 6)
            }
            Ok(TypedCode::Croc(_)) => true,
            Err(_) => false,
        }
}
