//! The window: what the user sees, on top of the engine's commands and events.
//!
//! In each frame the window first takes in what has happened, which it does even while nothing is painted. Then it
//! draws, and then it carries out what the user did. Nothing on its thread waits: transfers run in the engine, and all
//! slow work of the window's own runs on the desk.
//!
//! The modules, each of which imports only from those below it:
//!
//! - `opening`, `frame`, `input`: the window's start, one frame, and what the user does to the window as a whole
//! - `perform`: carries out what the user did and what events ask for
//! - `window`: everything that is kept between two frames
//! - `views`: the page, its cards and its dialogs, drawn from the state
//! - `widgets`: the buttons, boxes, rows and fields that views are made of
//! - `explain`: puts errors, progress and everything else into words
//! - `error`: why the window was not opened
//! - `desktop`: the operating system and other programs: window systems, later starts of Caiman, dialogs,
//!   the clipboard, the desk
//! - `model`: what the window knows; pure
//! - `theme`: every colour, size and font
//! - `words`: the window's texts, by language
//! - `frame_times`: how long frames take, for the log
//! - `about`: the program's version, its releases, and the notices of what others made of it

mod about;
mod desktop;
mod error;
mod explain;
mod frame;
mod frame_times;
mod input;
mod model;
mod opening;
mod perform;
#[cfg(test)]
mod tests;
mod theme;
mod views;
mod widgets;
mod window;
mod words;

use std::{env, ffi::OsString, path::PathBuf};

use crate::{
    settings::{Settings, WindowSystem},
    store::Store,
    sync::lock,
};
pub use desktop::arrival::ArrivalError;
pub(crate) use desktop::fuzzing;
pub use desktop::instance::InstanceError;
pub use desktop::launch::StartError;
use desktop::{
    arrival::Arrival,
    clipboard,
    desk::Stores,
    instance::{self, Claim},
    launch,
};
pub use error::RunError;
use window::Window;
use words::Words;

/// Opens the window with the files or the code in `args` and runs it until it is closed. Where a window of this user
/// already runs, it hands `args` to that window instead.
pub fn run(args: Vec<OsString>) -> Result<(), RunError> {
    let folder = env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let arrival = Arrival::from_args(&folder, args).map_err(|error| tell(error.into()))?;
    let listener = match instance::claim(&arrival) {
        Ok(Claim::First(listener)) => Some(listener),
        Ok(Claim::HandedOver) => return Ok(()),
        Err(error @ InstanceError::NoLocation(_)) => {
            tracing::warn!("{error}");
            None
        }
        Err(error) => return Err(tell(error.into())),
    };
    let stores = Stores::of_user();
    let loaded = Settings::load(&stores.settings);
    let size = loaded.settings.window.map(|size| (size.width as f32, size.height as f32));
    let options = launch::WindowOptions {
        title: views::header::NAME.to_owned(),
        size,
        force_x11: loaded.settings.window_system == WindowSystem::X11,
        icon: eframe::icon_data::from_png_bytes(ICON).ok(),
    };
    let mut brought = Some((loaded, stores, listener));
    let arrival = &arrival;
    let mut copied = None;
    let launched = launch::launch(&options, |context| {
        let (loaded, stores, listener) = brought.take().expect("a window is created once");
        let mut window = Window::open(&context.egui_ctx, loaded, stores)?;
        window.listen(context, listener);
        copied = Some(window.last_copied.clone());
        window.arrived(&context.egui_ctx, arrival.clone());
        Ok(Box::new(window))
    });
    // By now the window is gone, and another start of the program opens a new one.
    if let Some(text) = copied.and_then(|copied| lock(&copied).take()) {
        clipboard::keep(text);
    }
    launched.map_err(|error| tell(error.into()))
}

/// Notifies users who started the program from a menu, and so see no terminal, why there is no window.
fn tell(error: RunError) -> RunError {
    let settings = Settings::look(&Store::of_settings()).settings;
    let words = Words::of(settings.language.as_deref());
    launch::notify(&words.say("start-no-window"), &explain::start(&words, &error));
    error
}

/// The window's icon, for systems on which the program itself provides it.
const ICON: &[u8] = include_bytes!("../assets/icon/caiman-256.png");
