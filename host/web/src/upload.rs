//! A policy as it is uploaded: JSON, or a form whose files come as they are.

use access_authority::Permit;
use access_authority::policies::UploadRequest;
use axum::body::Body as Bytewise;
use bytes::Bytes;
use multer::Multipart;
use schemars::JsonSchema;

use crate::body::{Body, from_json};
use crate::problem::Problem;

/// A form's parts, of which each may be there once.
#[derive(JsonSchema)]
#[schemars(rename = "PolicyUploadForm")]
#[expect(dead_code, reason = "it stands for its schema")]
pub(crate) struct UploadForm {
    /// The upload as JSON, without `source` and `module_base64`.
    policy: UploadRequest,
    /// CEL: its source, as a file.
    source: Option<String>,
    /// WASM: its bytes, as a file.
    #[schemars(extend("contentMediaType" = "application/wasm"))]
    module: Option<String>,
}

/// Reads an upload in either form.
pub(crate) async fn read(body: Body, permit: &Permit) -> Result<UploadRequest, Problem> {
    let Some(boundary) = body.boundary() else { return body.json(permit).await };
    let bytes = Bytewise::from(body.read(permit).await?).into_data_stream();
    let mut form = Multipart::new(bytes, boundary);
    let [mut policy, mut source, mut module]: [Option<Bytes>; 3] = Default::default();
    while let Some(part) = form.next_field().await.map_err(broken)? {
        let (name, place) = match part.name() {
            Some("policy") => ("policy", &mut policy),
            Some("source") => ("source", &mut source),
            Some("module") => ("module", &mut module),
            _ => return Err(invalid("there is a part with another name; send `policy`, and `source` or `module`")),
        };
        if place.is_some() {
            return Err(invalid(&format!("the part `{name}` is there twice; send it once")));
        }
        *place = Some(part.bytes().await.map_err(broken)?);
    }
    let missing = "the part `policy` is missing: the upload as JSON, without `source` and `module_base64`";
    let policy = policy.ok_or_else(|| invalid(missing))?;
    let mut request: UploadRequest = from_json(&policy).map_err(|problem| problem.of_part("the part `policy`"))?;
    if request.source.is_some() || request.module_base64.is_some() {
        return Err(invalid("in a form, what is evaluated is the part `source` or `module`; take it out of `policy`"));
    }
    let text = |bytes: Bytes| String::from_utf8(bytes.into()).map_err(|_| invalid("the part `source` is not UTF-8"));
    request.source = source.map(text).transpose()?;
    request.module = module;
    Ok(request)
}

fn broken(_: multer::Error) -> Problem {
    invalid("the form can't be read; send parts between the boundary that `Content-Type` names, each with a name")
}

fn invalid(detail: &str) -> Problem {
    Problem::new(400, "invalid_request", detail)
}
