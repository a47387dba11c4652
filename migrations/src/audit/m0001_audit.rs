//! The append-only audit chain and its index by patient.
//!
//! `record` is the exact text that was hashed; `recorded` and `client_id` repeat two of its members for filters and are
//! compared with it on verification. Triggers refuse updates and deletes: they stop mistakes, the chain shows malice.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Creates `audit` and `audit_patient`.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Sqlite => SQLITE,
            _ => POSTGRES,
        };
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

const SQLITE: &str = "
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  recorded INTEGER NOT NULL,
  client_id TEXT,
  record BLOB NOT NULL,
  hash BLOB NOT NULL
);
CREATE INDEX audit_client ON audit (client_id, seq);
CREATE INDEX audit_recorded ON audit (recorded);
CREATE TABLE audit_patient (
  patient_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (patient_id, seq)
) WITHOUT ROWID;
CREATE TRIGGER audit_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_patient_update BEFORE UPDATE ON audit_patient BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_patient_delete BEFORE DELETE ON audit_patient BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
";

const POSTGRES: &str = "
CREATE TABLE audit (
  seq BIGINT PRIMARY KEY,
  recorded BIGINT NOT NULL,
  client_id TEXT,
  record BYTEA NOT NULL,
  hash BYTEA NOT NULL
);
CREATE INDEX audit_client ON audit (client_id, seq);
CREATE INDEX audit_recorded ON audit (recorded);
CREATE TABLE audit_patient (
  patient_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (patient_id, seq)
);
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit is append-only';
END $$;
CREATE TRIGGER audit_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_patient_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_patient
  FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
";
