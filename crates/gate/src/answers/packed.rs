//! An answer in one piece of memory: each part after its length.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Answer;

/// The answer's bytes; `None` if a part is longer than 4 GiB.
pub(super) fn pack(answer: &Answer) -> Option<Vec<u8>> {
    let Answer { status, headers, body, trailers } = answer;
    let room = |map: &HeaderMap| map.iter().map(|(name, value)| name.as_str().len() + value.len() + 8).sum::<usize>();
    let rooms = room(headers) + trailers.as_ref().map_or(0, room);
    let mut out = Vec::with_capacity(rooms + body.len() + 16);
    out.extend(status.as_u16().to_be_bytes());
    put(&mut out, body)?;
    put_map(&mut out, headers)?;
    if let Some(trailers) = trailers {
        put_map(&mut out, trailers)?;
    }
    Some(out)
}

/// What was packed; `None` for anything else.
pub(super) fn unpack(packed: &[u8]) -> Option<Answer> {
    let (status, mut rest) = packed.split_first_chunk::<2>()?;
    let status = StatusCode::from_u16(u16::from_be_bytes(*status)).ok()?;
    let body = Bytes::copy_from_slice(take(&mut rest)?);
    let headers = take_map(&mut rest)?;
    let trailers = if rest.is_empty() { None } else { Some(take_map(&mut rest)?) };
    rest.is_empty().then_some(Answer { status, headers, body, trailers })
}

fn put_map(out: &mut Vec<u8>, map: &HeaderMap) -> Option<()> {
    out.extend(u32::try_from(map.len()).ok()?.to_be_bytes());
    for (name, value) in map {
        put(out, name.as_str().as_bytes())?;
        put(out, value.as_bytes())?;
    }
    Some(())
}

fn take_map(rest: &mut &[u8]) -> Option<HeaderMap> {
    let count = take_length(rest)?;
    // Each entry has two lengths: what is cut short reserves nothing.
    let mut map = HeaderMap::with_capacity(count.min(rest.len() / 8));
    for _ in 0..count {
        let name = HeaderName::from_bytes(take(rest)?).ok()?;
        map.append(name, HeaderValue::from_bytes(take(rest)?).ok()?);
    }
    Some(map)
}

fn put(out: &mut Vec<u8>, part: &[u8]) -> Option<()> {
    out.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
    out.extend(part);
    Some(())
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_length(rest)?;
    let (part, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(part)
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn answer() -> Answer {
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", HeaderValue::from_static("a=1"));
        headers.append("set-cookie", HeaderValue::from_bytes(b"b=\xff").unwrap());
        let trailers = Some(HeaderMap::from_iter([(HeaderName::from_static("x-sum"), HeaderValue::from_static("1"))]));
        Answer { status: StatusCode::CREATED, headers, body: Bytes::from_static(b"secret words"), trailers }
    }

    #[test]
    fn what_is_packed_is_unpacked_as_it_was() {
        let plain = Answer { headers: HeaderMap::new(), body: Bytes::new(), trailers: None, ..answer() };
        let empty = Answer { trailers: Some(HeaderMap::new()), ..plain.clone() };
        for answer in [answer(), plain, empty] {
            assert_eq!(unpack(&pack(&answer).unwrap()), Some(answer));
        }
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_no_answer() {
        let packed = pack(&Answer { trailers: None, ..answer() }).unwrap();
        for length in 0..packed.len() {
            assert_eq!(unpack(&packed[..length]), None, "{length}");
        }
        assert_eq!(unpack(&[&packed[..], &[0]].concat()), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&bytes);
        }
    }
}
