//! The console: pages for people, rendered here and whole without a script.
//!
//! Reading order: [`visitor`] (who visits), [`guest`] (who is not signed in), [`frame`] (what stands around a page), `parts` (what pages are made of), [`form`]
//! (forms in, and why another site can't send one), [`answer`] (pages out, and what browsers are held to), [`trouble`] (what goes
//! wrong, as a page; who lacks a second factor is asked for it), `flash` (what is said after a change), [`asset`] (style, script and icon), then
//! `pages`, one file each.
//!
//! A handler is an endpoint like any other: it gets its [`access_authority::Permit`] through the same policies as the API, and
//! calls the same use case. A page is a struct with its template in `templates/console`; its `sample()` stands for it in the
//! test that renders all of them. Nothing is deleted, revoked or switched off without a page that asks; each change is a
//! POST that ends in a redirect, at a path whose GET shows its form.
//!
//! To add a page: a file in `pages`, its template, an entry in the table of [`routes`] with the action that it needs, and its sample in `samples.rs`.

mod answer;
mod asset;
mod flash;
mod form;
mod frame;
mod guest;
mod pages;
mod parts;
mod routes;
#[cfg(test)]
mod samples;
mod trouble;
mod visitor;

pub(crate) use self::routes::router;
pub use self::routes::{ConsoleRoute, console_routes};
