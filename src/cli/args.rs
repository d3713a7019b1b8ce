//! The command line as clap reads it, and the text that `--help` and the manual pages print.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    path::PathBuf,
    str::FromStr,
};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use super::code_words::CodeWords;
#[cfg(feature = "croc")]
use crate::engine::CrocPorts;
use crate::{
    engine::{
        AccessPassword, IrohRelay, Limits, ListenOptions, MAX_RECEIVERS, PATIENCE, PathMode, PeerName, Ports,
    },
    net::client::RelayAddress,
    protocol::relay::MAX_LANES,
    units::{ByteSize, Rate},
};

/// The whole command line. Its `about` is the description in Cargo.toml.
#[derive(Parser)]
#[command(
    name = "caiman",
    version,
    about,
    after_help = HELP,
    after_long_help = LONG_HELP,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
#[cfg_attr(not(feature = "gui"), command(override_usage = "caiman <COMMAND>"))]
pub(super) struct Args {
    /// Files and folders to send, or a code or an invite link to receive with.
    ///
    /// They are handed to the window, which opens even if nothing is given.
    #[cfg(feature = "gui")]
    #[arg(value_name = "PATH|CODE", value_hint = ValueHint::AnyPath)]
    pub(super) items: Vec<std::ffi::OsString>,
    #[command(subcommand)]
    pub(super) command: Option<CliCommand>,
}

#[derive(Subcommand)]
pub(super) enum CliCommand {
    /// Send files, folders, text or standard input, and print the code that the receiver needs
    #[command(after_help = SEND_HELP, after_long_help = SEND_LONG_HELP)]
    Send(SendArgs),
    /// Receive files; ask for the code if none is given
    #[command(after_help = RECEIVE_HELP, after_long_help = RECEIVE_LONG_HELP, visible_alias = "recv")]
    Receive(ReceiveArgs),
    /// Run a relay, through which two computers can meet that can't reach each other directly
    ///
    /// It sees neither names nor contents.
    #[command(after_help = RELAY_HELP, after_long_help = RELAY_LONG_HELP)]
    Relay(Box<RelayArgs>),
    /// List the interrupted transfers to this machine, or remove what has arrived of one
    ///
    /// An interrupted transfer goes on when the same files are sent again and received into the same folder.
    #[command(after_help = UNFINISHED_HELP)]
    Unfinished {
        /// Remove what has arrived of this transfer.
        #[arg(long, value_name = "ID")]
        discard: Option<String>,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// List the people this computer can send to without a code, or change what is known of them
    ///
    /// Two computers remember each other with --remember, when they meet under a code.
    #[command(after_help = PEOPLE_HELP)]
    People(PeopleArgs),
    /// Print the script with which a shell completes commands, options, paths and the words of codes
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// The shell.
        shell: CompletedShell,
    },
    /// Write the manual pages
    #[command(hide = true)]
    Man {
        /// The folder to write the pages of all commands into. Without it, caiman(1) is printed.
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        out: Option<PathBuf>,
        /// The date that the pages name.
        #[arg(long, value_name = "YYYY-MM-DD", default_value = "", hide_default_value = true)]
        date: String,
    },
}

/// The shells for which there are completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CompletedShell {
    Bash,
    Elvish,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Zsh,
}

// In these texts a paragraph is one line, which clap wraps. A block whose first line ends with a colon is a list, and its lines stay
// as they are; `manual` makes a section of each.

const HELP: &str = "Examples:
  caiman send holiday.mov photos/     shows four words
  caiman receive                      asks for them, on the other computer

caiman COMMAND -h shows what a command can do.";

const LONG_HELP: &str = "Examples:
  caiman send holiday.mov photos/     shows four words
  caiman receive                      asks for them, on the other computer

On the other computer the words are typed, what is offered is shown, and once it is accepted it arrives: end-to-end encrypted, \
checked, directly or through a relay that can read nothing.

Exit codes:
  0    everything arrived
  1    something went wrong that has no code of its own
  2    the arguments are invalid
  3    the code is wrong or retired, or no one is there under it
  4    the other side declined, cancelled, was lost or misbehaved
  5    the relay, or every relay on the internet, can't be reached, or refused
  6    files here are missing, unreadable or not writable, or there is no space
  7    finished, but some entries are missing; each was named
  130  cancelled or declined here";

