//! Many tenants' policies, and tenants' bad policies: what others notice of them. `tests/bench/tenants` says what the rows mean.
//!
//! `tenants POLICY.WASM CATALOG CEL WASM`: a module that the SDK built, a catalog whose quotas never run out, and how many
//! policies of each engine there are to be. The binary that is measured is the one that `CRONFLOW_ACCESS_BIN` names.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that can't be made ends"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock, paces itself and prints"
)]

mod spread;
mod tenant;
#[path = "../../../host/engine/tests/wasm/wat.rs"]
mod wat;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Host, Question, Request, Setup, in_parallel};
use serde_json::{Value, json};
use spread::Spread;
use tenant::Tenant;

const ROUNDS: usize = 5;
/// Of one measurement.
const SLICE: Duration = Duration::from_secs(3);
/// Who ask without a pause, each over a connection of their own.
const ASKERS: usize = 4;

/// A tenant, and the question whether its key may read jobs, and delete one.
struct Asked {
    tenant: Tenant,
    reads: Request,
    deletes: Request,
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [module, catalog, cel, wasm] = args.as_slice() else {
        panic!("tenants POLICY.WASM CATALOG CEL WASM");
    };
    let module = fs::read(module).unwrap();
    let counts = [cel, wasm].map(|count| count.parse::<usize>().unwrap());
    let host = Setup::dev().args(["--catalog".to_owned(), catalog.clone()]).start();
    floods(&host);
    reloads(&host);
    many(&host, &module, counts);
}

fn asked(host: &Host, name: &str) -> Asked {
    let tenant = Tenant::create(host.operator(), &host.identity().organization, name);
    let deletes = Question::of(&tenant.secret).to("DELETE /v1/jobs/42").within("production").request();
    let reads = Question::reads_jobs(&tenant.secret).request();
    Asked { tenant, reads, deletes }
}

fn publish(host: &Host, asked: &Asked, upload: &Value) {
    asked.tenant.publish(host.operator(), upload);
}

fn wasm(module: &[u8]) -> Value {
    json!({ "engine": "wasm", "module_base64": STANDARD.encode(module) })
}

/// Microseconds that each question took, sorted: asked for a slice of time by so many at once, with a pause between two.
fn ask(host: &Host, askers: usize, pause: Duration, questions: &[&Request]) -> Vec<u64> {
    let mut all: Vec<u64> = in_parallel(askers, |number| {
        let client = host.client(Some(&host.identity().gateway_token));
        let mut next = number * 7_919;
        let mut took = Vec::new();
        let end = Instant::now() + SLICE;
        while Instant::now() < end {
            next = (next.wrapping_mul(25_214_903_917) + 11) % (1 << 47);
            let question = questions[(next >> 16) % questions.len()];
            let began = Instant::now();
            let answer = client.try_send(question).expect("no connection breaks").check_json(200);
            took.push(u64::try_from(began.elapsed().as_micros()).unwrap());
            assert_eq!(answer["decision"], "allow", "{answer}");
            thread::sleep(pause);
        }
        took
    })
    .concat();
    all.sort_unstable();
    all
}

fn p99(sorted: &[u64]) -> u64 {
    sorted[sorted.len() * 99 / 100]
}

fn floods(host: &Host) {
    let names = ["third", "looping", "slow"];
    let [third, looping, slow] = names.map(|name| asked(host, name));
    let spin = |then: &str| wasm(&wat::bytes(&wat::module(&wat::where_said(*b"dele", then), "")));
    publish(host, &third, &json!({ "engine": "cel", "source": "no_match()" }));
    publish(host, &looping, &spin("(loop (br 0))"));
    let slowly = "(local.set $at (i32.const 0)) (loop (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get $at) (i32.const 300000)))) (return (i32.const 256))";
    publish(host, &slow, &spin(slowly));
    let (mut ratios, mut quiet, mut flooded) = (Vec::new(), Vec::new(), Vec::new());
    let mut asked = 0;
    let pace = Duration::from_millis(2);
    for _ in 0..ROUNDS {
        let before = p99(&ask(host, 2, pace, &[&third.reads]));
        let over = AtomicBool::new(false);
        let during = thread::scope(|scope| {
            let flood = |tenant: &Asked| {
                let client = host.client(Some(&host.identity().gateway_token));
                let mut asked = 0;
                while !over.load(Ordering::Relaxed) {
                    client.try_send(&tenant.deletes).expect("no connection breaks").check_json(200);
                    asked += 1;
                    thread::sleep(Duration::from_millis(1));
                }
                asked
            };
            let floods: Vec<_> = [&looping, &slow]
                .into_iter()
                .cycle()
                .take(16)
                .map(|tenant| scope.spawn(move || flood(tenant)))
                .collect();
            let during = p99(&ask(host, 2, pace, &[&third.reads]));
            over.store(true, Ordering::Relaxed);
            asked += floods.into_iter().map(|flood| flood.join().unwrap()).sum::<usize>();
            during
        });
        quiet.push(before as f64);
        flooded.push(during as f64);
        ratios.push(during as f64 / before as f64);
    }
    let a_second = asked as f64 / (ROUNDS as f64 * SLICE.as_secs_f64());
    row("p99 of a third tenant under two floods, and quiet: µs", [flooded, quiet, ratios], "ratio ≤ 2");
    note(&format!("the floods, half on a looping policy and half on a slow one: {a_second:.0} a second"));
}

