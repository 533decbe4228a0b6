//! Room on the disk: a store that can't grow refuses every change.

use std::fs;

use rustix::fs::statvfs;

use super::scene::Scene;
use super::store::size;
use crate::report::Finding;

const NAME: &str = "space";
/// Less than this is gone before anybody looks.
const LITTLE: u64 = 64 << 20;
/// Less than this is worth a word.
const SCARCE: u64 = 1 << 30;

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    if scene.settings.redis.is_some() {
        // Nothing grows here.
        return Vec::new();
    }
    let dir = scene.data_dir();
    let Ok(room) = statvfs(&dir) else { return Vec::new() };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let needed = fs::metadata(scene.store_file()).map_or(0, |meta| meta.len());
    vec![judge(free, needed, format!("{} free for `{}`", size(free), dir.display()))]
}

fn judge(free: u64, needed: u64, what: String) -> Finding {
    match free {
        free if free < LITTLE => Finding::fail(NAME, what, "make room now: without it every change is refused"),
        free if free < SCARCE.max(needed) => Finding::warn(NAME, what, "make room: a busy store grows quickly"),
        _ => Finding::ok(NAME, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Level;

    #[test]
    fn little_room_is_told_and_so_is_less_than_another_copy_takes() {
        for (free, needed, level) in [
            (0, 0, Level::Fail),
            (LITTLE - 1, 1, Level::Fail),
            (LITTLE, 1, Level::Warn),
            (SCARCE, SCARCE, Level::Ok),
            (SCARCE, SCARCE + 1, Level::Warn),
        ] {
            assert_eq!(judge(free, needed, String::new()).level, level, "{free} {needed}");
        }
        for (bytes, shown) in [(0, "0 bytes"), (1_023, "1023 bytes"), (1_536, "1.5 KiB"), (3 << 40, "3.0 TiB")] {
            assert_eq!(size(bytes), shown);
        }
    }
}