const SEND_HELP: &str = "Examples:
  caiman send holiday.mov photos/
  caiman send --text 'the door code is 4711'";

const SEND_LONG_HELP: &str = "Examples:
  caiman send holiday.mov photos/
  caiman send --text 'the door code is 4711'
  caiman send --receivers 3 slides.pdf
  caiman send --remember report.pdf
  caiman send --to Ann report.pdf     no code, once both have remembered each other
  caiman send --croc report.pdf       the other side may have croc instead of Caiman
  caiman send --server relay.example.org report.pdf
  tar c project | caiman send -       the other side: caiman receive --stdout | tar x

Without --server, the relays in the window's settings are tried in order. The receiver is also found on the local \
network and over the internet, without any relay. With --internet off, and if no relay is set or with --server none, \
this command runs a relay itself, on port 27001 if that is free. A receiver elsewhere then has to reach this machine; the \
lines that are printed say how.

Exit codes: see caiman --help.";

const RECEIVE_HELP: &str = "Examples:
  caiman receive acid-coyote-mustard-tulip
  caiman receive acid coyote mustard tulip --out ~/Downloads";

const RECEIVE_LONG_HELP: &str = "Examples:
  caiman receive acid-coyote-mustard-tulip
  caiman receive acid coyote mustard tulip --out ~/Downloads
  caiman receive 'caiman:acid-coyote-mustard-tulip?server=192.0.2.7:27001'
  CAIMAN_CODE=acid-coyote-mustard-tulip caiman receive --yes
  caiman receive --from-people        waits for the people you know

Every user of this machine can see a code on the command line in the list of processes. A code in CAIMAN_CODE, or typed \
when this command asks for it, stays hidden.

Files that are already here (same name, size and hash) are not sent and stay as they are; with --yes they are compared \
before anything is accepted. Other files that already exist are kept, and the new ones get a number in their names, unless \
--overwrite or --skip is given. A folder that already exists is kept as well, unless --merge is given or nothing in it \
would change. A file gets its real name only after all of it has been checked.

Exit codes: see caiman --help.";

const RELAY_HELP: &str = "Examples:
  caiman relay                        TCP 27001, and 27002-27009 for data
  caiman relay --data-ports none      one port for everything";

const RELAY_LONG_HELP: &str = "Examples:
  caiman relay                        TCP 27001, and 27002-27009 for data
  caiman relay --data-ports none      one port for everything
  caiman relay --metrics 127.0.0.1:9100

It stops on SIGTERM or Ctrl-C when running transfers have finished, at the latest after --drain seconds; a second signal stops it \
at once. All addresses of a network (an IPv4 /24 or an IPv6 /48) may together use four times what one address may, and the fuller \
the relay is, the less each may hold. CAIMAN_LOG sets what is logged (error, warn, info, debug); codes, names, keys and room ids \
are never logged.";

const UNFINISHED_HELP: &str = "Examples:
  caiman unfinished
  caiman unfinished --discard ID      frees its space";

const PEOPLE_HELP: &str = "Examples:
  caiman people
  caiman people --check               says who waits at the moment
  caiman people --trust Ann --into ~/Downloads/Ann
  caiman people --forget Bob          Bob's computer finds nobody here then";

const COMPLETIONS_HELP: &str = "Examples:
  source <(caiman completions bash)   for this shell
  caiman completions bash > ~/.local/share/bash-completion/completions/caiman
  caiman completions zsh > DIR/_caiman      DIR is in $fpath, and compinit runs
  caiman completions fish > ~/.config/fish/completions/caiman.fish";

