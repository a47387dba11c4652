//! Source messages to UK Core resources: acute, GP, social care, opt-out files. No network, no database

pub mod acute;
mod element;
mod error;
mod feed;
pub mod gp;
mod key;
mod mapped;
pub mod opt_out;
pub mod social_care;
pub mod system;
mod windows_1252;

pub use element::{codeable, codeable_text, coding, extension, extension_url, identifier, label, profile_url};
pub use error::MapError;
pub use feed::{Feed, Message, count, map, split};
pub use key::{BusinessKey, reference};
pub use mapped::{Entry, EntryPart, Label, Mapped, Method, PatientAction, Source};
