//! The example `jobs-api`: behind nginx, and behind the client's layer with nothing before it.

mod alike;
mod cases;
mod outage;
mod revoked;
mod rig;
mod running;
