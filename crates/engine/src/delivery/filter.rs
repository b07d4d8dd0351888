//! Which events an endpoint asked for.

/// Words of one filter at most.
pub const MOST_WORDS: usize = 50;

/// Event types: `*` is all of them, `payment.*` all of payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Vec<Box<str>>);

/// What is no filter; the index says which word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFilter {
    /// None, or too many.
    #[error("a filter has 1 to {MOST_WORDS} event types")]
    Number,
    /// One that nothing is called.
    #[error("an event type reads payment.succeeded, payment.* or *")]
    Word(usize),
}

impl Filter {
    /// A filter of these words. Types that this version does not know are let through: a later one may send them.
    ///
    /// # Errors
    /// [`BadFilter`].
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, BadFilter> {
        let mut list = Vec::new();
        for (at, word) in words.into_iter().enumerate() {
            if at >= MOST_WORDS {
                return Err(BadFilter::Number);
            }
            if !is_word(word) {
                return Err(BadFilter::Word(at));
            }
            list.push(word.into());
        }
        if list.is_empty() { Err(BadFilter::Number) } else { Ok(Self(list)) }
    }

    /// Its words, as they were given.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|word| &**word)
    }

    /// Whether it asks for events of this type.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        self.words().any(|word| match word.strip_suffix('*') {
            Some("") => true,
            Some(group) => kind.starts_with(group),
            None => word == kind,
        })
    }
}

fn is_word(word: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let named =
        |word: &str| word.split_once('.').is_some_and(|(group, what)| part(group) && (what == "*" || part(what)));
    word == "*" || (word.len() <= 64 && named(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_a_type_a_group_or_everything() {
        let filter = Filter::of(["payment.*", "customer.created"]).unwrap();
        for wanted in ["payment.succeeded", "payment.refunded", "customer.created"] {
            assert!(filter.wants(wanted), "{wanted}");
        }
        for other in ["customer.updated", "payments.succeeded", "payment", "subscription.created", ""] {
            assert!(!filter.wants(other), "{other}");
        }
        assert!(Filter::of(["*"]).unwrap().wants("moon.landed"));
    }

    #[test]
    fn what_is_no_type_is_refused_with_its_place() {
        for bad in
            ["", "payment", "payment.", ".succeeded", "Payment.succeeded", "pay ment.x", "a.b.c", "*.created", "**"]
        {
            assert_eq!(Filter::of(["*", bad]), Err(BadFilter::Word(1)), "{bad}");
        }
        assert_eq!(Filter::of([]), Err(BadFilter::Number));
        assert_eq!(Filter::of(["*"; 51]), Err(BadFilter::Number));
    }
}
