//! The settings, but for those that have a line of their own.

use super::scene::Scene;
use crate::commands::config::checks;
use crate::report::{Finding, Level};

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let all = scene.unread.iter().cloned().chain(checks::PLAIN.iter().flat_map(|check| check(&scene.settings)));
    let doubtful: Vec<_> = all.filter(|finding| finding.level != Level::Ok).collect();
    if doubtful.is_empty() { vec![Finding::ok("settings", "nothing is wrong with them")] } else { doubtful }
}
