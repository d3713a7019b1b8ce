//! Opens the window: chooses the window system and the renderer, and says why it can't be done.
//!
//! OpenGL is tried first, because it is lighter, then whatever else wgpu finds, if the program has it (see `wgpu` in
//! Cargo.toml). `CAIMAN_RENDERER` (`glow` or `wgpu`) allows only one of them. On Linux `CAIMAN_WINDOW_SYSTEM`
//! (`wayland` or `x11`) replaces the search for a window system: Wayland where it answers, else X11.

#[cfg(target_os = "linux")]
mod display;
mod error;
mod window_system;

use std::{
    cell::Cell,
    env,
    io::{self, IsTerminal},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::mpsc,
    thread,
    time::Duration,
};

use eframe::{CreationContext, NativeOptions, Renderer, egui};

use crate::panics::Muffled;
use error::Cause;
use window_system::System;

pub use error::StartError;
pub(in crate::app) use error::{Advice, Renderers, Silence};

/// The application's id, by which desktops find its name and icon: the name of the desktop entry, of the icon and of the
/// `AppStream` component, and on macOS of the bundle. It needs no domain: `home.arpa` is set aside for names within a home
/// (RFC 8375), so it takes nobody's.
pub(super) const APP_ID: &str = "arpa.home.Caiman";

const DEFAULT_SIZE: (f32, f32) = (1040.0, 720.0);
const SMALLEST_SIZE: (f32, f32) = (640.0, 480.0);
/// What this program can draw with, in the order in which it is tried.
const RENDERERS: &[Renderer] = &[
    Renderer::Glow,
    #[cfg(any(feature = "wgpu", windows, target_os = "macos"))]
    Renderer::Wgpu,
];
const RENDERER_VARIABLE: &str = "CAIMAN_RENDERER";
/// How long a notification may take. A desktop that doesn't answer must not keep the program from ending.
const NOTIFICATION_LIMIT: Duration = Duration::from_secs(2);

/// How the window is to be opened.
#[derive(Debug, Clone, Default)]
pub(in crate::app) struct WindowOptions {
    /// The title that it opens with.
    pub title: String,
    /// Its size when it was closed the last time, in points.
    pub size: Option<(f32, f32)>,
    /// The user's setting: X11 even where Wayland answers.
    pub force_x11: bool,
    /// Its icon, for systems on which the program itself provides it.
    pub icon: Option<egui::IconData>,
}

/// Opens the window and returns once it is closed. `create` is called at most once, as soon as there is a window. To
/// be called on the program's first thread.
pub(in crate::app) fn launch(
    window: &WindowOptions,
    mut create: impl FnMut(&CreationContext<'_>) -> Result<Box<dyn eframe::App>, Cause>,
) -> Result<(), StartError> {
    let (system, mut tried) = System::choose(window.force_x11)?;
    let mut create = |context: &CreationContext<'_>| {
        tried.take();
        create(context)
    };
    let renderers = renderers(env::var(RENDERER_VARIABLE).ok().as_deref());
    for &renderer in renderers {
        match attempt(window, system, renderer, &mut create) {
            Attempt::Ended(result) => return result,
            Attempt::Undrawn(cause) => tracing::info!(%renderer, %cause, "the window can't be drawn"),
            Attempt::Unopened(cause) => {
                tracing::info!(%renderer, %cause, "the window can't be opened");
                return Err(StartError::of_toolkit(system, &cause));
            }
        }
    }
    Err(StartError::of_graphics(system, renderers))
}

