//! The clipboard: what other programs have put on it, and what happens to a copied text once the window is gone.

use std::path::PathBuf;

/// What is on the clipboard.
#[derive(Debug, Default)]
pub(super) struct OnClipboard {
    /// The files.
    pub(super) files: Vec<PathBuf>,
    /// The text.
    pub(super) text: Option<String>,
}

#[cfg(not(test))]
pub(super) fn read() -> OnClipboard {
    let Ok(mut clipboard) = arboard::Clipboard::new() else { return OnClipboard::default() };
    OnClipboard {
        files: clipboard.get().file_list().unwrap_or_default(),
        text: clipboard.get().text().ok().filter(|text| !text.is_empty()),
    }
}

/// The picture on the clipboard, such as one of the screen, as PNG.
#[cfg(not(test))]
pub(super) fn picture() -> Option<Vec<u8>> {
    use eframe::{egui::IconData, icon_data::IconDataExt};

    let picture = arboard::Clipboard::new().ok()?.get().image().ok()?;
    let (width, height) = (picture.width.try_into().ok()?, picture.height.try_into().ok()?);
    IconData { rgba: picture.bytes.into_owned(), width, height }.to_png_bytes().ok()
}

/// Tests make up what is on the clipboard. The real one belongs to the person who runs them.
#[cfg(test)]
pub(super) fn read() -> OnClipboard {
    OnClipboard::default()
}

/// See [`read`].
#[cfg(test)]
pub(super) fn picture() -> Option<Vec<u8>> {
    None
}

/// Keeps a text on the clipboard for a while after the window has closed, if it would be lost. On X11 a program hands
/// out what was copied in it; when it ends, it asks the desktop's clipboard manager to take that over, and some
/// desktops have none. Returns once something else was copied.
#[cfg(target_os = "linux")]
pub(in crate::app) fn keep(text: String) {
    use std::time::{Duration, Instant};

    use arboard::SetExtLinux;

    const KEPT: Duration = Duration::from_secs(30);
    if has_owner() == Some(false)
        && let Ok(mut clipboard) = arboard::Clipboard::new()
    {
        // Nobody sees an error any more.
        let _ = clipboard.set().wait_until(Instant::now() + KEPT).text(text);
    }
}

/// Other systems keep by themselves what was copied.
#[cfg(not(target_os = "linux"))]
pub(in crate::app) fn keep(_: String) {}

/// Whether a program hands out what is on the clipboard; `None` without an X server.
#[cfg(target_os = "linux")]
fn has_owner() -> Option<bool> {
    use x11rb::protocol::xproto::ConnectionExt;

    let (connection, _) = x11rb::connect(None).ok()?;
    let clipboard = connection.intern_atom(false, b"CLIPBOARD").ok()?.reply().ok()?.atom;
    let owner = connection.get_selection_owner(clipboard).ok()?.reply().ok()?.owner;
    Some(owner != x11rb::NONE)
}
