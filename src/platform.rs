//! What differs between operating systems, and nothing else. Everything that uses this module is written once.
//!
//! - [`open_folder`]: folders that are used whatever becomes of their paths

pub mod open_folder;

pub mod programs;

use std::{
    fs::{File, Metadata},
    io::{self, Write},
    path::Path,
    time::{Duration, SystemTime},
};

use crate::protocol::manifest::Modified;

/// The rules of a system, or of the file system under a folder, for names. `transfer::names` applies them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whether the rules of Windows hold: forbidden characters, trailing dots and device names.
    pub windows: bool,
    /// Whether names that differ only in case or composition are the same.
    pub folds_case: bool,
    /// How long one name may be.
    pub limit: NameLimit,
}

/// How long one name may be: 255 of either unit on every system that Caiman runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameLimit {
    /// 255 bytes of UTF-8.
    Utf8,
    /// 255 UTF-16 code units.
    Utf16,
}

impl Rules {
    /// The rules for names in `folder`, which exists.
    pub fn of(folder: &Path) -> Self {
        Self {
            windows: cfg!(windows),
            folds_case: cfg!(any(windows, target_vendor = "apple")) || folds_case(folder),
            limit: if cfg!(any(windows, target_vendor = "apple")) {
                NameLimit::Utf16
            } else {
                NameLimit::Utf8
            },
        }
    }
}

/// Whether a folder can also be reached by its own name with upper and lower case exchanged. `false` if the name has no letters
/// from A to Z.
fn folds_case(folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { return false };
    let swapped: String = name
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    if swapped == name {
        return false;
    }
    match (folder.metadata(), folder.with_file_name(swapped).metadata()) {
        (Ok(here), Ok(there)) => matches!((file_id(&here), file_id(&there)), (Some(a), Some(b)) if a == b),
        _ => false,
    }
}

/// The time at which a file was last changed, which every system that Caiman runs on knows.
pub fn modified(metadata: &Metadata) -> Option<Modified> {
    let time = filetime::FileTime::from_last_modification_time(metadata);
    Some(Modified { secs: time.unix_seconds(), nanos: time.nanoseconds() })
}

/// Sets the time at which `path` was last changed, without following a link. A time that this system can't hold is ignored.
pub fn set_modified(path: &Path, modified: Modified) -> io::Result<()> {
    if system_time(modified).is_none() {
        return Ok(());
    }
    let time = filetime::FileTime::from_unix_time(modified.secs, modified.nanos);
    filetime::set_symlink_file_times(path, time, time)
}

/// Sets the time at which an open file was last changed. A time that this system can't hold is ignored.
pub fn set_file_modified(file: &File, modified: Modified) -> io::Result<()> {
    system_time(modified).map_or(Ok(()), |time| file.set_modified(time))
}

/// A time as this system counts it; `None` for a time that the system can't hold. A peer may send any number of seconds, and
/// the libraries' own conversions panic if it doesn't fit.
fn system_time(modified: Modified) -> Option<SystemTime> {
    let whole = Duration::from_secs(modified.secs.unsigned_abs());
    let second = match modified.secs {
        0.. => SystemTime::UNIX_EPOCH.checked_add(whole),
        _ => SystemTime::UNIX_EPOCH.checked_sub(whole),
    };
    second?.checked_add(Duration::from_nanos(modified.nanos.into()))
}

/// Gives a file or a folder another name on the same disk. Fails if something has that name already.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

/// Gives a file or a folder another name on the same disk. Fails if something has that name already. This system can't check
/// and rename in one step: what gets the name in between is replaced, though a folder only replaces an empty folder.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => std::fs::rename(from, to),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

/// Writes a file that only the user can read, in place of what had its name. A crash leaves the old file or the new one; beside
/// it, a file whose name begins with a dot may be left.
pub fn write_private(file: &Path, content: &[u8]) -> io::Result<()> {
    let folder = file.parent().ok_or(io::ErrorKind::InvalidInput)?;
    // Only its owner can read the temporary file, and so the file that it becomes.
    let mut new = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    new.write_all(content)?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}

/// The target of a link as text, with `/` between names. `None` if it is not Unicode.
pub fn link_text(target: &Path) -> Option<String> {
    let text = target.to_str()?;
    Some(if cfg!(windows) { text.replace('\\', "/") } else { text.to_owned() })
}

/// What Windows keeps beside a file that came from the internet, so that it warns before it opens or runs the file.
#[cfg(windows)]
const FROM_INTERNET: &str = "[ZoneTransfer]\r\nZoneId=3\r\n";

/// Marks a file as coming from another computer, so that Windows warns before it is opened. Only file systems like NTFS can
/// keep the mark.
#[cfg(windows)]
pub fn mark_foreign(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut stream = path.as_os_str().to_owned();
    stream.push(":Zone.Identifier");
    std::fs::write(stream, FROM_INTERNET)
}

