//! The program itself: its relay, and transfers through the relay or around it.

use std::{
    env,
    io::{Read, Write},
    iter,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use super::{Contestant, Run, process::Running, process::Usage, settings::Settings, site::Site};

/// The program that is measured.
pub(crate) fn binary() -> PathBuf {
    env::var_os("CAIMAN").map_or_else(|| env!("CARGO_BIN_EXE_caiman").into(), PathBuf::from)
}

/// A relay in a process of its own.
pub(crate) struct Relay {
    process: Running,
    pub(crate) address: SocketAddr,
    metrics: SocketAddr,
}

impl Relay {
    /// A relay with eight data ports, as usual.
    pub(crate) fn start(binary: &Path, home: &Path) -> Self {
        Self::start_with(binary, home, &[])
    }

    /// A relay with eight data ports that lets one address have this many rooms and connections. There have to be twice as many, since
    /// no address may hold more than is left for others.
    pub(crate) fn start_for(rooms: u64, connections: u64, home: &Path) -> Self {
        let [rooms, connections, all_rooms, all_connections] =
            [rooms + 100, connections + 100, 2 * rooms + 200, 2 * connections + 200]
                .map(|most| most.to_string());
        let limits = [
            ["--max-connections", &all_connections],
            ["--connections-per-address", &connections],
            ["--max-rooms", &all_rooms],
            ["--rooms-per-address", &rooms],
            ["--joins-per-minute", &connections],
            ["--tries-per-minute", &connections],
            ["--max-memory", "64GiB"],
        ];
        Self::start_with(&binary(), home, limits.as_flattened())
    }

    fn start_with(binary: &Path, home: &Path, more: &[&str]) -> Self {
        let first = free_ports(8);
        let ports = format!("{first}-{}", first + 7);
        let args =
            ["relay", "--host", "127.0.0.1", "--port", "0", "--metrics", "127.0.0.1:0", "--data-ports"];
        let mut command = command(binary, home);
        let mut process = Running::start("relay", command.args(args).arg(ports).args(more));
        let address = process.says("its address", |line| {
            line.strip_prefix("Relay listening on ")?.split(',').next()?.parse().ok()
        });
        let metrics = process.says("where its metrics are", |line| {
            line.strip_prefix("Metrics on http://")?.strip_suffix("/metrics")?.parse().ok()
        });
        Self { process, address, metrics }
    }

    /// The relay's process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Stops the relay. Returns what it used, and how many bytes went over its lanes.
    pub(crate) fn stop(self) -> (Usage, u64) {
        let mut connection = TcpStream::connect(self.metrics).unwrap();
        connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        connection.read_to_string(&mut text).unwrap();
        let lanes = text.lines().find_map(|line| {
            line.strip_prefix("caiman_relay_relayed_bytes_total{kind=\"lane\"} ")?.parse().ok()
        });
        (self.process.stop(), lanes.expect("the relay counts bytes"))
    }
}

/// This build and other builds, through a relay and around it.
pub(crate) fn contestants(settings: &Settings) -> Vec<Contestant> {
    let this = ("caiman".to_owned(), binary());
    let others = settings.other_builds.iter().map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (name.into_owned(), path.clone())
    });
    let builds = iter::once(this).chain(others);
    let both = builds.flat_map(|(name, binary)| {
        [("relay", true), ("direct", false)].map(|(way, through_relay)| {
            let binary = binary.clone();
            let run = move |site: &Site| transfer(&binary, site, through_relay);
            Contestant { name: format!("{name}, {way}"), run: Box::new(run) }
        })
    });
    both.collect()
}

/// Runs one transfer of what is sent, with a relay of its own.
pub(crate) fn transfer(binary: &Path, site: &Site, through_relay: bool) -> Run {
    let relay = Relay::start(binary, &site.home());
    let server = relay.address.to_string();
    let path = if through_relay { "relay" } else { "auto" };
    let common = ["--json", "--server", &server, "--path", path];
    let mut command = command(binary, &site.home());
    let asked = Instant::now();
    let mut sender = Running::start("sender", command.arg("send").args(common).arg(site.source()));
    let code = sender.says("its code", |line| {
        let event = event(line, "code")?;
        Some(event["code"].as_str()?.to_owned())
    });
    let code_after = asked.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut command = self::command(binary, &site.home());
    command.args(["receive", &code, "--yes", "--out"]).arg(site.target()).args(common);
    let receiver = Running::start("receiver", &mut command);
    let (receiver, said) = receiver.end();
    let (sender, _) = sender.end();
    let seconds = started.elapsed().as_secs_f64();
    let at = |name| said.iter().find_map(|(at, line)| event(line, name).map(|_| *at));
    let moving = at("done").zip(at("accepted")).map(|(end, start)| (end - start).as_secs_f64());
    let (relay, relayed) = relay.stop();
    let is_as_told = if through_relay { relayed >= site.bytes } else { relayed < site.bytes / 10 };
    assert!(is_as_told, "{relayed} of {} bytes went over the relay's lanes", site.bytes);
    let processes = vec![("sender", sender), ("relay", relay), ("receiver", receiver)];
    Run { seconds, moving, code_after: Some(code_after), processes }
}

fn event(line: &str, name: &str) -> Option<serde_json::Value> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    (event["event"] == name).then_some(event)
}

/// A command without the settings of the user who runs this.
pub(crate) fn command(binary: &Path, home: &Path) -> Command {
    let mut command = Command::new(binary);
    for name in
        ["CAIMAN_CODE", "CAIMAN_SERVER", "CAIMAN_PASSWORD", "CAIMAN_LOG", "CAIMAN_PORT", "CAIMAN_PATH"]
    {
        command.env_remove(name);
    }
    command.env("CAIMAN_CONFIG_DIR", home).env("CAIMAN_DATA_DIR", home).stdin(Stdio::null());
    // Nothing leaves this machine.
    command.env("CAIMAN_INTERNET", "off");
    command
}

/// The first of this many consecutive ports that are free.
pub(crate) fn free_ports(count: u16) -> u16 {
    let is_free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first =
        (20_000..30_000).step_by(usize::from(count)).find(|first| (*first..first + count).all(is_free));
    first.expect("some ports are free")
}
