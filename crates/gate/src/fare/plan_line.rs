//! A fare in one line, as it is printed at start-up.

use std::fmt;

use super::Fare;
use crate::answers::{Identifier, MAX_ANSWER};

impl fmt::Display for Fare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            label, ways, hold, on_unknown, max_body, timing, streaming, replay, subscribers, identifier, ..
        } = self;
        write!(f, "{label}: ")?;
        for (index, way) in ways.iter().enumerate() {
            write!(f, "{}{way}", if index > 0 { ", or " } else { "" })?;
        }
        let named = match identifier {
            None => "",
            Some(Identifier::Optional) => "; may be named",
            Some(Identifier::Required) => "; has to be named",
        };
        let first = if subscribers.is_some() { "; subscribers are let in" } else { "" };
        write!(f, "{named}{first}; {timing} (held up to {} s)", hold.as_secs())?;
        write!(f, "; outcome unknown: {on_unknown}")?;
        match streaming {
            true => f.write_str("; streamed"),
            false => write!(f, "; answers up to {max_body} bytes"),
        }?;
        match replay.as_secs() {
            0 => f.write_str(", not kept"),
            seconds => write!(f, ", kept {seconds} s up to {MAX_ANSWER}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{fare::tests::fare, route::Route};

    #[test]
    fn a_plan_line_says_what_happens_to_a_request() {
        let line = fare(Route::credits("7").price("5 credits")).unwrap().to_string();
        assert_eq!(
            line,
            "POST /ask: 5 credits of plan 7 by nvm:erc4337 on eip155:84532; hold, handler, settle (held up to 120 s); \
             outcome unknown: serve; answers up to 8388608 bytes, kept 300 s up to 1048576"
        );
    }
}
