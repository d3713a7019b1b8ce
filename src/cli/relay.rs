//! `caiman relay`: runs a relay until a signal comes, then drains it.

use std::net::SocketAddr;

#[cfg(feature = "croc")]
use super::args::RelayCrocArgs;
use super::{args::RelayArgs, exit::Exit, interrupts::Interrupts, output, report::failure};
#[cfg(feature = "croc")]
use crate::engine::{AccessPassword, CrocConfig, USUAL_PASSWORD};
use crate::{
    engine::{Command, Engine, Event, Limits, Ports, RelayConfig, RelayError},
    units::Rate,
};

/// Runs a relay until it is told to stop.
pub(super) async fn run(args: RelayArgs, interrupts: &mut Interrupts) -> Exit {
    let (engine, mut events) = match Engine::start(|| {}) {
        Ok(started) => started,
        Err(error) => {
            output::line(failure(&format!("the relay can't start: {error}")));
            return Exit::Failed;
        }
    };
    let id = engine.new_id();
    #[cfg(feature = "croc")]
    let croc_options = croc_options(&args.croc);
    #[cfg(not(feature = "croc"))]
    let croc_options = "";
    let order = Command::Relay(id, Box::new(config(args)));
    engine.command(order).expect("a new engine takes a command");
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::Listening { local, data_ports, croc_ports, metrics, .. }) => {
                    let shared = if data_ports.is_empty() { " (data shares the control port)" } else { "" };
                    let data_ports = Ports(data_ports);
                    output::line(format_args!("Relay listening on {local}, data ports {data_ports}{shared}"));
                    if let [port, data_ports @ ..] = &croc_ports[..] {
                        let control = SocketAddr::new(local.ip(), *port);
                        let data_ports = Ports(data_ports.to_vec());
                        output::line(format_args!("For croc on {control}, data ports {data_ports}"));
                        output::line(format_args!("With croc: croc --relay HOST:{port}{croc_options} send FILE"));
                    }
                    if let Some(metrics) = metrics {
                        output::line(format_args!("Metrics on http://{metrics}/metrics"));
                    }
                }
                Some(Event::RelayEnded(_, Ok(()))) => return Exit::Done,
                Some(Event::RelayEnded(_, Err(error))) => {
                    output::line(failure(&error.to_string()));
                    return Exit::Relay;
                }
                Some(Event::Stopped(report)) => {
                    output::line(failure(&RelayError::Internal(report).to_string()));
                    return Exit::Failed;
                }
                Some(_) => {}
                None => return Exit::Failed,
            },
            () = interrupts.next() => {
                output::line("Stopping when running transfers have finished; a second signal stops at once");
                // An engine that takes no command has ended, and its last event will come.
                let _ = engine.command(Command::Cancel(id));
            }
        }
    }
}

/// What the user of a croc has to say beside the relay's address.
#[cfg(feature = "croc")]
fn croc_options(args: &RelayCrocArgs) -> &'static str {
    let usual = |password: &AccessPassword| password.as_str() == USUAL_PASSWORD;
    if args.croc_password.as_ref().is_none_or(usual) { "" } else { " --pass PASSWORD" }
}

#[cfg(feature = "croc")]
fn croc_config(args: RelayCrocArgs) -> CrocConfig {
    let password = args.croc_password.unwrap_or_else(|| USUAL_PASSWORD.into());
    CrocConfig { ports: args.croc_ports, password }
}

fn config(args: RelayArgs) -> RelayConfig {
    RelayConfig {
        host: args.host,
        port: args.port,
        data_ports: args.data_ports.0,
        password: args.password,
        sender_key: None,
        is_local_only: false,
        #[cfg(feature = "croc")]
        croc: args.croc.croc.then(|| croc_config(args.croc)),
        metrics: args.metrics,
        limits: Limits {
            max_connections: args.max_connections,
            connections_per_address: args.connections_per_address,
            max_rooms: args.max_rooms,
            rooms_per_address: args.rooms_per_address,
            joins_per_minute: args.joins_per_minute,
            tries_per_minute: args.tries_per_minute,
            hello_secs: args.hello,
            wait_secs: args.wait,
            idle_secs: args.idle,
            drain_secs: args.drain,
            rate_bytes_per_sec: args.rate.map(Rate::bytes_per_sec),
            max_memory_bytes: args.max_memory.bytes().get(),
        },
    }
}
