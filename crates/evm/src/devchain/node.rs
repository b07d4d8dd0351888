//! The chain itself: its state, its blocks, and what waits.

use std::{collections::HashMap, io, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue, sol};
use farebox_types::Clock;
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};
use serde_json::Value;

use super::{
    DevOptions, Mining,
    block::{Block, Mined},
    execute::{self, BLOCK_GAS, Setting, State},
    genesis::{self, DOLLARS, TOKEN},
    head::BASE_FEE,
    pool::Pool,
    refused::{self, Refused},
    transaction::Transaction,
};

sol! {
    function mint(address to, uint256 value);
    function balanceOf(address owner) returns (uint256);
}

pub(super) struct Node {
    pub(super) chain_id: u64,
    pub(super) state: State,
    pub(super) pool: Pool,
    instant: bool,
    clock: Arc<dyn Clock>,
    /// By number; never empty.
    blocks: Vec<Block>,
    genesis: Block,
    numbers: HashMap<B256, u64>,
    mined: HashMap<B256, Mined>,
}

impl Node {
    pub(super) fn new(options: DevOptions) -> io::Result<Self> {
        let clock = options.clock;
        let genesis = Block::after(None, seconds(&*clock)).seal();
        let mut node = Self {
            chain_id: options.chain_id,
            state: genesis::state()?,
            pool: Pool::default(),
            instant: options.mining == Mining::Instant,
            clock,
            blocks: Vec::new(),
            genesis: genesis.clone(),
            numbers: HashMap::new(),
            mined: HashMap::new(),
        };
        node.append(genesis);
        for account in genesis::accounts() {
            node.mint(account, U256::from(DOLLARS)).map_err(io::Error::other)?;
        }
        Ok(node)
    }

    /// The latest block.
    pub(super) fn head(&self) -> &Block {
        self.blocks.last().unwrap_or(&self.genesis)
    }

    pub(super) fn block(&self, number: u64) -> Option<&Block> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(super) fn block_by_hash(&self, hash: &B256) -> Option<&Block> {
        self.block(*self.numbers.get(hash)?)
    }

    pub(super) fn mined(&self, hash: &B256) -> Option<&Mined> {
        self.mined.get(hash)
    }

