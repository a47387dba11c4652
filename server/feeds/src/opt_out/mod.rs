//! The national data opt-out check: the file of NHS numbers that is sent, and the file that comes back.
//!
//! Both hold one NHS number a line, each followed by a comma and a line feed, without a header. The answer
//! holds the numbers that are *not* opted out, so that a number which does not come back is withheld.

mod answer;
mod request;

pub use answer::{AnswerError, parse_answer};
pub use request::write_request;
