//! Mail, to the one relay that the operator named, which passes it on.
//!
//! The relay stands in the host's configuration as the store does: no tenant names it, so it may be on any network, and neither what is
//! public nor what a workspace may call is asked about it. Off loopback, nothing is said to it but over TLS.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use access_model::{PlainSecret, Timestamp};
use lettre::address::Envelope;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use url::{Host, Url};

use crate::egress::Rules;
use crate::tls::roots;

/// To connect, and for all of it.
const CONNECT: Duration = Duration::from_secs(10);
const TOTAL: Duration = Duration::from_secs(20);
/// To part in a friendly way from who has taken a mail.
const PARTING: Duration = Duration::from_secs(2);
/// What answers of the relay say of the way to it, or of who we are, rather than of the mail: asking for TLS or a password, or finding
/// that one wrong (RFC 4954 §6).
const OF_US: [u16; 5] = [454, 530, 534, 535, 538];

/// The relay, and whom mail is from.
pub struct Relay {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    from: Mailbox,
    hello: ClientId,
    hosts: BTreeMap<String, Vec<IpAddr>>,
    ca_file: Option<PathBuf>,
    tls: OnceCell<TlsParameters>,
}

/// What keeps others from reading along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    /// Nothing: it is on this machine.
    None,
    /// TLS that is asked for, and without which nothing is said.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// What tells it from every other, without brackets and domain.
    pub id: &'a str,
    /// An address.
    pub to: &'a str,
    /// What it is about, in one line.
    pub subject: &'a str,
    /// What it says, in plain text.
    pub body: &'a str,
    /// When what it tells of happened.
    pub at: Timestamp,
}

/// What is wrong with how the relay was named. Never quotes it, since there may be a password in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// Its URL.
    #[error(
        "it is not like `smtp://USER:PASSWORD@HOST:PORT` or `smtps://…`; `?starttls=never` and `?starttls=required` alone may follow"
    )]
    Url,
    /// It would be spoken to in the open.
    #[error("`starttls=never` is for a relay on this machine alone; leave it out, or use `smtps://`")]
    Open,
    /// Whom mail is from.
    #[error("it is not an address in ASCII such as `access@example.com` or `CronFlow Access <access@example.com>`")]
    From,
}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The relay doesn't take it, and will not later.
    #[error("the relay refused it: {0}")]
    Refused(String),
    /// The relay asks to try later, or finds us at fault.
    #[error("the relay put it off: {0}")]
    PutOff(String),
    /// It offers no TLS, or one that we don't trust.
    #[error("TLS: {0}")]
    Tls(String),
    /// Nobody answers, or stopped doing so.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// It can't be written.
    #[error("it can't be written: {0}")]
    Unwritable(String),
}

impl MailError {
    /// One word for it.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::PutOff(_) => "put_off",
            Self::Tls(_) => "tls_failed",
            Self::NoAnswer(_) => "no_answer",
            Self::TimedOut => "timed_out",
            Self::Unwritable(_) => "unwritable",
        }
    }

    /// Whether trying again is in vain.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unwritable(_))
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({}:{}, {:?})", self.host, self.port, self.security)
    }
}

impl Relay {
    /// The relay at `url`, and mail that is `from` somebody. Of the rules of what is sent out, those about names and certificates hold.
    ///
    /// # Errors
    /// What is wrong with either.
    pub fn new(url: &PlainSecret, from: &str, rules: &Rules) -> Result<Self, RelayError> {
        let from: Mailbox = from.parse().map_err(|_| RelayError::From)?;
        // Not every relay takes another (RFC 6531), and each mail would find that out anew.
        if !from.email.to_string().is_ascii() {
            return Err(RelayError::From);
        }
        let url = Url::parse(url.expose()).map_err(|_| RelayError::Url)?;
        let (is_tls, port) = match url.scheme() {
            "smtp" => (false, 587),
            "smtps" => (true, 465),
            _ => return Err(RelayError::Url),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(RelayError::Url);
        }
        let (host, literal) = match url.host().ok_or(RelayError::Url)? {
            Host::Domain(name) => (name.to_ascii_lowercase(), name.parse::<IpAddr>().ok()),
            Host::Ipv4(address) => (address.to_string(), Some(address.into())),
            Host::Ipv6(address) => (address.to_string(), Some(address.into())),
        };
        if host.is_empty() {
            return Err(RelayError::Url);
        }
        let is_here = host == "localhost" || literal.is_some_and(|address| address.is_loopback());
        let security = match (is_tls, url.query()) {
            (true, None) => Security::Tls,
            (false, Some("starttls=required")) => Security::StartTls,
            (false, None) if !is_here => Security::StartTls,
            (false, None) => Security::None,
            (false, Some("starttls=never")) if is_here => Security::None,
            (false, Some("starttls=never")) => return Err(RelayError::Open),
            _ => return Err(RelayError::Url),
        };
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().map(String::from);
        let user = decoded(url.username()).map_err(|_| RelayError::Url)?;
        let password = decoded(url.password().unwrap_or_default()).map_err(|_| RelayError::Url)?;
        let credentials = (!user.is_empty()).then(|| Credentials::new(user, password));
        let hello = ClientId::Domain(from.email.domain().to_owned());
        Ok(Self {
            host,
            port: url.port().unwrap_or(port),
            security,
            credentials,
            from,
            hello,
            hosts: rules.hosts.clone(),
            ca_file: rules.ca_file.clone(),
            tls: OnceCell::new(),
        })
    }

