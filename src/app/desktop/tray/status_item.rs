//! The icon by the `StatusNotifierItem` protocol, which most Linux desktops know; GNOME needs an extension for it. It belongs to
//! the desk, because other programs may keep every call waiting.

use std::sync::Arc;

use ksni::{
    Category, ToolTip, Tray,
    blocking::{Handle, TrayMethods},
    menu::{MenuItem, StandardItem},
};

use super::{TrayContent, TrayDeed};
use crate::app::desktop::launch::APP_ID;

/// The icon in the tray, until it is dropped.
pub(in crate::app::desktop) struct StatusItem(Handle<TrayItem>);

impl StatusItem {
    /// Puts an icon into the tray; `None` where the desktop has none. `did` is called, on another thread, with what the
    /// user does with it.
    pub(in crate::app::desktop) fn show(
        content: TrayContent,
        did: impl Fn(TrayDeed) + Send + Sync + 'static,
    ) -> Option<Self> {
        let shown = TrayItem { content, did: Arc::new(did) };
        match shown.spawn() {
            Ok(handle) => Some(Self(handle)),
            Err(error) => {
                tracing::info!(%error, "the desktop has no tray");
                None
            }
        }
    }

    /// Shows something else. Returns whether the icon is still there.
    pub(in crate::app::desktop) fn update(&self, content: TrayContent) -> bool {
        self.0.update(|shown| shown.content = content).is_some()
    }
}

impl Drop for StatusItem {
    fn drop(&mut self) {
        self.0.shutdown().wait();
    }
}

struct TrayItem {
    content: TrayContent,
    did: Arc<dyn Fn(TrayDeed) + Send + Sync>,
}

impl Tray for TrayItem {
    fn id(&self) -> String {
        APP_ID.to_owned()
    }

    fn category(&self) -> Category {
        Category::Communications
    }

    fn title(&self) -> String {
        self.content.title.clone()
    }

    fn icon_name(&self) -> String {
        APP_ID.to_owned()
    }

    fn icon_pixmap(&self) -> Vec<ksni::Icon> {
        PICTURES.into_iter().filter_map(picture).collect()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip {
            title: self.content.title.clone(),
            description: self.content.lines.join("\n"),
            ..ToolTip::default()
        }
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        (self.did)(TrayDeed::Open);
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        let deed = |label: &str, deed: TrayDeed| {
            let activate = move |shown: &mut Self| (shown.did)(deed);
            StandardItem { label: label.to_owned(), activate: Box::new(activate), ..StandardItem::default() }
                .into()
        };
        let line = |line: &String| {
            StandardItem { label: line.clone(), enabled: false, ..StandardItem::default() }.into()
        };
        let mut menu = vec![deed(&self.content.open, TrayDeed::Open), MenuItem::Separator];
        menu.extend(self.content.lines.iter().map(line));
        if !self.content.lines.is_empty() {
            menu.push(MenuItem::Separator);
        }
        menu.push(deed(&self.content.quit, TrayDeed::Quit));
        menu
    }
}

/// The icon for trays that don't find it by its name, as they don't for a program that is not installed.
const PICTURES: [&[u8]; 2] = [
    include_bytes!("../../../../assets/icon/caiman-24.png"),
    include_bytes!("../../../../assets/icon/caiman-48.png"),
];

/// A picture as trays want it, with opacity first.
fn picture(png: &[u8]) -> Option<ksni::Icon> {
    let icon = eframe::icon_data::from_png_bytes(png).ok()?;
    let mut data = icon.rgba;
    for pixel in data.chunks_exact_mut(4) {
        pixel.rotate_right(1);
    }
    Some(ksni::Icon { width: icon.width.try_into().ok()?, height: icon.height.try_into().ok()?, data })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn shown() -> (TrayItem, mpsc::Receiver<TrayDeed>) {
        let (sender, deeds) = mpsc::channel();
        let content = TrayContent {
            title: "Caiman".to_owned(),
            lines: vec!["One code waits".to_owned()],
            open: "Open".to_owned(),
            quit: "Quit".to_owned(),
        };
        (TrayItem { content, did: Arc::new(move |deed| sender.send(deed).expect("the test listens")) }, deeds)
    }

    #[test]
    fn the_menu_says_what_waits_and_leads_back_or_out() {
        let (mut shown, deeds) = shown();
        let mut labels = Vec::new();
        for item in shown.menu() {
            if let MenuItem::Standard(item) = item {
                labels.push((item.label.clone(), item.enabled));
                if item.enabled {
                    (item.activate)(&mut shown);
                }
            }
        }
        let expected = [("Open", true), ("One code waits", false), ("Quit", true)];
        assert_eq!(labels, expected.map(|(label, is_enabled)| (label.to_owned(), is_enabled)));
        shown.activate(0, 0);
        assert_eq!(deeds.try_iter().collect::<Vec<_>>(), [TrayDeed::Open, TrayDeed::Quit, TrayDeed::Open]);
    }

    #[test]
    fn the_pictures_are_whole() {
        for (png, side) in PICTURES.into_iter().zip([24, 48]) {
            let picture = picture(png).unwrap();
            assert_eq!(
                (picture.width, picture.height, picture.data.len()),
                (side, side, (side * side * 4) as usize)
            );
        }
    }
}
