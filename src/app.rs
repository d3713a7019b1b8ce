//! The window: what a person sees, on top of the engine's commands and events.
//!
//! [`Window`] owns the state, the engine and the desk. Each frame it first takes what has happened (`logic`, which runs even
//! while nothing is painted), then draws (`views`, which read the state and return `Action`s), then carries out the
//! actions. Nothing on this thread waits: transfers run in the engine, everything slow of the window's own on the desk.

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
};
pub use desktop::arrival::ArrivalError;
pub use desktop::instance::InstanceError;
pub use desktop::launch::StartError;
use desktop::{
    arrival::Arrival,
    desk::Stores,
    instance::{self, Claim},
    launch,
};
pub use error::RunError;
use window::Window;
use words::Words;

/// Opens the window, with the files or the code that stand in `args`, and runs it until it is closed. Where a window of
/// this person's runs already, that one gets them.
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
    launch::launch(&options, |context| {
        let (loaded, stores, listener) = brought.take().expect("a window is created once");
        let mut window = Window::open(&context.egui_ctx, loaded, stores)?;
        window.listen(context, listener);
        window.arrived(&context.egui_ctx, arrival.clone());
        Ok(Box::new(window))
    })
    .map_err(|error| tell(error.into()))
}

/// Shows why there is no window to whoever started the program from a menu.
fn tell(error: RunError) -> RunError {
    let settings = Settings::look(&Store::of_settings()).settings;
    let words = Words::of(settings.language.as_deref());
    launch::notify(&words.say("start-no-window"), &explain::start(&words, &error));
    error
}

/// The window's icon, where the window itself brings it.
const ICON: &[u8] = include_bytes!("../assets/icon/caiman-256.png");