/// Marks a file or a folder as coming from another computer, so that macOS checks it and asks before it runs.
#[cfg(target_vendor = "apple")]
pub fn mark_foreign(path: &Path) -> io::Result<()> {
    use rustix::fs::{XattrFlags, lsetxattr};

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // What brought the file, when, and by which program, as browsers write it.
    let mark = format!("0081;{:08x};Caiman;", now.as_secs());
    Ok(lsetxattr(path, "com.apple.quarantine", mark.as_bytes(), XattrFlags::empty())?)
}

/// Does nothing: this system has no such mark.
#[cfg(not(any(windows, target_vendor = "apple")))]
pub fn mark_foreign(_path: &Path) -> io::Result<()> {
    Ok(())
}

pub use system::{
    check_readable, ensure_private_folder, file_id, flush_everything, is_disk_full, is_executable,
    is_own_file, is_own_folder, make_executable, make_link, make_plain, make_private_folder, open_own,
    open_private, read_exact_at, write_all_at,
};

#[cfg(unix)]
mod system {
    use std::{
        fs::{self, DirBuilder, OpenOptions, Permissions},
        os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    };

    use rustix::{
        fs::{Access, OFlags, access},
        process::geteuid,
    };

    use super::{File, Metadata, Path, io};

    /// Checks that the user may read `file`, as far as the system says without opening it.
    pub fn check_readable(file: &Path) -> io::Result<()> {
        Ok(access(file, Access::READ_OK)?)
    }

