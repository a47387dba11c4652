//! Proves that the store is whole: index rows match bodies, history is unbroken, counters are right.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use policy::Grant;
use search::FullText;

use crate::error::StoreError;
use crate::index_row::{TABLES, param_of};
use crate::intern::{self, Name, Names};
use crate::open::Store;
use crate::parameters::Known;
use crate::pending::full_text;
use crate::prepare::{Indexed, indexed};
use crate::sql::{Session, SqlValue, Statement};
use crate::version_row::{StoredVersion, version_columns};

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Resources looked at, deleted ones included.
    pub resources: u64,
    /// Superseded versions.
    pub superseded: u64,
    /// Index rows that bodies give.
    pub index_rows: u64,
    /// What is wrong, one line each, without patient data; empty when the store is whole.
    pub problems: Vec<String>,
}

/// Resources whose rows are added up together: a mismatch narrows to one resource in this many, without a list of all.
const BUCKETS: usize = 1 << 16;
/// Bodies in memory at a time.
const CHUNK: i64 = 512;
/// Numbers of names in memory.
const NAMES_MAX: usize = 200_000;

impl Store {
    /// Checks the whole store in one snapshot; only for the server's own work.
    pub async fn check(&self, grant: &Grant) -> Result<CheckReport, StoreError> {
        if !grant.is_system() {
            return Err(StoreError::Denied(policy::Denied::new("system-only", "a check is the server's own work")));
        }
        let inner = Arc::clone(&self.inner);
        self.read_unbounded(move |session| {
            let generation = crate::parameters::generation(session)?;
            let known = inner.parameters.at(session, generation)?;
            let mut check = Check {
                retired: crate::parameters::retired(session)?,
                known: &known,
                sums: vec![0; BUCKETS],
                names: HashMap::new(),
                report: CheckReport::default(),
            };
            check.bodies(session)?;
            check.index_tables(session)?;
            check.mismatches(session)?;
            check.history(session)?;
            Ok(check.report)
        })
        .await
    }
}

struct Check<'a> {
    known: &'a Known,
    /// Numbers of index tables whose rows are being removed.
    retired: HashSet<i64>,
    /// Per bucket, rows that bodies give minus rows that are there: all zero when they are the same.
    sums: Vec<u64>,
    /// Numbers of names that were looked up lately.
    names: HashMap<Arc<Name>, i64>,
    report: CheckReport,
}

fn bucket_of(res_key: i64) -> usize {
    usize::try_from(res_key.unsigned_abs()).unwrap_or_default() % BUCKETS
}

fn fingerprint(table: &str, values: &[SqlValue]) -> u64 {
    let mut hasher = DefaultHasher::new();
    table.hash(&mut hasher);
    for value in values {
        match value {
            SqlValue::Null | SqlValue::Bytes(_) => 0_u8.hash(&mut hasher),
            SqlValue::I64(value) => value.hash(&mut hasher),
            // SQLite keeps a whole number as an integer and gives it back as a number; -0 and 0 are the same.
            SqlValue::F64(value) => (value + 0.0).to_bits().hash(&mut hasher),
            SqlValue::Text(value) => value.hash(&mut hasher),
        }
    }
    hasher.finish()
}

