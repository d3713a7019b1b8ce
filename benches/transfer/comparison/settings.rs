//! What is measured, from the environment: `BENCH_MIB` (size of the large file), `BENCH_FILES` (number of small files),
//! `BENCH_ROUNDS`, `BENCH_DIR` (the folder for the files; a file system in memory leaves the disk out), `BENCH_TASKS` (`large`,
//! `small`, `growth`, `load`, `curves`, `plot`), `BENCH_SIZES` (MiB) and `BENCH_COUNTS` (files) for growth and curves, `BENCH_ROOMS`
//! for growth, `BENCH_TRANSFERS` and `BENCH_TALKING` (rooms) for the load of a relay. `BENCH_WRITE=1` writes what was measured into
//! the repository: `page` and `curves` say where.
//!
//! All clients of a relay are at one address here, which gets at most half of the relay's connections, and these are three quarters of
//! the open files that the system allows. The usual numbers of rooms and transfers suit a limit of 20,000 open files.
//!
//! `CAIMAN` names a program to be measured in place of the one that was built with this benchmark. `OTHER_CAIMAN` names other builds
//! of it, separated as in PATH, which are measured beside it; `CROC`, `WORMHOLE_RS` and `SENDME` name other programs.

use std::{env, path::PathBuf};

/// What is measured, and with which sizes.
pub(crate) struct Settings {
    pub(crate) rounds: usize,
    pub(crate) dir: PathBuf,
    pub(crate) other_builds: Vec<PathBuf>,
    /// Sizes of one file, for growth and for curves.
    pub(crate) sizes_mib: [Vec<u64>; 2],
    /// Numbers of files, for growth and for curves.
    pub(crate) counts: [Vec<u64>; 2],
    pub(crate) rooms: Vec<u64>,
    pub(crate) transfers: Vec<u64>,
    pub(crate) talking: Vec<u64>,
    /// Whether what was measured is written into the repository.
    pub(crate) is_to_write: bool,
    /// The names of all tasks.
    names: Vec<String>,
    tasks: Vec<Task>,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// One file of this many MiB.
    Large(u64),
    /// This many files of 0.1 to 8 KB.
    Small(u64),
}

impl Settings {
    /// The settings from the environment; `--quick` chooses small numbers for those that it doesn't give.
    pub(crate) fn read(args: &[String]) -> Self {
        let is_quick = args.iter().any(|arg| arg == "--quick");
        let number = |name: &str, usual: u64, quick: u64| match env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number")),
            Err(_) => {
                if is_quick {
                    quick
                } else {
                    usual
                }
            }
        };
        let names = env::var("BENCH_TASKS").unwrap_or_else(|_| "large,small".to_owned());
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        let mut tasks = Vec::new();
        for name in &names {
            match name.as_str() {
                "large" => tasks.push(Task::Large(number("BENCH_MIB", 1024, 128))),
                "small" => tasks.push(Task::Small(number("BENCH_FILES", 10_000, 2_000))),
                "growth" | "load" | "curves" | "plot" => {}
                other => panic!("there is no task {other}"),
            }
        }
        let numbers = |name: &str, usual: &str| {
            let text = env::var(name).unwrap_or_else(|_| usual.to_owned());
            text.split(',')
                .map(|number| number.parse().unwrap_or_else(|_| panic!("{name} is not a list of numbers")))
                .collect()
        };
        Self {
            sizes_mib: ["1,16,256,4096", "1,4,16,64,256,1024"].map(|usual| numbers("BENCH_SIZES", usual)),
            counts: ["1,100,10000,100000", "1,10,100,1000,10000"].map(|usual| numbers("BENCH_COUNTS", usual)),
            rooms: numbers("BENCH_ROOMS", "1000,7000"),
            rounds: number("BENCH_ROUNDS", 5, 2) as usize,
            dir: env::var_os("BENCH_DIR").map_or_else(env::temp_dir, PathBuf::from),
            other_builds: env::var_os("OTHER_CAIMAN")
                .map_or_else(Vec::new, |paths| env::split_paths(&paths).collect()),
            transfers: numbers("BENCH_TRANSFERS", "1,10,100,400"),
            talking: numbers("BENCH_TALKING", "1000,3500"),
            is_to_write: env::var_os("BENCH_WRITE").is_some_and(|wish| wish == "1"),
            names,
            tasks,
        }
    }

    /// Whether the task with this name is to be done.
    pub(crate) fn has(&self, task: &str) -> bool {
        self.names.iter().any(|name| name == task)
    }

    /// The tasks at which contestants take turns.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = Task> {
        self.tasks.iter().copied()
    }

    /// The machine and the numbers of this measurement, for the page with the results.
    pub(crate) fn describe(&self) -> String {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let model = model.map_or("an unknown processor", |(_, name)| name);
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        format!("{model}, {cores} cores; {} rounds, medians", self.rounds)
    }
}

impl Task {
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Large(mib) => format!("One file of {mib} MiB"),
            Self::Small(files) => format!("{files} files of 0.1 to 8 KB"),
        }
    }
}
