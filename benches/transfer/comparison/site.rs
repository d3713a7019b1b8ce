//! The place of a task: what is sent, where it is received, and the check that it arrived.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::settings::{Settings, Task};

const MIB: u64 = 1024 * 1024;

/// Folders for one task, which are removed when this is dropped.
pub(crate) struct Site {
    folder: TempDir,
    /// Bytes of everything that is sent.
    pub(crate) bytes: u64,
    files: u64,
}

impl Site {
    /// A site with nothing to send yet.
    pub(crate) fn empty(settings: &Settings) -> Self {
        let folder = tempfile::Builder::new().prefix("caiman-bench").tempdir_in(&settings.dir).unwrap();
        fs::create_dir(folder.path().join("target")).unwrap();
        Self { folder, bytes: 0, files: 0 }
    }

    /// A site with what the task sends.
    pub(crate) fn new(settings: &Settings, task: Task) -> Self {
        let empty = Self::empty(settings);
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
        let source = empty.source();
        let (files, bytes) = match task {
            Task::Large(mib) => {
                noise.write(&source, mib * MIB);
                (1, mib * MIB)
            }
            Task::Small(files) => {
                let mut bytes = 0;
                for number in 0..files {
                    let parent = source.join(format!("folder-{}", number / 100));
                    if number % 100 == 0 {
                        fs::create_dir_all(&parent).unwrap();
                    }
                    let size = 100 + noise.next() % 7900;
                    noise.write(&parent.join(format!("file-{number}.txt")), size);
                    bytes += size;
                }
                (files, bytes)
            }
        };
        Self { bytes, files, ..empty }
    }

    /// The file or the folder that is sent.
    pub(crate) fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    /// The folder into which it is received.
    pub(crate) fn target(&self) -> PathBuf {
        self.folder.path().join("target")
    }

    /// A folder for files that a program keeps for itself.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Checks that everything has arrived, and gives up otherwise.
    pub(crate) fn check_and_clear(&self) {
        let (mut files, mut bytes) = (0, 0);
        count(&self.target(), &mut files, &mut bytes);
        assert_eq!((files, bytes), (self.files, self.bytes), "what arrived is not what was sent");
        fs::remove_dir_all(self.target()).unwrap();
        fs::create_dir(self.target()).unwrap();
    }
}

fn count(folder: &Path, files: &mut u64, bytes: &mut u64) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            count(&entry.path(), files, bytes);
        } else {
            *files += 1;
            *bytes += metadata.len();
        }
    }
}

/// Bytes that can't be compressed (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn write(&mut self, path: &Path, size: u64) {
        let mut file = BufWriter::new(File::create(path).unwrap());
        for _ in 0..size / 8 {
            file.write_all(&self.next().to_le_bytes()).unwrap();
        }
        file.write_all(&vec![7; (size % 8) as usize]).unwrap();
        file.flush().unwrap();
    }
}
