//! Why there is no window, in words for the user. The libraries' own words are for the log.

use std::{error::Error, fmt, io};

use eframe::Renderer;

use super::window_system::System;

/// Why an app could not be created.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// Why the window could not be opened, or is gone. Each message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No window system answers.
    #[error("there is no screen to open the window on ({}){WITHOUT}", list(silent))]
    NoDisplay {
        /// The window systems that were tried, and why they can't be used.
        silent: Vec<Silence>,
    },
    /// The X server answers and refuses.
    #[error(
        "the screen doesn't let Caiman open a window; start it as the user who is logged in there{WITHOUT}"
    )]
    Refused,
    /// A library that every window needs is missing or broken.
    #[error(
        "the window can't be opened: something that it needs from this system is missing or broken{0}{LOG}{WITHOUT}"
    )]
    Toolkit(Advice),
    /// No renderer works.
    #[error("the window can't be opened: {tried} here{advice}{LOG}{WITHOUT}")]
    NoGraphics {
        /// The renderers that don't work.
        tried: Renderers,
        /// What to do about it.
        advice: Advice,
    },
    /// The app could not be created; the cause is in its own words.
    #[error("{0}")]
    App(#[source] Cause),
    /// The connection to the screen was lost while the window was open.
    #[error("the window is gone because the connection to the screen was lost; start Caiman again")]
    Lost,
}

/// Why a window system can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Silence {
    /// The variable that says where it is is not set.
    #[error("{0} is not set")]
    Unset(&'static str),
    /// Nothing answers where it should be.
    #[error("{variable} is {value}, which doesn't answer: {cause}")]
    NoAnswer {
        /// The environment variable that says where it is.
        variable: &'static str,
        /// The variable's value.
        value: String,
        /// The system's error.
        cause: io::Error,
    },
    /// It answers, but the library to talk to it is missing.
    #[error("Wayland answers, but the library libwayland-client.so.0 is missing")]
    NoLibrary,
}

fn list(silent: &[Silence]) -> String {
    silent.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The renderers that were tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renderers {
    /// Only OpenGL.
    OpenGl,
    /// Only Vulkan.
    Vulkan,
    /// OpenGL, then Vulkan.
    Both,
}

impl fmt::Display for Renderers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenGl => "OpenGL doesn't work",
            Self::Vulkan => "Vulkan doesn't work",
            Self::Both => "neither OpenGL nor Vulkan works",
        })
    }
}

const WITHOUT: &str =
    "\nWithout a window, “caiman send FILE…” and “caiman receive” do the same work in a terminal.";
const LOG: &str = "\nWith CAIMAN_LOG=info in its environment, Caiman says what exactly failed.";

impl StartError {
    /// The error of a toolkit that failed with these words before there was anything to draw on.
    pub(super) fn of_toolkit(system: System, said: &str) -> Self {
        if said.contains("open connection to X server") {
            return Self::Refused;
        }
        Self::Toolkit(Advice::for_toolkit(system, said))
    }

    /// Errors whose parts only this module can make.
    #[cfg(test)]
    pub(in crate::app) fn examples() -> Vec<Self> {
        let undrawn = |tried| Self::NoGraphics { tried, advice: Advice { packages: Vec::new() } };
        let missing = Self::Toolkit(Advice { packages: vec![("libx11-6", "libX11")] });
        vec![undrawn(Renderers::OpenGl), undrawn(Renderers::Vulkan), undrawn(Renderers::Both), missing]
    }

    /// The error where none of these renderers works.
    pub(super) fn of_graphics(system: System, tried: &[Renderer]) -> Self {
        let tried = match tried {
            [Renderer::Glow] => Renderers::OpenGl,
            [Renderer::Glow, ..] => Renderers::Both,
            _ => Renderers::Vulkan,
        };
        Self::NoGraphics { tried, advice: Advice::for_graphics(system) }
    }
}

/// The packages to install.
#[derive(Debug, PartialEq, Eq)]
pub struct Advice {
    packages: Vec<Package>,
}

/// A package's names in Debian and in Fedora, and in the systems derived from them.
type Package = (&'static str, &'static str);

