//! Route keys: `"POST /ask"`, `"GET /users/:id"`, `"GET /files/{*rest}"`.

use http::Method;

/// A method that can be charged for; HEAD goes with GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    pub(crate) const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Routers serve HEAD from the GET handler, so it is charged the same.
    pub(crate) fn of(method: &Method) -> Option<Self> {
        let name = if method == Method::HEAD { "GET" } else { method.as_str() };
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }
}

/// A key that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteKey {
    pub(crate) verb: Verb,
    /// The path as matched, without a trailing slash: parameters in braces.
    pub(crate) pattern: String,
}

impl RouteKey {
    pub(crate) fn parse(key: &str) -> Result<Self, BadKey> {
        let Some((method, path)) = key.split_once(' ') else {
            return Err(if key.starts_with('/') { BadKey::NoMethod(key.to_owned()) } else { BadKey::NoPath });
        };
        if method.is_empty() || path.starts_with(' ') || path.ends_with(' ') {
            return Err(BadKey::Spaces);
        }
        Ok(Self { verb: verb(method, path)?, pattern: pattern(path)? })
    }

    /// Whether every request with this verb has one path only.
    pub(crate) fn is_literal(&self) -> bool {
        !self.pattern.contains(['{', '}'])
    }

    /// The pattern without its parameters' names: two keys of one shape match the same requests.
    pub(crate) fn shape(&self) -> String {
        let unnamed = self.pattern.split('/').map(|segment| match segment.split_once('{') {
            Some((before, name)) => format!("{before}{}", if name.starts_with('*') { "{*}" } else { "{}" }),
            None => segment.to_owned(),
        });
        unnamed.collect::<Vec<_>>().join("/")
    }
}

/// What is wrong with a route key, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Only a path.
    #[error("no method: write it first, as in `POST {0}`")]
    NoMethod(String),
    /// Only a method, or nothing.
    #[error("no path: write method and path, as in `POST /ask`")]
    NoPath,
    /// More than one space, or one at an end.
    #[error("exactly one space stands between method and path, as in `POST /ask`")]
    Spaces,
    /// `post /ask`.
    #[error("methods are in upper case: write `{0}`")]
    LowerCase(String),
    /// Not a method that can be charged for.
    #[error("`{0}` is not a method: write GET, POST, PUT, PATCH or DELETE")]
    UnknownMethod(String),
    /// HEAD is answered by the GET handler.
    #[error("HEAD is charged as GET: write `GET {0}`")]
    Head(String),
    /// OPTIONS passes, so such a key could never match.
    #[error("OPTIONS always passes uncharged: remove the key")]
    Options,
    /// `POST ask`.
    #[error("the path must begin with a slash: write `/{0}`")]
    NoSlash(String),
    /// `GET /ask?x=1`.
    #[error("a key holds a path only, and matches with any query: remove `?` or `#` and what follows")]
    Query,
    /// `GET /caf%C3%A9`.
    #[error("write the path decoded, without `%`: every encoding of it is matched")]
    Escaped,
    /// `GET /a//b`.
    #[error("an empty segment can never match: write single slashes")]
    EmptySegment,
    /// `GET /a/../b`.
    #[error("`.` and `..` segments can never match: write the path they lead to")]
    DotSegment,
    /// `GET /files/*`.
    #[error("`*` stands for the rest of a path only as its last segment, with a name: write `{{*rest}}`")]
    Star,
    /// Unbalanced braces, an unnamed parameter, text after a parameter.
    #[error("a parameter is `{{name}}` or `:name`, and ends its segment")]
    Parameter,
    /// White space, control characters, backslashes.
    #[error("{0:?} is not part of a path")]
    Character(char),
}

fn verb(method: &str, path: &str) -> Result<Verb, BadKey> {
    if let Some(verb) = Verb::ALL.into_iter().find(|verb| verb.as_str() == method) {
        return Ok(verb);
    }
    match method.to_ascii_uppercase().as_str() {
        "HEAD" => Err(BadKey::Head(path.to_owned())),
        "OPTIONS" => Err(BadKey::Options),
        upper if Verb::ALL.iter().any(|verb| verb.as_str() == upper) => {
            Err(BadKey::LowerCase(format!("{upper} {path}")))
        }
        _ => Err(BadKey::UnknownMethod(method.to_owned())),
    }
}

fn pattern(path: &str) -> Result<String, BadKey> {
    if path.is_empty() {
        return Err(BadKey::NoPath);
    }
    let Some(rest) = path.strip_prefix('/') else {
        return Err(BadKey::NoSlash(path.to_owned()));
    };
    check_characters(path)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() {
        return Ok("/".to_owned());
    }
    let mut pattern = String::with_capacity(path.len() + 2);
    for part in rest.split('/') {
        pattern.push('/');
        pattern.push_str(&segment(part)?);
    }
    match pattern.split_once("{*") {
        Some((_, name)) if name.contains('/') => Err(BadKey::Star),
        _ => Ok(pattern),
    }
}

fn check_characters(path: &str) -> Result<(), BadKey> {
    let odd = path.chars().find(|c| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '%' | '\\'));
    match odd {
        None => Ok(()),
        Some('?' | '#') => Err(BadKey::Query),
        Some('%') => Err(BadKey::Escaped),
        Some(' ') => Err(BadKey::Spaces),
        Some(other) => Err(BadKey::Character(other)),
    }
}

