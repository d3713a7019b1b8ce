//! A session bus, and the desktop portals that a test has on it.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use zbus::{
    blocking::{Connection, MessageIterator, connection::Builder},
    interface,
    object_server::SignalEmitter,
    zvariant::{OwnedObjectPath, OwnedValue, Value},
};

use crate::GUARD;

/// A session bus, which is ended when this is dropped.
pub struct Bus {
    pub address: String,
    process: Child,
}

impl Bus {
    pub fn start() -> Self {
        let mut process = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("these tests need dbus-daemon; see .ci/run");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { address: line.trim().to_owned(), process }
    }

    /// A portal of this kind, which lives until it is dropped.
    pub fn portal(&self, kind: Kind) -> Portal {
        let (asked, questions) = channel();
        let bus = Builder::address(self.address.as_str()).unwrap();
        let bus = match kind {
            Kind::Chooser { answer, uris } => {
                bus.serve_at(DESKTOP_PATH, Chooser { answer, uris, asked }).unwrap().name(DESKTOP).unwrap()
            }
            Kind::NoChooser => bus.serve_at(DESKTOP_PATH, Settings).unwrap().name(DESKTOP).unwrap(),
            Kind::Documents { paths } => {
                bus.serve_at(DOCUMENTS_PATH, Documents { paths, asked }).unwrap().name(DOCUMENTS).unwrap()
            }
        };
        Portal { _bus: bus.build().unwrap(), questions }
    }

    /// Listens to what is shown in the taskbar.
    pub fn taskbar(&self) -> Taskbar {
        let bus = Builder::address(self.address.as_str()).unwrap().build().unwrap();
        let rule = zbus::MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .interface("com.canonical.Unity.LauncherEntry")
            .unwrap()
            .build();
        let signals = MessageIterator::for_match_rule(rule, &bus, None).unwrap();
        let (seen, shown) = channel();
        // The thread ends with the bus.
        thread::spawn(move || {
            for signal in signals {
                let Ok(content) = signal.and_then(|signal| signal.body().deserialize()) else { return };
                if seen.send(content).is_err() {
                    return;
                }
            }
        });
        Taskbar(shown)
    }

    /// A portal that takes every call and never answers.
    pub fn silent_portal(&self) -> SilentPortal {
        let bus = Builder::address(self.address.as_str()).unwrap().build().unwrap();
        bus.request_name(DESKTOP).unwrap();
        SilentPortal { _bus: bus }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It has no file of its own that would have to go.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const DESKTOP: &str = "org.freedesktop.portal.Desktop";
const DESKTOP_PATH: &str = "/org/freedesktop/portal/desktop";
const DOCUMENTS: &str = "org.freedesktop.portal.Documents";
const DOCUMENTS_PATH: &str = "/org/freedesktop/portal/documents";

/// What a portal can do.
pub enum Kind {
    /// It shows file dialogs, which end at once with this answer (0 for a choice, 1 for cancelled, 2 for a failure).
    Chooser { answer: u32, uris: Vec<String> },
    /// It has no file chooser, as on many small desktops.
    NoChooser,
    /// It hands over these files.
    Documents { paths: Vec<String> },
}

/// A portal on the bus.
pub struct Portal {
    _bus: Connection,
    questions: Receiver<String>,
}

impl Portal {
    /// What the program asks next.
    pub fn question(&self) -> String {
        self.questions.recv_timeout(GUARD).expect("a question for the portal")
    }
}

/// What is shown in the taskbar.
pub struct Taskbar(Receiver<(String, HashMap<String, OwnedValue>)>);

impl Taskbar {
    /// Waits until this entry of the program with this id shows a bar (`true`) or none, and returns how far the bar has come.
    pub fn shows(&self, program: &str, has_bar: bool) -> f64 {
        loop {
            let (entry, content) = self.0.recv_timeout(GUARD).expect("something in the taskbar");
            assert_eq!(entry, format!("application://{program}.desktop"));
            if *content["progress-visible"].downcast_ref::<bool>().as_ref().unwrap() == has_bar {
                return content["progress"].downcast_ref::<f64>().unwrap();
            }
        }
    }
}

/// A name on the bus behind which nothing answers.
pub struct SilentPortal {
    _bus: Connection,
}

struct Chooser {
    answer: u32,
    uris: Vec<String>,
    asked: Sender<String>,
}

#[interface(name = "org.freedesktop.portal.FileChooser")]
impl Chooser {
    #[zbus(property, name = "version")]
    fn version(&self) -> u32 {
        4
    }

    async fn open_file(
        &self,
        _parent: &str,
        title: &str,
        _options: HashMap<String, OwnedValue>,
        #[zbus(connection)] bus: &zbus::Connection,
    ) -> OwnedObjectPath {
        const REQUEST: &str = "/org/freedesktop/portal/desktop/request/1/test";
        let results = HashMap::from([("uris", Value::from(self.uris.clone()))]);
        let emitter = SignalEmitter::new(bus, REQUEST).unwrap();
        emitter.emit("org.freedesktop.portal.Request", "Response", &(self.answer, results)).await.unwrap();
        self.asked.send(title.to_owned()).unwrap();
        OwnedObjectPath::try_from(REQUEST).unwrap()
    }
}

struct Settings;

#[interface(name = "org.freedesktop.portal.Settings")]
impl Settings {
    #[zbus(property, name = "version")]
    fn version(&self) -> u32 {
        1
    }
}

struct Documents {
    paths: Vec<String>,
    asked: Sender<String>,
}

#[interface(name = "org.freedesktop.portal.FileTransfer")]
impl Documents {
    fn retrieve_files(&self, key: &str, _options: HashMap<String, OwnedValue>) -> Vec<String> {
        self.asked.send(key.to_owned()).unwrap();
        self.paths.clone()
    }
}
