//! A Facilitator reached over HTTP.
