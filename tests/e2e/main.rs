//! The product as its users meet it: the real binary, over HTTP and the command line.
#![cfg(test)]

mod audit;
mod authzen;
mod backup;
mod bad_input;
mod bad_peers;
mod batch;
mod beginnings;
mod cluster;
mod config_check;
mod configuration;
mod console;
mod contract;
mod credentials;
mod differential;
mod doctor;
#[path = "../bench/src/drawing.rs"]
mod drawing;
mod events;
mod example;
mod failures;
mod forward_auth;
mod gateways;
#[path = "../../host/engine/tests/wasm/hostile_modules.rs"]
mod hostile_modules;
mod house;
mod jobs_api;
mod kind_table;
mod leaks;
mod limits;
mod listeners;
mod mail;
mod management;
mod management_api;
mod moving;
mod network;
mod oauth;
mod on_redis;
mod outage;
mod packaging;
mod policies;
mod policy_cli;
mod policy_folder;
mod promises;
mod rolling;
mod rotation;
mod scan;
mod secrets;
mod sentinel;
mod shutdown;
mod sign_in;
mod soak;
mod tools;
mod tour;
mod two_hosts;
#[path = "../../host/engine/tests/wasm/wat.rs"]
mod wat;
mod webhooks;
