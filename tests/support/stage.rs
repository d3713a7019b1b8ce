//! [`Stage`]: the honest end. It has a relay, a real engine, and a folder inside a folder, so that a test sees what escapes
//! from the inner one.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use caiman::{
    code::CodePhrase,
    engine::{
        Answer, Choices, CodeChoice, Command, Engine, Event, Events, Internet, Notice, Output, PathMode,
        Payload, PeerName, ReceiveOrder, Registry, RelayChoice, Report, SendOrder, TaskId, TransferError,
    },
    net::client::RelayAddress,
};
use tempfile::TempDir;
use tokio::sync::{Notify, oneshot};

use super::{
    TestRelay,
    iroh::TestIrohRelay,
    peer::{ITERATIONS, Place},
    within,
};

/// The honest end: a relay, a real engine and its folders.
pub struct Stage {
    pub relay: TestRelay,
    /// The relay that stands for `relay` where the suites run over QUIC.
    iroh: Option<TestIrohRelay>,
    /// How long the honest end looks for a lost peer.
    pub patience: Duration,
    /// What the honest end's computer is called.
    pub name: Option<PeerName>,
    /// Which ways the honest end's bytes may take.
    pub path_mode: PathMode,
    /// When this is notified, the honest end's user cancels the transfer that runs.
    pub cancel: Arc<Notify>,
    engine: Engine,
    events: Events,
    outer: TempDir,
    unfinished: Registry,
}

/// How the transfer of the honest end went.
#[derive(Debug)]
pub struct Ended {
    pub notices: Vec<Notice>,
    pub result: Result<Report, TransferError>,
}

impl Stage {
    pub async fn new() -> Self {
        let relay = TestRelay::start(|_| ()).await;
        let (engine, events) = Engine::start(|| ()).unwrap();
        let outer = tempfile::tempdir().unwrap();
        fs::create_dir(outer.path().join("inbox")).unwrap();
        Self {
            relay,
            iroh: TestIrohRelay::if_over_quic().await,
            patience: Duration::ZERO,
            name: None,
            path_mode: PathMode::RelayOnly,
            cancel: Arc::default(),
            engine,
            events,
            outer,
            unfinished: Registry::default(),
        }
    }

    /// The outer folder, which must contain nothing but the inbox.
    pub fn outer(&self) -> &Path {
        self.outer.path()
    }

    /// The folder that the user of the honest end chose.
    pub fn inbox(&self) -> PathBuf {
        self.outer.path().join("inbox")
    }

    /// Everything below the outer folder, with the contents of files and the targets of links.
    pub fn tree(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(self.outer.path(), "", &mut found);
        found.sort();
        found
    }

    /// Removes the staging folder that an interrupted transfer has left in the inbox. Returns whether there was one.
    pub fn take_staging(&self) -> bool {
        let is_staging = |name: &str| name.starts_with(".caiman-");
        let entries = fs::read_dir(self.inbox()).unwrap().map(Result::unwrap);
        let staging: Vec<_> =
            entries.filter(|entry| entry.file_name().to_str().is_some_and(is_staging)).collect();
        assert!(staging.len() <= 1, "{staging:?}");
        for entry in &staging {
            fs::remove_dir_all(entry.path()).unwrap();
        }
        !staging.is_empty()
    }

    pub fn relay_choice(&self) -> RelayChoice {
        RelayChoice::new(RelayAddress::from_socket(self.relay.addr))
    }

    /// Where a hostile peer meets the honest end.
    pub fn place(&self) -> Place {
        match &self.iroh {
            Some(iroh) => Place::Iroh(iroh.addr()),
            None => Place::Relay(self.relay.addr),
        }
    }

    fn relays(&self) -> Vec<RelayChoice> {
        if self.iroh.is_some() { Vec::new() } else { vec![self.relay_choice()] }
    }

    fn internet(&self) -> Option<Internet> {
        self.iroh.as_ref().map(TestIrohRelay::internet)
    }

    /// Receives into the inbox, or to `output` instead; `decide` answers notices that need an answer.
    pub async fn receive(
        &mut self,
        code: &CodePhrase,
        output: Option<Output>,
        decide: impl FnMut(&Notice) -> Option<Answer>,
    ) -> Ended {
        let id = self.engine.new_id();
        let output = output.unwrap_or_else(|| Output::Folder(self.inbox()));
        let order = ReceiveOrder {
            chain: caiman::engine::InvitationChain::default(),
            code: code.clone(),
            relays: self.relays(),
            internet: self.internet(),
            output,
            lanes: 4,
            patience: self.patience,
            path_mode: self.path_mode,
            listen: caiman::engine::ListenOptions::default(),
            unfinished: self.unfinished.clone(),
            name: self.name.clone(),
            #[cfg(feature = "croc")]
            croc: None,
        };
        self.drive(id, Command::Receive(id, Box::new(order)), decide).await
    }

    /// Sends `what` under `code`; `ready` is notified once the code can be used.
    pub async fn send(&mut self, code: &CodePhrase, payload: Payload, ready: oneshot::Sender<()>) -> Ended {
        let id = self.engine.new_id();
        let order = SendOrder {
            payload,
            code: CodeChoice::Own(code.clone()),
            relays: self.relays(),
            internet: self.internet(),
            path_mode: self.path_mode,
            listen: caiman::engine::ListenOptions::default(),
            lanes: 4,
            bytes_per_sec: None,
            patience: self.patience,
            iterations: ITERATIONS,
            after: None,
            receivers: 1,
            to: None,
            name: self.name.clone(),
            #[cfg(feature = "croc")]
            croc: None,
        };
        let mut ready = Some(ready);
        let decide = |notice: &Notice| {
            if matches!(notice, Notice::Code { .. })
                && let Some(ready) = ready.take()
            {
                // If the test doesn't wait for it any more, it has failed and reports that.
                let _ = ready.send(());
            }
            None
        };
        self.drive(id, Command::Send(id, Box::new(order)), decide).await
    }

    async fn drive(
        &mut self,
        id: TaskId,
        command: Command,
        mut decide: impl FnMut(&Notice) -> Option<Answer>,
    ) -> Ended {
        let mut notices = Vec::new();
        self.engine.command(command).unwrap();
        loop {
            let event = tokio::select! {
                event = within("an event", self.events.next()) => event.expect("the engine runs"),
                () = self.cancel.notified() => {
                    self.engine.command(Command::Cancel(id)).unwrap();
                    continue;
                }
            };
            match event {
                Event::Notice(from, notice) if from == id => {
                    if let Some(answer) = decide(&notice) {
                        self.engine.command(Command::Answer(id, answer)).unwrap();
                    }
                    notices.push(notice);
                }
                Event::Ended(from, result) if from == id => return Ended { notices, result },
                _ => {}
            }
        }
    }
}

/// Accepts an offer as a whole.
pub fn accept(notice: &Notice) -> Option<Answer> {
    accept_with(notice, Choices::default())
}

/// Accepts an offer with `choices`.
pub fn accept_with(notice: &Notice, choices: Choices) -> Option<Answer> {
    matches!(notice, Notice::Offer(_)).then_some(Answer::Accept(choices))
}

fn list(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            found.push(format!("{name} -> {}", fs::read_link(entry.path()).unwrap().to_string_lossy()));
        } else if kind.is_dir() {
            list(&entry.path(), &format!("{name}/"), found);
            found.push(format!("{name}/"));
        } else {
            let content = fs::read(entry.path()).unwrap();
            found.push(format!("{name} = {} {}", content.len(), blake3::hash(&content).to_hex()));
        }
    }
}
