//! What is measured, from the environment: `BENCH_MIB` (size of the large file), `BENCH_FILES` (number of small files),
//! `BENCH_ROUNDS`, `BENCH_DIR` (the folder for the files; a file system in memory leaves the disk out), `BENCH_TASKS` (`large`,
//! `small`, `growth`, `load`), `BENCH_SIZES` (MiB), `BENCH_COUNTS` (files) and `BENCH_ROOMS` for growth, `BENCH_TRANSFERS` and
//! `BENCH_TALKING` (rooms) for the load of a relay. `OTHER_CAIMAN` names other builds of the program, separated as in PATH,
//! which are measured beside this one; `CROC`, `WORMHOLE_RS` and `SENDME` name other programs. `CAIMAN` names a program to be measured
//! in place of the one that was built with this benchmark.

use std::{env, path::PathBuf};

const MIB: u64 = 1024 * 1024;

/// What is measured, and with which sizes.
pub(crate) struct Settings {
    pub(crate) large_bytes: u64,
    pub(crate) small_files: usize,
    pub(crate) rounds: usize,
    pub(crate) dir: PathBuf,
    pub(crate) other_builds: Vec<PathBuf>,
    pub(crate) sizes_mib: Vec<u64>,
    pub(crate) counts: Vec<u64>,
    pub(crate) rooms: Vec<u64>,
    pub(crate) is_about_growth: bool,
    pub(crate) transfers: Vec<u64>,
    pub(crate) talking: Vec<u64>,
    pub(crate) is_about_load: bool,
    tasks: Vec<Task>,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// One large file.
    Large,
    /// Many files of 0.1 to 8 KB.
    Small,
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
        let (mut tasks, mut is_about_growth, mut is_about_load) = (Vec::new(), false, false);
        for name in names.split(',') {
            match name {
                "large" => tasks.push(Task::Large),
                "small" => tasks.push(Task::Small),
                "growth" => is_about_growth = true,
                "load" => is_about_load = true,
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
            sizes_mib: numbers("BENCH_SIZES", "1,16,256,4096"),
            counts: numbers("BENCH_COUNTS", "1,100,10000,100000"),
            rooms: numbers("BENCH_ROOMS", "1000,10000"),
            large_bytes: number("BENCH_MIB", 1024, 128) * MIB,
            small_files: number("BENCH_FILES", 10_000, 2_000) as usize,
            rounds: number("BENCH_ROUNDS", 5, 2) as usize,
            dir: env::var_os("BENCH_DIR").map_or_else(env::temp_dir, PathBuf::from),
            other_builds: env::var_os("OTHER_CAIMAN")
                .map_or_else(Vec::new, |paths| env::split_paths(&paths).collect()),
            is_about_growth,
            transfers: numbers("BENCH_TRANSFERS", "1,10,100,500"),
            talking: numbers("BENCH_TALKING", "1000,7000"),
            is_about_load,
            tasks,
        }
    }

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
    pub(crate) fn describe(self, settings: &Settings) -> String {
        match self {
            Self::Large => format!("One file of {} MiB", settings.large_bytes / MIB),
            Self::Small => format!("{} files of 0.1 to 8 KB", settings.small_files),
        }
    }
}
