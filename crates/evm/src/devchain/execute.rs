//! The EVM at work.

use std::convert::Infallible;

use alloy_primitives::{Address, Bytes, TxKind, U256};
use revm::{
    Context, Database, DatabaseCommit, ExecuteEvm, MainBuilder,
    context::{
        TxEnv,
        result::{ExecutionResult, HaltReason, ResultAndState},
    },
    database::{CacheDB, EmptyDB},
    handler::MainnetContext,
    primitives::hardfork::SpecId,
};

use super::refused::Refused;

/// Accounts, code and storage as of the latest block.
pub(super) type State = CacheDB<EmptyDB>;
pub(super) type Outcome = ExecutionResult<HaltReason>;

/// Gas for one block.
pub(super) const BLOCK_GAS: u64 = 60_000_000;
/// Gas for one call that no block takes.
pub(super) const CALL_GAS: u64 = 100_000_000;

/// The block that something is run in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) chain_id: u64,
    pub(super) number: u64,
    pub(super) timestamp: u64,
    pub(super) base_fee: u64,
    pub(super) gas: u64,
    /// The sender's nonce counts, and a sender that is a contract is refused.
    pub(super) strict: bool,
}

impl Setting {
    /// As this, for what costs nothing and comes from anybody.
    pub(super) fn for_calls(self) -> Self {
        Self { base_fee: 0, gas: CALL_GAS, strict: false, ..self }
    }
}

/// Runs a transaction into the state.
pub(super) fn commit(state: &mut State, setting: &Setting, tx: TxEnv) -> Result<Outcome, Refused> {
    let done = run(&mut *state, setting, tx)?;
    state.commit(done.state);
    Ok(done.result)
}

/// Runs a transaction and forgets what it did.
pub(super) fn simulate(state: &State, setting: &Setting, tx: TxEnv) -> Result<Outcome, Refused> {
    run(CacheDB::new(state), setting, tx).map(|done| done.result)
}

/// A call by nobody, who pays nothing.
pub(super) fn plain_call(to: Address, data: Vec<u8>) -> TxEnv {
    TxEnv { gas_limit: CALL_GAS, kind: TxKind::Call(to), data: Bytes::from(data), chain_id: None, ..TxEnv::default() }
}

fn run<D>(state: D, setting: &Setting, tx: TxEnv) -> Result<ResultAndState, Refused>
where
    D: Database<Error = Infallible>,
{
    let context: MainnetContext<D> = Context::new(state, SpecId::PRAGUE);
    let context = context.modify_cfg_chained(|cfg| {
        cfg.chain_id = setting.chain_id;
        cfg.disable_nonce_check = !setting.strict;
        cfg.disable_eip3607 = !setting.strict;
    });
    let context = context.modify_block_chained(|block| {
        block.number = U256::from(setting.number);
        block.timestamp = U256::from(setting.timestamp);
        block.gas_limit = setting.gas;
        block.basefee = setting.base_fee;
    });
    Ok(context.build_mainnet().transact(tx)?)
}
