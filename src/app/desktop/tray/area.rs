//! The icon in the notification area of Windows or in the menu bar of macOS. It belongs to the main thread, which takes the
//! system's messages for it.

#[cfg(target_os = "macos")]
use std::io;
use std::sync::Arc;

use tray_icon::{
    BadIcon, Icon, MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent,
    menu::{ContextMenu, IsMenuItem, Menu, MenuEvent, MenuItem, PredefinedMenuItem},
};

use super::{TrayContent, TrayDeed};

const OPEN: &str = "open";
const QUIT: &str = "quit";

/// The longest text that Windows shows beside the pointer, in units of UTF-16.
const MAX_TIP: usize = 127;

/// The icon, until it is dropped.
pub(in crate::app::desktop) struct AreaIcon(TrayIcon);

impl AreaIcon {
    /// Puts an icon into the tray; `None` where there is none. `did` is called with what the user does with it. It may be called
    /// for every later icon too, so it has to be the same for all.
    pub(in crate::app::desktop) fn show(
        content: TrayContent,
        did: impl Fn(TrayDeed) + Send + Sync + 'static,
    ) -> Option<Self> {
        listen(did);
        let icon = picture().inspect_err(|error| tracing::warn!(%error, "the icon can't be read")).ok()?;
        let shown = TrayIconBuilder::new()
            .with_icon(icon)
            .with_menu(menu(&content))
            // Programs of Windows open at a click, and have their menu at the other button. Those of macOS have only the menu.
            .with_menu_on_left_click(cfg!(target_os = "macos"))
            .build();
        // Where Windows has no taskbar, the icon is made all the same and waits for one; only a change to it is refused.
        let shown = shown.and_then(|icon| icon.set_tooltip(Some(tip(&content))).map(|()| icon));
        shown.inspect_err(|error| tracing::info!(%error, "the desktop has no tray")).ok().map(Self)
    }

    /// Shows something else. Returns whether the icon is still there.
    pub(in crate::app::desktop) fn update(&self, content: TrayContent) -> bool {
        self.0.set_menu(Some(menu(&content)));
        self.0.set_tooltip(Some(tip(&content))).is_ok()
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

fn menu(content: &TrayContent) -> Box<dyn ContextMenu> {
    // An ampersand alone would underline the letter behind it.
    let item =
        |id: &str, text: &str, is_enabled| MenuItem::with_id(id, text.replace('&', "&&"), is_enabled, None);
    let menu = Menu::new();
    let lines = content.lines.iter().map(|line| item("", line, false));
    let mut items: Vec<Box<dyn IsMenuItem>> =
        vec![Box::new(item(OPEN, &content.open, true)), Box::new(PredefinedMenuItem::separator())];
    items.extend(lines.map(|line| Box::new(line) as Box<dyn IsMenuItem>));
    if !content.lines.is_empty() {
        items.push(Box::new(PredefinedMenuItem::separator()));
    }
    items.push(Box::new(item(QUIT, &content.quit, true)));
    for item in items {
        // It is refused only by a menu that has it already.
        let _ = menu.append(item.as_ref());
    }
    Box::new(menu)
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
