//! FHIR packages that were installed, with the generation number that every node watches.

use bytes::Bytes;
use fhir::Instant;

use crate::error::StoreError;
use crate::open::Store;
use crate::sql::{Session, SqlRow, Statement};
use crate::transaction::Transaction;

/// What is known of an installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRecord {
    /// Its name, as `fhir.r4.ukcore.stu2`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Names and versions of the packages that it needs, as a JSON object.
    pub dependencies: String,
    /// How many definitions it holds.
    pub resource_count: u64,
    /// When it was installed.
    pub installed: Instant,
}

/// A package with its definitions: lines of JSON, compressed.
#[derive(Debug, Clone)]
pub struct StoredPackage {
    /// What it is.
    pub record: PackageRecord,
    /// Its definitions.
    pub resources: Bytes,
}

/// The packages of one generation. Two processes that know the same generation know the same.
#[derive(Debug, Clone)]
pub struct PackageSet {
    /// Its number; 0 when nothing was ever installed.
    pub generation: i64,
    /// The packages in the order in which they came.
    pub packages: Vec<StoredPackage>,
}

const COLUMNS: &str = "SELECT name, version, dependencies, resource_count, installed";

impl Store {
    /// The number of the installed set: one read of one row.
    pub async fn package_generation(&self) -> Result<i64, StoreError> {
        self.read_inline(|session| generation(session)).await
    }

    /// The installed packages with their definitions.
    pub async fn packages(&self) -> Result<PackageSet, StoreError> {
        self.read_inline(|session| {
            let generation = generation(session)?;
            let sql = format!("{COLUMNS}, resources FROM definition_package ORDER BY generation, name, version");
            let rows = session.query(&Statement::new(sql, Vec::new()))?;
            let package = |row: &SqlRow| Ok(StoredPackage { record: record(row)?, resources: row.bytes(5)? });
            Ok(PackageSet { generation, packages: rows.iter().map(package).collect::<Result<_, StoreError>>()? })
        })
        .await
    }

    /// Lists the installed packages in the order in which they came.
    pub async fn package_records(&self) -> Result<Vec<PackageRecord>, StoreError> {
        let sql = format!("{COLUMNS} FROM definition_package ORDER BY generation, name, version");
        self.query(Statement::new(sql, Vec::new())).await?.iter().map(record).collect()
    }

    /// Installs packages together, over the set that they were tried with; each replaces the one of its name and version.
    pub async fn install_packages(&self, packages: Vec<StoredPackage>, tried_with: i64) -> Result<(), StoreError> {
        let work = move |transaction: &mut Transaction<'_>| {
            let next = next(transaction, tried_with)?;
            for StoredPackage { record, resources } in &packages {
                delete(transaction, &record.name, &record.version)?;
                let sql = "INSERT INTO definition_package (name, version, generation, installed, dependencies, \
                           resource_count, resources) VALUES ($1, $2, $3, $4, $5, $6, $7)";
                let count = i64::try_from(record.resource_count).unwrap_or(i64::MAX);
                let values = vec![
                    (&record.name).into(),
                    (&record.version).into(),
                    next.into(),
                    record.installed.into(),
                    (&record.dependencies).into(),
                    count.into(),
                    resources.clone().into(),
                ];
                transaction.execute(&Statement::new(sql, values))?;
            }
            Ok(())
        };
        self.inner.writer.submit(work).await
    }

    /// Removes a package from the set that was looked at. `false`: it was not installed.
    pub async fn remove_package(&self, name: &str, version: &str, looked_at: i64) -> Result<bool, StoreError> {
        let (name, version) = (name.to_owned(), version.to_owned());
        let work = move |transaction: &mut Transaction<'_>| {
            next(transaction, looked_at)?;
            delete(transaction, &name, &version)
        };
        self.inner.writer.submit(work).await
    }
}

fn generation(session: &mut dyn Session) -> Result<i64, StoreError> {
    let rows = session.query(&Statement::new("SELECT generation FROM definition_state WHERE id = 1", Vec::new()))?;
    rows.first().map_or(Ok(0), |row| row.i64(0))
}

/// Begins the next generation, unless somebody else did meanwhile.
fn next(transaction: &mut Transaction<'_>, known: i64) -> Result<i64, StoreError> {
    transaction.direct();
    let sql = "UPDATE definition_state SET generation = generation + 1 WHERE id = 1 AND generation = $1";
    if transaction.session.execute(&Statement::new(sql, vec![known.into()]))? == 0 {
        return Err(StoreError::Conflict("the installed packages have changed meanwhile; try again".to_owned()));
    }
    Ok(known + 1)
}

fn delete(transaction: &mut Transaction<'_>, name: &str, version: &str) -> Result<bool, StoreError> {
    transaction.direct();
    let sql = "DELETE FROM definition_package WHERE name = $1 AND version = $2";
    Ok(transaction.session.execute(&Statement::new(sql, vec![name.into(), version.into()]))? > 0)
}

fn record(row: &SqlRow) -> Result<PackageRecord, StoreError> {
    Ok(PackageRecord {
        name: row.text(0)?.to_owned(),
        version: row.text(1)?.to_owned(),
        dependencies: row.text(2)?.to_owned(),
        resource_count: u64::try_from(row.i64(3)?).unwrap_or_default(),
        installed: Instant(row.i64(4)?),
    })
}
