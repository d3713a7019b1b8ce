//! What differs between operating systems, and nothing else. Everything that uses this module is written once.
//!
//! - [`host_name`]: what the computer is called
//! - [`mount`]: what the file system under a folder can store
//! - [`open_folder`]: folders that are used whatever becomes of their paths
//! - [`programs`]: which files are programs

pub mod host_name;
pub mod mount;
pub mod open_folder;
pub mod programs;

use std::{
    cmp::Reverse,
    fs::{File, Metadata},
    io::{self, Write},
    path::Path,
    time::{Duration, SystemTime},
};

use crate::protocol::manifest::{Hole, Modified, Permissions};

/// The time at which a file was last changed, which every system that Caiman runs on knows.
pub fn modified(metadata: &Metadata) -> Option<Modified> {
    let time = filetime::FileTime::from_last_modification_time(metadata);
    Some(Modified { secs: time.unix_seconds(), nanos: time.nanoseconds() })
}

/// A time of this system's as a file has it.
#[cfg(feature = "croc")]
pub(crate) fn modified_at(time: SystemTime) -> Modified {
    let time = filetime::FileTime::from_system_time(time);
    Modified { secs: time.unix_seconds(), nanos: time.nanoseconds() }
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
pub(crate) fn system_time(modified: Modified) -> Option<SystemTime> {
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
    flush(new.as_file())?;
    new.persist(file)?;
    Ok(())
}

/// Flushes a file to the disk. Network and FUSE mounts without such a service refuse it in many ways; only an error of the disk
/// itself is one here.
pub fn flush(file: &File) -> io::Result<()> {
    file.sync_all().or_else(|error| if is_disk_failure(&error) { Err(error) } else { Ok(()) })
}

/// Gives an open file this length. One that has it is left alone: some mounts can't change lengths.
pub fn set_len(file: &File, len: u64) -> io::Result<()> {
    if file.metadata()?.len() == len { Ok(()) } else { file.set_len(len) }
}

/// Makes an open file longer, up to `len` bytes; what is new reads as zeros. Where the mount can't do that in one step, the zeros are
/// written.
pub fn extend(file: &File, len: u64) -> io::Result<()> {
    const ZEROS: &[u8] = &[0; 64 * 1024];
    let Err(refused) = file.set_len(len) else { return Ok(()) };
    if !is_unsupported(&refused) && refused.kind() != io::ErrorKind::PermissionDenied {
        return Err(refused);
    }
    let mut at = file.metadata()?.len();
    while at < len {
        let part = usize::try_from(len - at).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
        write_all_at(file, &ZEROS[..part], at)?;
        at += part as u64;
    }
    Ok(())
}

/// Holes of at least `shortest` bytes in an open file, first to last: at most `most` of them, the longest. None where the file system
/// doesn't say.
pub fn holes(file: &File, shortest: u64, most: usize) -> io::Result<Vec<Hole>> {
    let len = file.metadata()?.len();
    let mut holes = Vec::new();
    let mut start = 0;
    loop {
        let data = next_data(file, start, len)?;
        let end = data.map_or(len, |(begin, _)| begin);
        if end.saturating_sub(start) >= shortest {
            holes.push(Hole { start, end });
        }
        let Some((_, next)) = data else { break };
        start = next;
    }
    if holes.len() > most {
        holes.sort_by_key(|hole| Reverse(hole.end - hole.start));
        holes.truncate(most);
        holes.sort_by_key(|hole| hole.start);
    }
    Ok(holes)
}

/// Writes zeros over what is in the holes of an open file: another program may have written there.
pub fn clear_holes(file: &File, holes: &[Hole]) -> io::Result<()> {
    let mut found = vec![0; 64 * 1024];
    for hole in holes {
        let mut at = hole.start;
        while let Some((start, end)) = next_data(file, at, hole.end)? {
            at = start;
            while at < end {
                let len = usize::try_from(end - at).map_or(found.len(), |left| left.min(found.len()));
                let part = &mut found[..len];
                read_exact_at(file, part, at)?;
                if part.iter().any(|byte| *byte != 0) {
                    part.fill(0);
                    write_all_at(file, part, at)?;
                }
                at += len as u64;
            }
        }
    }
    Ok(())
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
    check_readable, ensure_private_folder, file_id, flush_everything, has_bytes, is_disk_failure,
    is_disk_full, is_illegal_sequence, is_own_file, is_own_folder, is_unsupported, is_wider, limit_mode,
    link_text, make_executable, make_folder, make_link, make_private_folder, name_text, new_file, next_data,
    open_own, open_private, open_staged, os_name, permissions, read_exact_at, write_all_at,
};

#[cfg(unix)]
mod system {
    use std::{
        borrow::Cow,
        ffi::{OsStr, OsString},
        fs::{self, DirBuilder, OpenOptions},
        io::Read,
        os::unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        },
    };

    use rustix::{
        fs::{Access, OFlags, access, seek},
        io::Errno,
        process::geteuid,
    };

    use super::{File, Metadata, Path, Permissions, io};
    use crate::raw_name;

    /// Checks that the user may read `file`, as far as the system says without opening it.
    pub fn check_readable(file: &Path) -> io::Result<()> {
        Ok(access(file, Access::READ_OK)?)
    }

    /// Whether anything can be read from a file, whatever its size says. A file with nothing to read at the moment counts as one
    /// with something.
    pub fn has_bytes(file: &Path) -> io::Result<bool> {
        let no_wait = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let mut file = OpenOptions::new().read(true).custom_flags(no_wait).open(file)?;
        match file.read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            read => Ok(read? > 0),
        }
    }

    /// Makes sure that there is a folder into which no other user can look. Folders above it that are missing are made in the
    /// same way.
    pub fn ensure_private_folder(folder: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
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
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
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

    /// Who may use a file or a folder.
    pub fn permissions(metadata: &Metadata) -> Option<Permissions> {
        Permissions::new((metadata.mode() & 0o777) as u16)
    }

    /// Options to make a file that its owner may read and write, and others as far as both `permissions` and the user's umask let
    /// them. Nobody may execute it. Nothing is opened that is there already.
    pub fn new_file(permissions: Option<Permissions>) -> OpenOptions {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600 | others(permissions) & 0o066);
        options
    }

    /// Makes a folder that its owner may use, and others as far as both `permissions` and the user's umask let them.
    pub fn make_folder(folder: &Path, permissions: Option<Permissions>) -> io::Result<()> {
        DirBuilder::new().mode(0o700 | others(permissions)).create(folder)
    }

    /// What others than the owner may do with something that has these permissions: all, if nothing is known of them.
    pub(super) fn others(permissions: Option<Permissions>) -> u32 {
        permissions.map_or(0o077, |permissions| u32::from(permissions.bits()) & 0o077)
    }

    /// Lets those execute a file who may read it, as far as `permissions` let them. Returns whether the file system keeps that
    /// for the owner.
    pub fn make_executable(file: &File, permissions: Permissions) -> io::Result<bool> {
        let mode = file.metadata()?.mode();
        let execute = (mode & 0o444) >> 2 & u32::from(permissions.bits());
        file.set_permissions(fs::Permissions::from_mode(mode & 0o777 | execute))?;
        Ok(file.metadata()?.mode() & 0o100 != 0)
    }

    /// Takes from everybody what [`new_file`] would not have given, and what else a mode can say.
    pub fn limit_mode(file: &File, permissions: Option<Permissions>) -> io::Result<()> {
        let mode = file.metadata()?.mode() & 0o7777;
        let limited = mode & (0o600 | others(permissions) & 0o066);
        if limited == mode {
            return Ok(());
        }
        file.set_permissions(fs::Permissions::from_mode(limited))
    }

    /// Whether others may read or change something that these permissions keep from them.
    pub fn is_wider(metadata: &Metadata, permissions: Permissions) -> bool {
        metadata.mode() & 0o066 & !u32::from(permissions.bits()) != 0
    }

    /// The name for which a name in an offer stands, as the system takes it.
    pub fn os_name(name: &str) -> Cow<'_, OsStr> {
        match raw_name::bytes_of(name) {
            Cow::Borrowed(bytes) => Cow::Borrowed(OsStr::from_bytes(bytes)),
            Cow::Owned(bytes) => Cow::Owned(OsString::from_vec(bytes)),
        }
    }

    /// The text that stands for a name in an offer.
    pub fn name_text(name: &OsStr) -> String {
        raw_name::text_of(name.as_bytes())
    }

    /// The text that stands for the target of a link, with `/` between names. Never `None` here.
    pub fn link_text(target: &Path) -> Option<String> {
        Some(name_text(target.as_os_str()))
    }

    /// The first part of an open file from `at` on, and before `end`, that may hold something; all of it where the file system
    /// doesn't say.
    pub fn next_data(file: &File, at: u64, end: u64) -> io::Result<Option<(u64, u64)>> {
        use rustix::fs::SeekFrom;
        if at >= end {
            return Ok(None);
        }
        let data = match seek(file, SeekFrom::Data(at)) {
            Ok(data) if data >= end => return Ok(None),
            Ok(data) => data,
            Err(Errno::NXIO) => return Ok(None),
            Err(_) => return Ok(Some((at, end))),
        };
        let hole = seek(file, SeekFrom::Hole(data)).unwrap_or(end);
        Ok(Some((data, hole.clamp(data + 1, end))))
    }

    /// Opens a file of this transfer's own for reading and writing. Nothing is opened through a link, and a pipe doesn't make the
    /// caller wait.
    pub fn open_staged(file: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).custom_flags(careful()).open(file)
    }

    /// Creates a symbolic link to `target`, which has `/` between names. The system need not know what the target is.
    pub fn make_link(target: &str, link: &Path, _is_folder: bool) -> io::Result<()> {
        std::os::unix::fs::symlink(&*os_name(target), link)
    }

    /// Fills `buffer` with the bytes of the file from `offset` on. Fails if the file ends before.
    pub fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        file.read_exact_at(buffer, offset)
    }

    /// Writes all of `bytes` at `offset`.
    pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    /// Flushes the whole file system that holds `folder` to the disk. Returns whether that was done: some mounts have no such
    /// service.
    #[cfg(target_os = "linux")]
    pub fn flush_everything(folder: &Path) -> io::Result<bool> {
        match rustix::fs::syncfs(File::open(folder)?).map_err(io::Error::from) {
            Err(error) if is_disk_failure(&error) => Err(error),
            flushed => Ok(flushed.is_ok()),
        }
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

    /// Whether an error means that bytes may not have reached the disk: it has failed, is full or is gone.
    pub fn is_disk_failure(error: &io::Error) -> bool {
        const FAILURES: [Errno; 9] = [
            Errno::IO,
            Errno::NOSPC,
            Errno::DQUOT,
            Errno::FBIG,
            Errno::NXIO,
            Errno::NODEV,
            Errno::STALE,
            Errno::TIMEDOUT,
            Errno::NOTCONN,
        ];
        Errno::from_io_error(error).is_none_or(|error| FAILURES.contains(&error))
    }

    /// Whether an error means that a name has bytes that mean nothing where it is stored.
    pub fn is_illegal_sequence(error: &io::Error) -> bool {
        Errno::from_io_error(error) == Some(Errno::ILSEQ)
    }

    /// Whether an error means that the file system has no such service, or no such property.
    pub fn is_unsupported(error: &io::Error) -> bool {
        const MISSING: [Errno; 6] =
            [Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP, Errno::NOLCK, Errno::INVAL, Errno::NOTTY];
        Errno::from_io_error(error).is_some_and(|error| MISSING.contains(&error))
    }
}

