//! Points at which a dev host can be told to die, so that what it leaves behind can be looked at.

/// The points, in the order in which a publish comes by; then due work that tells people of something; and where a webhook was
/// told, or a mail handed over, before that is recorded.
pub const FAILPOINTS: [&str; 8] = [
    "publish.examined",
    "publish.loaded",
    "publish.committed",
    "publish.answering",
    "due.announcing",
    "due.announced",
    "webhooks.sent",
    "mail.sent",
];

/// Where to die; nowhere, unless a dev host was told.
#[derive(Debug, Default)]
pub(crate) struct Failpoints(Option<&'static str>);

impl Failpoints {
    /// Dies at `point`, which is one of [`FAILPOINTS`].
    pub(crate) fn at(point: &str) -> Option<Self> {
        FAILPOINTS.iter().find(|known| **known == point).map(|known| Self(Some(known)))
    }

    /// Ends the process, as a kill would, where it was told to.
    pub(crate) fn reach(&self, point: &str) {
        if self.0 == Some(point) {
            tracing::error!(point, "told to die here");
            std::process::abort();
        }
    }
}
