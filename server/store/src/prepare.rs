//! What of a write can be worked out before the writer takes it: index entries, patients, the hash of the content.

use bytes::Bytes;
use fhir::{Instant, Reference};
use policy::{Interaction, Label, Restriction, Source};
use profiles::Validated;
use search::{IndexEntry, Query, Registry};
use sha2::{Digest, Sha256};

use crate::batch::{ExpectedMatches, WriteOp};
use crate::intern::Name;
use crate::messages::MessageRecord;
use crate::person::{PersonLink, PersonUndo};
use crate::reviews::NewReview;
use crate::units::QuarantinedUnit;
use crate::version_row::Method;

/// A write that is ready for the writer.
pub(crate) enum Prepared {
    /// See [`WriteOp::Put`].
    Put(Box<PreparedPut>),
    /// See [`WriteOp::Delete`].
    Delete { type_name: String, id: String, if_match: Option<u64> },
}

/// A create or update that is ready for the writer.
pub(crate) struct PreparedPut {
    pub(crate) resource: Validated,
    pub(crate) id: String,
    pub(crate) interaction: Interaction,
    pub(crate) if_match: Option<u64>,
    pub(crate) if_none_exist: Option<Query>,
    pub(crate) entries: Vec<IndexEntry>,
    pub(crate) patients: Vec<Name>,
    pub(crate) labels: Vec<Label>,
    pub(crate) restrictions: Vec<Restriction>,
    pub(crate) content_hash: Bytes,
}

impl PreparedPut {
    /// How history tells it.
    pub(crate) fn method(&self) -> Method {
        match self.interaction {
            Interaction::Create => Method::Post,
            Interaction::Patch => Method::Patch,
            _ => Method::Put,
        }
    }
}

/// All of a transaction, ready for the writer.
pub(crate) struct PreparedBatch {
    pub(crate) ops: Vec<Prepared>,
    pub(crate) source: Source,
    pub(crate) links: Vec<PersonLink>,
    pub(crate) undo: Option<PersonUndo>,
    pub(crate) expected: Vec<ExpectedMatches>,
    pub(crate) message: Option<MessageRecord>,
    pub(crate) reviews: Vec<NewReview>,
    pub(crate) units: Vec<QuarantinedUnit>,
}

/// Works out what does not need the database.
pub(crate) fn prepare(op: WriteOp, registry: &Registry) -> Prepared {
    match op {
        WriteOp::Delete { type_name, id, if_match } => Prepared::Delete { type_name, id, if_match },
        WriteOp::Put { resource, id, interaction, if_match, if_none_exist } => {
            let labels = resource
                .labels()
                .iter()
                .map(|label| Label { system: label.system.clone().unwrap_or_default(), code: label.code.clone() });
            Prepared::Put(Box::new(PreparedPut {
                entries: crate::index_row::entries(resource.json(), registry),
                patients: patients(&resource, &id, registry),
                labels: labels.collect(),
                restrictions: policy::restrictions_of(resource.json()).restrictions,
                content_hash: content_hash(&resource),
                resource,
                id,
                interaction,
                if_match,
                if_none_exist,
            }))
        }
    }
}

/// The patients in whose compartment a resource is. A Patient is in its own, whatever id its text claims.
fn patients(resource: &Validated, id: &str, registry: &Registry) -> Vec<Name> {
    let local = |id: &str| Name::Target("Patient".to_owned(), id.to_owned());
    let is_patient = resource.type_name() == "Patient";
    let mut names: Vec<Name> = if is_patient { vec![local(id)] } else { Vec::new() };
    for text in search::patients_of(resource.json(), registry) {
        let name = match Reference::parse(&text) {
            Reference::Relative { id: target, .. } if is_patient && resource.id() == Some(target.as_str()) => continue,
            Reference::Relative { type_name, id, .. } => Name::Target(type_name, id),
            _ => Name::Target(String::new(), crate::index_row::clip(&text).to_owned()),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The hash of a resource without what the server itself puts in: id, version and time stand still.
fn content_hash(resource: &Validated) -> Bytes {
    let still = fhir::resource::stamp(resource.json(), "0", 0, Instant(0));
    // Half of SHA-256 is far beyond any accident, and an accident would only skip a version.
    Bytes::copy_from_slice(Sha256::digest(still).get(..16).unwrap_or_default())
}