    /// The number that a caller's word for a block means; it may be one that is not there yet.
    pub(super) fn block_number(&self, tag: &Value) -> Result<u64, Refused> {
        let unknown = || Refused::coded(-32_602, "not a block: latest, pending, earliest, or a hex number");
        match tag {
            Value::Null => Ok(self.head().number),
            Value::String(word) => match word.as_str() {
                "latest" | "pending" | "safe" | "finalized" => Ok(self.head().number),
                "earliest" => Ok(0),
                hex => {
                    let digits = hex.strip_prefix("0x").ok_or_else(unknown)?;
                    u64::from_str_radix(digits, 16).map_err(|_| unknown())
                }
            },
            Value::Object(object) => match (object.get("blockNumber"), object.get("blockHash").and_then(Value::as_str))
            {
                (Some(Value::String(number)), None) => self.block_number(&Value::String(number.clone())),
                (None, Some(hash)) => {
                    let block = hash.parse().ok().and_then(|hash| self.block_by_hash(&hash));
                    block.map(|block| block.number).ok_or_else(|| Refused::new("header not found"))
                }
                _ => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }

    /// That `tag` means the latest block: state is kept of no other.
    pub(super) fn require_latest(&self, tag: &Value) -> Result<(), Refused> {
        let (asked, head) = (self.block_number(tag)?, self.head().number);
        match asked.cmp(&head) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(Refused::new("header not found")),
            std::cmp::Ordering::Less => Err(Refused::new("this chain keeps the state of its latest block only")),
        }
    }

    /// The block that would come next; calls are run as it would run them.
    pub(super) fn setting(&self) -> Setting {
        let head = self.head();
        Setting {
            chain_id: self.chain_id,
            number: head.number + 1,
            timestamp: seconds(&*self.clock).max(head.timestamp),
            base_fee: BASE_FEE,
            gas: BLOCK_GAS,
            strict: true,
        }
    }

    pub(super) fn account(&self, of: Address) -> AccountInfo {
        let Ok(found) = self.state.basic_ref(of);
        found.unwrap_or_default()
    }

    pub(super) fn code(&self, of: Address) -> Bytes {
        let Ok(code) = self.state.code_by_hash_ref(self.account(of).code_hash);
        code.original_bytes()
    }

    pub(super) fn storage(&self, of: Address, slot: U256) -> U256 {
        let Ok(word) = self.state.storage_ref(of, slot);
        word
    }

    pub(super) fn token_balance(&self, owner: Address) -> Result<U256, Refused> {
        let call = execute::plain_call(TOKEN, balanceOfCall { owner }.abi_encode());
        let answer = refused::output(execute::simulate(&self.state, &self.setting().for_calls(), call)?)?;
        U256::abi_decode(&answer).map_err(Refused::bug)
    }

    pub(super) fn mint(&mut self, to: Address, value: U256) -> Result<(), Refused> {
        let call = execute::plain_call(TOKEN, mintCall { to, value }.abi_encode());
        let setting = self.setting().for_calls();
        refused::output(execute::commit(&mut self.state, &setting, call)?).map(|_| ())
    }

    pub(super) fn set_balance(&mut self, of: Address, wei: U256) {
        let account = self.account(of).with_balance(wei);
        self.state.insert_account_info(of, account);
    }

    pub(super) fn set_code(&mut self, of: Address, code: Bytes) -> Result<(), Refused> {
        let code = Bytecode::new_raw_checked(code).map_err(|error| Refused::parameter(1, error))?;
        let account = self.account(of).with_code(code);
        self.state.insert_account_info(of, account);
        Ok(())
    }

    /// Takes a transaction in; with instant blocks, it is in one when this returns.
    pub(super) fn submit(&mut self, transaction: Transaction) -> Result<B256, Refused> {
        let (hash, next) = (transaction.hash, self.account(transaction.from()).nonce);
        if self.pool.get(&hash).is_some() {
            return Err(Refused::new("already known"));
        }
        if transaction.nonce() < next {
            return Err(Refused::new(format!("nonce too low: next nonce {next}, tx nonce {}", transaction.nonce())));
        }
        // Whether it could be in a block at all, whatever its nonce.
        let setting = Setting { strict: false, ..self.setting() };
        execute::simulate(&self.state, &setting, transaction.env.clone())?;
        let ready = transaction.nonce() == next;
        self.pool.add(transaction)?;
        if self.instant && ready {
            self.mine();
        }
        Ok(hash)
    }

    /// Makes a block of what waits and is ready; answers its number.
    pub(super) fn mine(&mut self) -> u64 {
        let setting = self.setting();
        let mut block = Block::after(Some(self.head()), setting.timestamp);
        let state = &mut self.state;
        let next = |state: &State, from| match state.basic_ref(from) {
            Ok(account) => account.map_or(0, |account| account.nonce),
        };
        while let Some(transaction) = self.pool.take_next(|from| next(state, from), BLOCK_GAS - block.gas_used) {
            match execute::commit(state, &setting, transaction.env.clone()) {
                Ok(outcome) => {
                    let mined = block.take(transaction, outcome);
                    self.mined.insert(mined.transaction.hash, mined);
                }
                // It was possible when it came in, and is not any more.
                Err(refused) => tracing::debug!(hash = %transaction.hash, "a transaction is dropped: {refused}"),
            }
        }
        let number = block.number;
        self.append(block.seal());
        number
    }

    fn append(&mut self, block: Block) {
        self.state.cache.block_hashes.insert(U256::from(block.number), block.hash);
        self.numbers.insert(block.hash, block.number);
        self.blocks.push(block);
    }
}

fn seconds(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.now().seconds()).unwrap_or_default()
}
