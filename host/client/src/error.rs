//! What can go wrong.

/// Why a client can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The URL of the host is none.
    #[error("`{0}` is not the URL of a host: http://NAME:PORT, without path, query or user")]
    Url(String),
    /// It is https, and the feature that speaks it is off.
    #[error("https:// needs the feature `tls` of cronflow-access-client")]
    TlsIsOff,
    /// A secret that no header can carry.
    #[error("the gateway's secret has characters that no header can carry")]
    Secret,
    /// Certificates that can't be used.
    #[error("the certificates to trust can't be used: {0}")]
    Certificates(String),
    /// Not a network.
    #[error("`{0}` is not a network, such as 10.0.0.0/8")]
    Network(String),
}

/// Why nothing could be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// No connection to the host.
    #[error("the host can't be reached: {0}")]
    Unreachable(String),
    /// The connection broke before the answer was there. It may have been decided.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The answer took too long. It may have been decided.
    #[error("the host took too long")]
    TimedOut,
    /// The host did not decide: this gateway's own credential is wrong, the question is malformed, the host is overloaded.
    #[error("the host answered {status} `{code}` in place of a decision")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The problem's code; empty when there was none.
        code: String,
    },
    /// The answer is no decision that this client understands.
    #[error("the answer is no decision: {0}")]
    NotUnderstood(String),
    /// The question can't be written down.
    #[error("the question can't be written as JSON")]
    Question,
}