#[derive(ClapArgs)]
pub(super) struct SendArgs {
    /// Files and folders to send; `-` reads standard input.
    #[arg(required_unless_present = "text", conflicts_with = "text", value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(super) paths: Vec<PathBuf>,
    /// Send this text instead of files. The receiver sees it, and nothing is saved.
    #[arg(long)]
    pub(super) text: Option<String>,
    /// Use a code of your own: at least four parts of three or more characters.
    #[arg(long, env = "CAIMAN_CODE", hide_env_values = true)]
    pub(super) code: Option<String>,
    /// How many words a random code has; more words are harder to guess.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=6), hide_short_help = true)]
    pub(super) words: u8,
    /// How many receivers may use the code, one after the other; each gets a separate transfer.
    ///
    /// Once the first receiver has come, what is sent no longer changes. The exit code is 0 only if every receiver got everything.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_RECEIVERS)), value_name = "N")]
    pub(super) receivers: u16,
    /// Send to this person, without a code.
    ///
    /// The person's computer is called until it answers, and called again if it is lost in the middle. `caiman people` lists whom
    /// this computer knows.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["code", "words", "receivers", "remember"])]
    pub(super) to: Option<String>,
    /// Remember the receiver once it has everything, so that no code is needed the next time.
    ///
    /// NAME is what you call it; without one it is what its computer calls itself. The other side has to remember this one as well.
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with = "receivers"
    )]
    pub(super) remember: Option<String>,
    /// The name of the file in which the receiver stores standard input.
    #[arg(long, default_value = "stdin", value_name = "NAME", hide_short_help = true)]
    pub(super) file_name: String,
    /// Send no faster than this many bytes a second, such as 500kB, 20MB or 1.5GiB; a number without a unit is in MB.
    #[arg(long)]
    pub(super) rate: Option<Rate>,
    #[cfg(feature = "croc")]
    #[command(flatten)]
    pub(super) croc: CrocSendArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// How to send to a receiver that has croc.
#[cfg(feature = "croc")]
#[derive(ClapArgs)]
#[command(next_help_heading = "To croc")]
pub(super) struct CrocSendArgs {
    /// Show a code for croc 10 or 11 as well. The first receiver to come, with Caiman or with croc, gets everything.
    ///
    /// A code for croc protects less than one of Caiman's. Names that croc refuses are changed, and links that it refuses are left
    /// out; both are said before the code is shown.
    #[arg(long = "croc", conflicts_with_all = ["to", "receivers", "remember"])]
    pub(super) is_for_croc: bool,
    /// Use a code for croc of your own: at least six characters.
    #[arg(long, value_name = "CODE", requires = "is_for_croc", hide_short_help = true)]
    pub(super) croc_code: Option<String>,
    /// The croc relay at which to wait, instead of croc's public ones.
    #[arg(long, env = "CAIMAN_CROC_RELAY", value_name = "HOST[:PORT]", hide_short_help = true)]
    pub(super) croc_relay: Option<String>,
    /// The password of that croc relay, if it has one of its own.
    #[arg(long, env = "CAIMAN_CROC_PASSWORD", hide_env_values = true, hide_short_help = true)]
    pub(super) croc_password: Option<String>,
    /// Let no croc 10 receive, whose protection is weaker than that of croc 11.
    #[arg(long, requires = "is_for_croc", hide_short_help = true)]
    pub(super) no_croc10: bool,
}

