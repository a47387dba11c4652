//! A stored version as a row, and the facts that policy needs with it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use fhir::Instant;
use policy::{Class, Facts, Label, PersonKey, Source, Version};

use crate::error::StoreError;
use crate::sql::{Session, SqlRow, SqlValue, Statement};

/// The columns that [`StoredVersion::from_row`] reads, of `resource` and of `history` alike.
macro_rules! version_columns {
    ($alias:literal) => {
        concat!(
            $alias,
            ".res_key, ",
            $alias,
            ".type, ",
            $alias,
            ".id, ",
            $alias,
            ".version, ",
            $alias,
            ".last_updated, ",
            $alias,
            ".deleted, ",
            $alias,
            ".commit_seq, ",
            $alias,
            ".method, ",
            $alias,
            ".patients, ",
            $alias,
            ".labels, ",
            $alias,
            ".source_feed, ",
            $alias,
            ".source_system, ",
            $alias,
            ".ods_code, ",
            $alias,
            ".body, ",
            $alias,
            ".general_practice"
        )
    };
}
pub(crate) use version_columns;

/// How many columns those are.
pub(crate) const VERSION_COLUMNS: usize = 15;

/// Stands for the person of a patient that is named but not known here: nobody's grant reaches it.
const UNKNOWN_PERSON: i64 = 0;

/// How a version came to be, as a history entry tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Created under an id that the server chose.
    Post,
    /// Created or updated under a known id.
    Put,
    /// Patched.
    Patch,
    /// Deleted.
    Delete,
}

impl Method {
    /// The HTTP verb.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    fn parse(text: &str) -> Result<Method, StoreError> {
        [Method::Post, Method::Put, Method::Patch, Method::Delete]
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or_else(|| StoreError::Corrupt("unknown method of a version".to_owned()))
    }
}

/// A version as it lies in the database.
#[derive(Debug, Clone)]
pub(crate) struct StoredVersion {
    pub(crate) res_key: i64,
    pub(crate) commit_seq: i64,
    pub(crate) method: Method,
    /// Target keys of the Patients that it is about.
    pub(crate) patients: Vec<i64>,
    pub(crate) facts: Facts,
    pub(crate) body: Bytes,
}

impl StoredVersion {
    /// Reads the columns of [`version_columns`]; persons and restrictions are filled in by [`complete`].
    pub(crate) fn from_row(mut row: SqlRow) -> Result<Self, StoreError> {
        let SqlValue::Bytes(stored) = row.take(13) else {
            return Err(StoreError::Corrupt("a version has no body".to_owned()));
        };
        let owned = |n| row.opt_text(n).map(|text| text.map(str::to_owned));
        let mut source = Source {
            feed: row.text(10)?.to_owned(),
            system: owned(11)?,
            ods_code: owned(12)?,
            was_general_practice: false,
        };
        source.was_general_practice = row.i64(14)? != 0 && !source.is_general_practice();
        let version = u64::try_from(row.i64(3)?).map_err(|_| StoreError::Corrupt("negative version".to_owned()))?;
        let last_updated = Instant(row.i64(4)?);
        let body = crate::body::unpack(&stored, version, last_updated)?;
        Ok(Self {
            res_key: row.i64(0)?,
            commit_seq: row.i64(6)?,
            method: Method::parse(row.text(7)?)?,
            patients: patients_of_text(row.text(8)?)?,
            facts: Facts {
                type_name: row.text(1)?.to_owned(),
                id: row.text(2)?.to_owned(),
                version,
                persons: Vec::new(),
                patient_ids: Vec::new(),
                labels: labels_of_text(row.text(9)?)?,
                restrictions: Vec::new(),
                source,
                last_updated,
                deleted: row.i64(5)? != 0,
            },
            body,
        })
    }

    /// As policy takes it.
    pub(crate) fn into_version(self) -> Version {
        Version::new(self.facts, self.body)
    }
}

/// Keys as a column holds them, and as `Dialect::in_list` takes them.
pub(crate) fn keys_text(keys: &[i64]) -> String {
    let keys: Vec<String> = keys.iter().map(i64::to_string).collect();
    format!("[{}]", keys.join(","))
}

fn patients_of_text(text: &str) -> Result<Vec<i64>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("patients of a version".to_owned()))
}

/// Labels as a column holds them: a JSON list of pairs, each of which can be found by [`label_text`].
pub(crate) fn labels_text(labels: &[Label]) -> String {
    let pairs: Vec<String> = labels.iter().map(label_text).collect();
    format!("[{}]", pairs.join(","))
}

