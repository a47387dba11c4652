//! One HL7 v2 message to one `Mapped`.

use std::collections::BTreeMap;

use super::header::Header;
use super::mapping::Mapping;
use super::syntax::Hl7;
use super::{adt, batch, charset, oru};
use crate::{Feed, MapError, Mapped, Message, Source};

/// Maps every HL7 v2 message in the bytes; the first that cannot be mapped fails them all, so [`split`] a batch first.
pub fn map(message: &Message<'_>) -> Result<Vec<Mapped>, MapError> {
    batch::split(message.bytes).into_iter().map(|bytes| map_one(bytes, message)).collect()
}

/// Cuts a file into its messages.
pub fn split(bytes: &[u8]) -> Vec<&[u8]> {
    batch::split(bytes)
}

/// Counts a message by its type, of one that cannot be mapped too.
pub(crate) fn count(bytes: &[u8]) -> BTreeMap<String, usize> {
    let text = String::from_utf8_lossy(bytes);
    let kind = Hl7::parse(&text).map_or_else(|_| "no message".to_owned(), |hl7| kind(&hl7));
    BTreeMap::from([(kind, 1)])
}

/// The message type as it is counted: `ADT^A01`. What is no code could be anything and is not repeated.
fn kind(hl7: &Hl7<'_>) -> String {
    let is_code = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let Some(part) = hl7.segment("MSH").map(|msh| msh.field(9).first()) else { return "no message".to_owned() };
    let (name, event) = (part.at(1).to_ascii_uppercase(), part.at(2).to_ascii_uppercase());
    match (is_code(&name), is_code(&event)) {
        (true, true) => format!("{name}^{event}"),
        (true, false) => name,
        (false, _) => "no message type".to_owned(),
    }
}

fn map_one(bytes: &[u8], message: &Message<'_>) -> Result<Mapped, MapError> {
    let decoded = charset::decode(bytes)?;
    let hl7 = Hl7::parse(&decoded.text)?;
    let mut mapping = Mapping::new(Header::read(&hl7, message)?);
    if decoded.is_assumed {
        mapping.warn("MSH-18", "no character set declared and not UTF-8; read as ISO-8859-1");
    }
    if hl7.continued_lines > 0 {
        mapping.warn("MSH", "lines that begin no segment; read as part of the segment before");
    }
    let actions = match mapping.header.message_type.as_str() {
        "ADT" => adt::map(&mut mapping, &hl7)?,
        "ORU" => {
            oru::map(&mut mapping, &hl7)?;
            Vec::new()
        }
        other => {
            let what = format!("{other}^{}", mapping.header.trigger);
            return Err(MapError::unsupported("MSH-9", what));
        }
    };
    let counts = BTreeMap::from([(kind(&hl7), 1)]);
    let Mapping { header, entries, issues } = mapping;
    Ok(Mapped {
        entries,
        issues,
        source: Source { feed: Feed::Hl7v2, system: header.application, ods_code: header.ods_code },
        message_id: header.control_id,
        part: None,
        actions,
        event_time: header.event_time,
        counts,
    })
}