impl Check<'_> {
    /// Whether rows of that number are still being made, or removed: no search reads them.
    fn is_unsettled(&self, param: i64) -> bool {
        self.known.is_partial(param) || self.retired.contains(&param)
    }

    fn add(&mut self, table: &str, values: &[SqlValue]) {
        self.change(values, |sum| sum.wrapping_add(fingerprint(table, values)));
    }

    fn remove(&mut self, table: &str, values: &[SqlValue]) {
        self.change(values, |sum| sum.wrapping_sub(fingerprint(table, values)));
    }

    fn change(&mut self, values: &[SqlValue], change: impl Fn(u64) -> u64) {
        if let Some(SqlValue::I64(res_key)) = values.last()
            && let Some(sum) = self.sums.get_mut(bucket_of(*res_key))
        {
            *sum = change(*sum);
        }
    }

    fn bodies(&mut self, session: &mut dyn Session) -> Result<(), StoreError> {
        let mut after = 0_i64;
        loop {
            let sql = concat!(
                "SELECT ",
                version_columns!("r"),
                " FROM resource r WHERE r.res_key > $1 ORDER BY r.res_key LIMIT $2"
            );
            let rows = session.query(&Statement::new(sql, vec![after.into(), CHUNK.into()]))?;
            let is_last = (rows.len() as i64) < CHUNK;
            for row in rows {
                let version = StoredVersion::from_row(row)?;
                after = version.res_key;
                self.report.resources += 1;
                if !version.facts.deleted {
                    self.body(session, &version)?;
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn body(&mut self, session: &mut dyn Session, version: &StoredVersion) -> Result<(), StoreError> {
        let facts = &version.facts;
        let name = format!("{}/{}", facts.type_name, facts.id);
        let Ok(json) = crate::body::parse_stored(&version.body) else {
            self.report.problems.push(format!("the body of {name} is not JSON"));
            return Ok(());
        };
        let root = json.root();
        let stamped = root.get("meta").and_then(|meta| meta.str("versionId"));
        if root.str("id").as_deref() != Some(&facts.id) || stamped.as_deref() != Some(&facts.version.to_string()) {
            self.report.problems.push(format!("the body of {name} is of another resource or version"));
        }
        let mut names = Names::default();
        let Indexed { rows, words } = indexed(&json, &self.known.registry, &mut names);
        // A name that has no number cannot be given one here: then a row is missing too.
        match self.keys(session, names.list())? {
            Some(keys) => {
                self.report.index_rows += rows.len() as u64;
                for (table, values) in rows.iter().map(|row| row.resolve(&keys, version.res_key)) {
                    if !param_of(&values).is_some_and(|param| self.is_unsettled(param)) {
                        self.add(table.name, &values);
                    }
                }
            }
            None => self.report.problems.push(format!("{name} is not in the index")),
        }
        if words != FullText::default() {
            self.add("full_text", &[version.res_key.into()]);
        }
        for patient in &version.patients {
            let values = [(*patient).into(), facts.type_name.as_str().into(), version.res_key.into()];
            self.add("compartment", &values);
        }
        Ok(())
    }

    fn keys(&mut self, session: &mut dyn Session, names: &[Arc<Name>]) -> Result<Option<Vec<i64>>, StoreError> {
        if self.names.len() > NAMES_MAX {
            self.names.clear();
        }
        let unknown: Vec<Arc<Name>> = names.iter().filter(|name| !self.names.contains_key(*name)).cloned().collect();
        for (name, key) in unknown.iter().zip(intern::find_all(session, &unknown)?) {
            let Some(key) = key else { return Ok(None) };
            self.names.insert(Arc::clone(name), key);
        }
        Ok(names.iter().map(|name| self.names.get(name).copied()).collect())
    }

    fn index_tables(&mut self, session: &mut dyn Session) -> Result<(), StoreError> {
        for table in &TABLES {
            let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            let sql = format!("SELECT DISTINCT param FROM {}", table.name);
            for param in session.query(&Statement::new(sql, Vec::new()))? {
                let param = param.i64(0)?;
                if self.is_unsettled(param) {
                    continue;
                }
                let sql = format!("SELECT {} FROM {} WHERE param = $1", columns.join(", "), table.name);
                for row in session.query(&Statement::new(sql, vec![param.into()]))? {
                    self.remove(table.name, &row.0);
                }
            }
        }
        let table = full_text(session.dialect());
        // Which words stand there cannot be read back; that there are some can.
        let key = table.columns.first().map_or("", |(name, _)| *name);
        for row in session.query(&Statement::new(format!("SELECT {key} FROM {}", table.name), Vec::new()))? {
            self.remove(table.name, &row.0);
        }
        let sql = "SELECT patient_key, type, res_key FROM compartment";
        for row in session.query(&Statement::new(sql, Vec::new()))? {
            self.remove("compartment", &row.0);
        }
        Ok(())
    }

    fn mismatches(&mut self, session: &mut dyn Session) -> Result<(), StoreError> {
        let wrong: BTreeSet<usize> = (0..BUCKETS).filter(|n| self.sums.get(*n).is_some_and(|sum| *sum != 0)).collect();
        for bucket in wrong {
            let sql = "SELECT type, id FROM resource WHERE res_key % $1 = $2";
            let values = vec![(BUCKETS as i64).into(), (bucket as i64).into()];
            let rows = session.query(&Statement::new(sql, values))?;
            let names: Vec<String> = rows
                .iter()
                .map(|row| Ok(format!("{}/{}", row.text(0)?, row.text(1)?)))
                .collect::<Result<_, StoreError>>()?;
            let names = if names.is_empty() { "a resource that is not there".to_owned() } else { names.join(" or ") };
            self.report.problems.push(format!("the index rows of {names} do not match the body"));
        }
        Ok(())
    }

    fn history(&mut self, session: &mut dyn Session) -> Result<(), StoreError> {
        let rows = session.query(&Statement::new("SELECT count(*) FROM history", Vec::new()))?;
        self.report.superseded = rows.first().map_or(Ok(0), |row| row.i64(0))?.unsigned_abs();
        for (sql, problem) in FAULTS {
            let rows = session.query(&Statement::new(*sql, Vec::new()))?;
            let count = rows.first().map_or(Ok(0), |row| row.i64(0))?;
            if count != 0 {
                self.report.problems.push(format!("{problem}: {count}"));
            }
        }
        Ok(())
    }
}

/// Counts of what must not be, and how they are told.
const FAULTS: &[(&str, &str)] = &[
    (
        "SELECT count(*) FROM resource r WHERE r.version <> 1 + (SELECT count(*) FROM history h WHERE h.res_key = r.res_key)",
        "resources with versions missing from their history",
    ),
    (
        "SELECT count(*) FROM history h WHERE NOT EXISTS (SELECT 1 FROM history n WHERE n.res_key = h.res_key \
         AND n.version = h.version + 1 AND n.commit_seq = h.superseded_seq) AND NOT EXISTS (SELECT 1 FROM resource n \
         WHERE n.res_key = h.res_key AND n.version = h.version + 1 AND n.commit_seq = h.superseded_seq)",
        "versions that are not followed by the version that superseded them",
    ),
    (
        "SELECT count(*) FROM resource r WHERE r.commit_seq > (SELECT commit_seq FROM store_state WHERE id = 1) \
         OR r.res_key > (SELECT target_key FROM store_state WHERE id = 1)",
        "resources numbered beyond the last number given out",
    ),
    (
        "SELECT count(*) FROM resource r LEFT JOIN target t ON t.target_key = r.res_key \
         WHERE t.id IS NULL OR t.id <> r.id OR t.type <> r.type",
        "resources whose key is of another name",
    ),
    (
        "SELECT count(*) FROM (SELECT type, count(*) AS live FROM resource WHERE deleted = 0 GROUP BY type) r \
         FULL JOIN resource_count c ON c.type = r.type WHERE COALESCE(r.live, 0) <> COALESCE(c.live, 0)",
        "types whose counter is wrong",
    ),
    (
        "SELECT count(*) FROM resource r WHERE r.type = 'Patient' AND NOT EXISTS (SELECT 1 FROM patient p \
         WHERE p.patient_key = r.res_key)",
        "patients without a person",
    ),
    (
        "SELECT count(*) FROM (SELECT labels FROM resource UNION SELECT labels FROM history) v WHERE v.labels <> '[]' \
         AND v.labels NOT IN (SELECT labels FROM labels_used)",
        "lists of security labels that searches would not look for",
    ),
];
