//! Identities from signed session tokens.

use std::{
    collections::BTreeMap,
    future::{Future, ready},
    pin::Pin,
};

use axum::http::{header, request::Parts};
use farebox_relay::{CustomerIdentity, Identified, Identify};
use farebox_types::Secret;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet},
};
use serde_json::{Map, Value};

use crate::{
    args::{JwtArgs, Member},
    failure::failure,
};

/// Clocks differ by so many seconds.
const LEEWAY: u64 = 5;
/// A shorter secret can be guessed offline, from any one token.
const SECRET_BYTES: usize = 32;

/// Checks tokens with keys that each know the one algorithm they are for: a token does not choose.
pub(super) struct ByToken {
    keys: Vec<Key>,
    cookie: Option<String>,
    audience: Option<String>,
    issuer: Option<String>,
    claims: BTreeMap<&'static str, String>,
}

struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl ByToken {
    pub(super) fn with_secret(secret: &Secret, args: &JwtArgs) -> anyhow::Result<Self> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < SECRET_BYTES {
            return Err(failure("the secret of the session tokens has fewer than 32 bytes", "openssl rand -base64 32"));
        }
        let key = Key { id: None, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(bytes) };
        Ok(Self::new(vec![key], args))
    }

    pub(super) fn with_keys(set: &str, args: &JwtArgs) -> anyhow::Result<Self> {
        let help =
            "it must be a JWK set of public keys: {\"keys\": [{\"kty\": \"RSA\", …}]}, of RSA, P-256, P-384 or Ed25519";
        let set: JwkSet =
            serde_json::from_str(set).map_err(|error| failure(format!("the key set cannot be read: {error}"), help))?;
        let keys: Option<Vec<Key>> = set.keys.iter().map(Key::of).collect();
        match keys.filter(|keys| !keys.is_empty()) {
            Some(keys) => Ok(Self::new(keys, args)),
            None => Err(failure("the key set holds no key, or one that cannot be used", help)),
        }
    }

    fn new(keys: Vec<Key>, args: &JwtArgs) -> Self {
        let mut claims: BTreeMap<_, _> = Member::ALL.map(|member| (member.name(), member.name().to_owned())).into();
        claims.extend(args.claims.iter().map(|(member, claim)| (member.name(), claim.clone())));
        let (cookie, audience) = (args.jwt_cookie.clone(), args.jwt_audience.clone());
        Self { keys, cookie, audience, issuer: args.jwt_issuer.clone(), claims }
    }

    fn read(&self, head: &Parts) -> Option<CustomerIdentity> {
        let claims = self.claims_of(self.token(head)?)?;
        let verified = is_verified(&claims);
        let text = |member: Member| {
            let claim = self.claims.get(member.name()).filter(|claim| verified || *claim != "email")?;
            match claims.get(claim)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            }
        };
        Some(CustomerIdentity {
            customer_id: text(Member::CustomerId),
            email: text(Member::Email),
            name: text(Member::Name),
            currency: text(Member::Currency),
            tenant_id: text(Member::TenantId),
            subscription_id: text(Member::SubscriptionId),
            metadata: None,
        })
    }

    fn token<'a>(&self, head: &'a Parts) -> Option<&'a str> {
        let Some(name) = &self.cookie else {
            let mut values = head.headers.get_all(header::AUTHORIZATION).iter();
            let value = values.next()?.to_str().ok().filter(|_| values.next().is_none())?;
            let (scheme, token) = value.split_once(' ')?;
            return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim());
        };
        let lines = head.headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, _)| key == name).map(|(_, token)| token)
    }

    /// The claims of a token that is ours and in force. Why another is not, nobody is told.
    fn claims_of(&self, token: &str) -> Option<Map<String, Value>> {
        let header = decode_header(token).ok()?;
        let fits = |key: &&Key| key.algorithm == header.alg && (key.id.is_none() || key.id == header.kid);
        self.keys.iter().filter(fits).find_map(|key| {
            let rules = self.rules(key.algorithm);
            decode::<Map<String, Value>>(token, &key.key, &rules).ok().map(|token| token.claims)
        })
    }

    fn rules(&self, algorithm: Algorithm) -> Validation {
        let mut rules = Validation::new(algorithm);
        rules.leeway = LEEWAY;
        rules.validate_nbf = true;
        rules.validate_aud = self.audience.is_some();
        let mut required = vec!["exp"];
        if let Some(audience) = &self.audience {
            rules.set_audience(&[audience]);
            required.push("aud");
        }
        if let Some(issuer) = &self.issuer {
            rules.set_issuer(&[issuer]);
            required.push("iss");
        }
        rules.set_required_spec_claims(&required);
        rules
    }
}

/// An address that the identity provider says it has not checked is anybody's: a customer is not found by it. One that
/// says nothing is believed.
fn is_verified(claims: &Map<String, Value>) -> bool {
    match claims.get("email_verified") {
        None => true,
        Some(Value::String(word)) => word == "true",
        Some(said) => *said == Value::Bool(true),
    }
}

impl Key {
    /// `None` for a symmetric key, which has no place in a set of public ones, and for curves that nobody here can check.
    fn of(jwk: &Jwk) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => match jwk.common.key_algorithm {
                Some(named) => named.to_string().parse().ok().filter(|named| RSA.contains(named))?,
                None => Algorithm::RS256,
            },
            AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
                EllipticCurve::P256 => Algorithm::ES256,
                EllipticCurve::P384 => Algorithm::ES384,
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
            _ => return None,
        };
        Some(Self { id: jwk.common.key_id.clone(), algorithm, key: DecodingKey::from_jwk(jwk).ok()? })
    }
}

