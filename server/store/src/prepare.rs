//! What of a write can be worked out before the writer takes it: the body, its hash, index rows, words, patients.

use std::sync::Arc;

use bytes::Bytes;
use fhir::{Json, Reference};
use policy::{Interaction, Label, Restriction, Source};
use profiles::Validated;
use search::{FullText, Query, Registry};
use sha2::{Digest, Sha256};

use crate::batch::{Criteria, CurrentVersion, ExpectedMatches, WriteBatch, WriteOp};
use crate::index_row::{self, IndexRow};
use crate::intern::{Name, Names};
use crate::messages::MessageRecord;
use crate::parameters;
use crate::person::{PersonLink, PersonUndo};
use crate::reviews::NewReview;
use crate::units::QuarantinedUnit;
use crate::version_row::Method;

/// A write that is ready for the writer.
pub(crate) enum Prepared {
    /// See [`WriteOp::Put`].
    Put(Box<PreparedPut>),
    /// See [`WriteOp::Delete`].
    Delete(PreparedDelete),
}

/// A create or update that is ready for the writer.
pub(crate) struct PreparedPut {
    pub(crate) resource: Validated,
    pub(crate) id: String,
    /// The place of the resource's own name.
    pub(crate) name: usize,
    pub(crate) interaction: Interaction,
    pub(crate) if_match: Option<CurrentVersion>,
    pub(crate) if_none_exist: Option<Criteria>,
    pub(crate) rows: Vec<IndexRow>,
    pub(crate) words: FullText,
    /// The places of the names of the patients that it is about.
    pub(crate) patients: Vec<usize>,
    pub(crate) labels: Vec<Label>,
    pub(crate) restrictions: Vec<Restriction>,
    pub(crate) content_hash: Bytes,
    /// The text but for version and time.
    pub(crate) unstamped: Bytes,
    /// The same as it lies in the database.
    pub(crate) body: Bytes,
}

/// A deletion that is ready for the writer.
pub(crate) struct PreparedDelete {
    pub(crate) type_name: String,
    pub(crate) id: String,
    /// The place of the resource's own name.
    pub(crate) name: usize,
    pub(crate) if_match: Option<CurrentVersion>,
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
    /// The names in the writes and their index rows.
    pub(crate) names: Vec<Arc<Name>>,
    pub(crate) source: Source,
    pub(crate) links: Vec<PersonLink>,
    pub(crate) undo: Option<PersonUndo>,
    pub(crate) expected: Vec<ExpectedMatches>,
    pub(crate) message: Option<MessageRecord>,
    pub(crate) reviews: Vec<NewReview>,
    pub(crate) units: Vec<QuarantinedUnit>,
}

impl PreparedBatch {
    /// The conditions that the writer looks at.
    pub(crate) fn queries(&self) -> impl Iterator<Item = &Query> {
        let of_ops = self.ops.iter().filter_map(|op| match op {
            Prepared::Put(put) => put.if_none_exist.as_ref().map(|criteria| &criteria.query),
            Prepared::Delete(_) => None,
        });
        self.expected.iter().map(|one| &one.query).chain(of_ops)
    }

    /// Logical ids of the Patients of this server that a write is about. Somebody may refer to a Patient by an NHS number, which is no such id.
    pub(crate) fn patients_of(&self, put: &PreparedPut) -> impl Iterator<Item = &str> {
        let ids = put.patients.iter().filter_map(|place| match self.names.get(*place)?.as_ref() {
            Name::Target(type_name, id) if type_name == "Patient" => Some(id.as_str()),
            _ => None,
        });
        ids.filter(|id| policy::acceptable_id(id).is_ok())
    }

    /// The batch that it was made of.
    pub(crate) fn unprepared(self) -> WriteBatch {
        let PreparedBatch { ops, names: _, source, links, undo, expected, message, reviews, units } = self;
        let ops = ops.into_iter().map(|op| match op {
            Prepared::Put(put) => {
                let PreparedPut { resource, id, interaction, if_match, if_none_exist, .. } = *put;
                WriteOp::Put { resource, id, interaction, if_match, if_none_exist }
            }
            Prepared::Delete(PreparedDelete { type_name, id, if_match, .. }) => {
                WriteOp::Delete { type_name, id, if_match }
            }
        });
        WriteBatch { ops: ops.collect(), source, message, links, undo, expected, reviews, units }
    }
}

