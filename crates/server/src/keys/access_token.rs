//! The signature of access tokens, and the permission they carry.

use farebox_types::{Delegation, Id, Timestamp};
use farebox_x402::{AccessToken, SessionKey};
use uuid::Uuid;

use super::{Keyring, keyring::ContentMac};

/// What a token permits, carried in the data of its `redeem` session key, and so covered by its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permission {
    /// The delegation it was minted under.
    pub(crate) delegation: Option<Id<Delegation>>,
    pub(crate) issued_at: Timestamp,
    /// Unusable from then on.
    pub(crate) expires_at: Timestamp,
}

const REDEEM: &str = "redeem";
const ORDER: &str = "order";

impl Permission {
    /// The session keys of a token: `redeem` carries the permission, `order` nothing yet.
    pub(crate) fn session_keys(&self) -> Vec<SessionKey> {
        let mut bytes = [0_u8; 32];
        let delegation = self.delegation.map_or(Uuid::nil(), Id::uuid);
        bytes[..16].copy_from_slice(delegation.as_bytes());
        bytes[16..24].copy_from_slice(&self.issued_at.seconds().to_be_bytes());
        bytes[24..].copy_from_slice(&self.expires_at.seconds().to_be_bytes());
        let key = |id: &str, data: String| SessionKey { id: id.to_owned(), data };
        vec![key(ORDER, "0x00".to_owned()), key(REDEEM, format!("0x{}", hex::encode(bytes)))]
    }

    fn read(keys: &[SessionKey]) -> Option<Self> {
        let data = &keys.iter().find(|key| key.id == REDEEM)?.data;
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(data.strip_prefix("0x")?, &mut bytes).ok()?;
        let (delegation, times) = bytes.split_first_chunk::<16>()?;
        let (issued, expires) = times.split_first_chunk::<8>()?;
        let delegation = Uuid::from_bytes(*delegation);
        Some(Self {
            delegation: (!delegation.is_nil()).then(|| Id::from_uuid(delegation)),
            issued_at: Timestamp::from_seconds(i64::from_be_bytes(*issued)),
            expires_at: Timestamp::from_seconds(i64::from_be_bytes(expires.try_into().ok()?)),
        })
    }
}

/// The nonce that makes a token single-use (version 3); a blank one does not.
pub(crate) fn nonce(token: &AccessToken) -> Option<&str> {
    token.payload.authorization.nonce.as_deref().filter(|nonce| !nonce.trim().is_empty())
}

impl Keyring {
    /// The signature of a token's content: `0x` and 64 hex digits.
    pub(crate) fn sign_access_token(&self, token: &AccessToken) -> String {
        format!("0x{}", hex::encode(self.content(token).finish()))
    }

    /// What the token permits, if we signed its content. Says nothing about whether it has expired.
    pub(crate) fn check_access_token(&self, token: &AccessToken) -> Option<Permission> {
        let mut signature = [0_u8; 32];
        hex::decode_to_slice(token.payload.signature.strip_prefix("0x")?, &mut signature).ok()?;
        if !self.content(token).is(&signature) {
            return None;
        }
        Permission::read(&token.payload.authorization.session_keys)
    }

