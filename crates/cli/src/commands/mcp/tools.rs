//! The tools, and what a call of one asks for.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// A call that has been read.
pub(super) enum Call {
    /// Path and query of what is to be read.
    Read(String),
    /// A payment to make.
    Pay(NewPayment),
    /// Money to give back.
    Refund(NewRefund),
}

/// A payment to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPayment {
    /// The agent's own name for it.
    #[serde(skip_serializing)]
    pub(super) operation: String,
    pub(super) customer_id: String,
    pub(super) amount_minor: i64,
    pub(super) currency: String,
    pub(super) payment_method_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
}

/// Money to give back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRefund {
    /// The agent's own name for it.
    #[serde(skip_serializing)]
    pub(super) operation: String,
    #[serde(skip_serializing)]
    pub(super) payment_id: String,
    pub(super) amount_minor: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl NewRefund {
    /// Where it is asked for.
    pub(super) fn path(&self) -> String {
        format!("/payments/{}", segment(&self.payment_id))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfPayment {
    payment_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfCustomer {
    customer_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSubscription {
    subscription_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    #[serde(default)]
    customer_id: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    limit: Option<u32>,
    #[serde(default)]
    cursor: Option<String>,
}

impl Call {
    /// Reads a call; the words of an error are for the agent.
    pub(super) fn read(tool: &str, arguments: JsonObject) -> Result<Self, String> {
        let arguments = Value::Object(arguments);
        Ok(match tool {
            "payment_status" => Self::Read(format!("/payments/{}", segment(&of::<OfPayment>(arguments)?.payment_id))),
            "payment_events" => {
                Self::Read(format!("/payments/{}/events", segment(&of::<OfPayment>(arguments)?.payment_id)))
            }
            "has_customer_paid" => {
                Self::Read(format!("/customers/{}/payment-status", segment(&of::<OfCustomer>(arguments)?.customer_id)))
            }
            "list_payments" => Self::Read(list(of(arguments)?)),
            "balances" => {
                Self::Read(format!("/v1/customers/{}/balances", segment(&of::<OfCustomer>(arguments)?.customer_id)))
            }
            "invoices" => {
                Self::Read(format!("/v1/customers/{}/invoices", segment(&of::<OfCustomer>(arguments)?.customer_id)))
            }
            "entitlements" => Self::Read(format!(
                "/v1/subscriptions/{}/entitlements",
                segment(&of::<OfSubscription>(arguments)?.subscription_id)
            )),
            "create_payment" => Self::Pay(payment(of(arguments)?)?),
            "refund_payment" => Self::Refund(refund(of(arguments)?)?),
            other => return Err(format!("there is no tool {other}")),
        })
    }
}

fn of<T: DeserializeOwned>(arguments: Value) -> Result<T, String> {
    serde_json::from_value(arguments).map_err(|error| error.to_string())
}

fn list(filter: Filter) -> String {
    let limit = filter.limit.map(|limit| limit.to_string());
    let pairs =
        [("customer_id", filter.customer_id), ("status", filter.status), ("limit", limit), ("cursor", filter.cursor)];
    let mut query = form_urlencoded::Serializer::new("/payments?".to_owned());
    query = form_urlencoded::Serializer::for_suffix(query.finish(), "/payments?".len());
    query.extend_pairs(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))));
    query.finish()
}

fn payment(payment: NewPayment) -> Result<NewPayment, String> {
    write(&payment.operation, payment.amount_minor)?;
    if payment.currency.len() != 3 || !payment.currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err("currency is three capital letters, as USD".to_owned());
    }
    Ok(payment)
}

fn refund(refund: NewRefund) -> Result<NewRefund, String> {
    write(&refund.operation, refund.amount_minor)?;
    Ok(refund)
}

/// What every write says.
fn write(operation: &str, minor: i64) -> Result<(), String> {
    if operation.is_empty() || operation.len() > 200 || !operation.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("operation is 1 to 200 visible ASCII characters without spaces".to_owned());
    }
    if minor <= 0 {
        return Err("amount_minor is above zero".to_owned());
    }
    Ok(())
}