#[derive(ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
pub(super) struct ReceiveArgs {
    /// The code, with dashes or spaces, or an invite link, or the whole line that the sender shows.
    ///
    /// A word may be shortened to its first three letters.
    #[arg(env = "CAIMAN_CODE", hide_env_values = true, value_name = "CODE", add = ArgValueCompleter::new(CodeWords))]
    pub(super) code: Vec<String>,
    /// Wait for the people this computer knows, until Ctrl-C, instead of receiving under a code.
    ///
    /// What a trusted person sends is received into that person's folder without asking; `caiman people --trust` says so. An
    /// interrupted transfer that was accepted before goes on without asking.
    #[arg(long, conflicts_with_all = ["code", "stdout", "remember"])]
    pub(super) from_people: bool,
    /// Remember the sender once everything has arrived, so that no code is needed the next time.
    ///
    /// NAME is what you call it; without one it is what its computer calls itself. The other side has to remember this one as well.
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) remember: Option<String>,
    /// The folder to receive into.
    #[arg(long, short, default_value = ".", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) out: PathBuf,
    /// Accept whatever is offered, without asking.
    ///
    /// If the sender offers more afterwards, that is accepted as well, 16 times at most; then the command ends.
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Write a single file to standard output; implies --yes.
    ///
    /// The bytes are checked while they pass: only an exit code of 0 means that all of them were right.
    #[arg(long, conflicts_with_all = ["out", "overwrite", "rename", "skip", "merge", "exclude"])]
    pub(super) stdout: bool,
    /// Replace files that already exist; in a folder that already exists, only together with --merge.
    #[arg(long, group = "conflict", help_heading = "What is there already")]
    pub(super) overwrite: bool,
    /// Keep files that already exist and give new files a number (the default).
    #[arg(long, group = "conflict", help_heading = "What is there already", hide_short_help = true)]
    pub(super) rename: bool,
    /// Don't receive files whose names already exist, nor, without --merge, folders whose names do.
    #[arg(long, group = "conflict", help_heading = "What is there already")]
    pub(super) skip: bool,
    /// Merge a folder with one that is already there.
    ///
    /// Otherwise the new folder gets a number in its name; with --skip, it is left out.
    #[arg(long, help_heading = "What is there already")]
    pub(super) merge: bool,
    /// In the home folder, also receive names that begin with a dot.
    ///
    /// Programs look for such names there, and some run what they find, so they are left out otherwise.
    #[arg(long, hide_short_help = true)]
    pub(super) allow_hidden: bool,
    /// Begin although the folder seems to have too little free space: some disks have more than they say, because they compress.
    #[arg(long, hide_short_help = true)]
    pub(super) ignore_space: bool,
    /// Don't receive this path of the offer or anything below it; may be given several times.
    #[arg(long, value_name = "PATH")]
    pub(super) exclude: Vec<String>,
    /// Use what is in the folder: what an interrupted transfer left, and identical files (the default).
    #[arg(
        long,
        overrides_with = "no_resume",
        help_heading = "What is there already",
        hide_short_help = true
    )]
    pub(super) resume: bool,
    /// Receive everything again, whatever is in the folder.
    #[arg(long, overrides_with = "resume", help_heading = "What is there already", hide_short_help = true)]
    pub(super) no_resume: bool,
    #[cfg(feature = "croc")]
    #[command(flatten)]
    pub(super) croc: CrocArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// How to receive from a sender that has croc.
#[cfg(feature = "croc")]
#[derive(ClapArgs)]
#[command(next_help_heading = "From croc")]
pub(super) struct CrocArgs {
    /// The code is one of croc's, even if it could be one of Caiman's.
    ///
    /// Three words of croc's own list, four digits and three words, croc's whole command line and links to getcroc.com are known for
    /// what they are without this. A croc code protects less than one of Caiman's.
    #[arg(long, conflicts_with_all = ["from_people", "remember"])]
    pub(super) croc: bool,
    /// The croc relay at which the sender waits, unless it is one of croc's public ones or its command line names it.
    #[arg(long, env = "CAIMAN_CROC_RELAY", value_name = "HOST[:PORT]", hide_short_help = true)]
    pub(super) croc_relay: Option<String>,
    /// The password of that croc relay, if it has one of its own.
    #[arg(long, env = "CAIMAN_CROC_PASSWORD", hide_env_values = true, hide_short_help = true)]
    pub(super) croc_password: Option<String>,
}

#[derive(ClapArgs)]
pub(super) struct PeopleArgs {
    /// Forget this person: neither finds the other any more.
    #[arg(long, value_name = "NAME", group = "change")]
    pub(super) forget: Option<String>,
    /// Give a person another name.
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], group = "change")]
    pub(super) rename: Option<Vec<String>>,
    /// Hear nothing of this person any more, without forgetting it.
    #[arg(long, value_name = "NAME", group = "change")]
    pub(super) block: Option<String>,
    /// Hear of this person again.
    #[arg(long, value_name = "NAME", group = "change")]
    pub(super) unblock: Option<String>,
    /// Receive what this person sends without asking, into the folder that --into names.
    #[arg(long, value_name = "NAME", group = "change", requires = "into")]
    pub(super) trust: Option<String>,
    /// The folder of a trusted person.
    #[arg(long, value_name = "DIR", requires = "trust", value_hint = ValueHint::DirPath)]
    pub(super) into: Option<PathBuf>,
    /// Ask again before anything of this person is received.
    #[arg(long, value_name = "NAME", group = "change")]
    pub(super) untrust: Option<String>,
    /// Also look for each person, and say whether it waits nearby, elsewhere or not at all, which takes some seconds.
    #[arg(long, conflicts_with = "change")]
    pub(super) check: bool,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(ClapArgs)]
