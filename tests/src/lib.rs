//! Synthetic patients, builders and a running Weir to test against