/// Notifies a user who started the program from a menu, and so sees no terminal, why there is no window. Does nothing
/// if there is a terminal, or if the desktop shows no notifications.
pub(in crate::app) fn notify(summary: &str, message: &str) {
    if io::stderr().is_terminal() {
        return;
    }
    let mut notification = notify_rust::Notification::new();
    notification.appname("Caiman").summary(summary).body(message).icon(APP_ID);
    let (done, is_done) = mpsc::sync_channel(1);
    let shown = thread::Builder::new().name("notification".to_owned()).spawn(move || {
        if let Err(error) = notification.show() {
            tracing::debug!(%error, "no notification");
        }
        // The caller may have stopped waiting.
        let _ = done.try_send(());
    });
    // A desktop that hangs must not keep the program from ending, so the thread is left behind.
    if shown.is_ok() {
        let _ = is_done.recv_timeout(NOTIFICATION_LIMIT);
    }
}

fn renderers(chosen: Option<&str>) -> &'static [Renderer] {
    let only = RENDERERS.iter().position(|renderer| chosen.is_some_and(|name| renderer.to_string() == name));
    only.map_or(RENDERERS, |at| &RENDERERS[at..=at])
}

/// What came of opening the window with one renderer. Causes are in the libraries' words.
enum Attempt {
    /// The window was open and has been closed, or `create` has failed.
    Ended(Result<(), StartError>),
    /// The renderer doesn't work. Another one may.
    Undrawn(String),
    /// The toolkit doesn't work, and can't be started a second time.
    Unopened(String),
}

fn attempt(
    window: &WindowOptions,
    system: System,
    renderer: Renderer,
    create: &mut impl FnMut(&CreationContext<'_>) -> Result<Box<dyn eframe::App>, Cause>,
) -> Attempt {
    let has_window = Cell::new(false);
    let muffled = Muffled::start();
    // Toolkits panic where a library is missing. Nothing of ours is half done then, as the app isn't created yet.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let creator = |context: &CreationContext<'_>| {
            has_window.set(true);
            muffled.end();
            create(context)
        };
        eframe::run_native(APP_ID, options(window, system, renderer), Box::new(creator))
    }));
    muffled.end();
    match ended {
        Ok(Err(eframe::Error::AppCreation(cause))) => Attempt::Ended(Err(StartError::App(cause))),
        Ok(Err(error)) if has_window.get() => {
            tracing::info!(%error, "the window is gone");
            Attempt::Ended(Err(StartError::Lost))
        }
        Err(panic) if has_window.get() => resume_unwind(panic),
        Ok(Ok(())) if has_window.get() => Attempt::Ended(Ok(())),
        Ok(Err(error @ (eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_)))) => {
            Attempt::Unopened(error.to_string())
        }
        Ok(Err(error)) => Attempt::Undrawn(error.to_string()),
        Ok(Ok(())) => Attempt::Unopened("the toolkit returned without a window".to_owned()),
        // An event loop that a panic has torn down returns at once when it is started again, so no other renderer is
        // tried.
        Err(_) => Attempt::Unopened(muffled.said()),
    }
}

fn options(window: &WindowOptions, system: System, renderer: Renderer) -> NativeOptions {
    let mut viewport = egui::ViewportBuilder::default()
        .with_title(&window.title)
        .with_app_id(APP_ID)
        .with_inner_size(window.size.unwrap_or(DEFAULT_SIZE))
        .with_min_inner_size(SMALLEST_SIZE);
    if let Some(icon) = &window.icon {
        viewport = viewport.with_icon(icon.clone());
    }
    // `run_and_return` lets a second attempt follow the first. `drops::foreign` relies on it too.
    let mut options = NativeOptions { viewport, renderer, run_and_return: true, ..NativeOptions::default() };
    system.decide(&mut options);
    options
}

#[cfg(not(target_os = "linux"))]
impl System {
    #[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
    fn choose(_force_x11: bool) -> Result<(Self, Option<std::convert::Infallible>), StartError> {
        Ok((Self::Native, None))
    }

    fn decide(self, _options: &mut NativeOptions) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_renderer_is_the_only_one() {
        for &renderer in RENDERERS {
            assert_eq!(renderers(Some(&renderer.to_string())), [renderer]);
        }
        for other in [None, Some(""), Some("vulkan")] {
            assert_eq!(renderers(other), RENDERERS);
        }
    }
}
