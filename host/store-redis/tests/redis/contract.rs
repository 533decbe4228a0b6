//! What every backend must pass.

use std::sync::Arc;

use access_store::Store;
use harness::RedisServer;

use crate::support::{open, options};

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let Some(server) = RedisServer::forgetful() else { return };
    let make = async || open(&options(&server)).await as Arc<dyn Store>;
    access_store::contract::run(make).await.unwrap();
}

/// All slots of a cluster on one server: it refuses scripts that touch two of them.
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_in_a_cluster() {
    let Some(server) = RedisServer::with(&["--appendonly", "no", "--cluster-enabled", "yes"]) else { return };
    server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    while !server.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok") {}
    let make = async || open(&options(&server)).await as Arc<dyn Store>;
    access_store::contract::run(make).await.unwrap();
}
