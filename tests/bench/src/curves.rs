//! How cost, latency and memory grow: with keys, with tenants' policies, with hosts on one Redis. `tests/bench/curves` says what
//! the figures mean.
//!
//! `curves FOLDER CATALOG HERTZ ANSWERING ASKING SIZE`: where table and drawing go, a catalog whose quotas never run out, ticks of
//! the system's clock in a second, processors of whoever answers and of whoever asks (`0,1`; empty: any), and `full`, `quick` or `rows`.
//! The binary that is measured is the one that `CRONFLOW_ACCESS_BIN` names.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that can't be made ends"
)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measurement prints")]

mod drawing;
mod figures;
mod load;
mod spread;
#[path = "../../../host/authority/tests/decide/stock.rs"]
#[expect(dead_code, reason = "all keys are one organization's here, and can be presented")]
mod stock;
mod tenant;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

use access_authority::lifecycle::Installation;
use access_authority::lifecycle::root_key::{self, RootKey};
use access_model::clock::SystemClock;
use access_model::entropy::SeededEntropy;
use access_model::{Catalog, Clock as _, Id, Kind, PlainSecret};
use access_store::Embedded;
use access_store::embedded::Options;
use figures::{Curve, Figures, Place};
use harness::setup::Identity;
use harness::{Host, Key, Node, Setup, in_parallel, stopwatch};
use load::{Answering, Asker, Echo, Processors, Questions};
use serde_json::json;
use stock::Owner;
use tempfile::TempDir;
use tenant::Tenant;

/// How far the curves go, and how long each place of them is looked at.
#[derive(Debug, Clone, Copy)]
struct Scale {
    keys: &'static [usize],
    policies: &'static [usize],
    rounds: usize,
    /// Of each who is asked in a round.
    seconds: u64,
    revocations: usize,
}

const FULL: Scale = Scale {
    keys: &[1_000, 10_000, 100_000, 1_000_000],
    policies: &[10, 100, 1_000, 10_000],
    rounds: 3,
    seconds: 2,
    revocations: 200,
};
const QUICK: Scale =
    Scale { keys: &[1_000, 10_000, 100_000], policies: &[10, 100, 1_000], rounds: 3, seconds: 1, revocations: 50 };
/// What `tests/bench/run --all` takes rows of.
const ROWS: Scale = Scale { keys: &[1_000, 1_000_000], policies: &[], rounds: 1, seconds: 1, revocations: 200 };
const REPLICAS: usize = 3;

/// Starts that are timed at each place.
const STARTS: usize = 3;
/// Who prepare what is asked about later, each over a connection of their own.
const AT_ONCE: usize = 4;
/// Secrets that are drawn by chance for a round; more than a slow machine asks about in it.
const DRAWS: usize = 50_000;
/// Credentials that a host remembers.
const REMEMBERED: usize = 100_000;

struct Bench {
    scale: Scale,
    asker: Asker,
    echo: Echo,
    catalog: String,
    folder: TempDir,
    figures: Figures,
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [folder, catalog, hertz, answering, asking, size] = args.as_slice() else {
        panic!("curves FOLDER CATALOG HERTZ ANSWERING ASKING SIZE");
    };
    let scale = match size.as_str() {
        "quick" => QUICK,
        "rows" => ROWS,
        _ => FULL,
    };
    let processors = Processors::new(answering, asking);
    let mut bench = Bench {
        scale,
        echo: Echo::start(&processors),
        asker: Asker { processors, seconds: scale.seconds, hertz: hertz.parse().unwrap() },
        catalog: catalog.clone(),
        folder: tempfile::tempdir().unwrap(),
        figures: Figures::default(),
    };
    for curve in [Curve::Keys, Curve::Policies, Curve::Replicas] {
        match curve {
            Curve::Keys => keys(&mut bench),
            Curve::Policies => policies(&mut bench),
            Curve::Replicas => replicas(&mut bench),
        }
        println!("\n{}", bench.figures.table(curve));
        bench.figures.write(Path::new(folder));
    }
    let processors = bench.asker.processors.answering.len();
    if processors < REPLICAS {
        println!(
            "The hosts of the last table share {} here, so that they can't decide more a second together than one alone. What scales \
             is the processor time of a decision: as long as it stays as it is, so many more processors decide so many times more.",
            if processors == 1 { "one processor".to_owned() } else { "the processors".to_owned() }
        );
    }
}

