//! Two engines and a relay that serves croc as well, for sends that also wait for a croc.

use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use caiman::{
    code::CodePhrase,
    engine::{
        Choices, CrocCode, CrocConfig, CrocNews, CrocPorts, CrocReceiveOrder, CrocRelay, CrocSearch,
        CrocSend, Notice, Output, PathMode, Payload, RelayChoice, Report, SendOrder,
    },
    net::client::RelayAddress,
};

use super::{
    engine::{Transfer, World},
    tree::{Node, tree},
};

/// Two engines, and a relay that serves croc as well.
pub struct CrocWorld(pub World);

impl CrocWorld {
    pub async fn new() -> Self {
        let serve = |config: &mut caiman::engine::RelayConfig| {
            let ports = CrocPorts::new(vec![0; 5]).unwrap();
            config.croc = Some(CrocConfig { ports, ..CrocConfig::default() });
        };
        Self(World::with_relay(serve).await)
    }

    pub fn port(&self) -> u16 {
        self.0.relay.croc_ports[0]
    }

    pub fn place(&self) -> CrocRelay {
        place(self.port())
    }

    /// Sends under a code for croc as well.
    pub fn send(&self, payload: Payload, code: &CrocCode) -> Transfer {
        self.0.sender.send(self.order(payload, code))
    }

    pub fn order(&self, payload: Payload, code: &CrocCode) -> SendOrder {
        SendOrder { croc: Some(to_croc(code, &[self.place()])), ..self.0.send_order(payload) }
    }

    pub fn receive(&self, code: &CrocCode) -> Transfer {
        let output = Output::Folder(self.0.target.path().to_owned());
        let search = CrocSearch::at(code.clone(), &[self.place()], true);
        let unfinished = self.0.unfinished.clone();
        self.0.receiver.receive_croc(CrocReceiveOrder {
            search,
            path_mode: PathMode::RelayOnly,
            output,
            unfinished,
        })
    }

    /// Sends these under a code for croc as well, which is told.
    pub async fn waiting(&self, names: &[&str]) -> (CrocCode, Transfer) {
        let code = code();
        let mut sending = self.send(self.0.paths(names), &code);
        is_up(&mut sending).await;
        (code, sending)
    }

    /// Receives under Caiman's own code all that is sent.
    pub async fn arrives_under(&self, code: CodePhrase, sending: &mut Transfer) {
        let mut receiving = self.0.receiver.receive(self.0.receive_order(code));
        receiving.offer().await;
        self.0.receiver.accept(&receiving, Choices::default());
        receiving.report().await;
        sending.report().await;
    }

    /// Receives everything that is offered.
    pub async fn take(&self, code: &CrocCode) -> Report {
        let mut receiving = self.receive(code);
        receiving.offer().await;
        self.0.receiver.accept(&receiving, Choices::default());
        receiving.report().await
    }

    /// Writes a file to be sent.
    pub fn plant(&self, name: &str, bytes: &[u8]) {
        let path = self.0.from(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Whether exactly what is sent has arrived. croc knows no times of folders.
    pub fn has_all(&self) -> bool {
        nodes(self.0.source.path()) == nodes(self.0.target.path())
    }
}

pub fn place(port: u16) -> CrocRelay {
    let address = RelayAddress::from_socket((Ipv4Addr::LOCALHOST, port).into());
    CrocRelay { relay: RelayChoice::new(address), password: None }
}

pub fn to_croc(code: &CrocCode, relays: &[CrocRelay]) -> CrocSend {
    CrocSend { search: CrocSearch::at(code.clone(), relays, true), relay: None, needs_password: false }
}

pub fn nodes(folder: &Path) -> BTreeMap<PathBuf, Option<Node>> {
    let without_times = |node| if let Node::Folder { .. } = node { None } else { Some(node) };
    tree(folder).into_iter().map(|(path, node)| (path, without_times(node))).collect()
}

pub fn code() -> CrocCode {
    CrocCode::draw().unwrap()
}

/// A port on which nothing listens.
pub fn closed_port() -> u16 {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until croc's code is told.
pub async fn is_up(sending: &mut Transfer) {
    sending
        .told("the code for croc", |notice| match notice {
            Notice::Croc(CrocNews::Code { .. }) => Some(()),
            _ => None,
        })
        .await;
}