    /// Where it is, and how it is spoken to.
    pub fn describe(&self) -> String {
        let how = match self.security {
            Security::None => "in the open, on this machine",
            Security::StartTls => "by STARTTLS",
            Security::Tls => "by TLS",
        };
        format!("{}:{}, {how}, from `{}`", self.host, self.port, self.from)
    }

    /// Hands a mail to the relay. When this returns, the relay has it.
    ///
    /// # Errors
    /// Why it hasn't, as far as can be told.
    pub async fn send(&self, letter: Letter<'_>) -> Result<(), MailError> {
        let (envelope, bytes) = self.write(letter)?;
        let talked = async {
            let mut connection = self.connect().await?;
            connection.send(&envelope, &bytes).await.map_err(|error| told(&error, true))?;
            Ok::<_, MailError>(connection)
        };
        let mut connection = timeout(TOTAL, talked).await.map_err(|_| MailError::TimedOut)??;
        // It has the mail; how it parts makes no difference.
        let _ = timeout(PARTING, connection.quit()).await;
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, MailError> {
        let ours = |error: SmtpError| told(&error, false);
        let tls = match self.security {
            Security::None => None,
            _ => Some(self.tls.get_or_try_init(|| self.load()).await?.clone()),
        };
        let wrapper = tls.clone().filter(|_| self.security == Security::Tls);
        let known = self.hosts.get(&self.host);
        let mut connection = match known {
            Some(addresses) => {
                let at: Vec<_> = addresses.iter().map(|address| SocketAddr::new(*address, self.port)).collect();
                AsyncSmtpConnection::connect_tokio1(at.as_slice(), Some(CONNECT), &self.hello, wrapper, None).await
            }
            None => {
                let at = (self.host.as_str(), self.port);
                AsyncSmtpConnection::connect_tokio1(at, Some(CONNECT), &self.hello, wrapper, None).await
            }
        }
        .map_err(ours)?;
        if let (Security::StartTls, Some(tls)) = (self.security, tls) {
            if !connection.can_starttls() {
                return Err(MailError::Tls("the relay offers no STARTTLS".to_owned()));
            }
            connection.starttls(tls, &self.hello).await.map_err(|error| MailError::Tls(error.to_string()))?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await.map_err(ours)?;
        }
        Ok(connection)
    }

    async fn load(&self) -> Result<TlsParameters, MailError> {
        let (host, ca_file) = (self.host.clone(), self.ca_file.clone());
        let read = tokio::task::spawn_blocking(move || parameters(host, ca_file.as_deref()));
        read.await.map_err(|error| MailError::Tls(error.to_string()))?.map_err(MailError::Tls)
    }

    /// The mail as it goes out. What would end a line of its head ends the attempt.
    fn write(&self, letter: Letter<'_>) -> Result<(Envelope, Vec<u8>), MailError> {
        let wrong = |error: &dyn fmt::Display| MailError::Unwritable(error.to_string());
        let head = [letter.id, letter.to, letter.subject];
        if head.iter().any(|text| text.chars().any(char::is_control)) {
            return Err(wrong(&"a line of its head is more than one"));
        }
        let to = Mailbox::new(None, letter.to.parse().map_err(|error| wrong(&error))?);
        let millis = u64::try_from(letter.at.as_millis()).unwrap_or_default();
        let message = Message::builder()
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .date(std::time::UNIX_EPOCH + Duration::from_millis(millis))
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject)
            .raw_header(automatic())
            .header(ContentType::TEXT_PLAIN)
            .body(letter.body.to_owned())
            .map_err(|error| wrong(&error))?;
        Ok((message.envelope().clone(), message.formatted()))
    }
}

/// Nobody's holiday answers it (RFC 3834 §5).
fn automatic() -> lettre::message::header::HeaderValue {
    use lettre::message::header::{HeaderName, HeaderValue};
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned())
}

/// What an error says; `is_of_mail`: once the mail itself is spoken of.
fn told(error: &SmtpError, is_of_mail: bool) -> MailError {
    let code = error.status().map(u16::from);
    if let Some(code) = code {
        let is_of_us = OF_US.contains(&code) || !is_of_mail;
        return if error.is_permanent() && !is_of_us {
            MailError::Refused(error.to_string())
        } else {
            MailError::PutOff(error.to_string())
        };
    }
    if error.is_tls() {
        return MailError::Tls(error.to_string());
    }
    if error.is_timeout() {
        return MailError::TimedOut;
    }
    MailError::NoAnswer(error.to_string())
}

