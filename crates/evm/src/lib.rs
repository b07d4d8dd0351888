//! On-chain fares.