/// One label as it stands in the column.
pub(crate) fn label_text(label: &Label) -> String {
    serde_json::json!([label.system, label.code]).to_string()
}

pub(crate) fn labels_of_text(text: &str) -> Result<Vec<Label>, StoreError> {
    let pairs: Vec<(String, String)> =
        serde_json::from_str(text).map_err(|_| StoreError::Corrupt("labels of a version".to_owned()))?;
    Ok(pairs.into_iter().map(|(system, code)| Label { system, code }).collect())
}

/// Fills in persons, patient ids and the restrictions in force for all versions with one statement.
pub(crate) fn complete(
    session: &mut dyn Session,
    versions: &mut [StoredVersion],
    now: Instant,
) -> Result<(), StoreError> {
    let keys: BTreeSet<i64> = versions.iter().flat_map(|version| version.patients.iter().copied()).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let patients = patients_restricted(session, &keys, now)?;
    for version in versions {
        let mut about = BTreeSet::new();
        let mut classes = BTreeSet::new();
        for patient in version.patients.iter().filter_map(|key| patients.get(key)) {
            version.facts.patient_ids.push(patient.id.clone());
            about.insert(patient.person.unwrap_or(UNKNOWN_PERSON));
            classes.extend(&patient.restrictions);
        }
        version.facts.restrictions = classes.into_iter().collect();
        version.facts.persons = about.into_iter().map(PersonKey).collect();
    }
    Ok(())
}

/// A patient whom a version is about.
struct About {
    id: String,
    person: Option<i64>,
    /// Of all patients of the person.
    restrictions: BTreeSet<Class>,
}

/// What is known of each patient by target key.
fn patients_restricted(
    session: &mut dyn Session,
    keys: &BTreeSet<i64>,
    now: Instant,
) -> Result<HashMap<i64, About>, StoreError> {
    let (is_among, keys) = among(session, keys, "$2");
    let sql = format!(
        "SELECT t.target_key, t.id, p.person_key, x.class FROM target t LEFT JOIN patient p ON p.patient_key = t.target_key \
         LEFT JOIN patient q ON q.person_key = p.person_key LEFT JOIN restriction x ON x.patient_key = q.patient_key \
         AND (x.start_ms IS NULL OR x.start_ms <= $1) AND (x.end_ms IS NULL OR x.end_ms >= $1) WHERE t.target_key {is_among}"
    );
    let rows = session.query(&Statement::new(sql, vec![now.into(), keys]))?;
    let mut found: HashMap<i64, About> = HashMap::new();
    for row in &rows {
        let about = match found.entry(row.i64(0)?) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let (id, person) = (row.text(1)?.to_owned(), row.opt_i64(2)?);
                new.insert(About { id, person, restrictions: BTreeSet::new() })
            }
        };
        if let Some(class) = row.opt_text(3)? {
            let class = class.parse().map_err(|_| StoreError::Corrupt("unknown class of a restriction".to_owned()))?;
            about.restrictions.insert(class);
        }
    }
    Ok(found)
}

/// Id and person of each patient by target key. A patient that is named by URL keeps the URL as its id, so that no grant
/// takes what is about it for something that is about nobody.
pub(crate) fn patients_named(
    session: &mut dyn Session,
    keys: &BTreeSet<i64>,
) -> Result<HashMap<i64, (String, Option<i64>)>, StoreError> {
    let (is_among, keys) = among(session, keys, "$1");
    let sql = format!(
        "SELECT t.target_key, t.id, p.person_key FROM target t LEFT JOIN patient p ON p.patient_key = t.target_key \
         WHERE t.target_key {is_among}"
    );
    let rows = session.query(&Statement::new(sql, vec![keys]))?;
    rows.iter().map(|row| Ok((row.i64(0)?, (row.text(1)?.to_owned(), row.opt_i64(2)?)))).collect()
}

/// The condition of being among keys, and its value; a point read has one key, and is spared the list.
fn among(session: &dyn Session, keys: &BTreeSet<i64>, parameter: &str) -> (String, SqlValue) {
    if let (1, Some(key)) = (keys.len(), keys.first()) {
        return (format!("= {parameter}"), (*key).into());
    }
    let keys: Vec<i64> = keys.iter().copied().collect();
    (session.dialect().in_list(parameter), keys_text(&keys).into())
}
