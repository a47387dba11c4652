//! Clearing away what has expired, a bounded number of rows at a time.

use fhir::Instant;
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{Control, assertion, code, launch, session, token};
use crate::error::StoreError;

/// Deletes up to `$limit` rows of a table that expired before `$now`.
macro_rules! expire {
    ($self:ident, $table:path, $key:ident, $now:expr, $limit:expr) => {{
        use $table as table;
        let oldest = Query::select()
            .column(table::Column::$key)
            .from(table::Entity)
            .and_where(table::Column::Expires.lt($now))
            .limit($limit)
            .to_owned();
        let deleted =
            table::Entity::delete_many().filter(table::Column::$key.in_subquery(oldest)).exec(&$self.db).await?;
        deleted.rows_affected
    }};
}

impl Control {
    /// Deletes at most `limit` expired rows of each kind and says how many went; call again while it is not 0.
    pub async fn expire(&self, now: Instant, limit: u64) -> Result<u64, StoreError> {
        let mut deleted = 0;
        deleted += expire!(self, session::row, Hash, now.0, limit);
        deleted += expire!(self, code::row, Hash, now.0, limit);
        deleted += expire!(self, launch::row, Hash, now.0, limit);
        deleted += expire!(self, assertion::row, Hash, now.0, limit);
        deleted += expire!(self, token::row, Hash, now.0, limit);
        deleted += expire!(self, token::revoked, Family, now.0, limit);
        Ok(deleted)
    }
}