fn parameters(host: String, ca_file: Option<&Path>) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(host).certificate_store(CertificateStore::None);
    for root in roots(ca_file)? {
        builder =
            builder.add_root_certificate(Certificate::from_der(root.to_vec()).map_err(|error| error.to_string())?);
    }
    builder.build_rustls().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(url: &str) -> Result<Relay, RelayError> {
        Relay::new(&PlainSecret::new(url.to_owned()), "CronFlow Access <access@example.com>", &Rules::default())
    }

    fn letter() -> Letter<'static> {
        Letter {
            id: "evt_1.mem_1",
            to: "ada@example.com",
            subject: "key.inactive: „ci“ in acme",
            body: "Nobody used it.\n.\nGrüße",
            at: Timestamp::from_millis(1_767_225_600_000),
        }
    }

    #[test]
    fn off_this_machine_nothing_is_said_in_the_open() {
        for (url, expected) in [
            ("smtp://relay.example.com", Ok((587, Security::StartTls))),
            ("smtp://relay.example.com:25", Ok((25, Security::StartTls))),
            ("smtps://relay.example.com", Ok((465, Security::Tls))),
            ("smtp://127.0.0.1:2525", Ok((2525, Security::None))),
            ("smtp://[::1]:2525/", Ok((2525, Security::None))),
            ("smtp://localhost?starttls=required", Ok((587, Security::StartTls))),
            ("smtp://10.0.0.1?starttls=required", Ok((587, Security::StartTls))),
            ("smtp://localhost:25?starttls=never", Ok((25, Security::None))),
            ("smtp://10.0.0.1?starttls=never", Err(RelayError::Open)),
            ("smtps://relay.example.com?starttls=never", Err(RelayError::Url)),
            ("smtp://relay.example.com/path", Err(RelayError::Url)),
            ("smtp://relay.example.com?x=1", Err(RelayError::Url)),
            ("http://relay.example.com", Err(RelayError::Url)),
            ("smtp://", Err(RelayError::Url)),
            ("relay.example.com", Err(RelayError::Url)),
        ] {
            assert_eq!(relay(url).map(|relay| (relay.port, relay.security)), expected, "{url}");
        }
    }

    #[test]
    fn a_password_is_read_from_the_url_and_shown_by_nothing() {
        let relay = relay("smtp://us%40er:hunter2%2F@relay.example.com").unwrap();
        assert_eq!(relay.credentials, Some(Credentials::new("us@er".into(), "hunter2/".into())));
        assert!(!format!("{relay:?} {}", relay.describe()).contains("hunter2"));
        let wrong = Relay::new(&PlainSecret::new("smtp://u:hunter2@/x".into()), "nobody", &Rules::default());
        assert_eq!(wrong.unwrap_err(), RelayError::From);
    }

    #[test]
    fn mail_is_from_an_address_in_ascii_by_whatever_name() {
        let from = |from: &str| Relay::new(&PlainSecret::new("smtp://localhost".into()), from, &Rules::default());
        assert!(from("Zugänge <access@example.com>").is_ok());
        for wrong in ["müll@b.example", "access@büro.example", "Access <müll@b.example>"] {
            assert_eq!(from(wrong).unwrap_err(), RelayError::From, "{wrong}");
        }
    }

    #[test]
    fn a_mail_is_ascii_has_a_stable_id_and_nothing_ends_it_early() {
        let relay = relay("smtp://localhost").unwrap();
        let (envelope, bytes) = relay.write(letter()).unwrap();
        assert_eq!(envelope.to().len(), 1);
        assert!(bytes.is_ascii());
        assert_eq!(relay.write(letter()).unwrap().1, bytes);
        let text = String::from_utf8(bytes).unwrap();
        for line in [
            "Message-ID: <evt_1.mem_1@example.com>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "To: ada@example.com\r\n",
            "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n",
        ] {
            assert!(text.contains(line), "no `{line}` in {text}");
        }
    }

    #[test]
    fn nothing_that_others_wrote_makes_a_header() {
        let relay = relay("smtp://localhost").unwrap();
        for bad in ["x\r\nBcc: eve@example.com", "x\nBcc: eve@example.com", "x\r", "x\0"] {
            for spoiled in
                [Letter { subject: bad, ..letter() }, Letter { id: bad, ..letter() }, Letter { to: bad, ..letter() }]
            {
                assert!(relay.write(spoiled).is_err_and(|error| error.is_final()), "{bad:?}");
            }
        }
        assert!(relay.write(Letter { to: "ada@example.com, eve@example.com", ..letter() }).is_err());
        let (_, bytes) = relay.write(Letter { body: "Bcc: eve@example.com\r\n\r\nx", ..letter() }).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("eve@"), "{head}");
    }
}
