//! Black-box conformance runner over HTTP and the command line
