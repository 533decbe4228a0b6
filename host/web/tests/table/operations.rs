//! What the served document says that there is, and asking for it.

use axum::body::Body;
use axum::http::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use crate::bench::{Bench, Told};

/// An operation of the served document.
pub(crate) struct Operation {
    pub(crate) method: String,
    /// As the document has it, with the names of its segments.
    pub(crate) template: String,
    pub(crate) value: Value,
}

impl Operation {
    /// Its path, with these segments, and examples for the others.
    pub(crate) fn path(&self, segments: &[(&str, &str)]) -> String {
        let mut path = self.template.clone();
        for (name, segment) in segments {
            path = path.replace(&format!("{{{name}}}"), segment);
        }
        for parameter in self.value["parameters"].as_array().into_iter().flatten() {
            if let (Some(name), Some(example)) = (parameter["name"].as_str(), parameter.get("example")) {
                let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
                path = path.replace(&format!("{{{name}}}"), &example);
            }
        }
        path
    }

    /// The catalog's action that it needs a permit for.
    pub(crate) fn action(&self) -> Option<&str> {
        self.value["x-cronflow-action"].as_str()
    }

    /// How the secret is presented.
    pub(crate) fn scheme(&self) -> &str {
        self.value["security"][0].as_object().unwrap().keys().next().unwrap()
    }

    pub(crate) fn id(&self) -> &str {
        self.value["operationId"].as_str().unwrap()
    }
}

impl Bench {
    /// Every operation of the document that is served.
    pub(crate) async fn operations(&self) -> Vec<Operation> {
        let served = self.send("GET", "/openapi.json", None, "").await;
        assert_eq!(served.status, 200);
        let document: Value = serde_json::from_str(&served.body).unwrap();
        let mut operations = Vec::new();
        for (template, methods) in document["paths"].as_object().unwrap() {
            for (method, value) in methods.as_object().unwrap() {
                let (method, template) = (method.to_uppercase(), template.clone());
                operations.push(Operation { method, template, value: value.clone() });
            }
        }
        assert!(operations.len() > 10);
        operations
    }

    /// Sends an operation as whoever has the secret.
    pub(crate) async fn ask(&self, operation: &Operation, path: &str, secret: &str, body: &str) -> Told {
        let request = Request::builder().method(operation.method.as_str()).uri(path);
        let request = match operation.scheme() {
            "gateway" => request.header("x-cronflow-gateway", secret),
            _ => request.header(AUTHORIZATION, format!("Bearer {secret}")),
        };
        self.tell(request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_owned())).unwrap()).await
    }
}
