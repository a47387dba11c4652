//! Which profiles, tags and security labels resources bear: what `$meta` of a type or of everything tells.

use policy::{Grant, Label};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::index_row::param_key;
use crate::open::Store;
use crate::predicate::{Reach, Visibility};
use crate::sql::{Session, Statement};

/// Labels of one list and type that are looked at: they are read one by one, and a list of thousands is no help to anybody.
const LABELS_MAX: usize = 1000;

/// Labels that visible resources bear, each once, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelsInUse {
    /// Of `meta.profile`.
    pub profiles: Vec<String>,
    /// Of `meta.tag`.
    pub tags: Vec<Label>,
    /// Of `meta.security`.
    pub security: Vec<Label>,
}

impl Store {
    /// The labels that resources of those types bear which the grant may find; types that it does not reach are left out.
    pub async fn labels_in_use(&self, grant: &Grant, types: &[String]) -> Result<LabelsInUse, StoreError> {
        let (grant, types, now) = (grant.clone(), types.to_vec(), (self.inner.clock)());
        let registry = self.registry();
        self.read_bounded(move |session| {
            let visible = Visibility::of(session, &grant, Reach::Search, now)?;
            let mut found = LabelsInUse::default();
            for type_name in types.iter().filter(|name| grant.predicate().searchable.contains(name)) {
                for param in registry.params_of(type_name) {
                    let key = param_key(type_name, param.id);
                    match param.code.as_str() {
                        "_profile" => {
                            let uris =
                                InUse { table: "uri_index", columns: "value", key, type_name, visible: &visible };
                            found.profiles.extend(uris.read(session)?.into_iter().map(|label| label.code));
                        }
                        code @ ("_tag" | "_security") => {
                            let table = "token_index";
                            let tokens =
                                InUse { table, columns: "code, system_key", key, type_name, visible: &visible };
                            let list = if code == "_tag" { &mut found.tags } else { &mut found.security };
                            list.extend(tokens.read(session)?);
                        }
                        _ => {}
                    }
                }
            }
            found.profiles.sort_unstable();
            found.profiles.dedup();
            for list in [&mut found.tags, &mut found.security] {
                list.sort_unstable();
                list.dedup();
            }
            Ok(found)
        })
        .await
    }
}

/// The values of one parameter and type in an index table.
struct InUse<'a> {
    table: &'static str,
    columns: &'static str,
    key: i64,
    type_name: &'a str,
    visible: &'a Visibility<'a>,
}

impl InUse<'_> {
    /// Steps from value to value, however many resources bear each, and keeps those of which one may be seen.
    fn read(&self, session: &mut dyn Session) -> Result<Vec<Label>, StoreError> {
        let mut found = Vec::new();
        let mut last: Option<(String, Option<i64>)> = None;
        for _ in 0..LABELS_MAX {
            let mut sql = Builder::new(session.dialect());
            sql.push(&format!("SELECT {} FROM {} WHERE param = ", self.columns, self.table)).bind(self.key);
            if let Some(value) = &last {
                sql.push(&format!(" AND ({}) > (", self.columns));
                push_value(&mut sql, value);
                sql.push(")");
            }
            sql.push(&format!(" ORDER BY {} LIMIT 1", self.columns));
            let rows = session.query(&sql.build())?;
            let Some(row) = rows.first() else { break };
            let value = (row.text(0)?.to_owned(), if self.table == "token_index" { Some(row.i64(1)?) } else { None });
            if self.is_visible(session, &value)? {
                let system = value.1.map_or(Ok(String::new()), |key| system(session, key))?;
                found.push(Label { system, code: value.0.clone() });
            }
            last = Some(value);
        }
        Ok(found)
    }

    fn is_visible(&self, session: &mut dyn Session, value: &(String, Option<i64>)) -> Result<bool, StoreError> {
        let mut sql = Builder::new(session.dialect());
        sql.push(&format!("SELECT 1 FROM {} JOIN resource r ON r.res_key = {0}.res_key WHERE param = ", self.table));
        sql.bind(self.key).push(&format!(" AND ({}) = (", self.columns));
        push_value(&mut sql, value);
        sql.push(") AND r.deleted = 0");
        self.visible.push(&mut sql, "r", self.type_name);
        sql.push(" LIMIT 1");
        Ok(!session.query(&sql.build())?.is_empty())
    }
}

fn push_value(sql: &mut Builder, (text, system_key): &(String, Option<i64>)) {
    sql.bind(text);
    if let Some(key) = system_key {
        sql.push(", ").bind(*key);
    }
}

/// The text of a system; empty for none.
fn system(session: &mut dyn Session, key: i64) -> Result<String, StoreError> {
    let rows = session.query(&Statement::new("SELECT system FROM system WHERE system_key = $1", vec![key.into()]))?;
    rows.first().map_or(Ok(String::new()), |row| row.text(0).map(str::to_owned))
}
