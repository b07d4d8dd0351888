//! Which fare a request pays, by method and raw path.

use std::sync::Arc;

use http::Method;

use crate::{
    builder::{BadRoute, Problem},
    fare::{BadFare, Fare},
    key::{RouteKey, Verb},
    readings,
};

/// Fares by verb and path. A literal segment wins over a parameter, a parameter over `{*rest}`.
#[derive(Default)]
pub(crate) struct Table {
    paths: [matchit::Router<Arc<Fare>>; Verb::ALL.len()],
    entries: Vec<Entry>,
}

struct Entry {
    key: Box<str>,
    verb: Verb,
    shape: String,
    fare: Arc<Fare>,
}

impl Table {
    pub(crate) fn insert(&mut self, key: &str, fare: impl FnOnce() -> Result<Fare, BadFare>) -> Result<(), BadRoute> {
        let bad = |problem| BadRoute { key: key.to_owned(), problem };
        let parsed = RouteKey::parse(key).map_err(|error| bad(error.into()))?;
        let shape = parsed.shape();
        let twin = self.entries.iter().find(|entry| entry.verb == parsed.verb && entry.shape == shape);
        if let Some(twin) = twin {
            return Err(bad(Problem::Taken(twin.key.to_string())));
        }
        let verb = parsed.verb.as_str();
        let fare = fare().map_err(|error| bad(error.into()))?;
        if let Some(menu) = fare.menu().filter(|_| parsed.is_literal()) {
            menu.quote(verb, &parsed.pattern);
        }
        let fare = Arc::new(fare);
        let paths = &mut self.paths[parsed.verb as usize];
        paths
            .insert(&*parsed.pattern, Arc::clone(&fare))
            .map_err(|error| bad(Problem::Unmatchable(error.to_string())))?;
        self.entries.push(Entry { key: key.into(), verb: parsed.verb, shape, fare });
        Ok(())
    }

    pub(crate) fn fares(&self) -> impl Iterator<Item = &Fare> {
        self.entries.iter().map(|entry| &*entry.fare)
    }

    /// The fare of a request: of the readings of its paths that are a route's, the dearest.
    pub(crate) fn find(&self, method: &Method, paths: [Option<&str>; 2]) -> Option<(Verb, &Arc<Fare>)> {
        let verb = Verb::of(method)?;
        let router = &self.paths[verb as usize];
        let at = |path: &str| router.at(path).ok().map(|matched| matched.value);
        let mut dearest = None;
        for path in paths.into_iter().flatten() {
            dearest = dearer(dearest, at(path));
            if !readings::is_plain(path) {
                dearest = readings::of(path).iter().fold(dearest, |dearest, path| dearer(dearest, at(path)));
            }
        }
        dearest.map(|fare| (verb, fare))
    }
}

/// The first of two, unless the second costs more; where no unit pays for both, the first.
fn dearer<'a>(one: Option<&'a Arc<Fare>>, other: Option<&'a Arc<Fare>>) -> Option<&'a Arc<Fare>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.compare_price(one).is_gt() { other } else { one }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use farebox_types::Mode;
    use rstest::rstest;

    use super::*;
    use crate::{rails::Rails, route::Route, test_rail::TestRail, way::Defaults};

    fn table(keys: &[(&str, u32)]) -> Result<Table, BadRoute> {
        let mut table = Table::default();
        let rails = Rails { credits: Some(Arc::new(TestRail::new())), chain: None };
        let defaults = Defaults { mode: Mode::Test, network: None, pay_to: None };
        for (key, price) in keys {
            let route = Route::credits("7").price(*price);
            table.insert(key, || Fare::new(key, route, &rails, &defaults, None))?;
        }
        Ok(table)
    }

    fn label<'a>(table: &'a Table, method: &Method, path: &str) -> Option<&'a str> {
        table.find(method, [Some(path), None]).map(|(_, fare)| &*fare.label)
    }

    #[rstest]
    #[case("/ask", Some("POST /ask"))]
    #[case("/users/42", Some("POST /users/:id"))]
    #[case("/users/me", Some("POST /users/me"))]
    #[case("/users/42/", Some("POST /users/:id"))]
    #[case("/files/a/b.txt", Some("POST /files/{*rest}"))]
    #[case("/", None)]
    #[case("/ASK", None)]
    #[case("/asks", None)]
    #[case("/users", None)]
    #[case("/users/42/x", None)]
    #[case("/health", None)]
    #[case("/%61sk", Some("POST /ask"))]
    #[case("//ask", Some("POST /ask"))]
    #[case("/ask/", Some("POST /ask"))]
    #[case("/health/../ask", Some("POST /ask"))]
    #[case("/health/..%2fask", Some("POST /ask"))]
    #[case("", None)]
    #[case("*", None)]
    fn a_path_pays_the_fare_of_any_of_its_readings(#[case] path: &str, #[case] expected: Option<&str>) {
        let table =
            table(&[("POST /ask", 1), ("POST /users/:id", 1), ("POST /users/me", 1), ("POST /files/{*rest}", 1)]);
        assert_eq!(label(&table.unwrap(), &Method::POST, path), expected);
    }

    #[test]
    fn a_path_that_reads_as_two_routes_pays_the_dearer() {
        let table = table(&[("GET /files/{name}", 1), ("GET /files/big", 10)]).unwrap();
        assert_eq!(label(&table, &Method::GET, "/files/b%69g"), Some("GET /files/big"));
        assert_eq!(label(&table, &Method::GET, "/files/sm%61ll"), Some("GET /files/{name}"));
    }

    #[test]
    fn a_second_path_charges_as_well() {
        let table = table(&[("GET /api/ask", 1)]).unwrap();
        let find = |paths| table.find(&Method::GET, paths).is_some();
        assert!(find([Some("/ask"), Some("/api/ask")]));
        assert!(!find([Some("/ask"), Some("/other/ask")]));
    }

    #[test]
    fn methods_are_apart_but_head_goes_with_get() {
        let table = table(&[("GET /ask", 1)]).unwrap();
        assert!(label(&table, &Method::GET, "/ask").is_some());
        assert!(label(&table, &Method::HEAD, "/ask").is_some());
        for method in [Method::POST, Method::OPTIONS, Method::from_bytes(b"get").unwrap()] {
            assert_eq!(label(&table, &method, "/ask"), None, "{method}");
        }
    }

    #[rstest]
    #[case("GET /users/{name}", "already charged by `GET /users/:id`")]
    #[case("GET /users/:id/", "already charged by `GET /users/:id`")]
    #[case("GET /users/:id", "already charged by `GET /users/:id`")]
    #[case("GET /users/{*rest}", "cannot be told apart")]
    fn a_key_that_collides_with_another_is_refused(#[case] second: &str, #[case] says: &str) {
        let message = table(&[("GET /users/:id", 1), (second, 2)]).err().unwrap().to_string();
        assert!(message.contains(second) && message.contains(says), "{message}");
    }
}
