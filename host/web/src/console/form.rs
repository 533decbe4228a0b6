//! Forms in: URL-encoded, bounded, and only from a page of ours. A form carries its session's token; a browser says besides where it comes from.

use std::sync::Arc;

use access_authority::Permit;
use axum::extract::FromRequest;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};

use super::trouble::Trouble;
use crate::app::App;
use crate::body::Body;
use crate::problem::Problem;

/// What a form may weigh, unless it is said to be more.
const BYTES: usize = 64 << 10;

/// A form that has not been read yet.
#[derive(Debug)]
pub(crate) struct Unread {
    body: Body,
    is_ours: bool,
    is_form: bool,
}

/// A form: fields, in their order, of which several may have the same name.
#[derive(Debug, Default, Clone)]
pub(crate) struct Form(Vec<(String, String)>);

impl FromRequest<Arc<App>> for Unread {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: axum::extract::Request, app: &Arc<App>) -> Result<Self, Self::Rejection> {
        let is_ours = is_ours(request.headers());
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_form = kind.split(';').next().unwrap_or_default().trim() == "application/x-www-form-urlencoded";
        let Ok(body) = Body::from_request(request, app).await;
        Ok(Self { body: body.up_to(BYTES), is_ours, is_form })
    }
}

impl Unread {
    /// The same, which may have so many bytes.
    pub(crate) fn up_to(self, limit: usize) -> Self {
        Self { body: self.body.up_to(limit), ..self }
    }

    /// Reads it, and checks that it is a form of the page that was given `token`.
    ///
    /// # Errors
    /// 403 `csrf` when it isn't.
    pub(crate) async fn read(self, token: &str) -> Result<Form, Problem> {
        self.check_source()?;
        let form = Form::parse(&self.body.collect().await?);
        form.check(token)?;
        Ok(form)
    }

    /// Reads it on behalf of whoever holds `permit`, and must hold it still when it is there.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) async fn read_for(self, permit: &Permit, token: &str) -> Result<Form, Problem> {
        self.check_source()?;
        let form = Form::parse(&self.body.read(permit).await?);
        form.check(token)?;
        Ok(form)
    }

    /// Reads it on behalf of whoever gets the permit that it needs. Who must give their second factor first finds what they filled
    /// in when they come back.
    ///
    /// # Errors
    /// What the permit is refused for; as [`Self::read`].
    pub(crate) async fn permitted<T: Held>(
        self,
        permit: impl Future<Output = Result<T, Problem>>,
        token: &str,
    ) -> Result<(T, Form), Trouble> {
        match permit.await.map_err(Trouble::from) {
            Ok(held) => {
                let form = self.read_for(held.permit(), token).await?;
                Ok((held, form))
            }
            Err(trouble) if trouble.needs_factor() => Err(match self.read(token).await {
                Ok(form) => trouble.again(form.as_query()),
                Err(_) => trouble,
            }),
            Err(trouble) => Err(trouble),
        }
    }

    fn check_source(&self) -> Result<(), Problem> {
        if !self.is_ours {
            return Err(forged());
        }
        if !self.is_form {
            let detail = "send a form, with `Content-Type: application/x-www-form-urlencoded`";
            return Err(Problem::new(415, "unsupported_media_type", detail));
        }
        Ok(())
    }
}

/// What comes with a permit.
pub(crate) trait Held {
    /// The permit.
    fn permit(&self) -> &Permit;
}

impl Held for Permit {
    fn permit(&self) -> &Permit {
        self
    }
}

impl<T> Held for (Permit, T) {
    fn permit(&self) -> &Permit {
        &self.0
    }
}

fn forged() -> Problem {
    Problem::new(
        403,
        "csrf",
        "the form did not come from a page of this session; go back, load the page again, and send it from there. Cookies have \
         to be allowed, and this address has to begin with https:// unless it is this computer's own",
    )
}

