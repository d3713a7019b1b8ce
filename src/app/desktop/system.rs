//! What the user has set for the whole desktop: dark or light, and whether things may move. The toolkit reports this
//! only on some systems, so it is asked for here. Other programs may keep the answer waiting, so it is not done on
//! the window's thread.

#[cfg(not(any(windows, target_vendor = "apple")))]
use std::{
    env, fs,
    path::{Path, PathBuf},
};
use std::{
    io::Read,
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

/// How long another program may take to answer. The window has long been open by then.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// What the desktop says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) struct Desktop {
    /// Whether it is dark, if it says so. What egui knows ([`eframe::egui::RawInput::system_theme`]) takes
    /// precedence.
    pub is_dark: Option<bool>,
    /// Whether animations are unwanted.
    pub wants_less_motion: bool,
}

/// Asks the desktop on a thread of its own, which calls `wake` when there is something to receive. The first answer
/// comes without the colours, because a bus that hangs never tells them; the thread then stays behind until the
/// program ends.
pub(in crate::app) fn ask(wake: impl Fn() + Send + 'static) -> Receiver<Desktop> {
    let (sender, answer) = mpsc::sync_channel(2);
    let asking = thread::Builder::new().name("desktop settings".to_owned()).spawn(move || {
        let tell = |desktop| {
            // The window may already be closed.
            if sender.try_send(desktop).is_ok() {
                wake();
            }
        };
        let desktop = Desktop { is_dark: None, wants_less_motion: wants_less_motion() };
        tell(desktop);
        tell(Desktop { is_dark: is_dark(), ..desktop });
    });
    if let Err(error) = asking {
        tracing::warn!(%error, "the desktop's settings can't be asked for");
    }
    answer
}

/// Whether the desktop is dark. Waits for the session bus.
fn is_dark() -> Option<bool> {
    match dark_light::detect() {
        Ok(dark_light::Mode::Dark) => Some(true),
        Ok(dark_light::Mode::Light) => Some(false),
        Ok(dark_light::Mode::Unspecified) => None,
        Err(error) => {
            tracing::debug!(%error, "the desktop doesn't say whether it is dark");
            None
        }
    }
}

#[cfg(not(any(windows, target_vendor = "apple")))]
fn wants_less_motion() -> bool {
    let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let config = config.or_else(|| Some(env::home_dir()?.join(".config")));
    let is_kde =
        env::var("XDG_CURRENT_DESKTOP").is_ok_and(|names| names.split(':').any(|name| name == "KDE"));
    if is_kde {
        return config.is_some_and(|config| kde_is_still(&config));
    }
    let said = answer_of(Command::new("gsettings").args([
        "get",
        "org.gnome.desktop.interface",
        "enable-animations",
    ]));
    said.is_some_and(|said| said.trim() == "false")
}

/// Whether KDE shows no animations: it multiplies their duration by a factor, which is then 0.
#[cfg(not(any(windows, target_vendor = "apple")))]
fn kde_is_still(config: &Path) -> bool {
    let settings = fs::read_to_string(config.join("kdeglobals")).unwrap_or_default();
    let mut is_in_group = false;
    settings.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            is_in_group = line == "[KDE]";
        }
        let factor =
            line.strip_prefix("AnimationDurationFactor").map(|rest| rest.trim_start_matches([' ', '=']));
        is_in_group && factor.is_some_and(|factor| factor.parse() == Ok(0.0))
    })
}

#[cfg(target_vendor = "apple")]
fn wants_less_motion() -> bool {
    let said =
        answer_of(Command::new("defaults").args(["read", "com.apple.universalaccess", "reduceMotion"]));
    said.is_some_and(|said| said.trim() == "1")
}

#[cfg(windows)]
fn wants_less_motion() -> bool {
    use std::os::windows::process::CommandExt;

    /// Without this a terminal would flash up.
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    let mut asking = Command::new("reg");
    asking.args(["query", r"HKCU\Control Panel\Desktop", "/v", "UserPreferencesMask"]);
    answer_of(asking.creation_flags(CREATE_NO_WINDOW)).is_some_and(|said| windows_is_still(&said))
}

/// Whether Windows shows no animations: bit 33 of the mask is “Animate controls and elements inside windows”.
#[cfg(any(windows, test))]
fn windows_is_still(said: &str) -> bool {
    let mask = said.split_once("REG_BINARY").map(|(_, mask)| mask.trim());
    let byte = mask.and_then(|mask| mask.get(8..10)).and_then(|byte| u8::from_str_radix(byte, 16).ok());
    byte.is_some_and(|byte| byte & 0x02 == 0)
}

/// What a program prints, if it succeeds in time.
fn answer_of(command: &mut Command) -> Option<String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let deadline = Instant::now() + ANSWER_LIMIT;
    let status = loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
            Ok(Some(status)) => break Some(status),
            _ => break None,
        }
    };
    if status.is_none() {
        // It may have ended at this very moment.
        let _ = child.kill();
        let _ = child.wait();
    }
    let mut said = String::new();
    let is_read = child.stdout.take()?.take(4096).read_to_string(&mut said).is_ok();
    (status?.success() && is_read).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(any(windows, target_vendor = "apple")))]
    #[test]
    fn kde_is_still_where_its_animations_take_no_time() {
        let config = tempfile::tempdir().unwrap();
        assert!(!kde_is_still(config.path()));
        for (settings, expected) in [
            ("[General]\nfont=x\n[KDE]\nAnimationDurationFactor=0\n", true),
            ("[KDE]\r\nAnimationDurationFactor = 0.0\r\n", true),
            ("[KDE]\nAnimationDurationFactor=0.5\n", false),
            ("[KDE]\nwidgetStyle=x\n[Other]\nAnimationDurationFactor=0\n", false),
        ] {
            fs::write(config.path().join("kdeglobals"), settings).unwrap();
            assert_eq!(kde_is_still(config.path()), expected, "{settings}");
        }
    }

    #[test]
    fn windows_says_it_in_a_mask() {
        let said = |mask| {
            format!(
                "\r\nHKEY_CURRENT_USER\\Control Panel\\Desktop\r\n    UserPreferencesMask    REG_BINARY    {mask}\r\n\r\n"
            )
        };
        assert!(!windows_is_still(&said("9E1E078012000000")));
        assert!(windows_is_still(&said("9012038010000000")));
        assert!(!windows_is_still(&said("9E")));
        assert!(!windows_is_still("ERROR: nothing there"));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_or_fails_has_no_answer() {
        let shell = |script: &str| answer_of(Command::new("sh").args(["-c", script]));
        assert_eq!(shell("echo false"), Some("false\n".to_owned()));
        assert_eq!(shell("echo false; exit 1"), None);
        assert_eq!(answer_of(&mut Command::new("no such program")), None);
        let began = Instant::now();
        assert_eq!(shell("exec sleep 30"), None);
        assert!(began.elapsed() < ANSWER_LIMIT * 5);
    }
}
