//! Each operation is one script: one round trip, one slot, all of it or nothing.
//!
//! Every script begins by asking whether this is still the store that was opened. A Redis that came back empty would
//! otherwise answer that no credential exists, and hosts would turn customers away for good instead of for now.

use std::borrow::Cow;

use redis::Cmd;

use crate::names::Home;

/// The error code of a script that found another store than was opened, or none.
pub(crate) const ANOTHER_STORE: &str = "EPOCH";

/// A script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Commit,
    Read,
    One,
    Range,
    Beat,
    Replay,
    Scan,
    Dump,
    Load,
}

impl Script {
    /// Those that a host needs. The others are sent whole by who needs them once.
    pub(crate) const ALL: [Self; 6] = [Self::Commit, Self::Read, Self::One, Self::Range, Self::Beat, Self::Replay];

    pub(crate) const fn source(self) -> &'static str {
        match self {
            Self::Commit => include_str!("scripts/commit.lua"),
            Self::Read => include_str!("scripts/read.lua"),
            Self::One => include_str!("scripts/one.lua"),
            Self::Range => include_str!("scripts/range.lua"),
            Self::Beat => include_str!("scripts/beat.lua"),
            Self::Scan => include_str!("scripts/scan.lua"),
            Self::Dump => include_str!("scripts/dump.lua"),
            Self::Load => include_str!("scripts/load.lua"),
            Self::Replay => include_str!("scripts/replay.lua"),
        }
    }

    /// Whether it takes a number, and notes in which term; it is told that last.
    const fn writes_history(self) -> bool {
        matches!(self, Self::Commit | Self::Replay)
    }
}

/// A script with what it is told.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    script: Script,
    keys: Vec<Cow<'a, str>>,
    arguments: Vec<Cow<'a, [u8]>>,
}

impl<'a> Call<'a> {
    /// A call for the shard at `home`, which must hold the store of this epoch.
    pub(crate) fn new(script: Script, home: &'a Home, epoch: &'a str) -> Self {
        Self { script, keys: vec![Cow::Borrowed(&home.state)], arguments: vec![Cow::Borrowed(epoch.as_bytes())] }
    }

    pub(crate) fn key(&mut self, key: impl Into<Cow<'a, str>>) -> &mut Self {
        self.keys.push(key.into());
        self
    }

    pub(crate) fn text(&mut self, text: &'a str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn bytes(&mut self, bytes: &'a [u8]) -> &mut Self {
        self.arguments.push(Cow::Borrowed(bytes));
        self
    }

    /// What is written down in its usual way; nothing, when absent.
    pub(crate) fn shown(&mut self, value: Option<impl ToString>) -> &mut Self {
        let text = value.map(|value| value.to_string()).unwrap_or_default();
        self.arguments.push(Cow::Owned(text.into_bytes()));
        self
    }

    pub(crate) const fn script(&self) -> Script {
        self.script
    }

    /// The command for a server that knows the script by its digest, and is in this term.
    pub(crate) fn by_digest(&self, digest: &str, term: &str) -> Cmd {
        self.command("EVALSHA", digest, term)
    }

    /// The command for a server that doesn't; it will from then on.
    pub(crate) fn whole(&self, term: &str) -> Cmd {
        self.command("EVAL", self.script.source(), term)
    }

    fn command(&self, name: &str, script: &str, term: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len());
        self.keys.iter().for_each(|key| {
            command.arg(key.as_bytes());
        });
        self.arguments.iter().for_each(|argument| {
            command.arg(argument.as_ref());
        });
        if self.script.writes_history() {
            command.arg(term);
        }
        command
    }
}
