//! Puts a statement together from parts, each value bound where it stands.

use crate::sql::{Dialect, SqlValue, Statement};

/// A statement that grows.
pub(crate) struct Builder {
    dialect: Dialect,
    sql: String,
    values: Vec<SqlValue>,
}

impl Builder {
    /// An empty statement.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, sql: String::new(), values: Vec::new() }
    }

    /// Which SQL is written.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Adds text.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.sql.push_str(text);
        self
    }

    /// Adds a bound value.
    pub(crate) fn bind(&mut self, value: impl Into<SqlValue>) -> &mut Self {
        self.values.push(value.into());
        self.sql.push('$');
        self.sql.push_str(&self.values.len().to_string());
        self
    }

    /// Adds bound values between commas.
    pub(crate) fn bind_list<T: Into<SqlValue>>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self {
        for (n, value) in values.into_iter().enumerate() {
            if n > 0 {
                self.push(", ");
            }
            self.bind(value);
        }
        self
    }

    /// Adds `IN` over a bound JSON list of integers such as `[1,2]`.
    pub(crate) fn bind_among(&mut self, keys: &str) -> &mut Self {
        self.values.push(keys.into());
        let parameter = format!("${}", self.values.len());
        self.sql.push_str(&self.dialect.in_list(&parameter));
        self
    }

    /// The finished statement.
    pub(crate) fn build(self) -> Statement {
        Statement::new(self.sql, self.values)
    }
}