/// Whether a browser says that the request comes from a page of this host. What says nothing is no browser of today, and has no
/// cookie that it was tricked into sending.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) else { return true };
    // It is `null`, since our pages send no referrer (Fetch §3.2).
    if origin == "null" && site.is_some() {
        return true;
    }
    let host = text(HOST.as_str()).unwrap_or_default();
    // A proxy that ends TLS passes the host on, and not the scheme.
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

impl Form {
    /// Reads fields from a body or a query.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    fn check(&self, token: &str) -> Result<(), Problem> {
        let given = self.all("csrf").collect::<Vec<_>>();
        let [given] = given.as_slice() else { return Err(forged()) };
        // Both are digests: where they differ says nothing of the secret that they come from.
        if *given == token { Ok(()) } else { Err(forged()) }
    }

    /// The first field of a name; empty, where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        let first = self.0.iter().find(|(known, _)| known == name);
        first.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The same without space around it, and nothing where nothing is left.
    pub(crate) fn stated(&self, name: &str) -> Option<String> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// All fields of a name.
    pub(crate) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All fields of a name, as a list.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.all(name).map(str::to_owned).collect()
    }

    /// The lines of a field that say something.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let lines = self.text(name).split(['\n', ',']).map(str::trim);
        lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Whether there is a field of a name, be it empty: whether this is that form at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Whether a box is ticked.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.text(name) == "yes"
    }

    /// All fields but those of these names.
    pub(crate) fn without<'f>(&'f self, names: &[&str]) -> Vec<(&'f str, &'f str)> {
        let fields = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        fields.filter(|(name, _)| !names.contains(name)).collect()
    }

    /// The fields without the token, to be filled in again on a page that is gone back to.
    pub(crate) fn as_query(&self) -> String {
        let fields = self.0.iter().filter(|(name, _)| name != "csrf" && name != "version");
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], expected: bool) {
        let pairs =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        assert_eq!(is_ours(&pairs.collect()), expected, "{headers:?}");
    }

    #[test]
    fn a_form_of_another_site_is_none_of_ours() {
        check(&[("host", "a.example"), ("origin", "https://a.example")], true);
        check(
            &[("host", "a.example:7800"), ("origin", "http://a.example:7800"), ("sec-fetch-site", "same-origin")],
            true,
        );
        check(&[("host", "a.example"), ("origin", "https://b.example")], false);
        check(&[("host", "a.example"), ("origin", "null")], false);
        check(&[("host", "a.example"), ("sec-fetch-site", "cross-site")], false);
        check(&[("host", "a.example"), ("sec-fetch-site", "same-site")], false);
        check(&[("host", "a.example"), ("origin", "https://a.example"), ("sec-fetch-site", "none")], false);
        check(&[("host", "a.example"), ("origin", "null"), ("sec-fetch-site", "same-origin")], true);
        check(&[("host", "a.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")], false);
        check(&[("host", "a.example"), ("origin", "https://b.example"), ("sec-fetch-site", "same-origin")], false);
        check(&[("host", "a.example")], true);
    }

    #[test]
    fn a_form_without_its_token_is_none() {
        assert!(Form::parse(b"csrf=t&a=b").check("t").is_ok());
        for forged in ["", "a=b", "csrf=", "csrf=u", "csrf=t&csrf=t"] {
            assert_eq!(Form::parse(forged.as_bytes()).check("t").unwrap_err().code(), "csrf", "{forged}");
        }
    }

    #[test]
    fn fields_are_read_as_people_write_them() {
        let form = Form::parse(b"list=+10.0.0.0/8%0D%0A%0D%0A192.0.2.1,+2001:db8::/32&a=1&a=2&on=yes&csrf=x&e=%20");
        assert_eq!(form.lines("list"), ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]);
        assert_eq!(
            (form.list("a"), form.is_on("on"), form.stated("e")),
            (vec!["1".to_owned(), "2".to_owned()], true, None)
        );
        assert!(!form.as_query().contains("csrf"));
    }
}
