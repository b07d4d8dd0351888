//! Names of a server's own requests: OpenTelemetry's, so that its dashboards fit.

/// Tracer and meter of the binary.
pub const FAREBOX: &str = "farebox";
/// How long requests took, in seconds.
pub const DURATION: &str = "http.server.request.duration";
/// What it says.
pub const DURATION_ABOUT: &str = "How long requests took, from their head to the head of their answer.";
/// Label: the method; `_OTHER` for one that HTTP does not know.
pub const METHOD: &str = "http.request.method";
/// Label: the route with names for its ids, never the path; absent when there is none.
pub const ROUTE: &str = "http.route";
/// Label: the status.
pub const STATUS: &str = "http.response.status_code";
/// A method that HTTP does not know.
pub const OTHER_METHOD: &str = "_OTHER";
/// The bounds of its buckets, in seconds.
pub const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