    /// Makes sure that there is a folder into which no other user can look. Folders above it that are missing are made in the
    /// same way.
    pub fn ensure_private_folder(folder: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))
    }

    /// Makes a folder into which no other user can look.
    pub fn make_private_folder(folder: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(folder)
    }

    /// Whether this is a real folder that belongs to the user.
    pub fn is_own_folder(metadata: &Metadata) -> bool {
        metadata.is_dir() && metadata.uid() == geteuid().as_raw()
    }

    /// Whether this is a regular file that belongs to the user and has no second name, under which others could have it.
    pub fn is_own_file(metadata: &Metadata) -> bool {
        metadata.is_file() && metadata.uid() == geteuid().as_raw() && metadata.nlink() <= 1
    }

    /// Opens a file for reading, and for writing too if it `is_writable`. Fails unless [`is_own_file`] holds for it;
    /// nothing is opened through a link, and a pipe doesn't make the caller wait.
    pub fn open_own(file: &Path, is_writable: bool) -> io::Result<File> {
        // Opening a device can have effects of its own.
        checked_own(&fs::symlink_metadata(file)?)?;
        let mut options = OpenOptions::new();
        options.read(true).write(is_writable).custom_flags(careful());
        let file = options.open(file)?;
        checked_own(&file.metadata()?)?;
        Ok(file)
    }

    /// Opens a file that only the user can read, for reading and writing, and makes it if there is none. Fails like
    /// [`open_own`].
    pub fn open_private(file: &Path) -> io::Result<File> {
        match fs::symlink_metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => checked_own(&found?)?,
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(careful());
        let file = options.open(file)?;
        let metadata = file.metadata()?;
        checked_own(&metadata)?;
        if metadata.mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }

    /// Opens no link, and doesn't wait for the other end of a pipe.
    fn careful() -> i32 {
        (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed()
    }

    fn checked_own(metadata: &Metadata) -> io::Result<()> {
        if is_own_file(metadata) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "this is no file of the user's own"))
    }

    /// The device and inode numbers, which distinguish a file from every other file on this machine.
    pub fn file_id(metadata: &Metadata) -> Option<(u64, u64)> {
        Some((metadata.dev(), metadata.ino()))
    }

    /// Whether the owner may execute the file.
    pub fn is_executable(metadata: &Metadata) -> bool {
        metadata.mode() & 0o100 != 0
    }

    /// Lets every user who may read the file execute it.
    pub fn make_executable(file: &File) -> io::Result<()> {
        let mode = file.metadata()?.mode();
        file.set_permissions(Permissions::from_mode(mode | (mode & 0o444) >> 2))
    }

    /// Lets nobody execute the file, and takes away what else its mode says beyond who may read and write it.
    pub fn make_plain(file: &File) -> io::Result<()> {
        let mode = file.metadata()?.mode();
        file.set_permissions(Permissions::from_mode(mode & 0o666))
    }

    /// Creates a symbolic link to `target`, which has `/` between names. The system need not know what the target is.
    pub fn make_link(target: &str, link: &Path, _is_folder: bool) -> io::Result<()> {
        std::os::unix::fs::symlink(target, link)
    }

    /// Fills `buffer` with the bytes of the file from `offset` on. Fails if the file ends before.
    pub fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        file.read_exact_at(buffer, offset)
    }

    /// Writes all of `bytes` at `offset`.
    pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    /// Flushes the whole file system that holds `folder` to the disk. Returns whether that was done, which is always so here.
    #[cfg(target_os = "linux")]
    pub fn flush_everything(folder: &Path) -> io::Result<bool> {
        rustix::fs::syncfs(File::open(folder)?)?;
        Ok(true)
    }

    /// Flushes nothing and returns `false`: this system can't flush a whole file system in one call.
    #[cfg(not(target_os = "linux"))]
    pub fn flush_everything(_folder: &Path) -> io::Result<bool> {
        Ok(false)
    }

    /// Whether an error means that no room is left, on the disk or in the owner's quota.
    pub fn is_disk_full(error: &io::Error) -> bool {
        matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

#[cfg(windows)]
mod system {
    use std::{
        fs::{self, OpenOptions},
        os::windows::fs::{FileExt, OpenOptionsExt},
    };

    use super::{File, Metadata, Path, io};

    /// Succeeds: Windows doesn't say whether a file can be read without opening it.
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub fn check_readable(_file: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Makes sure that there is a folder. Who can look into it follows from the folder that it is in.
    pub fn ensure_private_folder(folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    /// Makes a folder. Who can look into it follows from the folder that it is in.
    pub fn make_private_folder(folder: &Path) -> io::Result<()> {
        fs::create_dir(folder)
    }

    /// Whether this is a real folder. Windows doesn't say here to whom it belongs.
    pub fn is_own_folder(metadata: &Metadata) -> bool {
        metadata.is_dir()
    }

    /// Whether this is a regular file. Windows doesn't say here to whom it belongs or how many names it has.
    pub fn is_own_file(metadata: &Metadata) -> bool {
        metadata.is_file()
    }

    /// Opens a regular file for reading, and for writing too if it `is_writable`. Nothing is opened through a link.
    pub fn open_own(file: &Path, is_writable: bool) -> io::Result<File> {
        let file =
            OpenOptions::new().read(true).write(is_writable).custom_flags(OPEN_REPARSE_POINT).open(file)?;
        if is_own_file(&file.metadata()?) { Ok(file) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Opens a file for reading and writing, and makes it if there is none. Nothing is opened through a link. Who can read
    /// it follows from the folder that it is in.
    pub fn open_private(file: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).custom_flags(OPEN_REPARSE_POINT);
        let file = options.open(file)?;
        if is_own_file(&file.metadata()?) { Ok(file) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// `FILE_FLAG_OPEN_REPARSE_POINT`: a link is opened itself, and not what it leads to.
    const OPEN_REPARSE_POINT: u32 = 0x0020_0000;

    /// `None`: the metadata that Windows gives to a program doesn't distinguish files.
    pub fn file_id(_metadata: &Metadata) -> Option<(u64, u64)> {
        None
    }

    /// `false`: on Windows the name of a file decides whether it can be executed, and there is no bit for it.
    pub fn is_executable(_metadata: &Metadata) -> bool {
        false
    }

    /// Does nothing: Windows has no bit that makes a file executable.
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub fn make_executable(_file: &File) -> io::Result<()> {
        Ok(())
    }

    /// Does nothing: Windows has no bit that makes a file executable.
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub fn make_plain(_file: &File) -> io::Result<()> {
        Ok(())
    }

    /// Creates a symbolic link to `target`, which has `/` between names. Windows has to know whether the target is a folder, and
    /// lets only administrators create links, or every user in developer mode.
    pub fn make_link(target: &str, link: &Path, is_folder: bool) -> io::Result<()> {
        let target = target.replace('/', "\\");
        if is_folder {
            std::os::windows::fs::symlink_dir(target, link)
        } else {
            std::os::windows::fs::symlink_file(target, link)
        }
    }

    /// Fills `buffer` with the bytes of the file from `offset` on. Fails if the file ends before.
    pub fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match file.seek_read(buffer, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    buffer = &mut buffer[read..];
                    offset += read as u64;
                }
            }
        }
        Ok(())
    }

    /// Writes all of `bytes` at `offset`.
    pub fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match file.seek_write(bytes, offset)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => {
                    bytes = &bytes[written..];
                    offset += written as u64;
                }
            }
        }
        Ok(())
    }

    /// Flushes nothing and returns `false`: Windows flushes file by file.
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub fn flush_everything(_folder: &Path) -> io::Result<bool> {
        Ok(false)
    }

    /// Whether an error means that no room is left on the disk.
    pub fn is_disk_full(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::StorageFull
    }
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[test]
    fn a_marked_file_is_one_from_the_internet() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.exe");
        std::fs::write(&file, "x").unwrap();
        mark_foreign(&file).unwrap();
        let mark = std::fs::read_to_string(folder.path().join("a.exe:Zone.Identifier")).unwrap();
        assert!(mark.lines().any(|line| line == "ZoneId=3"), "{mark}");
        assert_eq!(std::fs::read_to_string(file).unwrap(), "x");
    }
}
