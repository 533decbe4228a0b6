//! The served document, read.

use harness::Host;
use serde_json::{Map, Value};

/// The document of a host.
pub(super) struct Spec {
    pub(super) document: Value,
    pub(super) operations: Vec<Operation>,
}

/// One operation.
pub(super) struct Operation {
    /// In upper case.
    pub(super) method: String,
    /// With segments such as `{workspace}`.
    pub(super) path: String,
    /// All methods that the path has.
    pub(super) methods: Vec<String>,
    /// References to parameters resolved.
    pub(super) parameters: Vec<Value>,
    value: Value,
}

impl Spec {
    /// The document that a dev host serves.
    pub(super) fn served() -> Self {
        let host = Host::dev();
        let document: Value = serde_json::from_str(&host.client(None).get("/openapi.json").body).expect("JSON");
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            let methods = methods.as_object().expect("methods");
            for (method, value) in methods {
                let parameters = value["parameters"].as_array().into_iter().flatten();
                operations.push(Operation {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    methods: methods.keys().map(|method| method.to_uppercase()).collect(),
                    parameters: parameters.map(|parameter| resolve(&document, parameter).clone()).collect(),
                    value: value.clone(),
                });
            }
        }
        Self { document, operations }
    }

    /// The operation that makes what `{segment}` stands for: the POST to a path that ends in its plural.
    pub(super) fn maker(&self, segment: &str) -> Option<&Operation> {
        let ending = format!("/{segment}s");
        let makes = |operation: &&Operation| {
            operation.method == "POST"
                && operation.path.ends_with(&ending)
                && operation.value["responses"]["201"].is_object()
        };
        self.operations.iter().find(makes)
    }

    /// Visits every example, with its schema and where it stands.
    pub(super) fn each_example(&self, visit: &mut impl FnMut(&str, &Value, &Value)) {
        walk(&self.document, "", visit);
    }
}

fn walk(value: &Value, at: &str, visit: &mut impl FnMut(&str, &Value, &Value)) {
    match value {
        Value::Object(fields) => {
            let is_schema = fields.get("type").is_some_and(|ty| ty.is_string() || ty.is_array());
            for example in fields.get("examples").filter(|_| is_schema).and_then(Value::as_array).into_iter().flatten()
            {
                visit(at, value, example);
            }
            if let (Some(schema), Some(example)) = (fields.get("schema"), fields.get("example")) {
                visit(at, schema, example);
            }
            let deeper = fields.iter().filter(|(name, _)| !matches!(name.as_str(), "example" | "examples"));
            deeper.for_each(|(name, value)| walk(value, &format!("{at}/{name}"), visit));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, &format!("{at}/-"), visit)),
        _ => {}
    }
}

impl Operation {
    pub(super) fn id(&self) -> &str {
        self.value["operationId"].as_str().expect("an id")
    }

    pub(super) fn needs_permit(&self) -> bool {
        self.value.get("x-cronflow-action").is_some()
    }

    /// The header that the secret of whoever asks stands in, where that is not `Authorization`.
    pub(super) fn secret_in(&self, spec: &Spec) -> Option<String> {
        let scheme = self.value.pointer("/security/0")?.as_object()?.keys().next()?;
        let scheme = &spec.document["components"]["securitySchemes"][scheme];
        scheme["name"].as_str().map(str::to_owned)
    }

    /// Whether there are methods that its path does not take.
    pub(super) fn takes_some_methods(&self) -> bool {
        self.value["responses"].get("405").is_some()
    }

    /// Whether it changes the very thing that `segment` stands for, and not what belongs to it.
    pub(super) fn changes(&self, segment: &str) -> bool {
        let noun = self.value["x-cronflow-action"].as_str().and_then(|action| action.split('.').next());
        self.method != "GET" && noun.and_then(|noun| noun.strip_suffix('s')) == Some(segment)
    }

    /// Names of the path's segments that stand for something.
    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Parameters that stand in `place`.
    pub(super) fn parameters_in<'o>(&'o self, place: &'o str) -> impl Iterator<Item = &'o Value> {
        self.parameters.iter().filter(move |parameter| parameter["in"] == place)
    }

    /// Whether it takes the header `name`.
    pub(super) fn takes_header(&self, name: &str) -> bool {
        self.parameters_in("header").any(|parameter| parameter["name"] == name)
    }

    /// The schema of its JSON body.
    pub(super) fn body(&self) -> Option<&Value> {
        self.value.pointer("/requestBody/content/application~1json/schema")
    }

    /// Whether members alone may ask it.
    pub(super) fn is_for_members(&self) -> bool {
        self.value["x-cronflow-kinds"] == serde_json::json!(["member"])
    }

    /// Whether it takes what somebody knows, or shows on a phone; `sign_in` sends that.
    pub(super) fn takes_proof(&self) -> bool {
        let is_public = !self.needs_permit() && self.body().is_some();
        is_public
            || ["sessions.step_up", "profile.password", "profile.factors.begin", "profile.factors.confirm"]
                .contains(&self.id())
    }

    /// Whether a dev host refuses it: its keys are everybody's, and other tests replace those of real ones.
    pub(super) fn is_refused_by_dev_hosts(&self) -> bool {
        ["secrets.rekey", "secrets.reseal", "secrets.rekey.finish", "secrets.peppers", "secrets.peppers.retire"]
            .contains(&self.id())
    }

    /// Whether it takes a form, which other tests send.
    pub(super) fn takes_form_alone(&self) -> bool {
        self.value.pointer("/requestBody/content").is_some() && self.body().is_none()
    }

    /// The body that the document shows.
    pub(super) fn shown_body(&self) -> Option<&Value> {
        self.value.pointer("/requestBody/content/application~1json/example")
    }

    /// What is declared for `status`.
    pub(super) fn response<'s>(&'s self, spec: &'s Spec, status: u16) -> Option<&'s Value> {
        let response = self.value["responses"].get(status.to_string())?;
        Some(resolve(&spec.document, response))
    }
}

/// What `value` refers to, or itself.
pub(super) fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let target = value.get("$ref").and_then(Value::as_str);
    target
        .map_or(value, |target| document.pointer(target.trim_start_matches('#')).expect("a reference leads somewhere"))
}

/// The fields of an object schema, and which of them are required.
pub(super) fn fields(schema: &Value) -> (Map<String, Value>, Vec<String>) {
    let required = schema["required"].as_array().into_iter().flatten();
    let required = required.filter_map(|name| name.as_str().map(str::to_owned)).collect();
    (schema["properties"].as_object().cloned().unwrap_or_default(), required)
}
