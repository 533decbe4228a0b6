//! Signatures of AWS, version 4: of a request whose headers and body are known.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use access_model::text::hex;
use access_model::{PlainSecret, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Whose signature it is.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Id of the access key.
    pub key_id: String,
    /// The key.
    pub secret: PlainSecret,
    /// The token of credentials that last for a while.
    pub session: Option<PlainSecret>,
}

/// What is asked, and where.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// As in the request line.
    pub method: &'a str,
    /// As in the request line, encoded.
    pub path: &'a str,
    /// Likewise, sorted; empty where there is none.
    pub query: &'a str,
    /// Those that are signed, in lower case and sorted by name, `host` and `x-amz-date` among them.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
    /// Of the service.
    pub region: &'a str,
    /// As in its scope.
    pub service: &'a str,
}

/// `now` as in the header `x-amz-date`.
pub fn date(now: Timestamp) -> String {
    let text = now.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    seconds.chars().filter(char::is_ascii_alphanumeric).chain(['Z']).collect()
}

/// The header `authorization`. `date` is what [`date`] says.
pub fn authorization(credentials: &Credentials, asked: &Signed<'_>, date: &str) -> String {
    let Signed { method, path, query, headers, body, region, service } = *asked;
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", sha256(body));
    let day = date.split('T').next().unwrap_or_default();
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let seed = zeroize::Zeroizing::new(format!("AWS4{}", credentials.secret.expose()));
    let of_day = mac(seed.as_bytes(), day.as_bytes());
    let key = [region, service, "aws4_request"].iter().fold(of_day, |key, part| mac(&key, part.as_bytes()));
    let signature = hex(&mac(&key, to_sign.as_bytes()));
    let id = &credentials.key_id;
    format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.chain_update(text).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's own examples: the suite for version 4, and the one in its guide for IAM.
    #[test]
    fn aws_own_examples_come_out_as_published() {
        let credentials = Credentials {
            key_id: "AKIDEXAMPLE".to_owned(),
            secret: PlainSecret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            session: None,
        };
        let date = date("2015-08-30T12:36:00Z".parse().unwrap());
        assert_eq!(date, "20150830T123600Z");
        let check = |asked: Signed<'_>, expected: &str| {
            let header = authorization(&credentials, &asked, &date);
            assert!(header.ends_with(&format!("Signature={expected}")), "{header}");
        };
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", &*date)];
        let vanilla = Signed {
            method: "GET",
            path: "/",
            query: "",
            headers: &headers,
            body: b"",
            region: "us-east-1",
            service: "service",
        };
        check(vanilla, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        check(Signed { method: "POST", ..vanilla }, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
        let form = [("content-type", "application/x-www-form-urlencoded"), headers[0], headers[1]];
        check(
            Signed { method: "POST", headers: &form, body: b"Param1=value1", ..vanilla },
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        );
        let iam = [
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "iam.amazonaws.com"),
            headers[1],
        ];
        check(
            Signed { query: "Action=ListUsers&Version=2010-05-08", headers: &iam, service: "iam", ..vanilla },
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        );
    }
}