fn reloads(host: &Host) {
    let tenant = asked(host, "reloaded");
    publish(host, &tenant, &tenant::cel(0));
    let (mut ratios, mut quiet, mut reloaded) = (Vec::new(), Vec::new(), Vec::new());
    let mut published = 0;
    let pace = Duration::from_millis(2);
    for _ in 0..ROUNDS {
        let before = p99(&ask(host, 2, pace, &[&tenant.reads]));
        let over = AtomicBool::new(false);
        let during = thread::scope(|scope| {
            let publishing = scope.spawn(|| {
                let mut published = 0;
                while !over.load(Ordering::Relaxed) {
                    published += 1;
                    publish(host, &tenant, &tenant::cel(published));
                    thread::sleep(Duration::from_millis(20));
                }
                published
            });
            let during = p99(&ask(host, 2, pace, &[&tenant.reads]));
            over.store(true, Ordering::Relaxed);
            published += publishing.join().unwrap();
            during
        });
        quiet.push(before as f64);
        reloaded.push(during as f64);
        ratios.push(during as f64 / before as f64);
    }
    let a_second = published as f64 / (ROUNDS as f64 * SLICE.as_secs_f64());
    row("p99 while policies are published, and quiet: µs", [reloaded, quiet, ratios], "no error, ratio ≤ 2");
    note(&format!("revisions put, checked, published and loaded: {a_second:.0} a second"));
}

fn many(host: &Host, module: &[u8], [cel, wasm_count]: [usize; 2]) {
    let uploads_cel = (0..cel).map(tenant::cel);
    // The same code under another name is another module: a section of its own tells them apart.
    let uploads_wasm = (0..wasm_count).map(|number| {
        let number = u32::try_from(number).unwrap().to_le_bytes();
        let mut upload = wasm(&[module, &[0, 9, 4][..], b"mark", &number].concat());
        // As `policy new` declares them.
        upload["settings"] = json!({ "environment": "production" });
        upload["attributes"] = json!({ "context": { "ticket": "string" } });
        upload
    });
    let plain_count = 500.min(cel);
    let began = Instant::now();
    let memory = || host.manager().resident_bytes() as f64;
    let start = memory();
    let made = AtomicUsize::new(0);
    let make = |name: String, upload: Option<&Value>| {
        let tenant = asked(host, &name);
        if let Some(upload) = upload {
            publish(host, &tenant, upload);
        }
        // So that what is needed to answer it is there.
        let client = host.client(Some(&host.identity().gateway_token));
        let answer = client.try_send(&tenant.reads).unwrap().check_json(200);
        assert_eq!(answer["decision"], "allow", "{answer}");
        if (made.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(500) {
            eprintln!("made {} of {}", made.load(Ordering::Relaxed), plain_count + cel + wasm_count);
        }
        tenant
    };
    (0..plain_count).for_each(|number| drop(make(format!("plain-{number}"), None)));
    let plain = memory();
    let of_cel: Vec<_> =
        uploads_cel.enumerate().map(|(number, upload)| make(format!("cel-{number}"), Some(&upload))).collect();
    let after_cel = memory();
    let of_wasm: Vec<_> =
        uploads_wasm.enumerate().map(|(number, upload)| make(format!("wasm-{number}"), Some(&upload))).collect();
    let after_wasm = memory();
    let took = began.elapsed().as_secs();
    let all: Vec<&Request> = of_cel.iter().chain(&of_wasm).map(|tenant| &tenant.reads).collect();
    let ten: Vec<&Request> = of_cel.iter().take(9).chain(of_wasm.iter().take(1)).map(|tenant| &tenant.reads).collect();
    let (mut few, mut many, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let ten = p99(&ask(host, ASKERS, Duration::ZERO, &ten)) as f64;
        let all = p99(&ask(host, ASKERS, Duration::ZERO, &all)) as f64;
        few.push(ten);
        many.push(all);
        ratios.push(all / ten);
    }
    row(
        &format!("p99 over {cel} CEL and {wasm_count} WASM policies, and ten: µs"),
        [many, few, ratios],
        "ratio ≤ 1.5, ≤ 1.1",
    );
    let each = |more: f64, count: usize| more / 1024.0 / count.max(1) as f64;
    let tenant = each(plain - start, plain_count);
    note(&format!("memory of a tenant with a key: {tenant:.1} KiB"));
    note(&format!("memory of a policy in CEL besides: {:.1} KiB", each(after_cel - plain, cel) - tenant));
    let of_module = each(after_wasm - after_cel, wasm_count) - tenant;
    note(&format!("memory of a module ({} KiB) besides: {of_module:.1} KiB", module.len() / 1024));
    note(&format!("made and published one after the other in {took} s"));
}

/// A line of the table: ours, what it is beside, their ratio, and the budget, with tabs between.
fn row(what: &str, [ours, beside, ratios]: [Vec<f64>; 3], budget: &str) {
    let [ours, beside, ratio] = [ours, beside, ratios].map(Spread::of);
    println!("{what}\t{ours:.0}\t{beside:.0}\t{ratio:.2}\t{budget}");
}

/// What belongs to the line before.
fn note(text: &str) {
    println!("  {text}");
}
