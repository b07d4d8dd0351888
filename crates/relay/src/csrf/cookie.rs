//! Cookies, read from a request.

use axum::http::{HeaderMap, header::COOKIE};

/// More cookies of one name than this are somebody filling the jar.
const MOST: usize = 8;

/// The values of the cookies called `name`, in the order they came: a browser sends one for each path that fits.
pub(super) fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(key, _)| *key == name).map(|(_, value)| value).take(MOST)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; paylera_csrf=x.y.z;b=2"));
        headers.append(COOKIE, HeaderValue::from_static("not_paylera_csrf=no; paylera_csrf=w; paylera_csrf"));
        headers.append(COOKIE, HeaderValue::from_bytes(b"paylera_csrf=\xff").unwrap());
        assert_eq!(values(&headers, "paylera_csrf").collect::<Vec<_>>(), ["x.y.z", "w"]);
        assert_eq!(values(&headers, "PAYLERA_CSRF").count(), 0);
    }
}
