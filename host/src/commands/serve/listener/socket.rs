//! The file of a Unix socket: what a dead host left is replaced, a live one's is not, and nobody gets in before its mode is set.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use crate::config::Mode;

/// How long whoever has the socket may take to let us in.
const PATIENCE: Duration = Duration::from_secs(1);

/// A socket's file. Dropped, it is gone, unless it has become somebody else's.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and number of the file.
    known_by: (u64, u64),
}

impl SocketFile {
    /// Listens at `path`, for those whom `mode` lets in.
    pub(super) async fn bind(path: &Path, mode: Mode) -> anyhow::Result<(UnixListener, Self)> {
        let shown = path.display();
        check_free(path).await?;
        // Within a folder that is ours alone it gets its mode, and only then its name, over that of what a dead host left.
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{}", std::process::id()));
        let aside = PathBuf::from(aside);
        let made = fs::DirBuilder::new().mode(0o700).create(&aside);
        made.with_context(|| {
            format!("can't listen on `{shown}`; its folder must be there, and the host may write to it")
        })?;
        let bound = put_in_place(&aside.join("s"), path, mode);
        // Whatever became of it.
        let _ = fs::remove_dir_all(&aside);
        let listener = bound.with_context(|| format!("can't listen on `{shown}`"))?;
        let meta = fs::symlink_metadata(path).with_context(|| format!("`{shown}`"))?;
        Ok((listener, Self { path: path.to_owned(), known_by: (meta.dev(), meta.ino()) }))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|meta| (meta.dev(), meta.ino()) == self.known_by)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %error, "a socket's file is left; the next host replaces it");
        }
    }
}

fn put_in_place(made: &Path, path: &Path, Mode(mode): Mode) -> std::io::Result<UnixListener> {
    let listener = UnixListener::bind(made)?;
    fs::set_permissions(made, fs::Permissions::from_mode(mode))?;
    fs::rename(made, path)?;
    Ok(listener)
}

/// Refuses a path that somebody listens at, and one where something else lies.
async fn check_free(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("can't listen on `{shown}`")),
        Ok(meta) if !meta.file_type().is_socket() => {
            bail!("can't listen on `{shown}`: there is a file that is no socket")
        }
        Ok(_) => {}
    }
    match timeout(PATIENCE, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Ok(()),
        // Whoever is too busy to answer is alive.
        Ok(_) | Err(_) => bail!("can't listen on `{shown}`; is another host running? --listen takes another path"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_hosts_socket_is_replaced_and_a_live_ones_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (listener, file) = SocketFile::bind(&path, Mode(0o640)).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        let refused = SocketFile::bind(&path, Mode(0o640)).await.unwrap_err();
        assert!(format!("{refused:#}").contains("is another host running?"), "{refused:#}");
        drop(listener);
        let (_listener, next) = SocketFile::bind(&path, Mode(0o640)).await.unwrap();
        drop(file);
        assert!(path.exists(), "it is another's by now");
        drop(next);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[tokio::test]
    async fn what_is_no_socket_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        fs::write(&path, "key").unwrap();
        let refused = SocketFile::bind(&path, Mode(0o660)).await.unwrap_err();
        assert!(format!("{refused:#}").contains("no socket"), "{refused:#}");
        assert_eq!(fs::read(&path).unwrap(), b"key");
        let nowhere = SocketFile::bind(Path::new("/missing/access.sock"), Mode(0o660)).await.unwrap_err();
        assert!(format!("{nowhere:#}").contains("its folder must be there"), "{nowhere:#}");
    }
}
