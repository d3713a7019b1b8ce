//! A network namespace of its own, for tests that change a machine's network.

use std::process::{ChildStdin, Command};

use super::process::Running;

/// The namespace, which exists as long as its holder runs.
pub struct Network {
    holder: Running,
    /// The standard input of the script that made the network.
    pub tell: ChildStdin,
}

impl Network {
    /// A namespace whose network `script` makes, which says `ready` on standard error and then waits. `None` if namespaces aren't
    /// allowed, or `ip` is missing.
    pub fn new(script: &str) -> Option<Self> {
        let unshared = |script| {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--net", "sh", "-c", script]);
            command
        };
        let probe = unshared("ip link set lo up").output();
        if !probe.is_ok_and(|probe| probe.status.success()) {
            eprintln!("skipped: no network namespaces here");
            return None;
        }
        let (mut holder, tell) = Running::start_asking(unshared(script));
        holder.says("its addresses", |line| (line == "ready").then_some(()));
        Some(Self { holder, tell })
    }

    /// Runs a command in the namespace.
    pub fn enter(&self, command: &Command) -> Running {
        let mut entering = Command::new("nsenter");
        entering.args(["--user", "--net", "--preserve-credentials", "--target"]);
        entering.arg(self.holder.id().to_string()).arg(command.get_program()).args(command.get_args());
        entering.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Running::start(entering)
    }
}
