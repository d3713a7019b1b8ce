//! Finds out which of Linux's two window systems answers. That has to be known before the toolkit starts, because it
//! tries only one, and only once.

use std::{
    env,
    ffi::OsString,
    io,
    net::{TcpStream, ToSocketAddrs},
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixStream},
    },
    path::PathBuf,
    time::Duration,
};

use eframe::NativeOptions;
use wayland_client::Connection;
use winit::platform::{wayland::EventLoopBuilderExtWayland, x11::EventLoopBuilderExtX11};

use super::{
    error::{Silence, StartError},
    window_system::System,
};

const SYSTEM_VARIABLE: &str = "CAIMAN_WINDOW_SYSTEM";
/// The environment variables that say where the two window systems are.
const WAYLAND_VARIABLE: &str = "WAYLAND_DISPLAY";
const RUNTIME_VARIABLE: &str = "XDG_RUNTIME_DIR";
const X11_VARIABLE: &str = "DISPLAY";
/// How long a display on another computer may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

impl System {
    /// The window system that answers, Wayland before X11; or the one that was asked for, if it answers. The
    /// connection that was tried has to stay open until the window is there, because some X servers restart when
    /// their only client leaves.
    pub(super) fn choose(force_x11: bool) -> Result<(Self, Option<OwnedFd>), StartError> {
        let chosen = env::var(SYSTEM_VARIABLE).ok();
        let systems: &[Self] = match chosen.as_deref() {
            Some("x11") => &[Self::X11],
            Some("wayland") => &[Self::Wayland],
            _ if force_x11 => &[Self::X11],
            _ => &[Self::Wayland, Self::X11],
        };
        let mut silent = Vec::new();
        for &system in systems {
            let answers = match system {
                Self::Wayland => wayland_answers(|name| env::var_os(name)).map(|()| None),
                Self::X11 => x11_answers(|name| env::var_os(name)).map(Some),
            };
            match answers {
                Ok(tried) => return Ok((system, tried)),
                Err(why) => silent.push(why),
            }
        }
        Err(StartError::NoDisplay { silent })
    }

    /// Keeps the toolkit from choosing by itself.
    pub(super) fn decide(self, options: &mut NativeOptions) {
        options.event_loop_builder = Some(Box::new(move |builder| {
            match self {
                Self::Wayland => builder.with_wayland(),
                Self::X11 => builder.with_x11(),
            };
        }));
    }
}

/// The value of a variable; an empty one counts as unset.
fn variable(environment: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<OsString> {
    environment(name).filter(|value| !value.is_empty())
}

fn wayland_answers(environment: impl Fn(&str) -> Option<OsString>) -> Result<(), Silence> {
    // This names a connection that was opened for this program. Trying it would use it up.
    if variable(&environment, "WAYLAND_SOCKET").is_some() {
        return Ok(());
    }
    let name = variable(&environment, WAYLAND_VARIABLE).ok_or(Silence::Unset(WAYLAND_VARIABLE))?;
    let mut path = PathBuf::from(&name);
    if path.is_relative() {
        let folder = variable(&environment, RUNTIME_VARIABLE).ok_or(Silence::Unset(RUNTIME_VARIABLE))?;
        path = PathBuf::from(folder).join(path);
    }
    let value = || name.display().to_string();
    let socket = UnixStream::connect(&path).map_err(|cause| Silence::NoAnswer {
        variable: WAYLAND_VARIABLE,
        value: value(),
        cause,
    })?;
    // This fails if the library is missing.
    Connection::from_socket(socket).map(drop).map_err(|_| Silence::NoLibrary)
}

fn x11_answers(environment: impl Fn(&str) -> Option<OsString>) -> Result<OwnedFd, Silence> {
    let name = variable(&environment, X11_VARIABLE).ok_or(Silence::Unset(X11_VARIABLE))?;
    let name = name.to_string_lossy();
    let said = |cause| Silence::NoAnswer { variable: X11_VARIABLE, value: name.clone().into_owned(), cause };
    let display = Display::parse(&name).ok_or_else(|| said(io::ErrorKind::InvalidInput.into()))?;
    display.connect().map_err(said)
}

/// The name of a display: `HOST:NUMBER` or `:NUMBER`, with or without the number of a screen.
#[derive(Debug, PartialEq, Eq)]
struct Display<'a> {
    host: Option<&'a str>,
    number: u16,
}

impl<'a> Display<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (host, number) = name.rsplit_once(':')?;
        let number = number.split_once('.').map_or(number, |(number, _)| number).parse().ok()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self { host: Some(host).filter(|host| !matches!(*host, "" | "unix")), number })
    }

    fn connect(&self) -> io::Result<OwnedFd> {
        let Some(host) = self.host else {
            let path = format!("/tmp/.X11-unix/X{}", self.number);
            let hidden = SocketAddr::from_abstract_name(&path)?;
            return UnixStream::connect(path).or_else(|_| UnixStream::connect_addr(&hidden)).map(Into::into);
        };
        let port = self.number.checked_add(6000).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
        for address in (host, port).to_socket_addrs()? {
            result = TcpStream::connect_timeout(&address, CONNECT_LIMIT).map(Into::into);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, os::unix::net::UnixListener};

    use super::*;

    fn with(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> + use<> {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
        move |name| variables.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn displays_are_read_in_their_usual_forms() {
        for (name, host, number) in [
            (":0", None, 0),
            (":77.0", None, 77),
            ("unix:1", None, 1),
            ("localhost:10.0", Some("localhost"), 10),
            ("[::1]:3", Some("::1"), 3),
            ("::1:3", Some("::1"), 3),
        ] {
            assert_eq!(Display::parse(name), Some(Display { host, number }), "{name}");
        }
        for name in ["", "0", ":", ":x", ":70000", "host"] {
            assert_eq!(Display::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_stale_wayland_display_does_not_answer() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().to_str().unwrap();
        let environment = with(&[("WAYLAND_DISPLAY", "wayland-7"), ("XDG_RUNTIME_DIR", runtime)]);
        let listener = UnixListener::bind(folder.path().join("wayland-7")).unwrap();
        // If the library is missing, that is reported instead.
        if let Err(why) = wayland_answers(&environment) {
            assert!(matches!(why, Silence::NoLibrary), "{why}");
        }
        drop(listener);
        let why = wayland_answers(&environment).unwrap_err().to_string();
        assert!(why.starts_with("WAYLAND_DISPLAY is wayland-7, which doesn't answer"), "{why}");
        for nothing in [&[][..], &[("WAYLAND_DISPLAY", "")]] {
            let why = wayland_answers(with(nothing)).unwrap_err();
            assert!(matches!(why, Silence::Unset("WAYLAND_DISPLAY")), "{why}");
        }
    }

    #[test]
    fn a_display_over_the_network_is_tried() {
        // Ports from 6000 on may be in use.
        let Some((number, listener)) = (500..600)
            .find_map(|number| Some((number, TcpListener::bind(("127.0.0.1", 6000 + number)).ok()?)))
        else {
            return;
        };
        let environment = with(&[("DISPLAY", &format!("127.0.0.1:{number}.0"))]);
        x11_answers(&environment).unwrap();
        drop(listener);
        let why = x11_answers(&environment).unwrap_err().to_string();
        assert!(why.starts_with(&format!("DISPLAY is 127.0.0.1:{number}.0, which doesn't answer")), "{why}");
    }
}