impl Bench {
    /// A dev host on the embedded store, on the processor of whoever answers.
    fn setup(&self) -> Setup {
        let setup = Setup::dev().on_embedded().args(["--catalog".to_owned(), self.catalog.clone()]);
        setup.through(self.asker.processors.that_answer(0))
    }

    /// Where a round's questions are written.
    fn file(&self) -> PathBuf {
        self.folder.path().join("questions")
    }

    /// Asks all of these in rounds, and the yardstick the same after each. The first round is to warm up.
    fn measure(
        &mut self,
        place: Place,
        all: &[Answering],
        gateway_token: &str,
        mut questions: impl FnMut() -> Questions,
    ) {
        let yardstick = [self.echo.answering()];
        let (mut rounds, mut before) = (Vec::new(), load::ticks(all));
        for round in 0..=self.scale.rounds {
            eprintln!("{}, {}: round {round} of {}", place.at, place.line, self.scale.rounds);
            let questions = questions();
            let mut ours = self.asker.ask(all, gateway_token, &questions);
            let echo = self.asker.ask(&yardstick, gateway_token, &questions);
            // Until the next round: what a decision leaves to be done later is part of what it costs.
            let after = load::ticks(all);
            ours.cpu = self.asker.micros(after - before) / ours.answers;
            before = after;
            if round > 0 {
                rounds.push((ours, echo));
            }
        }
        self.figures.add_rounds(place, &rounds);
    }

    fn add_memory(&mut self, place: Place, name: &'static str, host: &Host) {
        self.figures.add(place, name, vec![host.manager().resident_bytes() as f64 / 1_048_576.0]);
    }
}

/// Numbers drawn evenly, the same at each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

fn keys(bench: &mut Bench) {
    let catalog = Catalog::parse(&fs::read_to_string(&bench.catalog).unwrap()).unwrap();
    let kind = catalog.kinds.get("production").unwrap();
    let file = bench.file();
    let mut host = bench.setup().start();
    let identity = host.identity().clone();
    let owner =
        Owner { organization: identity.organization.parse().unwrap(), workspace: identity.workspace.parse().unwrap() };
    let secret = |number: usize| secret_of(kind, &stock::key_id(owner.workspace.home(), number)).expose().to_owned();
    let (mut chance, mut kept) = (Chance(1), 0);
    for &count in bench.scale.keys {
        let place = |line| Place { curve: Curve::Keys, line, at: count };
        eprintln!("{count} keys are put into the store");
        // In order, it would first give back what is counted for each key: of no use to anybody here.
        let mut setup = host.kill_9().setup;
        fill(&setup.data_dir(), owner, kind, kept..count);
        kept = count;
        let mut starts = Vec::new();
        for _ in 0..STARTS {
            let watch = stopwatch();
            let started = setup.start();
            starts.push(watch().as_secs_f64() * 1e3);
            setup = started.terminate().setup;
        }
        host = setup.start();
        bench.figures.add(place("host"), "start-up ms", starts);
        bench.add_memory(place("host"), "resident MiB (idle)", &host);
        let answering = [Answering::of(host.manager())];
        let one = || Questions::about(&identity.keys["production"]);
        bench.measure(place("one key"), &answering, &identity.gateway_token, one);
        drop(in_parallel(AT_ONCE, |asker| {
            let gateway = host.client(Some(&identity.gateway_token));
            let numbers = (asker..count.min(REMEMBERED)).step_by(AT_ONCE);
            numbers.for_each(|number| load::ask_once(&gateway, &secret(number)));
        }));
        let any = || Questions::about_each((0..DRAWS).map(|_| secret(chance.below(count))), &file);
        bench.measure(place("keys by chance"), &answering, &identity.gateway_token, any);
        bench.add_memory(place("host"), "resident MiB (at work)", &host);
    }
}

/// The secret of a key that [`fill`] puts there: told by its id, so that none needs to be remembered.
fn secret_of(kind: &Kind, id: &Id) -> PlainSecret {
    PlainSecret::draw(&kind.prefix, id, &SeededEntropy::new(id.body().as_bytes())).unwrap()
}

