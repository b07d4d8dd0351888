//! The OpenAPI 3.1 document, from the operations.

use std::sync::LazyLock;

use axum::http::Method;
use farebox_api::{API_VERSION, Problem, ProblemCode};
use serde_json::{Map, Value, json};

use super::{
    operation::{Access, Operation, Shape, schema_of, shape},
    table,
};

/// The document as text.
pub(super) static DOCUMENT: LazyLock<String> = LazyLock::new(|| document(table::operations()).to_string());

fn document(operations: &[Operation]) -> Value {
    let mut schemas = Map::new();
    schemas.insert("Problem".to_owned(), json!(schema_of::<Problem>()));
    schemas.insert("FieldError".to_owned(), json!(schema_of::<farebox_api::FieldError>()));
    let mut paths = Map::new();
    for operation in operations {
        let shapes = operation.body.iter().map(|(shape, _)| shape);
        for shape in shapes.chain(operation.answers.iter().filter_map(|(_, shape)| shape.as_ref())) {
            collect(shape, &mut schemas);
        }
        let path = paths.entry(format!("/v1{}", operation.path)).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_ascii_lowercase()] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Farebox billing",
            "version": API_VERSION,
            "description": "Customers, plans, entitlements and usage. Quantities are numbers with at most six decimals, \
                            money is integer minor units beside a currency, times are RFC 3339 in UTC.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "pl_test_… or pl_live_…"}},
        },
    })
}

fn collect(shape: &Shape, schemas: &mut Map<String, Value>) {
    for (name, schema) in &shape.others {
        schemas.entry(name.clone()).or_insert_with(|| json!(schema));
    }
    if shape.is_named() {
        schemas.entry(shape.name.clone()).or_insert_with(|| json!(shape.schema));
    }
}

fn described(operation: &Operation) -> Value {
    let mut value = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag()],
        "parameters": parameters(operation),
        "responses": responses(operation),
    });
    match operation.access {
        Access::Public => value["security"] = json!([]),
        Access::Scope(scope) => value["x-scope"] = json!(scope.as_str()),
    }
    if let Some((shape, required)) = &operation.body {
        value["requestBody"] = json!({"required": required, "content": {"application/json": {"schema": named(shape)}}});
    }
    value
}

fn named(shape: &Shape) -> Value {
    if shape.is_named() { json!({"$ref": format!("#/components/schemas/{}", shape.name)}) } else { json!(shape.schema) }
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let segments = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut list: Vec<Value> = segments
        .map(|name| {
            let schema = if name == "code" { code() } else { json!({"type": "string", "format": "uuid"}) };
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect();
    list.extend(
        operation.parameters.iter().map(|name| json!({"name": name, "in": "query", "schema": query_schema(name)})),
    );
    let version = json!({"type": "string", "enum": [API_VERSION]});
    list.push(json!({"name": "Paylera-Api-Version", "in": "header", "schema": version}));
    if !operation.method.is_safe() && operation.access != Access::Public {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
        let required = operation.keyed.is_required();
        list.push(json!({"name": "Idempotency-Key", "in": "header", "required": required, "schema": schema}));
    }
    list
}

fn code() -> Value {
    json!({"type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$"})
}

fn query_schema(name: &str) -> Value {
    match name {
        "limit" => json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
        "preview" => json!({"type": "boolean"}),
        "product_id" | "endpoint_id" => json!({"type": "string", "format": "uuid"}),
        _ => json!({"type": "string"}),
    }
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    for (status, shape) in &operation.answers {
        let mut answer = json!({"description": if *status == 201 { "Made." } else { "Done." }});
        if let Some(shape) = shape {
            answer["content"] = json!({"application/json": {"schema": named(shape)}});
        }
        responses.insert(status.to_string(), answer);
    }
    for status in problems(operation) {
        let codes: Vec<&str> =
            ProblemCode::ALL.iter().filter(|code| code.status() == status).map(|code| code.as_str()).collect();
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        // An operation may have an answer of its own under the same status.
        let answer = responses.entry(status.to_string()).or_insert_with(|| json!({}));
        answer["description"] = json!(codes.join(", "));
        answer["content"]["application/problem+json"] = json!({"schema": schema});
    }
    Value::Object(responses)
}

/// The statuses of what can go wrong.
fn problems(operation: &Operation) -> Vec<u16> {
    let mut statuses = vec![400, 404, 405, 429, 500, 503];
    if operation.access != Access::Public {
        statuses.extend([401, 403]);
    }
    if operation.method != Method::GET {
        statuses.extend([409, 412, 413, 415, 422]);
    }
    statuses
}

/// The configuration file's JSON Schema.
#[must_use]
pub fn config_schema() -> String {
    let shape = shape::<farebox_api::Config>();
    let definitions: Map<String, Value> =
        shape.others.iter().map(|(name, schema)| (name.clone(), json!(schema))).collect();
    let mut schema = json!(shape.schema);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Farebox configuration file");
    schema["$defs"] = Value::Object(definitions);
    schema.to_string().replace("#/components/schemas/", "#/$defs/")
}
