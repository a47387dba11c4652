//! The weir binary: configuration, wiring, subcommands
