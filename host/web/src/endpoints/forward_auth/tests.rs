//! The table of profiles, cell by cell.

use access_model::Profile;
use axum::http::Request;
use axum::http::request::Parts;

use super::profile::{Headers, PassesOn};

/// As the gateway of each profile asks about a read by 203.0.113.7.
fn stated(profile: Profile) -> Vec<(&'static str, &'static str)> {
    match profile {
        Profile::Nginx | Profile::Haproxy => {
            vec![("x-original-method", "GET"), ("x-original-uri", "/v1/jobs?limit=1"), ("x-real-ip", "203.0.113.7")]
        }
        Profile::Caddy | Profile::Traefik => vec![
            ("x-forwarded-method", "GET"),
            ("x-forwarded-uri", "/v1/jobs?limit=1"),
            ("x-forwarded-for", "203.0.113.7"),
        ],
        Profile::Envoy => vec![("x-real-ip", "203.0.113.7")],
    }
}

fn parts(profile: Profile, headers: &[(&str, &str)]) -> Parts {
    // Gateways but Envoy ask with a method and a path that mean nothing.
    let (method, path) = if profile == Profile::Envoy { ("GET", "/v1/jobs?limit=1") } else { ("POST", "/v1/queues") };
    let mut request = Request::builder().method(method).uri(format!("/v1/forward-auth{path}"));
    for (name, value) in headers {
        request = request.header(*name, value.as_bytes());
    }
    request.body(()).unwrap().into_parts().0
}

/// What is read: method, path, address.
#[track_caller]
fn check(profile: Profile, headers: &[(&str, &str)], expected: [&str; 3]) {
    let asked = Headers::of(profile).read(&parts(profile, headers)).unwrap();
    let address = asked.client.into_text();
    assert_eq!([asked.method.as_str(), &asked.path, &address], expected, "{profile:?} {headers:?}");
}

#[track_caller]
fn check_refused(profile: Profile, headers: &[(&str, &str)], says: &str) {
    let refused = Headers::of(profile).read(&parts(profile, headers)).unwrap_err();
    assert!(refused.contains(says) && refused.contains(profile.name()), "{profile:?} {headers:?}: {refused}");
}

#[test]
fn each_profile_reads_what_its_gateway_sets_and_nothing_else() {
    let all = ["x-original-method", "x-original-uri", "x-real-ip", "x-forwarded-method", "x-forwarded-uri"];
    let others = ["x-forwarded-for", "forwarded", "x-forwarded-host", "x-http-method-override", "x-original-url"];
    for profile in Profile::ALL {
        let own = stated(profile);
        check(profile, &own, ["GET", "/v1/jobs", "203.0.113.7"]);
        for name in all.into_iter().chain(others) {
            if own.iter().any(|(believed, _)| *believed == name) {
                continue;
            }
            for value in ["DELETE", "/v1/jobs/1", "198.51.100.1", "for=198.51.100.1", ""] {
                let with_another = [own.as_slice(), &[(name, value), (name, value)]].concat();
                check(profile, &with_another, ["GET", "/v1/jobs", "203.0.113.7"]);
            }
        }
    }
}

#[test]
fn what_a_gateway_sets_is_there_once() {
    for profile in Profile::ALL {
        let own = stated(profile);
        for (at, (name, value)) in own.iter().enumerate() {
            let mut without = own.clone();
            without.remove(at);
            check_refused(profile, &without, &format!("`{name}` is not there"));
            for again in [value, ""] {
                let twice = [own.as_slice(), &[(name, again)]].concat();
                check_refused(profile, &twice, &format!("`{name}` is there more than once"));
            }
        }
    }
}

#[test]
fn an_address_that_can_not_be_read_is_refused() {
    for profile in Profile::ALL {
        for garbage in ["", "unknown", "unix:", "203.0.113.7/24", "fe80::1%eth0", "203.0.113.7,", "\u{fe}"] {
            let mut headers = stated(profile);
            let (name, value) = headers.last_mut().unwrap();
            *value = garbage;
            let says = format!("address in `{name}` can't be read");
            check_refused(profile, &headers, &says);
        }
    }
}

#[test]
fn of_a_list_of_hops_the_last_counts_where_the_gateway_appends() {
    for profile in Profile::ALL {
        let appends = matches!(profile, Profile::Caddy | Profile::Traefik);
        for (given, last) in [
            ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
            ("nonsense,2001:db8::7", "2001:db8::7"),
            ("203.0.113.7:4711", "203.0.113.7"),
        ] {
            let mut headers = stated(profile);
            headers.last_mut().unwrap().1 = given;
            if appends {
                check(profile, &headers, ["GET", "/v1/jobs", last]);
            } else {
                check_refused(profile, &headers, "can't be read");
            }
        }
        let mut headers = stated(profile);
        headers.last_mut().unwrap().1 = "::ffff:203.0.113.7";
        check(profile, &headers, ["GET", "/v1/jobs", "203.0.113.7"]);
    }
}

#[test]
fn paths_and_methods_stay_as_they_were_sent() {
    let paths = ["/v1//jobs", "/v1/%2e%2e/jobs", "/v1/jobs;a=b", "/v1/jobs%2f1", "/v1/../jobs", "//", "/"];
    for path in paths {
        let with_query = format!("{path}?a=/../b?c");
        for profile in [Profile::Nginx, Profile::Caddy, Profile::Traefik, Profile::Haproxy] {
            let mut headers = stated(profile);
            headers[0].1 = "get";
            headers[1].1 = &with_query;
            check(profile, &headers, ["get", path, "203.0.113.7"]);
        }
        let request = Request::builder().method("PURGE").uri(format!("/v1/forward-auth{with_query}"));
        let request = request.header("x-real-ip", "203.0.113.7").body(()).unwrap();
        let asked = Headers::of(Profile::Envoy).read(&request.into_parts().0).unwrap();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("PURGE", path));
    }
    for (path, read) in [("?a", ""), ("", ""), ("/v1/j\u{f6}bs", "/v1/j\u{f6}bs")] {
        check(
            Profile::Nginx,
            &[("x-original-method", ""), ("x-original-uri", path), ("x-real-ip", "203.0.113.7")],
            ["", read, "203.0.113.7"],
        );
    }
}

#[test]
fn nginx_alone_can_not_pass_everything_on() {
    for profile in Profile::ALL {
        let limited = Headers::of(profile).passes_on == PassesOn::UnauthorizedAndForbidden;
        assert_eq!(limited, profile == Profile::Nginx, "{profile:?}");
    }
}

#[test]
fn envoy_alone_takes_200_for_an_allow() {
    for profile in Profile::ALL {
        let expected = if profile == Profile::Envoy { 200 } else { 204 };
        assert_eq!(Headers::of(profile).allow, expected, "{profile:?}");
    }
}
