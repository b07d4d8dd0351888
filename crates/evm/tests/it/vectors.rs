//! The published test vectors: domains, struct hashes, digests, signatures.

use alloy_primitives::{Address, B256, U256, address, b256};
use farebox_evm::{
    Signature, Wallet,
    contracts::{EXACT_PROXY, PERMIT2, UPTO_PROXY},
    typed::{Domain, Permit, Permit2Transfer, TransferAuthorization, Witness},
};
use farebox_types::Secret;

const KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const PAYER: Address = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");
const USDC: Address = address!("036CbD53842c5426634e7929541eC2318f3dCF7e");
const TO: Address = address!("209693Bc6afc0C5328bA36FaF03C514EF312287C");
const NONCE: B256 = b256!("f3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480");
const CHAIN: u64 = 84_532;

fn wallet() -> Wallet {
    Wallet::new(&Secret::new(KEY.into())).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.trim_start_matches("0x")).unwrap()
}

/// The signature of the vector is the one we make, and it recovers to the payer.
fn assert_signed(digest: B256, signature: &str) {
    let read = Signature::read(&hex(signature)).unwrap();
    assert_eq!(hex::encode(wallet().sign(digest).bytes()), hex::encode(read.bytes()));
    assert_eq!(read.recover(digest), Ok(PAYER));
}

#[test]
fn an_eip_3009_authorization_is_hashed_and_signed_as_published() {
    let domain = Domain::token("USDC", "2", CHAIN, USDC);
    assert_eq!(domain.separator(), b256!("71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818"));
    let transfer = TransferAuthorization {
        from: PAYER,
        to: TO,
        value: U256::from(10_000),
        valid_after: U256::from(1_740_672_089),
        valid_before: U256::from(1_740_672_154),
        nonce: NONCE,
    };
    assert_eq!(transfer.struct_hash(), b256!("026d70b33bf7d281bccc5c18246c18311bff9fc8fbb17ac8b906b3f015a39efb"));
    let digest = transfer.digest(&domain);
    assert_eq!(digest, b256!("7b608a4b969db6725f5373740b7811350cd1148db1b903276958fa2a718326ba"));
    assert_signed(
        digest,
        "0xeae36c169c193ec4791b48a3d469bd0ff9f9b2edef5c1349bedcd0c501c3cff2006d0788285d4a884321fabe5a8428887c3581a82f1b32eeb2ea1011413746901c",
    );
}

#[test]
fn a_permit2_transfer_of_scheme_exact_is_hashed_and_signed_as_published() {
    let domain = Domain::permit2(CHAIN);
    assert_eq!(domain.separator(), b256!("010f27a92fb9a32622f44f001dc4d15706a85b33499cfc2ce9033113ab26592c"));
    let transfer = Permit2Transfer {
        token: USDC,
        amount: U256::from(10_000),
        spender: EXACT_PROXY,
        nonce: NONCE.into(),
        deadline: U256::from(1_740_672_154),
        witness: Witness { to: TO, facilitator: None, valid_after: U256::ZERO },
    };
    assert_eq!(
        U256::from_be_bytes(NONCE.0).to_string(),
        "110117680976134290040645500446194905769275902069351365960831693135107775870080"
    );
    assert_eq!(transfer.struct_hash(), b256!("f08a0a655f294513b8ba5c525c14db8ff7cb54b717820e79810a25008956e237"));
    let digest = transfer.digest(&domain);
    assert_eq!(digest, b256!("46188b3366af9ed0f913041b58473598158cc81f8ecba618dc1014406b4fb59d"));
    assert_signed(
        digest,
        "0x96e722b7cb391c63b47b82d9c4da19d64a0d6ac7ab5087315bb2e38eb8988f207d5430d14db30088c79ec2c68ba744aff0302a727acfacff9bfd5e5d63a7c7731b",
    );
}

