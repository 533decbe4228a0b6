//! How an installation begins, and what it is opened with.
//!
//! [`root_key`] (the file that everything sealed hangs on), [`keyring`] (what is sealed in the store), [`init`] (the first
//! records of a real installation), [`demo`] (those of a dev host), [`dev_clock`]; [`mod@backup`], its [`manifest`], and
//! [`mod@restore`]; [`export`] and [`import`] (all of a store in one file, from one backend into another), and its [`portable`] form.

pub mod backup;
pub mod demo;
pub mod dev_clock;
pub mod export;
pub mod import;
pub mod init;
pub mod installation;
pub mod keyring;
pub mod manifest;
pub mod portable;
pub mod restore;
pub mod root_key;
mod seal;

pub(crate) use init::system;
pub use installation::{Installation, LifecycleError};