#[command(next_help_heading = "Connection")]
pub(super) struct CommonArgs {
    /// The relay to use, or `none`.
    ///
    /// If it is not given, the relays in the window's settings are used, with their passwords: a sender takes the first that it can
    /// reach, and a receiver looks on all of them. `none` uses no relay. Beside the relays, only what the settings say of the internet
    /// is taken from them.
    #[arg(long, short, env = "CAIMAN_SERVER", value_name = "HOST[:PORT]")]
    pub(super) server: Option<ServerChoice>,
    /// The relay's access password.
    ///
    /// If it is not given, the password in the window's settings is used. It is for the relay that --server names, or without
    /// --server for the first relay of the settings, and for no other that an invite link may name.
    #[arg(long, env = "CAIMAN_PASSWORD", hide_env_values = true)]
    pub(super) password: Option<AccessPassword>,
    /// Which ways the data may take.
    #[arg(long, env = "CAIMAN_PATH", value_enum, default_value_t = PathArg::Auto, value_name = "WAYS", hide_short_help = true)]
    pub(super) path: PathArg,
    /// Whether the code works from anywhere, without a relay of Caiman's own kind.
    ///
    /// `on` goes through the iroh relays of the window's settings, which are the public ones unless others are named there. URLs name
    /// iroh relays, which the other side has to use too. `off` goes through none. If it is not given, the settings decide, where it is
    /// on by default. An iroh relay sees addresses, times and amounts, never names or contents.
    #[arg(long, env = "CAIMAN_INTERNET", value_name = "on|off|URL,…")]
    pub(super) internet: Option<InternetChoice>,
    /// The proxy through which relays are reached: socks5://HOST:PORT or http://HOST:PORT, or `off`.
    ///
    /// USER:PASSWORD@ stands before the host if the proxy asks for that. If it is not given, the settings decide, and then `ALL_PROXY`
    /// or `HTTPS_PROXY`. Relays on this machine, in the local network or in `NO_PROXY` are reached without. Direct connections and the
    /// internet go around the proxy; for Tor, add --path relay --internet off.
    #[arg(
        long,
        env = "CAIMAN_PROXY",
        hide_env_values = true,
        value_name = "URL|off",
        hide_short_help = true
    )]
    pub(super) proxy: Option<String>,
    /// Listen for direct connections on this port, for instance one that a firewall lets through.
    ///
    /// If it is not given, the system chooses one.
    #[arg(long, env = "CAIMAN_PORT", value_name = "PORT", hide_short_help = true)]
    pub(super) port: Option<NonZeroU16>,
    /// Ask the router to let direct connections in from outside while the transfer runs (PCP, NAT-PMP or UPnP).
    #[arg(long, hide_short_help = true)]
    pub(super) map_port: bool,
    /// The most connections at once. A transfer begins with eight, and opens more if they make it faster.
    #[arg(long, default_value_t = MAX_LANES, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_LANES)), value_name = "N", hide_short_help = true)]
    pub(super) lanes: u16,
    /// How many seconds to look for a lost relay, or for the other side when its connection is lost.
    #[arg(long, default_value_t = PATIENCE.as_secs(), value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=31_536_000), hide_short_help = true)]
    pub(super) patience: u64,
    /// What this computer is called. The other side sees it once the code is proven, and no relay ever does.
    ///
    /// If it is not given, it is the name in the window's settings, or else what the system calls this computer. Anybody may use any
    /// name: only the code says who the other side is.
    #[arg(long, value_name = "NAME", help_heading = None)]
    pub(super) name: Option<PeerName>,
    /// Don't tell the other side what this computer is called.
    #[arg(long, conflicts_with = "name", help_heading = None, hide_short_help = true)]
    pub(super) no_name: bool,
    /// Print what happens as one JSON object per line.
    ///
    /// The objects go to standard output, or with `receive --stdout` to standard error.
    #[arg(long, help_heading = None)]
    pub(super) json: bool,
}

