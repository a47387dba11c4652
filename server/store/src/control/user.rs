//! People who log in.

use fhir::Instant;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{Control, list};
use crate::error::StoreError;

/// What a person is to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserRole {
    /// Cares for patients.
    Clinician,
    /// Is a patient, or speaks for the patients named.
    Patient,
}

impl UserRole {
    fn code(self) -> &'static str {
        match self {
            UserRole::Clinician => "clinician",
            UserRole::Patient => "patient",
        }
    }

    fn parse(code: &str) -> Result<UserRole, StoreError> {
        match code {
            "clinician" => Ok(UserRole::Clinician),
            "patient" => Ok(UserRole::Patient),
            _ => Err(StoreError::Corrupt(format!("user role `{code}` is not known"))),
        }
    }
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name typed at login.
    pub name: String,
    /// The argon2 hash of the password.
    pub password_hash: String,
    /// The person as a FHIR reference, such as `Practitioner/p1`.
    pub fhir_user: Option<String>,
    /// What the person is to the service.
    pub role: UserRole,
    /// Logical ids of the patients the person may pick; a clinician with none may pick any.
    pub patient_ids: Vec<String>,
    /// Whether the login works at all.
    pub is_active: bool,
    /// Failed attempts since the last success.
    pub failed_attempts: u32,
    /// Until when attempts are refused.
    pub locked_until: Option<Instant>,
    /// When the login was made.
    pub created: Instant,
}

impl Control {
    /// Makes a login or replaces it; failed attempts and a lock are forgotten.
    pub async fn put_user(&self, user: &User) -> Result<(), StoreError> {
        use row::Column;
        let _forgets = self.tokens.forgets();
        let replaced = [
            Column::PasswordHash,
            Column::FhirUser,
            Column::Role,
            Column::PatientIds,
            Column::IsActive,
            Column::FailedAttempts,
            Column::LockedUntil,
        ];
        let row = row::ActiveModel {
            name: Set(user.name.clone()),
            password_hash: Set(user.password_hash.clone()),
            fhir_user: Set(user.fhir_user.clone()),
            role: Set(user.role.code().to_owned()),
            patient_ids: Set(list::to_json(&user.patient_ids)),
            is_active: Set(user.is_active),
            failed_attempts: Set(0),
            locked_until: Set(None),
            created: Set(user.created.0),
        };
        row::Entity::insert(row)
            .on_conflict(OnConflict::column(Column::Name).update_columns(replaced).to_owned())
            .exec_without_returning(&self.db)
            .await?;
        Ok(())
    }

    /// The login of that name, active or not.
    pub async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        row::Entity::find_by_id(name).one(&self.db).await?.map(from_row).transpose()
    }

    /// All logins by name.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let rows = row::Entity::find().order_by_asc(row::Column::Name).all(&self.db).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// Counts a failed attempt, and locks the login until then once `lock_after` attempts have failed. Parallel attempts
    /// are all counted. Nothing happens for a name that is not known, so that the answer tells nobody which names exist.
    pub async fn record_failed_login(
        &self,
        name: &str,
        lock_after: u32,
        lock_until: Instant,
    ) -> Result<(), StoreError> {
        let failed = Expr::col(row::Column::FailedAttempts).add(1);
        let locked = CaseStatement::new()
            .case(failed.clone().gte(i64::from(lock_after)), lock_until.0)
            .finally(Expr::col(row::Column::LockedUntil));
        row::Entity::update_many()
            .col_expr(row::Column::FailedAttempts, failed)
            .col_expr(row::Column::LockedUntil, locked.into())
            .filter(row::Column::Name.eq(name))
            .exec(&self.db)
            .await?;
        Ok(())
    }

    /// Forgets failed attempts after a success.
    pub async fn clear_failed_logins(&self, name: &str) -> Result<(), StoreError> {
        row::Entity::update_many()
            .col_expr(row::Column::FailedAttempts, 0_i64.into())
            .col_expr(row::Column::LockedUntil, Option::<i64>::None.into())
            .filter(row::Column::Name.eq(name))
            .filter(row::Column::FailedAttempts.gt(0))
            .exec(&self.db)
            .await?;
        Ok(())
    }

    /// Stops a login: its sessions and tokens are dead from now on. Says whether there is such a login.
    pub async fn deactivate_user(&self, name: &str) -> Result<bool, StoreError> {
        let _forgets = self.tokens.forgets();
        let changed = row::Entity::update_many()
            .col_expr(row::Column::IsActive, false.into())
            .filter(row::Column::Name.eq(name))
            .exec(&self.db)
            .await?;
        Ok(changed.rows_affected > 0)
    }
}

fn from_row(row: row::Model) -> Result<User, StoreError> {
    Ok(User {
        role: UserRole::parse(&row.role)?,
        patient_ids: list::from_json("patient_ids", &row.patient_ids)?,
        name: row.name,
        password_hash: row.password_hash,
        fhir_user: row.fhir_user,
        is_active: row.is_active,
        failed_attempts: u32::try_from(row.failed_attempts).unwrap_or(u32::MAX),
        locked_until: row.locked_until.map(Instant),
        created: Instant(row.created),
    })
}

/// The table `control_user`.
pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "control_user")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) name: String,
        pub(crate) password_hash: String,
        pub(crate) fhir_user: Option<String>,
        pub(crate) role: String,
        pub(crate) patient_ids: String,
        pub(crate) is_active: bool,
        pub(crate) failed_attempts: i64,
        pub(crate) locked_until: Option<i64>,
        pub(crate) created: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
