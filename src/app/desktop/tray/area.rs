//! The icon in the notification area of Windows or in the menu bar of macOS. It belongs to the main thread, which takes the
//! system's messages for it.

#[cfg(target_os = "macos")]
use std::io;
use std::sync::Arc;

use tray_icon::{
    BadIcon, Icon, MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent,
    menu::{IsMenuItem, Menu, MenuEvent, MenuItem, PredefinedMenuItem},
};

use super::{TrayContent, TrayDeed};

const OPEN: &str = "open";
const QUIT: &str = "quit";

/// Where the lines begin in the menu: after the first entry and a line.
const FIRST_LINE: usize = 2;

/// The longest text that Windows shows beside the pointer, in units of UTF-16.
const MAX_TIP: usize = 127;

/// The icon, until it is dropped.
pub(in crate::app::desktop) struct AreaIcon {
    icon: TrayIcon,
    menu: Menu,
    /// What stands in the menu between its two entries.
    lines: Vec<Box<dyn IsMenuItem>>,
}

impl AreaIcon {
    /// Puts an icon into the tray; `None` where there is none. `did` is called with what the user does with it. It may be called
    /// for every later icon too, so it has to be the same for all.
    pub(in crate::app::desktop) fn show(
        content: TrayContent,
        did: impl Fn(TrayDeed) + Send + Sync + 'static,
    ) -> Option<Self> {
        listen(did);
        let icon = picture().inspect_err(|error| tracing::warn!(%error, "the icon can't be read")).ok()?;
        let menu = Menu::new();
        append(&menu, &item(OPEN, &content.open, true));
        append(&menu, &PredefinedMenuItem::separator());
        append(&menu, &item(QUIT, &content.quit, true));
        let icon = TrayIconBuilder::new()
            .with_icon(icon)
            .with_menu(Box::new(menu.clone()))
            // Programs of Windows open at a click, and have their menu at the other button. Those of macOS have only the menu.
            .with_menu_on_left_click(cfg!(target_os = "macos"))
            .build()
            .inspect_err(|error| tracing::info!(%error, "the desktop has no tray"))
            .ok()?;
        let mut shown = Self { icon, menu, lines: Vec::new() };
        // Where Windows has no taskbar, the icon is made all the same and waits for one; only a change to it is refused.
        shown.update(content).then_some(shown)
    }

    /// Shows something else. Returns whether the icon is still there.
    ///
    /// The menu stays the same one with the same two entries: if it is open, a click on one of them still counts.
    #[allow(clippy::needless_pass_by_value, reason = "the icon of Linux keeps it")]
    pub(in crate::app::desktop) fn update(&mut self, content: TrayContent) -> bool {
        for line in self.lines.drain(..) {
            // All of them are in the menu.
            let _ = self.menu.remove(line.as_ref());
        }
        for line in &content.lines {
            self.lines.push(Box::new(item("", line, false)));
        }
        if !content.lines.is_empty() {
            self.lines.push(Box::new(PredefinedMenuItem::separator()));
        }
        for (line, at) in self.lines.iter().zip(FIRST_LINE..) {
            // None of them is in the menu yet.
            let _ = self.menu.insert(line.as_ref(), at);
        }
        self.icon.set_tooltip(Some(tip(&content))).is_ok()
    }
}

/// Has `did` called from now on. The system's library takes one listener for good.
fn listen(did: impl Fn(TrayDeed) + Send + Sync + 'static) {
    let did = Arc::new(did);
    let clicked = Arc::clone(&did);
    MenuEvent::set_event_handler(Some(move |event: MenuEvent| match event.id.as_ref() {
        OPEN => did(TrayDeed::Open),
        QUIT => did(TrayDeed::Quit),
        _ => {}
    }));
    TrayIconEvent::set_event_handler(Some(move |event| {
        let is_click = matches!(
            event,
            TrayIconEvent::Click { button: MouseButton::Left, button_state: MouseButtonState::Up, .. }
        );
        if is_click && cfg!(windows) {
            clicked(TrayDeed::Open);
        }
    }));
}

fn item(id: &str, text: &str, is_enabled: bool) -> MenuItem {
    // An ampersand alone would underline the letter behind it.
    MenuItem::with_id(id, text.replace('&', "&&"), is_enabled, None)
}

fn append(menu: &Menu, item: &dyn IsMenuItem) {
    // A menu refuses only what it has already.
    let _ = menu.append(item);
}

/// The text beside the pointer: the name, and of what waits the lines for which there is room.
fn tip(content: &TrayContent) -> String {
    let mut tip = content.title.clone();
    for line in &content.lines {
        if tip.encode_utf16().count() + 1 + line.encode_utf16().count() > MAX_TIP {
            break;
        }
        tip.push('\n');
        tip.push_str(line);
    }
    tip
}

/// The program's icon, in the size in which the tray shows it.
#[cfg(windows)]
fn picture() -> Result<Icon, BadIcon> {
    let side = winsafe::GetSystemMetrics(winsafe::co::SM::CXSMICON).unsigned_abs();
    // The only one that the build script gives the program.
    Icon::from_resource(1, Some((side, side)))
}

/// The program's icon, in a size from which the menu bar makes its own.
#[cfg(target_os = "macos")]
fn picture() -> Result<Icon, BadIcon> {
    let png = include_bytes!("../../../../assets/icon/caiman-48.png");
    let icon =
        eframe::icon_data::from_png_bytes(png).map_err(|error| BadIcon::OsError(io::Error::other(error)))?;
    Icon::from_rgba(icon.rgba, icon.width, icon.height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tip_has_whole_lines_that_fit() {
        let content = |lines: &[String]| TrayContent {
            title: "Caiman".to_owned(),
            lines: lines.to_vec(),
            open: String::new(),
            quit: String::new(),
        };
        let long = "𝄞".repeat(40);
        assert_eq!(tip(&content(&["One code waits".to_owned()])), "Caiman\nOne code waits");
        assert_eq!(tip(&content(&[long.clone(), long.clone()])), format!("Caiman\n{long}"));
    }
}
