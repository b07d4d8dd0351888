//! Crashes between any two steps of settling: one transfer or none, and the ledger agrees with the chain.
