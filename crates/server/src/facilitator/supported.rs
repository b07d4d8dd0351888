//! What is settled here.

use farebox_x402::{
    EXACT, UPTO,
    facilitation::{Kind, Supported},
    networks,
};
use serde_json::Map;

use super::Facilitating;

impl Facilitating {
    /// Every scheme on every chain, in every version; both families read it.
    #[must_use]
    pub fn supported(&self) -> Supported {
        let mut supported = Supported::default();
        for rail in self.rails() {
            let signers: Vec<String> = rail.chain().signers().iter().map(ToString::to_string).collect();
            let kind = |version: u8, scheme: &str, network: &str| Kind {
                version,
                scheme: scheme.to_owned(),
                network: network.to_owned(),
                extra: Map::new(),
            };
            supported.kinds.push(kind(2, EXACT, rail.network()));
            if let Some(first) = signers.first() {
                let mut upto = kind(2, UPTO, rail.network());
                upto.extra.insert("facilitatorAddress".to_owned(), first.clone().into());
                supported.kinds.push(upto);
            }
            supported.kinds.extend(networks::short_name(rail.network()).map(|short| kind(1, EXACT, short)));
            supported.signers.insert(rail.network().to_owned(), signers);
        }
        supported.extensions = vec![farebox_evm::EIP2612_EXTENSION.to_owned()];
        supported
    }
}