/// Puts keys into the store of a host that does not run.
fn fill(data_dir: &Path, owner: Owner, kind: &Kind, numbers: Range<usize>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Embedded::open(data_dir, Options::default()).unwrap();
        let root = RootKey::read(&data_dir.join(root_key::FILE)).unwrap();
        let keyring = Installation::open(&store, &root, true).await.unwrap();
        let pepper = keyring.current_pepper().unwrap();
        let now = SystemClock::new().now();
        let digest = |id: &Id| pepper.digest(&secret_of(kind, id));
        stock::keys(&store, &[owner], numbers, kind, (now, now), digest).await;
        store.close().await.unwrap();
    });
}

fn policies(bench: &mut Bench) {
    let host = bench.setup().start();
    let gateway_token = host.identity().gateway_token.clone();
    let file = bench.file();
    let (mut chance, mut tenants) = (Chance(1), Vec::<Tenant>::new());
    for &count in bench.scale.policies {
        let place = |line| Place { curve: Curve::Policies, line, at: count };
        tenants.extend(tenants_of(&host, tenants.len()..count));
        let any = || {
            let secrets = (0..DRAWS).map(|_| tenants[chance.below(count)].secret.clone());
            Questions::about_each(secrets, &file)
        };
        bench.measure(place("tenants by chance"), &[Answering::of(host.manager())], &gateway_token, any);
        bench.add_memory(place("host"), "resident MiB (at work)", &host);
    }
}

/// Tenants of these numbers, each with a policy of its own in force and at hand.
fn tenants_of(host: &Host, numbers: Range<usize>) -> Vec<Tenant> {
    let made = AtomicUsize::new(0);
    let of_each = in_parallel(AT_ONCE, |maker| {
        let identity = host.identity();
        let operator = host.manager().client(Some(&identity.operator_token));
        let gateway = host.client(Some(&identity.gateway_token));
        let make = |number: usize| {
            let tenant = Tenant::create(&operator, &identity.organization, &format!("tenant-{number}"));
            tenant.publish(&operator, &tenant::cel(number));
            load::ask_once(&gateway, &tenant.secret);
            let made = made.fetch_add(1, Ordering::Relaxed) + 1;
            if made.is_multiple_of(1_000) {
                eprintln!("made {made} of {} tenants", numbers.len());
            }
            tenant
        };
        numbers.clone().skip(maker).step_by(AT_ONCE).map(make).collect::<Vec<_>>()
    });
    of_each.into_iter().flatten().collect()
}

fn replicas(bench: &mut Bench) {
    let setup = bench.setup().on_redis();
    let mut nodes: Vec<Node> = Vec::new();
    for count in 1..=REPLICAS {
        let place = Place { curve: Curve::Replicas, line: "hosts", at: count };
        let pinned = setup.clone().through(bench.asker.processors.that_answer(count - 1));
        nodes.push(pinned.try_start_node(count).expect("the host starts"));
        let identity = nodes[0].identity().expect("a dev host tells who is who");
        let one = || Questions::about(&identity.keys["production"]);
        let answering: Vec<_> = nodes.iter().map(Answering::of).collect();
        bench.measure(place, &answering, &identity.gateway_token, one);
        let mut lags = lags(&identity, &nodes, bench.scale.revocations);
        lags.sort_by(f64::total_cmp);
        bench.figures.add(place, "revoked after ms (p99)", vec![lags[lags.len() * 99 / 100]]);
        bench.figures.add(place, "revoked after ms", lags);
    }
}

/// Milliseconds from when the first host acknowledged a revocation until the last one has denied, again and again; the question
/// that it takes to see it is part of it.
fn lags(identity: &Identity, nodes: &[Node], revocations: usize) -> Vec<f64> {
    let operator = nodes[0].client(Some(&identity.operator_token));
    let gateway = nodes[nodes.len() - 1].client(Some(&identity.gateway_token));
    let keys = format!("/v1/workspaces/{}/keys", identity.workspace);
    let body = json!({ "kind": "production", "name": "bench", "scopes": ["jobs:read"] });
    let lag = |_| {
        let key = Key::of(operator.post(&keys, &body).check_json(201));
        load::ask_once(&gateway, &key.secret);
        let asked = load::question(&key.secret);
        operator.post(&format!("{keys}/{}/revoke", key.id), &json!({})).check_json(200);
        let watch = stopwatch();
        while asked.ask(&gateway).codes() != ["unauthenticated"] {}
        watch().as_secs_f64() * 1e3
    };
    (0..revocations).map(lag).collect()
}