const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

impl Identify for ByToken {
    fn identify<'a>(&'a self, head: &'a Parts) -> Pin<Box<dyn Future<Output = Identified> + Send + 'a>> {
        Box::pin(ready(Ok(self.read(head))))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use clap::Parser;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    /// The key of RFC 8037, appendix A.
    const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const PRIVATE: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        jwt: JwtArgs,
    }

    fn flags(args: &[&str]) -> JwtArgs {
        Flags::parse_from([&["x"], args].concat()).jwt
    }

    fn with_secret(args: &[&str]) -> ByToken {
        ByToken::with_secret(&Secret::new(SECRET.to_owned()), &flags(args)).unwrap()
    }

    fn head(name: &str, value: &str) -> Parts {
        Request::builder().header(name, value).body(()).unwrap().into_parts().0
    }

    fn claims() -> Value {
        json!({"customer_id": "cus_ann", "email": "ann@example.com", "tenant_id": 7, "name": ["x"], "exp": 4_000_000_000_u64})
    }

    fn signed(header: &Header) -> String {
        signed_with(header, &claims())
    }

    fn signed_with(header: &Header, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
    }

    fn signed_with_ed25519(id: Option<&str>) -> String {
        // PKCS #8 around the 32 bytes.
        let mut der = hex::decode("302e020100300506032b657004220420").unwrap();
        der.extend(URL_SAFE_NO_PAD.decode(PRIVATE).unwrap());
        let header = Header { kid: id.map(str::to_owned), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims(), &EncodingKey::from_ed_der(&der)).unwrap()
    }

    fn key_set(id: Option<&str>) -> String {
        let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": PUBLIC});
        if let Some(id) = id {
            key["kid"] = json!(id);
        }
        json!({"keys": [key]}).to_string()
    }

    #[test]
    fn members_are_read_from_claims_that_are_texts_or_numbers() {
        let token = format!("Bearer {}", signed(&Header::default()));
        let identity = with_secret(&[]).read(&head("authorization", &token)).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!((identity.customer_id, identity.tenant_id, identity.name), (text("cus_ann"), text("7"), None));
        let mapped = with_secret(&["--claim", "customer_id=email"]).read(&head("authorization", &token)).unwrap();
        assert_eq!(mapped.customer_id, text("ann@example.com"));
    }

    #[test]
    fn an_address_that_its_provider_has_not_checked_finds_no_customer() {
        let email = |by: &ByToken, verified: Value| {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove("customer_id");
            if !verified.is_null() {
                claims["email_verified"] = verified;
            }
            let token = format!("Bearer {}", signed_with(&Header::default(), &claims));
            let identity = by.read(&head("authorization", &token)).unwrap();
            identity.email.or(identity.customer_id)
        };
        for by in [with_secret(&[]), with_secret(&["--claim", "customer_id=email"])] {
            for good in [Value::Null, json!(true), json!("true")] {
                assert_eq!(email(&by, good.clone()).as_deref(), Some("ann@example.com"), "{good}");
            }
            for bad in [json!(false), json!("false"), json!(0), json!("")] {
                assert_eq!(email(&by, bad.clone()), None, "{bad}");
            }
        }
    }

    #[test]
    fn a_cookie_carries_the_token_if_told_so_and_then_nothing_else_does() {
        let token = signed(&Header::default());
        let by_cookie = with_secret(&["--jwt-cookie", "session"]);
        assert!(by_cookie.read(&head("cookie", &format!("a=b; session={token}; c=d"))).is_some());
        assert!(by_cookie.read(&head("authorization", &format!("Bearer {token}"))).is_none());
    }

    #[test]
    fn a_key_is_for_its_own_algorithm() {
        let read = |by: &ByToken, token: &str| by.read(&head("authorization", &format!("Bearer {token}"))).is_some();
        let by_secret = with_secret(&[]);
        assert!(read(&by_secret, &signed(&Header::default())));
        assert!(!read(&by_secret, &signed(&Header::new(Algorithm::HS512))), "another algorithm than the key's");
        assert!(!read(&by_secret, &signed_with_ed25519(None)));

        let by_keys = ByToken::with_keys(&key_set(None), &flags(&[])).unwrap();
        assert!(read(&by_keys, &signed_with_ed25519(None)));
        let confused = encode(&Header::default(), &claims(), &EncodingKey::from_secret(PUBLIC.as_bytes())).unwrap();
        assert!(!read(&by_keys, &confused), "a public key is no secret");
    }

    #[test]
    fn a_key_with_an_id_is_for_tokens_that_name_it() {
        let by_keys = ByToken::with_keys(&key_set(Some("one")), &flags(&[])).unwrap();
        let read = |token: String| by_keys.read(&head("authorization", &format!("Bearer {token}"))).is_some();
        assert!(read(signed_with_ed25519(Some("one"))));
        assert!(!read(signed_with_ed25519(Some("two"))));
        assert!(!read(signed_with_ed25519(None)));
    }

    #[test]
    fn keys_that_could_not_check_anything_are_refused_at_once() {
        let short = ByToken::with_secret(&Secret::new("short".to_owned()), &flags(&[]));
        assert!(short.is_err());
        let symmetric = json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}).to_string();
        for odd in ["", "{}", r#"{"keys":[]}"#, &symmetric] {
            assert!(ByToken::with_keys(odd, &flags(&[])).is_err(), "{odd}");
        }
    }
}
