//! receive(feed, bytes): map, link, validate, store; quarantine and replay; the MLLP listener
