//! Compiled code, kept in a folder of this host's own, so that a restart is quick. The one file with `unsafe`: compiled code
//! is trusted as the program itself is.
//!
//! INVARIANT: what is deserialized was written by this host's compiler. Each file starts with an HMAC-SHA256 over the rest
//! and its name under a key that only the host has.

use std::fmt;
use std::hash::{Hash as _, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// Files that are kept; the ones that lay longest go first.
const FILES: usize = 4_000;
/// Bytes of all files: what strangers upload must not fill the disk, refused or not.
const BYTES: u64 = 2 << 30;
const MAC_BYTES: usize = 32;
const SUFFIX: &str = "cwasm";

/// Where compiled code is kept, and the key that says whose it is.
#[derive(Clone)]
pub struct CompiledCache {
    folder: PathBuf,
    key: [u8; 32],
}

/// Never shows the key.
impl fmt::Debug for CompiledCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledCache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl CompiledCache {
    /// A cache in `folder`, which is made when something is kept. `key` is secret and this host's.
    pub const fn new(folder: PathBuf, key: [u8; 32]) -> Self {
        Self { folder, key }
    }

    /// The compiled code of a component or a core module, if it is kept and sound. Whatever else lies there counts as nothing.
    pub(super) fn lookup<T>(&self, engine: &Engine, wasm: &[u8], load: Load<T>) -> Option<T> {
        let name = name(engine, wasm);
        let file = std::fs::read(self.folder.join(&name)).ok()?;
        let (mac, code) = file.split_at_checked(MAC_BYTES)?;
        self.mac(&name, code)?.verify_slice(mac).ok()?;
        load(engine, code).ok()
    }

    /// Keeps compiled code. A cache that can't be written only costs time.
    pub(super) fn keep(&self, engine: &Engine, wasm: &[u8], code: &[u8]) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let name = name(engine, wasm);
        let mac = self.mac(&name, code).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
        let mut file = tempfile(&self.folder)?;
        file.1.write_all(&mac)?;
        file.1.write_all(code)?;
        std::fs::rename(file.0, self.folder.join(name))?;
        forget_oldest(&self.folder)
    }

    fn mac(&self, name: &str, code: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(name.as_bytes());
        mac.update(code);
        Some(mac)
    }
}

/// What makes compiled code runnable: [`load_component`] or [`load_module`].
pub(super) type Load<T> = fn(&Engine, &[u8]) -> wasmtime::Result<T>;

#[expect(unsafe_code, reason = "compiled code can only be trusted or not; see the invariant above")]
pub(super) fn load_component(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come from this host's own compiler: from its child just now, or from a file with its MAC.
    unsafe { Component::deserialize(engine, code) }
}

#[expect(unsafe_code, reason = "compiled code can only be trusted or not; see the invariant above")]
pub(super) fn load_module(engine: &Engine, code: &[u8]) -> wasmtime::Result<Module> {
    // SAFETY: as above.
    unsafe { Module::deserialize(engine, code) }
}

/// Says the module and everything that the compiled code depends on.
fn name(engine: &Engine, wasm: &[u8]) -> String {
    let mut fingerprint = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut fingerprint);
    let digest = Sha256::digest(wasm);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}-{:016x}.{SUFFIX}", fingerprint.finish())
}

fn tempfile(folder: &Path) -> std::io::Result<(PathBuf, std::fs::File)> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // one sandbox compiles one module at a time, and a folder is one process's
    let path = folder.join(format!(".{}.new", std::process::id()));
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    Ok((path, file))
}

fn forget_oldest(folder: &Path) -> std::io::Result<()> {
    let mut files: Vec<_> = std::fs::read_dir(folder)?
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == SUFFIX))
        .filter_map(|entry| {
            let known = entry.metadata().ok()?;
            Some((known.modified().ok()?, entry.path(), known.len()))
        })
        .collect();
    files.sort();
    let mut bytes: u64 = files.iter().map(|(_, _, size)| size).sum();
    let mut count = files.len();
    for (_, path, size) in files {
        if count <= FILES && bytes <= BYTES {
            break;
        }
        std::fs::remove_file(path)?;
        (count, bytes) = (count - 1, bytes - size);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    /// Files of so many bytes, the first one the oldest; the numbers of those that are left.
    fn left(sizes: &[u64]) -> Vec<usize> {
        let folder = tempfile::tempdir().unwrap();
        let path = |number: usize| folder.path().join(format!("{number}.{SUFFIX}"));
        for (number, size) in sizes.iter().enumerate() {
            let file = std::fs::File::create(path(number)).unwrap();
            file.set_len(*size).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(number as u64)).unwrap();
        }
        forget_oldest(folder.path()).unwrap();
        (0..sizes.len()).filter(|number| path(*number).exists()).collect()
    }

    #[test]
    fn the_oldest_go_where_there_is_too_much() {
        assert_eq!(left(&[BYTES / 2, BYTES / 2]), [0, 1]);
        assert_eq!(left(&[BYTES / 2, BYTES / 2, 1]), [1, 2]);
        assert_eq!(left(&[1, BYTES, 1]), [2]);
        assert_eq!(left(&[0; FILES + 2]).first(), Some(&2));
    }
}
