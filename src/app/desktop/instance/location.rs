//! Where the lock and the socket are: in a folder that only this user can reach.

use std::{
    env, fs,
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use interprocess::local_socket::{self, ConnectOptions, ListenerOptions, Name};

/// The environment variable that gives them another name.
const NAME_VARIABLE: &str = "CAIMAN_INSTANCE";
const USUAL_NAME: &str = "window";
/// The longest name. The path of a socket has to fit into about a hundred bytes.
const MAX_NAME_CHARS: usize = 32;

/// The folder of the lock and the socket, and the name that all starts of one window share.
#[derive(Debug, Clone)]
pub(super) struct InstanceLocation {
    folder: PathBuf,
    name: String,
}

impl InstanceLocation {
    /// The location in `$XDG_RUNTIME_DIR`, which is emptied when the user logs out, or else in the program's data
    /// folder.
    pub(super) fn find() -> io::Result<Self> {
        let name = env::var(NAME_VARIABLE).ok().filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| USUAL_NAME.to_owned());
        if let Some(runtime) = env::var_os("XDG_RUNTIME_DIR")
            && let Ok(location) = Self::within(Path::new(&runtime), &name)
        {
            return Ok(location);
        }
        let project = directories::ProjectDirs::from("", "", "caiman")
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no home folder"))?;
        let data = project.data_local_dir();
        fs::create_dir_all(data)?;
        Self::within(data, &name)
    }

    /// The location in a folder of its own inside `parent`, which has to belong to this user.
    pub(super) fn within(parent: &Path, name: &str) -> io::Result<Self> {
        if !is_ours(parent)? {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the folder belongs to another user",
            ));
        }
        let folder = parent.join("caiman-window");
        create_private(&folder)?;
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        Ok(Self { folder, name: name.chars().take(MAX_NAME_CHARS).map(plain).collect() })
    }

    /// Opens the file whose lock is the claim. The file stays when the program ends: if it were removed, two starts
    /// could lock two files.
    pub(super) fn open_lock(&self) -> io::Result<File> {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join(format!("{}.lock", self.name)))
    }

    /// Listens, in place of any listener that is gone. Only for the holder of the lock.
    pub(super) fn listen(&self) -> io::Result<local_socket::Listener> {
        #[cfg(unix)]
        match fs::remove_file(self.socket()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        ListenerOptions::new().name(self.address()?).create_sync()
    }

    /// How to reach the listener.
    pub(super) fn connection(&self) -> io::Result<ConnectOptions<'static>> {
        Ok(ConnectOptions::new().name(self.address()?))
    }

    #[cfg(unix)]
    fn address(&self) -> io::Result<Name<'static>> {
        use interprocess::local_socket::{GenericFilePath, ToFsName};

        self.socket().to_fs_name::<GenericFilePath>()
    }

    #[cfg(unix)]
    fn socket(&self) -> PathBuf {
        self.folder.join(format!("{}.socket", self.name))
    }

    /// Named pipes of all users share one name space. The folder tells users, and tests, apart.
    #[cfg(windows)]
    fn address(&self) -> io::Result<Name<'static>> {
        use interprocess::local_socket::{GenericNamespaced, ToNsName};

        let folder = blake3::hash(self.folder.as_os_str().as_encoded_bytes()).to_hex();
        format!("caiman-{}-{}", &folder[..32], self.name).to_ns_name::<GenericNamespaced>()
    }
}

#[cfg(unix)]
fn is_ours(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    Ok(fs::metadata(folder)?.uid() == rustix::process::geteuid().as_raw())
}

#[cfg(unix)]
fn create_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        }
        result => result,
    }
}

/// What is below a user's profile is theirs.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "as on the other systems")]
fn is_ours(_folder: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(windows)]
fn create_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
