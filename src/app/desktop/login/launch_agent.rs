//! A launch agent in the user's library. macOS reads it at the start of the next session.

#[cfg(target_os = "macos")]
use std::{env, io, path::PathBuf};

#[cfg(target_os = "macos")]
use super::file::keep;
use crate::app::desktop::launch::APP_ID;

#[cfg(target_os = "macos")]
pub(super) fn is_on() -> Option<bool> {
    Some(file()?.is_file())
}

#[cfg(target_os = "macos")]
pub(super) fn set(is_on: bool) -> io::Result<()> {
    let file = file().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let text = is_on.then(program).transpose()?.as_deref().map(agent);
    keep(&file, text.as_deref())
}

/// Tests must not change how the user's session starts.
#[cfg(target_os = "macos")]
fn file() -> Option<PathBuf> {
    let home = env::home_dir().filter(|_| cfg!(not(test)))?;
    Some(home.join("Library/LaunchAgents").join(format!("{APP_ID}.plist")))
}

#[cfg(target_os = "macos")]
fn program() -> io::Result<String> {
    let program = env::current_exe()?.into_os_string().into_string();
    program.map_err(|_| io::ErrorKind::InvalidFilename.into())
}

/// The agent that starts `program` once a session. With the bundle's id, the system's list of what starts by itself shows its name.
fn agent(program: &str) -> String {
    let program = program.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
    <key>Label</key>
    <string>{APP_ID}</string>
    <key>AssociatedBundleIdentifiers</key>
    <string>{APP_ID}</string>
    <key>ProgramArguments</key>
    <array>
        <string>{program}</string>
    </array>
    <key>ProcessType</key>
    <string>Interactive</string>
    <key>RunAtLoad</key>
    <true/>
</dict>
</plist>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_names_the_program_whatever_its_folder_is_called() {
        let text = agent("/Users/ann/<Tools & more>/Caiman.app/Contents/MacOS/caiman");
        let program = "<string>/Users/ann/&lt;Tools &amp; more&gt;/Caiman.app/Contents/MacOS/caiman</string>";
        assert!(text.contains(program), "{text}");
        assert!(text.contains("<key>RunAtLoad</key>\n    <true/>"), "{text}");
    }
}
