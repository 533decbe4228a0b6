//! The store in a file: whether it opens and is sound, how large it is, who has it open, and whose its files are. In Redis:
//! see [`redis`].

mod redis;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;

use access_store::Store as _;
use access_store::embedded::{FILE, Look, holder};
use rustix::fs::{Access, access};

use super::scene::{Books, Scene};
use crate::commands::config::checks::not_private;
use crate::report::Finding;

const NAME: &str = "store";
/// A write-ahead log beyond this is not the leavings of a burst: somebody keeps it from being cleared.
const LONG_LOG: u64 = 256 << 20;

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    if scene.settings.redis.is_some() {
        return redis::check(scene);
    }
    let dir = scene.data_dir();
    match fs::metadata(scene.store_file()) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let todo = "name the data folder with --data-dir, begin with `cronflow-access init`, or restore a backup";
            return vec![Finding::fail(NAME, format!("there is none in `{}`", dir.display()), todo)];
        }
        Err(error) => {
            let what = format!("`{}` can't be looked at: {error}", dir.display());
            return vec![Finding::fail(NAME, what, "run this as the host's user")];
        }
        Ok(_) => {}
    }
    let look = match scene.store() {
        Ok(Books::File(look)) => look,
        Ok(Books::Redis(_)) => return Vec::new(),
        Err(error) => return vec![Finding::of_error(NAME, error)],
    };
    let mut findings = vec![soundness(scene, look), log(scene)];
    findings.extend(files(scene).into_iter().map(Some));
    let findings: Vec<_> = findings.into_iter().flatten().collect();
    if findings.is_empty() { vec![Finding::ok(NAME, summary(scene, look))] } else { findings }
}

/// As `schema 2, 16 shards, 1.2 MiB, open in process 4711`.
fn summary(scene: &Scene, look: &Look) -> String {
    let open =
        holder(&scene.data_dir()).map_or_else(|| "at rest".to_owned(), |process| format!("open in process {process}"));
    let dev = if scene.installation().is_ok_and(|begun| begun.is_some_and(|installation| installation.dev)) {
        ", of a dev host"
    } else {
        ""
    };
    format!("sound; schema {}, {} shards, {}, {open}{dev}", look.schema(), look.shards(), size(length(scene, "")))
}

fn soundness(scene: &Scene, look: &Look) -> Option<Finding> {
    let todo = "stop the host, keep a copy of the data folder, and restore the last backup";
    match scene.wait(look.objections()) {
        Ok(objections) if objections.is_empty() => None,
        Ok(objections) => Some(Finding::fail(NAME, format!("the file is damaged: {}", objections.join("\n")), todo)),
        Err(error) => Some(Finding::fail(NAME, error.to_string(), todo)),
    }
}

fn log(scene: &Scene) -> Option<Finding> {
    let long = Some(length(scene, "-wal")).filter(|length| *length > LONG_LOG)?;
    let what = format!("the write-ahead log `{FILE}-wal` has grown to {}", size(long));
    Some(Finding::warn(
        NAME,
        what,
        "end whatever reads the file for hours, such as an open `sqlite3`; it shrinks by itself then",
    ))
}

/// Each must be its owner's alone, all must have one owner, and this user must be able to write.
fn files(scene: &Scene) -> Vec<Finding> {
    let dir = scene.data_dir();
    let mut findings = Vec::new();
    let Ok(owner) = fs::metadata(&dir).map(|meta| meta.uid()) else { return findings };
    for file in fs::read_dir(&dir).into_iter().flatten().flatten() {
        let (path, shown) = (file.path(), file.path().display().to_string());
        if !file.file_name().to_string_lossy().starts_with(FILE) {
            continue;
        }
        findings.extend(not_private(NAME, &path));
        if let Some(other) = file.metadata().ok().map(|meta| meta.uid()).filter(|user| *user != owner) {
            let what =
                format!("`{shown}` belongs to user {other}, and the folder to user {owner}: the host may not open it");
            findings.push(Finding::fail(NAME, what, format!("chown --reference={} {shown}", dir.display())));
        }
    }
    if [dir.clone(), scene.store_file()].iter().any(|path| access(path, Access::WRITE_OK).is_err()) {
        let what = format!("`{}` can't be written to by the user that runs this", dir.display());
        findings.push(Finding::fail(
            NAME,
            what,
            "run this as the host's user; if you did, make folder and files writable for it",
        ));
    }
    findings
}

/// Length of the store's file, or of the one beside it.
fn length(scene: &Scene, suffix: &str) -> u64 {
    fs::metadata(scene.data_dir().join(format!("{FILE}{suffix}"))).map_or(0, |meta| meta.len())
}

/// As `1.2 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut unit = "bytes";
    let mut scaled = bytes as f64;
    for larger in UNITS {
        if scaled < 1_024.0 {
            break;
        }
        scaled /= 1_024.0;
        unit = larger;
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{scaled:.1} {unit}") }
}