impl CommonArgs {
    /// How the other side may reach this machine directly.
    pub(super) fn listen(&self) -> ListenOptions {
        ListenOptions { port: self.port, asks_gateway: self.map_port }
    }
}

/// Which ways the bytes may take, as the command line names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PathArg {
    /// Directly if that works, otherwise through the relay or an iroh relay.
    Auto,
    /// Only within the local network, and through nothing elsewhere.
    Local,
    /// Only through the relay or an iroh relay, which hides this machine's addresses from the other side; nothing is announced on
    /// the local network.
    Relay,
}

impl From<PathArg> for PathMode {
    fn from(path: PathArg) -> Self {
        match path {
            PathArg::Auto => Self::Automatic,
            PathArg::Local => Self::LocalOnly,
            PathArg::Relay => Self::RelayOnly,
        }
    }
}

/// The relay that the user asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ServerChoice {
    /// The relay at this address.
    At(RelayAddress),
    /// No relay, not even one from the settings.
    None,
}

impl FromStr for ServerChoice {
    type Err = <RelayAddress as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().eq_ignore_ascii_case("none") { Ok(Self::None) } else { text.parse().map(Self::At) }
    }
}

/// What the user wants of the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InternetChoice {
    /// The iroh relays of the settings.
    On,
    /// Nothing.
    Off,
    /// These iroh relays.
    Through(Vec<IrohRelay>),
}

impl FromStr for InternetChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            text if text.eq_ignore_ascii_case("on") => Ok(Self::On),
            text if text.eq_ignore_ascii_case("off") => Ok(Self::Off),
            relays => {
                let is_word =
                    |part: &str| ["on", "off"].iter().any(|word| part.trim().eq_ignore_ascii_case(word));
                if relays.split(',').any(is_word) {
                    return Err("`on` and `off` stand alone".to_owned());
                }
                let relays = relays.split(',').map(str::parse).collect::<Result<_, _>>();
                relays
                    .map(Self::Through)
                    .map_err(|error: <IrohRelay as FromStr>::Err| format!("`on`, `off`, or relays: {error}"))
            }
        }
    }
}

#[derive(ClapArgs)]
pub(super) struct RelayArgs {
    /// The address to listen on. If it is not given, the relay listens on every address of this machine.
    #[arg(long)]
    pub(super) host: Option<IpAddr>,
    /// The port for control connections; 0 lets the system choose one.
    #[arg(long, default_value_t = 27001)]
    pub(super) port: u16,
    /// The ports for data, such as 27002-27009; `none` uses the control port.
    #[arg(long, default_value = "27002-27009")]
    pub(super) data_ports: Ports,
    /// A password that every client must know.
    #[arg(long, env = "CAIMAN_PASSWORD", hide_env_values = true)]
    pub(super) password: Option<AccessPassword>,
    #[cfg(feature = "croc")]
    #[command(flatten)]
    pub(super) croc: RelayCrocArgs,
    /// Serve Prometheus metrics on this address, at /metrics.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) metrics: Option<SocketAddr>,
    /// The most connections in all.
    #[arg(long, default_value_t = Limits::default().max_connections, help_heading = "Limits", hide_short_help = true)]
    pub(super) max_connections: usize,
    /// The most connections from one address.
    #[arg(long, default_value_t = Limits::default().connections_per_address, help_heading = "Limits", hide_short_help = true)]
    pub(super) connections_per_address: usize,
    /// The most rooms in all.
    #[arg(long, default_value_t = Limits::default().max_rooms, help_heading = "Limits", hide_short_help = true)]
    pub(super) max_rooms: usize,
    /// The most rooms opened from one address.
    #[arg(long, default_value_t = Limits::default().rooms_per_address, help_heading = "Limits", hide_short_help = true)]
    pub(super) rooms_per_address: usize,
    /// The most hellos from one address in a minute, of senders and of receivers.
    #[arg(long, default_value_t = Limits::default().joins_per_minute, help_heading = "Limits", hide_short_help = true)]
    pub(super) joins_per_minute: u32,
    /// The most receivers from one address in a minute that reach a sender without knowing its code.
    #[arg(long, default_value_t = Limits::default().tries_per_minute, help_heading = "Limits", hide_short_help = true)]
    pub(super) tries_per_minute: u32,
    /// Seconds that a client may take to say hello.
    #[arg(long, default_value_t = Limits::default().hello_secs, value_name = "SECONDS", help_heading = "Limits", hide_short_help = true)]
    pub(super) hello: u64,
    /// Seconds that a sender may wait for a receiver.
    #[arg(long, default_value_t = Limits::default().wait_secs, value_name = "SECONDS", help_heading = "Limits", hide_short_help = true)]
    pub(super) wait: u64,
    /// Seconds without a byte, after which a transfer is closed.
    #[arg(long, default_value_t = Limits::default().idle_secs, value_name = "SECONDS", help_heading = "Limits", hide_short_help = true)]
    pub(super) idle: u64,
    /// Seconds that running transfers have to finish once the relay is told to stop.
    #[arg(long, default_value_t = Limits::default().drain_secs, value_name = "SECONDS", help_heading = "Limits", hide_short_help = true)]
    pub(super) drain: u64,
    /// The most bytes a second for one transfer, such as 200MB; a number without a unit is in MB.
    #[arg(long, help_heading = "Limits", hide_short_help = true)]
    pub(super) rate: Option<Rate>,
    /// The most memory for rooms and connections, such as 512MiB.
    #[arg(
        long,
        default_value = "1GiB",
        value_name = "BYTES",
        help_heading = "Limits",
        hide_short_help = true
    )]
    pub(super) max_memory: ByteSize,
}