impl Prepared {
    /// Whether it may change what can be searched.
    pub(crate) fn is_search_parameter(&self) -> bool {
        match self {
            Prepared::Put(put) => put.resource.type_name() == parameters::TYPE,
            Prepared::Delete(delete) => delete.type_name == parameters::TYPE,
        }
    }
}

/// Works out what does not need the database.
pub(crate) fn prepare(batch: WriteBatch, registry: &Registry) -> PreparedBatch {
    let WriteBatch { ops, source, message, links, undo, expected, reviews, units } = batch;
    let mut names = Names::default();
    let ops = ops.into_iter().map(|op| prepare_op(op, registry, &mut names)).collect();
    let names = names.list().to_vec();
    PreparedBatch { ops, names, source, links, undo, expected, message, reviews, units }
}

fn prepare_op(op: WriteOp, registry: &Registry, names: &mut Names) -> Prepared {
    match op {
        WriteOp::Delete { type_name, id, if_match } => {
            let name = names.place(Name::Target(type_name.clone(), id.clone()));
            Prepared::Delete(PreparedDelete { type_name, id, name, if_match })
        }
        WriteOp::Put { resource, id, interaction, if_match, if_none_exist } => {
            let labels = resource
                .labels()
                .iter()
                .map(|label| Label { system: label.system.clone().unwrap_or_default(), code: label.code.clone() });
            let unstamped = Bytes::from(fhir::resource::unstamped(resource.json(), &id));
            let Indexed { rows, words } = indexed(resource.json(), registry, names);
            Prepared::Put(Box::new(PreparedPut {
                name: names.place(Name::Target(resource.type_name().to_owned(), id.clone())),
                rows,
                words,
                patients: patients(&resource, &id, registry, names),
                labels: labels.collect(),
                restrictions: policy::restrictions_of(resource.json()).restrictions,
                content_hash: content_hash(&unstamped),
                body: crate::body::pack(&unstamped),
                unstamped,
                resource,
                id,
                interaction,
                if_match,
                if_none_exist,
            }))
        }
    }
}

/// What search finds in a resource.
pub(crate) struct Indexed {
    pub(crate) rows: Vec<IndexRow>,
    pub(crate) words: FullText,
}

/// The index rows and words of a resource.
pub(crate) fn indexed(json: &Json, registry: &Registry, names: &mut Names) -> Indexed {
    let type_name = json.resource_type().unwrap_or_default();
    let rows = index_row::rows(type_name, &index_row::entries(json, registry), names);
    Indexed { rows, words: search::full_text(json, registry) }
}

/// The patients in whose compartment a resource is. A Patient is in its own, whatever id its text claims.
fn patients(resource: &Validated, id: &str, registry: &Registry, names: &mut Names) -> Vec<usize> {
    let local = |id: &str| Name::Target("Patient".to_owned(), id.to_owned());
    let is_patient = resource.type_name() == "Patient";
    let mut places: Vec<usize> = if is_patient { vec![names.place(local(id))] } else { Vec::new() };
    for text in search::patients_of(resource.json(), registry) {
        let name = match Reference::parse(&text) {
            Reference::Relative { id: target, .. } if is_patient && resource.id() == Some(target.as_str()) => continue,
            Reference::Relative { type_name, id, .. } => Name::Target(type_name, id),
            _ => Name::Target(String::new(), index_row::clip(&text).to_owned()),
        };
        let place = names.place(name);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The hash of a resource without what the server itself puts in.
fn content_hash(unstamped: &[u8]) -> Bytes {
    // Half of SHA-256 is far beyond any accident, and an accident would only skip a version.
    Bytes::copy_from_slice(Sha256::digest(unstamped).get(..16).unwrap_or_default())
}