fn segment(part: &str) -> Result<String, BadKey> {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if part.is_empty() {
        return Err(BadKey::EmptySegment);
    }
    if matches!(part, "." | "..") {
        return Err(BadKey::DotSegment);
    }
    if let Some(name) = part.strip_prefix(':') {
        return if is_name(name) { Ok(format!("{{{name}}}")) } else { Err(BadKey::Parameter) };
    }
    let Some((before, name)) = part.split_once('{') else {
        return match part {
            _ if part.contains('*') => Err(BadKey::Star),
            _ if part.contains('}') => Err(BadKey::Parameter),
            _ => Ok(part.to_owned()),
        };
    };
    let name = name.strip_suffix('}').ok_or(BadKey::Parameter)?;
    match name.strip_prefix('*') {
        Some(rest) if before.is_empty() && is_name(rest) => Ok(part.to_owned()),
        None if is_name(name) && !before.contains(['*', '}']) => Ok(part.to_owned()),
        Some(_) => Err(BadKey::Star),
        None => Err(BadKey::Parameter),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("POST /ask", Verb::Post, "/ask")]
    #[case("GET /", Verb::Get, "/")]
    #[case("GET /ask/", Verb::Get, "/ask")]
    #[case("GET /users/:id", Verb::Get, "/users/{id}")]
    #[case("GET /users/{id}/posts/:post_id", Verb::Get, "/users/{id}/posts/{post_id}")]
    #[case("DELETE /files/{*rest}", Verb::Delete, "/files/{*rest}")]
    #[case("PUT /user-{id}", Verb::Put, "/user-{id}")]
    #[case("PATCH /v1/items:batch", Verb::Patch, "/v1/items:batch")]
    #[case("GET /café", Verb::Get, "/café")]
    fn both_spellings_of_a_parameter_are_read(#[case] key: &str, #[case] verb: Verb, #[case] pattern: &str) {
        assert_eq!(RouteKey::parse(key), Ok(RouteKey { verb, pattern: pattern.to_owned() }));
    }

    #[rstest]
    #[case("", "no path")]
    #[case("POST", "no path")]
    #[case("POST ", "no path")]
    #[case("/ask", "write it first, as in `POST /ask`")]
    #[case("post /ask", "write `POST /ask`")]
    #[case("Post /ask", "write `POST /ask`")]
    #[case("FETCH /ask", "`FETCH` is not a method")]
    #[case("* /ask", "`*` is not a method")]
    #[case("HEAD /ask", "write `GET /ask`")]
    #[case("OPTIONS /ask", "always passes")]
    #[case("POST  /ask", "exactly one space")]
    #[case(" POST /ask", "exactly one space")]
    #[case("POST /ask ", "exactly one space")]
    #[case("POST /a b", "exactly one space")]
    #[case("POST\t/ask", "no path")]
    #[case("POST /ask\n", "is not part of a path")]
    #[case("POST /a\\b", "is not part of a path")]
    #[case("POST ask", "write `/ask`")]
    #[case("POST https://example.com/ask", "must begin with a slash")]
    #[case("POST /ask?x=1", "remove `?`")]
    #[case("POST /ask#top", "remove `?` or `#`")]
    #[case("POST /%61sk", "decoded")]
    #[case("POST //ask", "single slashes")]
    #[case("POST /ask//", "single slashes")]
    #[case("POST /a/./b", "`.` and `..`")]
    #[case("POST /a/..", "`.` and `..`")]
    #[case("GET /*", "write `{*rest}`")]
    #[case("GET /files/*", "write `{*rest}`")]
    #[case("GET /files/*rest", "write `{*rest}`")]
    #[case("GET /files/{*}", "write `{*rest}`")]
    #[case("GET /files/a{*rest}", "write `{*rest}`")]
    #[case("GET /files/{*rest}/more", "as its last segment")]
    #[case("GET /a*b/{id}", "write `{*rest}`")]
    #[case("GET /users/:", "a parameter is")]
    #[case("GET /users/{}", "a parameter is")]
    #[case("GET /users/{id", "a parameter is")]
    #[case("GET /users/id}", "a parameter is")]
    #[case("GET /users/{id}.json", "a parameter is")]
    #[case("GET /users/{a}{b}", "a parameter is")]
    fn a_key_that_could_leave_its_route_open_is_refused(#[case] key: &str, #[case] says: &str) {
        let message = RouteKey::parse(key).unwrap_err().to_string();
        assert!(message.contains(says), "{key:?}: {message}");
    }

    #[test]
    fn keys_of_one_shape_differ_only_in_names() {
        let shape = |key: &str| RouteKey::parse(key).unwrap().shape();
        assert_eq!(shape("GET /users/:id"), shape("GET /users/{name}/"));
        assert_ne!(shape("GET /users/:id"), shape("GET /users/me"));
        assert_ne!(shape("GET /users/{id}"), shape("GET /users/{*id}"));
    }

    #[test]
    fn head_counts_as_get_and_options_as_nothing() {
        assert_eq!(Verb::of(&Method::HEAD), Some(Verb::Get));
        assert_eq!(Verb::of(&Method::POST), Some(Verb::Post));
        assert_eq!(Verb::of(&Method::OPTIONS), None);
    }
}