/// One segment of a path, whatever the agent put in it.
fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Every tool.
pub(super) fn all() -> Vec<Tool> {
    let id = json!({"payment_id": {"type": "string", "description": "our id (pay_…) or the provider's"}});
    let subscription = json!({"subscription_id": {"type": "string"}});
    let customer = json!({"customer_id": {"type": "string"}});
    let filter = json!({
        "customer_id": {"type": "string"},
        "status": {"type": "string", "description": "succeeded, processing, requires_action, failed, …"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "cursor": {"type": "string", "description": "next_cursor of the page before"},
    });
    vec![
        read("payment_status", "How one payment stands.", &id, &["payment_id"]),
        read("payment_events", "The audit trail of one payment: what changed it, when, by whom.", &id, &["payment_id"]),
        read("has_customer_paid", "Whether a customer has paid, in one read.", &customer, &["customer_id"]),
        read("list_payments", "Payments, newest first, by customer and status.", &filter, &[]),
        read("balances", "What a customer has left of each counted feature.", &customer, &["customer_id"]),
        read("entitlements", "Everything that a subscription gives.", &subscription, &["subscription_id"]),
        read("invoices", "A customer's invoices, newest first.", &customer, &["customer_id"]),
        create(),
        give_back(),
    ]
}

fn read(name: &'static str, what: &'static str, properties: &Value, required: &[&str]) -> Tool {
    let hints = ToolAnnotations::new().read_only(true);
    Tool::new(name, what, schema(properties, required)).with_annotations(hints)
}

fn create() -> Tool {
    let properties = json!({
        "operation": {"type": "string", "description": "your own name for this payment; repeated with it, it pays once"},
        "customer_id": {"type": "string"},
        "amount_minor": {"type": "integer", "minimum": 1, "description": "minor units: 4999 USD is $49.99"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "payment_method_id": {"type": "string"},
        "description": {"type": "string"},
    });
    let required = ["operation", "customer_id", "amount_minor", "currency", "payment_method_id"];
    let hints = ToolAnnotations::new().read_only(false).destructive(true).idempotent(true);
    Tool::new(
        "create_payment",
        "Takes money from a customer, within this server's budget.",
        schema(&properties, &required),
    )
    .with_annotations(hints)
}

fn give_back() -> Tool {
    let properties = json!({
        "operation": {"type": "string", "description": "your own name for this refund; repeated with it, it pays back once"},
        "payment_id": {"type": "string", "description": "our id (pay_…) or the provider's"},
        "amount_minor": {"type": "integer", "minimum": 1, "description": "minor units of the payment's currency"},
        "reason": {"type": "string"},
    });
    let hints = ToolAnnotations::new().read_only(false).destructive(true).idempotent(true);
    let what = "Pays a payment back, or a part of it, within this server's budget.";
    Tool::new("refund_payment", what, schema(&properties, &["operation", "payment_id", "amount_minor"]))
        .with_annotations(hints)
}

fn schema(properties: &Value, required: &[&str]) -> Arc<JsonObject> {
    let schema =
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(tool: &str, arguments: &Value) -> Result<String, String> {
        match Call::read(tool, arguments.as_object().cloned().unwrap())? {
            Call::Read(path) => Ok(path),
            Call::Pay(payment) => Ok(payment.operation),
            Call::Refund(refund) => Ok(refund.path()),
        }
    }

    #[test]
    fn what_an_agent_writes_stays_in_its_segment() {
        let status = |id: &str| path("payment_status", &json!({"payment_id": id})).unwrap();
        assert_eq!(status("pay_1"), "/payments/pay_1");
        assert_eq!(status("../keys?x=1#"), "/payments/..%2Fkeys%3Fx%3D1%23");
        let listed = path("list_payments", &json!({"customer_id": "a&status=x", "limit": 5})).unwrap();
        assert_eq!(listed, "/payments?customer_id=a%26status%3Dx&limit=5");
        assert_eq!(path("list_payments", &json!({})).unwrap(), "/payments?");
    }

    #[test]
    fn what_is_missing_odd_or_unknown_is_said() {
        for (tool, arguments) in [
            ("payment_status", json!({})),
            ("payment_status", json!({"payment_id": "x", "more": 1})),
            ("create_payment", json!({"operation": "a"})),
            ("delete_everything", json!({})),
        ] {
            assert!(path(tool, &arguments).is_err(), "{tool} {arguments}");
        }
        let good = json!({"operation": "tea-1", "customer_id": "c", "amount_minor": 5, "currency": "USD", "payment_method_id": "pm"});
        assert_eq!(path("create_payment", &good).unwrap(), "tea-1");
        let back = json!({"operation": "back-1", "payment_id": "../x", "amount_minor": 5});
        assert_eq!(path("refund_payment", &back).unwrap(), "/payments/..%2Fx");
        let nothing = json!({"operation": "back-1", "payment_id": "pay_1", "amount_minor": 0});
        assert!(path("refund_payment", &nothing).is_err());
        for (name, value) in [
            ("operation", json!("")),
            ("operation", json!("a b")),
            ("amount_minor", json!(0)),
            ("amount_minor", json!(1.5)),
            ("currency", json!("usd")),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            assert!(path("create_payment", &bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_tool_can_be_called() {
        for tool in all() {
            let known = Call::read(&tool.name, JsonObject::new()).err().unwrap_or_default();
            assert!(!known.contains("there is no tool"), "{}", tool.name);
        }
    }
}