    /// The plan's id names its merchant too, so the merchant is covered with it.
    fn content(&self, token: &AccessToken) -> ContentMac {
        let (accepted, authorization) = (&token.accepted, &token.payload.authorization);
        let nonce = nonce(token);
        let mut mac = self.access_mac();
        mac.part(if nonce.is_some() { b"v3" } else { b"v2" });
        mac.part(accepted.plan_id.as_bytes());
        mac.part(authorization.from.as_bytes());
        mac.part(authorization.session_keys_provider.as_bytes());
        let count = u64::try_from(authorization.session_keys.len()).unwrap_or(u64::MAX);
        mac.part(&count.to_be_bytes());
        for key in &authorization.session_keys {
            mac.part(key.id.as_bytes()).part(key.data.as_bytes());
        }
        if let Some(nonce) = nonce {
            mac.optional(accepted.extra.agent_id.as_deref());
            mac.optional(token.resource.as_ref().map(|resource| resource.url.as_str()));
            mac.optional(accepted.extra.http_verb.as_deref());
            mac.part(nonce.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use farebox_x402::{Authorization, CreditsAccept, CreditsExtra, Resource, TokenPayload};

    use super::*;

    fn permission() -> Permission {
        let time = Timestamp::from_seconds;
        Permission { delegation: Some(Id::generate()), issued_at: time(10), expires_at: time(20) }
    }

    fn token(nonce: Option<&str>) -> AccessToken {
        AccessToken {
            x402_version: 2,
            resource: Some(Resource { url: "/ask".into(), description: None, mime_type: None }),
            accepted: CreditsAccept {
                scheme: "nvm:erc4337".into(),
                network: "eip155:84532".into(),
                plan_id: "7".into(),
                extra: CreditsExtra { version: None, agent_id: Some("9".into()), http_verb: Some("POST".into()) },
            },
            payload: TokenPayload {
                signature: String::new(),
                authorization: Authorization {
                    from: "0x01".into(),
                    session_keys_provider: "farebox".into(),
                    session_keys: permission().session_keys(),
                    nonce: nonce.map(str::to_owned),
                },
            },
            extensions: None,
        }
    }

    fn signed(ring: &Keyring, nonce: Option<&str>) -> AccessToken {
        let mut token = token(nonce);
        token.payload.signature = ring.sign_access_token(&token);
        token
    }

    #[test]
    fn a_permission_reads_back_from_its_session_keys() {
        let there = permission();
        assert_eq!(Permission::read(&there.session_keys()), Some(there));
        let none = Permission { delegation: None, ..there };
        assert_eq!(Permission::read(&none.session_keys()), Some(none));
    }

    #[test]
    fn a_signed_token_holds_and_a_changed_one_does_not() {
        let ring = Keyring::new([5; 32]);
        let changes: [fn(&mut AccessToken); 8] = [
            |token| token.accepted.plan_id.push('0'),
            |token| token.payload.authorization.from.push('0'),
            |token| token.payload.authorization.session_keys_provider.clear(),
            |token| token.payload.authorization.session_keys.truncate(1),
            |token| token.payload.authorization.session_keys[1].data.push('0'),
            |token| token.payload.signature.truncate(10),
            |token| token.payload.signature = token.payload.signature.replace("0x", ""),
            |token| token.payload.authorization.nonce = Some("0x02".into()),
        ];
        for nonce in [None, Some("0x01")] {
            let good = signed(&ring, nonce);
            assert!(ring.check_access_token(&good).is_some());
            assert!(Keyring::new([6; 32]).check_access_token(&good).is_none());
            for (number, change) in changes.iter().enumerate() {
                let mut bad = good.clone();
                change(&mut bad);
                assert!(ring.check_access_token(&bad).is_none(), "change {number} of {nonce:?}");
            }
        }
    }

    #[test]
    fn only_a_single_use_token_is_bound_to_agent_url_and_verb() {
        let ring = Keyring::new([5; 32]);
        let changes: [fn(&mut AccessToken); 4] = [
            |token| token.accepted.extra.agent_id = None,
            |token| token.accepted.extra.http_verb = Some("GET".into()),
            |token| token.resource = None,
            |token| token.resource.as_mut().unwrap().url = "/other".into(),
        ];
        for change in changes {
            let (mut reusable, mut bound) = (signed(&ring, None), signed(&ring, Some("0x01")));
            change(&mut reusable);
            change(&mut bound);
            assert!(ring.check_access_token(&reusable).is_some());
            assert!(ring.check_access_token(&bound).is_none());
        }
    }

    #[test]
    fn a_single_use_token_cannot_be_made_reusable() {
        let ring = Keyring::new([5; 32]);
        for nonce in [None, Some(""), Some(" ")] {
            let mut bad = signed(&ring, Some("0x01"));
            bad.payload.authorization.nonce = nonce.map(str::to_owned);
            assert!(ring.check_access_token(&bad).is_none(), "{nonce:?}");
        }
    }
}