#[cfg(windows)]
mod system {
    use std::{
        borrow::Cow,
        ffi::OsStr,
        fs::{self, OpenOptions},
        io::Read,
        os::windows::fs::{FileExt, OpenOptionsExt},
    };

    use super::{File, Metadata, Path, Permissions, io};

    /// Succeeds: Windows doesn't say whether a file can be read without opening it.
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub fn check_readable(_file: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Whether anything can be read from a file, whatever its size says.
    pub fn has_bytes(file: &Path) -> io::Result<bool> {
        Ok(File::open(file)?.read(&mut [0])? > 0)
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

    /// `None`: Windows has no such bits.
    pub fn permissions(_metadata: &Metadata) -> Option<Permissions> {
        None
    }

    /// Options to make a file. Who can use it follows from the folder that it is in. Nothing is opened that is there already.
    pub fn new_file(_permissions: Option<Permissions>) -> OpenOptions {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        options
    }

    /// Makes a folder. Who can use it follows from the folder that it is in.
    pub fn make_folder(folder: &Path, _permissions: Option<Permissions>) -> io::Result<()> {
        fs::create_dir(folder)
    }

    /// Does nothing, and misses nothing: on Windows the name of a file decides whether it can be executed.
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub fn make_executable(_file: &File, _permissions: Permissions) -> io::Result<bool> {
        Ok(true)
    }

    /// Does nothing: Windows has no such bits.
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub fn limit_mode(_file: &File, _permissions: Option<Permissions>) -> io::Result<()> {
        Ok(())
    }

    /// `false`: Windows has no such bits.
    pub fn is_wider(_metadata: &Metadata, _permissions: Permissions) -> bool {
        false
    }

    /// The name as the system takes it, which stores none that isn't Unicode.
    pub fn os_name(name: &str) -> Cow<'_, OsStr> {
        Cow::Borrowed(OsStr::new(name))
    }

    /// The text that stands for a name in an offer. A name that isn't Unicode changes.
    pub fn name_text(name: &OsStr) -> String {
        name.to_string_lossy().into_owned()
    }

    /// The target of a link as text, with `/` between names. `None` if it isn't Unicode.
    pub fn link_text(target: &Path) -> Option<String> {
        Some(target.to_str()?.replace('\\', "/"))
    }

    /// All of it: Caiman doesn't ask Windows for holes.
    pub fn next_data(_file: &File, at: u64, end: u64) -> io::Result<Option<(u64, u64)>> {
        Ok((at < end).then_some((at, end)))
    }

    /// Opens a file of this transfer's own for reading and writing. Nothing is opened through a link.
    pub fn open_staged(file: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).custom_flags(OPEN_REPARSE_POINT).open(file)
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

    /// `true`: every error of a flush counts on Windows, where mounts without that service are rare.
    pub fn is_disk_failure(_error: &io::Error) -> bool {
        true
    }

    /// `false`: Windows takes every name that is Unicode.
    pub fn is_illegal_sequence(_error: &io::Error) -> bool {
        false
    }

    /// Whether an error means that the file system has no such service.
    pub fn is_unsupported(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::Unsupported
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

#[cfg(all(test, feature = "croc"))]
mod times {
    use super::*;

    #[test]
    fn times_before_1970_are_kept() {
        let epoch = SystemTime::UNIX_EPOCH;
        for (secs, nanos, at) in [
            (5, 7, epoch + Duration::new(5, 7)),
            (-5, 0, epoch - Duration::new(5, 0)),
            (-6, 999_999_900, epoch - Duration::new(5, 100)),
        ] {
            let modified = Modified { secs, nanos };
            // Windows counts in steps of a hundred nanoseconds.
            assert_eq!((system_time(modified), modified_at(at).secs), (Some(at), secs));
        }
    }
}
