//! The bundled synthetic samples.

include!(concat!(env!("OUT_DIR"), "/samples.rs"));

/// The sample files whose path begins with `prefix`.
pub(super) fn below(prefix: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    SAMPLES.iter().copied().filter(move |(name, _)| name.starts_with(prefix))
}
