//! The hosts that are kept for examples (RFC 2606, and what HL7 uses besides).

const HOSTS: [&str; 5] = ["example.org", "example.com", "example.net", "acme.com", "acme.org"];

/// Says whether a url is at a host that is kept for examples.
pub(crate) fn is_example_url(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    HOSTS.iter().any(|kept| host.strip_suffix(kept).is_some_and(|before| before.is_empty() || before.ends_with('.')))
}