/// The libraries that the toolkit opens at run time, and the packages that they come in.
#[cfg(target_os = "linux")]
const X11: &[(&str, Package)] = &[
    ("libX11.so", ("libx11-6", "libX11")),
    ("libX11-xcb.so", ("libx11-xcb1", "libX11-xcb")),
    ("libXcursor.so", ("libxcursor1", "libXcursor")),
    ("libXi.so", ("libxi6", "libXi")),
    ("libxkbcommon-x11.so", ("libxkbcommon-x11-0", "libxkbcommon-x11")),
];
#[cfg(target_os = "linux")]
const WAYLAND: &[(&str, Package)] = &[
    ("libwayland-client.so", ("libwayland-client0", "libwayland-client")),
    ("libwayland-egl.so", ("libwayland-egl1", "libwayland-egl")),
    ("libxkbcommon.so", ("libxkbcommon0", "libxkbcommon")),
];

/// The packages that draw, with a graphics card or without one.
#[cfg(target_os = "linux")]
const DRIVERS: &[Package] =
    &[("libegl1", "libglvnd-egl"), ("libgl1", "libglvnd-glx"), ("libgl1-mesa-dri", "mesa-dri-drivers")];

#[cfg(target_os = "linux")]
impl Advice {
    /// The package of the library that the toolkit names, or all of them if it names none: installing them all does
    /// no harm.
    fn for_toolkit(system: System, said: &str) -> Self {
        let libraries = if system == System::Wayland { WAYLAND } else { X11 };
        let is_named = |library: &&(&str, Package)| said.contains(library.0);
        let named: Vec<Package> = libraries.iter().filter(is_named).map(|library| library.1).collect();
        let all = || libraries.iter().map(|library| library.1).collect();
        Self { packages: if named.is_empty() { all() } else { named } }
    }

    fn for_graphics(system: System) -> Self {
        let mut packages = DRIVERS.to_vec();
        if system == System::Wayland {
            packages.push(("libwayland-egl1", "libwayland-egl"));
        }
        Self { packages }
    }
}

#[cfg(not(target_os = "linux"))]
impl Advice {
    fn for_toolkit(_system: System, _said: &str) -> Self {
        Self { packages: Vec::new() }
    }

    fn for_graphics(_system: System) -> Self {
        Self { packages: Vec::new() }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("\nA newer driver for the graphics card may help.");
        }
        f.write_str("\nThis installs what may be missing:")?;
        self.commands().try_for_each(|(system, command)| write!(f, "\n  {system}: {command}"))
    }
}

impl Advice {
    /// Whether there is no package to name.
    pub(in crate::app) fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// The commands that install the packages, by system.
    pub(in crate::app) fn commands(&self) -> impl Iterator<Item = (&'static str, String)> {
        let list = |command: &str, name: fn(&Package) -> &'static str| {
            let names: Vec<&str> = self.packages.iter().map(name).collect();
            format!("{command} {}", names.join(" "))
        };
        let debian = ("Debian, Ubuntu", list("sudo apt install", |package| package.0));
        [debian, ("Fedora", list("sudo dnf install", |package| package.1))].into_iter()
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    /// The messages are those of winit 0.30 and its dependencies, provoked by hiding the libraries.
    #[test]
    fn a_missing_library_is_named_by_its_package() {
        let said = |system, words| StartError::of_toolkit(system, words).to_string();
        let panic = said(System::X11, "Library libxkbcommon-x11.so could not be loaded.");
        assert!(panic.contains("\n  Debian, Ubuntu: sudo apt install libxkbcommon-x11-0\n"), "{panic}");
        assert!(panic.contains("\n  Fedora: sudo dnf install libxkbcommon-x11\n"), "{panic}");
        let unnamed = said(System::X11, "os error at x.rs:1: Failed to load one of xlib's shared libraries");
        assert!(
            unnamed.contains(" libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0\n"),
            "{unnamed}"
        );
        assert!(!unnamed.contains("x.rs"), "{unnamed}");
        let panic = said(System::Wayland, "Library libwayland-egl.so could not be loaded.");
        assert!(panic.contains("apt install libwayland-egl1\n"), "{panic}");
    }

    #[test]
    fn a_screen_that_refuses_and_graphics_that_fail_are_told_apart() {
        let refused = StartError::of_toolkit(System::X11, "Failed to open connection to X server");
        assert!(matches!(refused, StartError::Refused));
        let said = StartError::of_graphics(System::X11, &[Renderer::Glow]).to_string();
        assert!(said.starts_with("the window can't be opened: OpenGL doesn't work here\n"), "{said}");
        assert!(said.contains("sudo apt install libegl1 libgl1 libgl1-mesa-dri\n"), "{said}");
        assert!(said.ends_with(WITHOUT), "{said}");
    }
}
