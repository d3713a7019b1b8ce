//! What differs between operating systems, and nothing else. Everything above is written once.

use std::{
    fs::{File, Metadata},
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use crate::protocol::manifest::Modified;

/// What a system (or the file system under a folder) makes of names; `transfer::names` applies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Characters, trailing dots and device names that Windows doesn't allow.
    pub windows: bool,
    /// Names that differ only in case or composition are the same.
    pub folds_case: bool,
    /// How long a name may be.
    pub limit: NameLimit,
}

/// How long one name may be; 255 of either unit everywhere that Caiman runs.
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

/// Whether the folder answers to its own name in the other case as well.
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

/// When a file was last changed, as far as the system can say.
pub fn modified(metadata: &Metadata) -> Option<Modified> {
    let time = filetime::FileTime::from_last_modification_time(metadata);
    Some(Modified { secs: time.unix_seconds(), nanos: time.nanoseconds() })
}

/// Sets when `path` was last changed, without following a link; a time that this system can't hold is left out.
pub fn set_modified(path: &Path, modified: Modified) -> io::Result<()> {
    if system_time(modified).is_none() {
        return Ok(());
    }
    let time = filetime::FileTime::from_unix_time(modified.secs, modified.nanos);
    filetime::set_symlink_file_times(path, time, time)
}

/// Sets when an open file was last changed; a time that this system can't hold is left out.
pub fn set_file_modified(file: &File, modified: Modified) -> io::Result<()> {
    system_time(modified).map_or(Ok(()), |time| file.set_modified(time))
}

/// A time as this system counts it; `None` for one that it can't hold. Any number of seconds may come from a peer, and
/// the libraries' own conversions panic where it doesn't fit.
fn system_time(modified: Modified) -> Option<SystemTime> {
    let whole = Duration::from_secs(modified.secs.unsigned_abs());
    let second = match modified.secs {
        0.. => SystemTime::UNIX_EPOCH.checked_add(whole),
        _ => SystemTime::UNIX_EPOCH.checked_sub(whole),
    };
    second?.checked_add(Duration::from_nanos(modified.nanos.into()))
}

/// Gives a file or a folder another name on the same disk, if nothing has that name.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

/// Gives a file or a folder another name on the same disk, if nothing has that name. What comes there in the moment after
/// the look is replaced by a file, and by a folder if it is an empty one.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => std::fs::rename(from, to),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

/// The text of a link's target with `/` between names.
pub fn link_text(target: &Path) -> Option<String> {
    let text = target.to_str()?;
    Some(if cfg!(windows) { text.replace('\\', "/") } else { text.to_owned() })
}

pub use system::{
    check_readable, check_writable, file_id, flush_everything, is_disk_full, is_executable, make_executable,
    make_link, read_exact_at, write_all_at,
};

#[cfg(unix)]
mod system {
    use std::{
        fs::Permissions,
        os::unix::fs::{FileExt, MetadataExt, PermissionsExt},
    };

    use rustix::fs::{Access, access};

    use super::{File, Metadata, Path, io};

    /// Whether this person may read `file`, as far as the system says without opening it.
    pub fn check_readable(file: &Path) -> io::Result<()> {
        Ok(access(file, Access::READ_OK)?)
    }

    /// Whether this person may make files in `folder`, as far as the system says without making one.
    pub fn check_writable(folder: &Path) -> io::Result<()> {
        Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
    }

    /// What tells one file from any other on this machine, where the system has such a thing.
    pub fn file_id(metadata: &Metadata) -> Option<(u64, u64)> {
        Some((metadata.dev(), metadata.ino()))
    }

    /// Whether the owner may execute the file.
    pub fn is_executable(metadata: &Metadata) -> bool {
        metadata.mode() & 0o100 != 0
    }

    /// Lets everybody execute the file who may read it.
    pub fn make_executable(file: &File) -> io::Result<()> {
        let mode = file.metadata()?.mode();
        file.set_permissions(Permissions::from_mode(mode | (mode & 0o444) >> 2))
    }

    /// Makes a symbolic link to `target`, `/`-separated. The system doesn't care what the target is.
    pub fn make_link(target: &str, link: &Path, _is_folder: bool) -> io::Result<()> {
        std::os::unix::fs::symlink(target, link)
    }

    /// Fills `buffer` from `offset` on.
    pub fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        file.read_exact_at(buffer, offset)
    }

    /// Writes all of `bytes` at `offset`.
    pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    /// Flushes the whole file system that holds `folder` to the disk, if the system can do that in one call.
    #[cfg(target_os = "linux")]
    pub fn flush_everything(folder: &Path) -> io::Result<bool> {
        rustix::fs::syncfs(File::open(folder)?)?;
        Ok(true)
    }

    /// Flushes the whole file system that holds `folder` to the disk, if the system can do that in one call.
    #[cfg(not(target_os = "linux"))]
    pub fn flush_everything(_folder: &Path) -> io::Result<bool> {
        Ok(false)
    }

    /// Whether an error means that there is no room left, on the disk or in the owner's quota.
    pub fn is_disk_full(error: &io::Error) -> bool {
        matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

#[cfg(windows)]
mod system {
    use std::os::windows::fs::FileExt;

    use super::{File, Metadata, Path, io};

    /// Windows tells only whoever tries.
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub fn check_readable(_file: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Windows tells only whoever tries.
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub fn check_writable(_folder: &Path) -> io::Result<()> {
        Ok(())
    }

    /// What tells one file from any other on this machine, where the system has such a thing.
    pub fn file_id(_metadata: &Metadata) -> Option<(u64, u64)> {
        None
    }

    /// Windows has no such bit; what may be executed is told by the name.
    pub fn is_executable(_metadata: &Metadata) -> bool {
        false
    }

    /// Windows has no such bit.
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub fn make_executable(_file: &File) -> io::Result<()> {
        Ok(())
    }

    /// Makes a symbolic link to `target`, `/`-separated. Windows wants to know what the target will be, and allows links
    /// only to administrators or in developer mode.
    pub fn make_link(target: &str, link: &Path, is_folder: bool) -> io::Result<()> {
        let target = target.replace('/', "\\");
        if is_folder {
            std::os::windows::fs::symlink_dir(target, link)
        } else {
            std::os::windows::fs::symlink_file(target, link)
        }
    }

    /// Fills `buffer` from `offset` on.
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

    /// Windows flushes file by file.
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub fn flush_everything(_folder: &Path) -> io::Result<bool> {
        Ok(false)
    }

    /// Whether an error means that there is no room left.
    pub fn is_disk_full(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::StorageFull
    }
}
