//! What every backend must pass.

use std::sync::Arc;

use access_store::Store;
use harness::{Cluster, Reply, is_left_to_tests_run, wait_until};

use crate::support::{Server, open, options_at};

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let Some(server) = Server::forgetful() else { return };
    let make = async || open(&server.options()).await as Arc<dyn Store>;
    access_store::contract::run(make).await.unwrap();
}

/// Shards on three servers, each with replicas.
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_in_a_cluster() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::of(3, 1);
    let make = async || open(&options_at(cluster.url())).await as Arc<dyn Store>;
    access_store::contract::run(make).await.unwrap();
}

/// All slots of a cluster on one server: it refuses scripts that touch two of them.
#[tokio::test(flavor = "multi_thread")]
async fn it_touches_one_slot_in_one_script() {
    let Some(server) = Server::with(&["--appendonly", "no", "--cluster-enabled", "yes"]) else { return };
    server.redis.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    wait_until(
        "the cluster is up",
        || matches!(server.redis.command(&["CLUSTER", "INFO"]), Reply::Text(info) if info.contains("cluster_state:ok")),
    );
    let make = async || open(&server.options()).await as Arc<dyn Store>;
    access_store::contract::run(make).await.unwrap();
}
