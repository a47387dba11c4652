//! Every call that leaves Weir: time-outs, size limits, address guard
