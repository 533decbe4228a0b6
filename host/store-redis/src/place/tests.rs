use access_model::PlainSecret;

use super::*;

fn parse(url: &str) -> Result<Place, OpenError> {
    Place::of(&Options::new(PlainSecret::new(url.to_owned())))
}

#[test]
fn a_url_names_a_server_sentinels_or_a_cluster() {
    let sentinel = |master: &str| Kind::Sentinel { master: master.to_owned() };
    for (url, kind, is_tls, shown) in [
        ("redis://127.0.0.1", Kind::Alone, false, "127.0.0.1:6379"),
        ("rediss://example:7000/2", Kind::Alone, true, "example:7000"),
        ("unix:///run/redis.sock", Kind::Alone, false, "/run/redis.sock"),
        ("redis://[::1]:7000", Kind::Alone, false, "[::1]:7000"),
        ("redis-sentinel://a/main", sentinel("main"), false, "the primary `main` of the sentinels at a:26379"),
        (
            "rediss-sentinel://u:p@a:1,[::1],c:3/main/2",
            sentinel("main"),
            true,
            "the primary `main` of the sentinels at a:1, [::1]:26379, c:3",
        ),
        ("redis-cluster://a,b:7001", Kind::Cluster, false, "the cluster at a:6379, b:7001"),
        ("rediss-cluster://:p%2F@a/", Kind::Cluster, true, "the cluster at a:6379"),
    ] {
        let place = parse(url).unwrap();
        assert_eq!((&place.kind, place.tls.is_some(), &*place.to_string()), (&kind, is_tls, shown), "{url}");
    }
}

#[test]
fn user_password_and_database_are_those_of_the_url() {
    for (url, user, password, database) in [
        ("redis://u:p%2F@h/3", Some("u"), Some("p/"), 3),
        ("redis-sentinel://u:p@q@a,b/main/3", Some("u"), Some("p@q"), 3),
        ("redis-sentinel://a/main", None, None, 0),
        ("redis-cluster://:p@a,b", None, Some("p"), 0),
    ] {
        let Place { redis, .. } = parse(url).unwrap();
        assert_eq!((redis.username(), redis.password(), redis.db()), (user, password, database), "{url}");
    }
}

#[test]
fn what_can_not_be_is_told_without_the_password() {
    for (url, told) in [
        ("redis-sentinel://:hunter2@a,b", "by which name sentinels know the primary"),
        ("redis-sentinel://:hunter2@a/main/x", "Invalid database number"),
        ("redis-sentinel://:hunter2@a,/main", "can't be used"),
        ("redis-cluster://:hunter2@a/1", "no databases but 0"),
        ("redis-cluster://:hunter2@", "can't be used"),
        ("redis-cluster://:hunter2@a:x", "can't be used"),
        ("redis-cluster://a?password=hunter2", "neither `?` nor `#`"),
        ("rediss://:hunter2@a/#insecure", "leave `#insecure` out"),
        ("redis-clutser://:hunter2@a", "can't be used"),
    ] {
        let error = parse(url).unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("hunter2"), "{url}: {error}");
    }
    assert!(!format!("{:?}", parse("redis-cluster://u:hunter2@a").unwrap()).contains("hunter2"));
}

#[test]
fn a_file_of_certificates_is_read_when_the_url_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let with = |url: &str| {
        let options = Options::new(PlainSecret::new(url.to_owned()));
        Place::of(&Options { ca_file: Some(path.clone()), ..options }).map(drop).map_err(|error| error.to_string())
    };
    assert!(with("rediss://a").unwrap_err().contains("ca.pem"));
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(with("rediss-cluster://a").unwrap_err().contains("ca.pem"));
    std::fs::write(&path, "").unwrap();
    assert!(with("redis://a").unwrap_err().contains("it speaks no TLS"));
}