#[test]
fn a_permit2_transfer_of_scheme_upto_is_hashed_and_signed_as_published() {
    let transfer = Permit2Transfer {
        token: USDC,
        amount: U256::from(5_000_000),
        spender: UPTO_PROXY,
        nonce: NONCE.into(),
        deadline: U256::from(1_740_672_389),
        witness: Witness {
            to: TO,
            facilitator: Some(address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266")),
            valid_after: U256::ZERO,
        },
    };
    assert_eq!(transfer.struct_hash(), b256!("06baeb67becb1f402b8c7090fb5688d2a2efe08b2fc7a0ce100a74bb7638928f"));
    let digest = transfer.digest(&Domain::permit2(CHAIN));
    assert_eq!(digest, b256!("52bb2e946e967724d54269bd4ac2a1b4e2f21cf25a719323b21ef075a5c8b110"));
    assert_signed(
        digest,
        "0xc9c5eaa60403fd6a6d8cf3f6dd327f444827065954e6c868aeb60a3321ab886f43a454da0950b466097d07e5e041f184dbdf72420fcb89695f85acb7a82277bb1c",
    );
}

#[test]
fn an_eip_2612_permit_is_hashed_and_signed_as_published() {
    let permit = Permit {
        owner: PAYER,
        spender: PERMIT2,
        value: U256::from(10_000),
        nonce: U256::ZERO,
        deadline: U256::from(1_740_672_154),
    };
    assert_eq!(permit.struct_hash(), b256!("fc9ca4cd2da6a07909031f5501b8e8cfae65a43fb050b8b63ffc46ba619f0ba8"));
    let digest = permit.digest(&Domain::token("USDC", "2", CHAIN, USDC));
    assert_eq!(digest, b256!("9e9ace84db9f61c780f87a508bc00e50153e394ce0b43b96fffcf2fe0d80c671"));
    assert_signed(
        digest,
        "0x6eb641e214578d6ef33d4cf7f88e5ca5460b142ff1d7ea12a9c3d20ac9b2897a7708dfdb4cccac2201da8469857ff26f0e2906c62b5c3f70315ccd8a6e2030f11b",
    );
}

mod channels {
    use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain, sol};

    use super::*;

    sol! {
        struct ChannelConfig {
            address payer;
            address payerAuthorizer;
            address receiver;
            address receiverAuthorizer;
            address token;
            uint40 withdrawDelay;
            bytes32 salt;
        }
        struct Voucher {
            bytes32 channelId;
            uint128 maxClaimableAmount;
        }
    }

    const DOMAIN: Eip712Domain = eip712_domain! {
        name: "x402 Batch Settlement",
        version: "1",
        chain_id: 84_532,
        verifying_contract: address!("4020074e9dF2ce1deE5A9C1b5c3f541D02a10003"),
    };

    #[test]
    fn a_payment_channel_and_its_voucher_are_hashed_and_signed_as_published() {
        let config = ChannelConfig {
            payer: PAYER,
            payerAuthorizer: PAYER,
            receiver: TO,
            receiverAuthorizer: address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            token: USDC,
            withdrawDelay: alloy_primitives::aliases::U40::from(900),
            salt: B256::ZERO,
        };
        assert_eq!(
            config.eip712_type_hash(),
            b256!("1c9a06ceab9b0ebbd3301dc56c9111bb6d9af421356dc9ccb3b7084c755db308")
        );
        assert_eq!(DOMAIN.separator(), b256!("fdef80764086b1e0fc6ba99f0cb9aa1d59109fda7c23d60334c89d2de44dffce"));
        let channel = config.eip712_signing_hash(&DOMAIN);
        assert_eq!(channel, b256!("080b37205b871066686d3a1927b6e963a84e51de12d36033489eb24ba5488140"));
        let voucher = Voucher { channelId: channel, maxClaimableAmount: 1000 };
        let digest = voucher.eip712_signing_hash(&DOMAIN);
        assert_eq!(digest, b256!("36c6ab28a49ae6c00b629996f3e626cf55433e9fe499e6f8dfd16f84026536af"));
        assert_signed(
            digest,
            "0x7777f9a6fef1e31a4fa60247e95b2b17773b9fa8fe918b707df8dab34bde357674e1dbc346d348784812ddad042471ce3f205f14ad995ff034986ffa14f826031b",
        );
    }
}
