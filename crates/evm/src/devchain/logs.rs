//! Which events a caller asks for.

use alloy_primitives::{Address, B256, Log};
use serde::Deserialize;
use serde_json::Value;

use super::{node::Node, refused::Refused};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    #[serde(default)]
    pub(super) from_block: Option<Value>,
    #[serde(default)]
    pub(super) to_block: Option<Value>,
    #[serde(default)]
    block_hash: Option<B256>,
    #[serde(default)]
    address: Option<Any<Address>>,
    #[serde(default)]
    topics: Vec<Option<Any<B256>>>,
}

/// One, or any of some; of none at all, everything.
#[derive(Deserialize)]
#[serde(untagged)]
enum Any<T> {
    One(T),
    Of(Vec<T>),
}

impl<T: PartialEq> Any<T> {
    fn takes(&self, it: &T) -> bool {
        match self {
            Self::One(one) => one == it,
            Self::Of(many) => many.is_empty() || many.contains(it),
        }
    }
}

impl Filter {
    fn takes(&self, log: &Log) -> bool {
        let address = self.address.as_ref().is_none_or(|address| address.takes(&log.address));
        let topics = log.data.topics();
        let topic = |(at, wanted): (usize, &Option<Any<B256>>)| match (wanted, topics.get(at)) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(wanted), Some(topic)) => wanted.takes(topic),
        };
        address && self.topics.iter().enumerate().all(topic)
    }

    /// The first and the last block.
    fn range(&self, node: &Node) -> Result<(u64, u64), Refused> {
        if let Some(hash) = self.block_hash {
            let number = node.block_by_hash(&hash).map(|block| block.number);
            return number.map(|number| (number, number)).ok_or_else(|| Refused::new("unknown block"));
        }
        let at = |tag: &Option<Value>| node.block_number(tag.as_ref().unwrap_or(&Value::Null));
        let (first, last) = (at(&self.from_block)?, at(&self.to_block)?);
        if first > last {
            return Err(Refused::coded(-32_602, "invalid block range params"));
        }
        Ok((first, last.min(node.head().number)))
    }
}

/// The events that `filter` asks for, oldest first.
pub(super) fn find(node: &Node, filter: &Filter) -> Result<Vec<Value>, Refused> {
    let (first, last) = filter.range(node)?;
    let mut found = Vec::new();
    for block in (first..=last).filter_map(|number| node.block(number)) {
        for mined in block.transactions.iter().filter_map(|hash| node.mined(hash)) {
            let wanted = mined.logs.iter().enumerate().filter(|(_, log)| filter.takes(log));
            found.extend(wanted.filter_map(|(at, _)| mined.log(block, at)));
        }
    }
    Ok(found)
}
