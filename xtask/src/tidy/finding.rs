use std::fmt;

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    warning: bool,
    what: String,
}

impl Finding {
    /// Fails the run. Lines count from 1.
    pub(crate) fn error(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, warning: false, what: what.into() }
    }

    /// Is printed, and fails nothing.
    pub(crate) fn warning(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { warning: true, ..Self::error(path, line, what) }
    }

    pub(crate) fn is_error(&self) -> bool {
        !self.warning
    }

    #[cfg(test)]
    pub(crate) fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.warning { "warning: " } else { "" };
        write!(f, "{}:{}: {level}{}", self.path, self.line, self.what)
    }
}