/// How a relay serves clients that have croc.
#[cfg(feature = "croc")]
#[derive(ClapArgs)]
#[command(next_help_heading = "For croc")]
pub(super) struct RelayCrocArgs {
    /// Serve clients that have croc 10 or 11 as well.
    #[arg(long)]
    pub(super) croc: bool,
    /// The ports for croc: the control port, then one to eight data ports.
    #[arg(long, default_value = "9009-9013", requires = "croc", value_name = "PORTS")]
    pub(super) croc_ports: CrocPorts,
    /// The password that every croc must know; croc's own default if none is given.
    #[arg(long, env = "CAIMAN_CROC_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    pub(super) croc_password: Option<AccessPassword>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::code::Invite;

    /// Catches an option that a pasted line may hold, and that is then read as a part of the code.
    #[test]
    fn a_pasted_line_may_hold_every_option_of_receive() {
        let command = Args::command();
        let receive = command.find_subcommand("receive").unwrap();
        for argument in receive.get_arguments() {
            let Some(long) = argument.get_long().filter(|long| *long != "server") else { continue };
            let value = if argument.get_action().takes_values() { " value" } else { "" };
            let line =
                format!("caiman receive acid-coyote-mustard-tulip --{long}{value} --server relay.test:9");
            let invite: Invite = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(invite.server(), Some("relay.test:9"), "{line}");
        }
    }

    #[test]
    fn the_command_line_holds_together() {
        Args::command().debug_assert();
    }

    /// A page whose link has a quotation mark in it may choose what follows the link.
    #[cfg(feature = "gui")]
    #[test]
    fn no_command_follows_a_link() {
        for rest in [&["send", "--text", "x"][..], &["--", "send", "x"], &["relay"]] {
            let args = ["caiman", "caiman:x"].iter().chain(rest);
            let read = Args::try_parse_from(args);
            assert!(read.is_err() || read.is_ok_and(|args| args.command.is_none()), "{rest:?}");
        }
    }

    #[test]
    fn a_server_is_an_address_or_none() {
        assert_eq!("none".parse(), Ok(ServerChoice::None));
        assert_eq!("none:9".parse(), Ok(ServerChoice::At("none:9".parse().unwrap())));
        assert!("not a host".parse::<ServerChoice>().is_err());
    }

    #[test]
    fn a_sender_needs_something_to_send() {
        assert!(Args::try_parse_from(["caiman", "send"]).is_err());
        assert!(Args::try_parse_from(["caiman", "send", "--text", "x"]).is_ok());
        assert!(Args::try_parse_from(["caiman", "send", "--text", "x", "file"]).is_err());
        assert!(Args::try_parse_from(["caiman", "receive", "--skip", "--overwrite"]).is_err());
    }
}
