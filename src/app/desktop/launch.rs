//! Opening the window: on which window system, with which renderer, and what a person is told when it can't be done.
//!
//! OpenGL is tried first, as it is lighter, then whatever else wgpu finds. `CAIMAN_RENDERER` (`glow` or `wgpu`) leaves only
//! one. On Linux `CAIMAN_WINDOW_SYSTEM` (`wayland` or `x11`) decides what otherwise is found out: Wayland where it answers,
//! X11 where it doesn't.

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

use super::panics::Muffled;
use error::Cause;
pub use error::StartError;
pub(in crate::app) use error::{Advice, Renderers, Silence};
use window_system::System;

/// By this the desktop finds the name and the icon of the window: `caiman.desktop`.
const APP_ID: &str = "caiman";

const DEFAULT_SIZE: (f32, f32) = (1040.0, 720.0);
const SMALLEST_SIZE: (f32, f32) = (640.0, 480.0);
const RENDERER_VARIABLE: &str = "CAIMAN_RENDERER";
/// How long a notification may take, when the desktop doesn't answer.
const NOTIFICATION_LIMIT: Duration = Duration::from_secs(2);

/// How the window is to be opened.
#[derive(Debug, Clone, Default)]
pub(in crate::app) struct WindowOptions {
    /// What its title bar says at first.
    pub title: String,
    /// How large it was when it was closed, in points.
    pub size: Option<(f32, f32)>,
    /// A person's setting: X11 even where Wayland answers.
    pub force_x11: bool,
    /// For systems where the window itself brings its icon.
    pub icon: Option<egui::IconData>,
}

/// Opens the window and returns once it is closed. `create` is called at most once, as soon as there is a window. On the
/// program's first thread only.
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

/// Tells a person who started the program from a menu, and so sees no terminal, why there is no window. Tries only:
/// where nobody shows notifications, nothing happens.
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
        // Nobody may be waiting any more.
        let _ = done.try_send(());
    });
    // A desktop that hangs must not keep the program from ending, so the thread is left behind.
    if shown.is_ok() {
        let _ = is_done.recv_timeout(NOTIFICATION_LIMIT);
    }
}

fn renderers(chosen: Option<&str>) -> &'static [Renderer] {
    match chosen {
        Some("glow") => &[Renderer::Glow],
        Some("wgpu") => &[Renderer::Wgpu],
        _ => &[Renderer::Glow, Renderer::Wgpu],
    }
}

/// What became of opening the window with one renderer. Causes are in the libraries' words.
enum Attempt {
    /// The window was there.
    Ended(Result<(), StartError>),
    /// The renderer doesn't work. Another may.
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
    // Toolkits panic where a library is missing. Nothing of ours is half done then: the app isn't created yet.
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
        // An event loop that was torn down by a panic returns at once when it is started again.
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
    // A second attempt needs to return from the first, and so does `wayland::foreign`.
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
        assert_eq!(renderers(Some("wgpu")), [Renderer::Wgpu]);
        assert_eq!(renderers(Some("glow")), [Renderer::Glow]);
        for other in [None, Some(""), Some("vulkan")] {
            assert_eq!(renderers(other), [Renderer::Glow, Renderer::Wgpu]);
        }
    }
}
