//! Which signals go out, by OpenTelemetry's own variables.

use crate::failure::failure;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";

/// What is sent to a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exported {
    pub(super) spans: bool,
    pub(super) numbers: bool,
}

impl Exported {
    pub(super) fn read() -> anyhow::Result<Self> {
        Self::by(&text)
    }

    fn by(text: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        if text("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(Self { spans: false, numbers: false });
        }
        Ok(Self { spans: exported(text, "TRACES")?, numbers: exported(text, "METRICS")? })
    }
}

/// Whether a signal goes out: if it is asked for, or an address is there.
fn exported(text: &dyn Fn(&str) -> Option<String>, signal: &str) -> anyhow::Result<bool> {
    let exporter = format!("OTEL_{signal}_EXPORTER");
    let own = |name: &str| text(&name.replace("OTLP", &format!("OTLP_{signal}")));
    let wanted = match text(&exporter).as_deref() {
        None => text(ENDPOINT).is_some() || own(ENDPOINT).is_some(),
        Some("none" | "prometheus") => false,
        Some("otlp" | "otlp,prometheus" | "prometheus,otlp") => true,
        Some(other) => {
            return Err(failure(
                format!("{exporter} is `{other}`"),
                "write otlp or none; numbers are at /metrics as well",
            ));
        }
    };
    let protocol = own(PROTOCOL).or_else(|| text(PROTOCOL));
    match protocol.as_deref() {
        Some(other) if wanted && other != "http/protobuf" => {
            let what = format!("the collector is to be spoken to in `{other}`");
            Err(failure(
                what,
                format!("set {PROTOCOL}=http/protobuf, and the endpoint to its port, which is often 4318"),
            ))
        }
        _ => Ok(wanted),
    }
}

/// A variable; an empty one is none, as the specification has it.
#[expect(clippy::disallowed_methods, reason = "OpenTelemetry's variables are its interface; no secret is read here")]
pub(super) fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(set: &[(&str, &str)]) -> Result<(bool, bool), String> {
        let text = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let read = Exported::by(&text).map_err(|error| error.to_string())?;
        Ok((read.spans, read.numbers))
    }

    #[test]
    fn nothing_goes_out_unless_an_address_is_there() {
        assert_eq!(by(&[]), Ok((false, false)));
        assert_eq!(by(&[(ENDPOINT, "http://c:4318")]), Ok((true, true)));
        assert_eq!(by(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/v1/traces")]), Ok((true, false)));
        assert_eq!(by(&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c/m")]), Ok((false, true)));
    }

    #[test]
    fn what_the_variables_say_of_a_signal_counts() {
        let at = (ENDPOINT, "http://c:4318");
        assert_eq!(by(&[at, ("OTEL_TRACES_EXPORTER", "none")]), Ok((false, true)));
        assert_eq!(by(&[at, ("OTEL_METRICS_EXPORTER", "prometheus")]), Ok((true, false)));
        assert_eq!(by(&[("OTEL_TRACES_EXPORTER", "otlp")]), Ok((true, false)));
        assert_eq!(by(&[at, ("OTEL_SDK_DISABLED", "TRUE")]), Ok((false, false)));
    }

    #[test]
    fn what_cannot_be_done_is_refused_at_start() {
        let at = (ENDPOINT, "http://c:4317");
        assert!(by(&[at, ("OTEL_TRACES_EXPORTER", "jaeger")]).unwrap_err().contains("jaeger"));
        assert!(by(&[at, (PROTOCOL, "grpc")]).unwrap_err().contains("grpc"));
        assert_eq!(by(&[(PROTOCOL, "grpc")]), Ok((false, false)), "nothing is sent, so nothing is wrong");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        let numbers = ("OTEL_METRICS_EXPORTER", "none");
        assert_eq!(by(&[at, (PROTOCOL, "grpc"), own, numbers]), Ok((true, false)));
    }
}
