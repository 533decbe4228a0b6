//! Certificates are replaced while the host serves: nobody notices, and a bad pair changes nothing.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::http::Connection;
use harness::{Answer, AtEnd, Curl, Host, Issuer, in_parallel, is_left_to_tests_run, wait_until};

use super::{asks, https, with_tls};

fn reloads(host: &Host, result: &str) -> u64 {
    host.metric(&format!("access_tls_reloads_total{{result=\"{result}\"}}"))
}

#[test]
fn under_load_no_request_fails() {
    if is_left_to_tests_run("openssl") {
        return;
    }
    let (setup, former, [certificate, key]) = with_tls();
    let later = Issuer::new(setup.folder(), "later");
    let next = later.sign("host");
    let both = setup.folder().join("both.pem");
    let text = |path| fs::read_to_string(path).unwrap();
    fs::write(&both, text(former.certificate()) + &text(later.certificate())).unwrap();
    let host = setup.start();
    let question = asks(&host);

    let address = host.decider().listens("https://");
    let mut kept = Connection::over(former.speak_to(address));
    let mut ask_on_kept = || {
        let answered = kept.exchange(&question.request(), Some(&host.identity().gateway_token)).unwrap();
        Answer::of(answered.check_json(200)).check_allow();
    };
    ask_on_kept();
    let is_over = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        let end = AtEnd(&is_over);
        let load = scope.spawn(|| {
            in_parallel(4, |asker| {
                let version = if asker % 2 == 0 { "--http2" } else { "--http1.1" };
                let curl = Curl::at(https(&host)).trusting(&both).with(&[version]);
                let mut asked = 0;
                while !is_over.load(Ordering::Relaxed) && asked < 5_000 {
                    curl.decide(&host.identity().gateway_token, &question).0.check_allow();
                    asked += 1;
                }
                asked
            })
        });
        // One after the other, so that for a moment they do not belong together.
        fs::copy(&next[0], &certificate).unwrap();
        fs::copy(&next[1], &key).unwrap();
        wait_until("the new certificate is shown", || reloads(&host, "swapped") >= 1 || load.is_finished());
        drop(end);
        load.join().unwrap()
    });
    assert!(asked.iter().all(|asked| *asked > 0), "{asked:?}");
    assert_eq!(reloads(&host, "swapped"), 1);
    Curl::at(https(&host)).trusting(&later.certificate()).decide(&host.identity().gateway_token, &question);
    Curl::at(https(&host)).trusting(&former.certificate()).run("/health/alive", &[]).check(60, &[]);
    // Who was connected before goes on.
    ask_on_kept();
}

#[test]
fn a_bad_pair_changes_nothing_and_is_told() {
    if is_left_to_tests_run("openssl") {
        return;
    }
    let (setup, issuer, [certificate, key]) = with_tls();
    let good = fs::read(&certificate).unwrap();
    let host = setup.start();
    let curl = Curl::at(https(&host)).trusting(&issuer.certificate());
    let check_serves = || {
        curl.decide(&host.identity().gateway_token, &asks(&host)).0.check_allow();
    };
    let elsewhere = Issuer::new(host.setup().folder(), "elsewhere").sign("host");
    for (told, bad) in [(1, fs::read(&elsewhere[0]).unwrap()), (2, b"nonsense".to_vec()), (3, Vec::new())] {
        fs::write(&certificate, bad).unwrap();
        wait_until("it is told", || reloads(&host, "refused") >= told);
        check_serves();
    }
    fs::remove_file(&key).unwrap();
    wait_until("it is told", || reloads(&host, "refused") >= 4);
    check_serves();
    assert!(host.log().text().contains("the certificate can't be used; the one before is shown on"));
    assert_eq!(reloads(&host, "swapped"), 0);
    // Whole again, it is used again.
    let next = issuer.sign("next");
    fs::copy(&next[1], &key).unwrap();
    fs::copy(&next[0], &certificate).unwrap();
    wait_until("the new certificate is shown", || reloads(&host, "swapped") >= 1);
    check_serves();
    assert_ne!(good, fs::read(&certificate).unwrap());
}
