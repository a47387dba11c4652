//! A grant's predicate as SQL: what it hides is hidden before LIMIT and COUNT.

use fhir::Instant;
use policy::{Class, Denied, Grant, Label, Predicate, REFERENCE_DATA, TypeSet};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::sql::{Dialect, Session, Statement};
use crate::version_row::label_text;

/// Which of a predicate's sets of types counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Reading by id.
    Read,
    /// Searching and listing.
    Search,
}

/// A grant, with what had to be looked up for it.
#[derive(Clone)]
pub(crate) struct Visibility<'a> {
    predicate: Option<&'a Predicate>,
    types: Option<&'a TypeSet>,
    /// The person of the launch context; one that does not exist when the patient is not known.
    person: i64,
    hidden: Vec<Class>,
    hidden_general_practice: Vec<Class>,
    /// Labels that hide, of those that any version has.
    hidden_labels: Vec<Label>,
    /// Whether what is redacted for a label of its own is hidden.
    hides_labelled: bool,
    /// Shows nothing but what is redacted: for persons of these classes, or for a label of its own.
    only_redacted: Option<Vec<Class>>,
    now: Instant,
}

/// The key of no person.
const NOBODY: i64 = -1;

impl<'a> Visibility<'a> {
    /// Looks up the person of the grant and whether anybody is restricted at all.
    pub(crate) fn of(
        session: &mut dyn Session,
        grant: &'a Grant,
        reach: Reach,
        now: Instant,
    ) -> Result<Self, StoreError> {
        if grant.is_system() {
            let (hidden, hidden_general_practice, hidden_labels) = (Vec::new(), Vec::new(), Vec::new());
            return Ok(Self {
                predicate: None,
                types: None,
                person: NOBODY,
                hidden,
                hidden_general_practice,
                hidden_labels,
                hides_labelled: false,
                only_redacted: None,
                now,
            });
        }
        let predicate = grant.predicate();
        let person = match &predicate.person {
            None => NOBODY,
            Some(scope) => match scope.person {
                Some(person) => person.0,
                None => person_of(session, &scope.patient)?.unwrap_or(NOBODY),
            },
        };
        let rule = &predicate.restricted;
        let lists = [&rule.hidden, &rule.hidden_general_practice];
        let ([hidden, hidden_general_practice], hidden_labels) = present(session, lists, &rule.hidden_labels)?;
        let types = match reach {
            Reach::Read => &predicate.types,
            Reach::Search => &predicate.searchable,
        };
        let (predicate, types, hides_labelled, only_redacted) = (Some(predicate), Some(types), false, None);
        Ok(Self {
            predicate,
            types,
            person,
            hidden,
            hidden_general_practice,
            hidden_labels,
            hides_labelled,
            only_redacted,
            now,
        })
    }

    /// Hides redacted persons too, for a search by what would be redacted of them.
    pub(crate) fn hide_redacted(&mut self, session: &mut dyn Session) -> Result<(), StoreError> {
        if let Some(predicate) = self.predicate {
            let restricted = [Label::confidentiality("R")];
            let ([redacted], labels) = present(session, [&predicate.restricted.redacted], &restricted)?;
            self.hidden.extend(redacted);
            self.hides_labelled = !labels.is_empty();
        }
        Ok(())
    }

    /// The same view without what is redacted, and one of that alone; nothing when nothing is redacted in the store.
    pub(crate) fn split_redacted(&self, session: &mut dyn Session) -> Result<Option<(Self, Self)>, StoreError> {
        let Some(predicate) = self.predicate else { return Ok(None) };
        let restricted = [Label::confidentiality("R")];
        let ([redacted], labels) = present(session, [&predicate.restricted.redacted], &restricted)?;
        if redacted.is_empty() && labels.is_empty() {
            return Ok(None);
        }
        let (mut without, mut only) = (self.clone(), self.clone());
        without.hidden.extend(redacted.iter().cloned());
        (without.hides_labelled, only.only_redacted) = (!labels.is_empty(), Some(redacted));
        Ok(Some((without, only)))
    }

    /// Refuses a type that the grant does not reach.
    pub(crate) fn check_type(&self, type_name: &str) -> Result<(), StoreError> {
        match self.types {
            Some(types) if !types.contains(type_name) => {
                let message = format!("the grant does not reach {type_name}");
                Err(StoreError::Denied(Denied::new("type-not-granted", message)))
            }
            _ => Ok(()),
        }
    }

    /// Whether nothing is hidden from it within that type.
    pub(crate) fn is_unlimited(&self, type_name: &str) -> bool {
        self.predicate.is_none_or(|predicate| {
            predicate.person_limit(type_name).is_none()
                && self.hidden.is_empty()
                && self.hidden_general_practice.is_empty()
                && self.hidden_labels.is_empty()
                && !(self.hides_labelled && predicate.redacts_labelled(type_name))
                && self.only_redacted.is_none()
        })
    }

    /// The person to whom what may be seen of that type belongs, when that is all there is to see.
    pub(crate) fn only_person(&self, type_name: &str) -> Option<i64> {
        let (_, allows_nobody) = self.predicate?.person_limit(type_name)?;
        (!allows_nobody).then_some(self.person)
    }

    /// Adds ` AND …` for rows `alias` of one type.
    pub(crate) fn push(&self, sql: &mut Builder, alias: &str, type_name: &str) {
        let Some(predicate) = self.predicate else { return };
        if let Some((_, allows_nobody)) = predicate.person_limit(type_name) {
            sql.push(" AND (");
            self.push_about_only(sql, alias);
            if allows_nobody {
                sql.push(&format!(" OR {alias}.patients = '[]'"));
            }
            sql.push(")");
        }
        self.push_restricted(sql, alias);
        if self.hides_labelled && predicate.redacts_labelled(type_name) {
            push_not_labelled(sql, alias, &Label::confidentiality("R"));
        }
        if let Some(classes) = &self.only_redacted {
            sql.push(" AND (1 = 0");
            if !classes.is_empty() {
                sql.push(" OR ");
                self.push_has_restriction(sql, alias, classes);
            }
            if predicate.redacts_labelled(type_name) {
                sql.push(" OR ");
                push_has_label(sql, alias, &Label::confidentiality("R"));
            }
            sql.push(")");
        }
    }

    /// Adds ` AND …` for rows `alias` of any type.
    pub(crate) fn push_any_type(&self, sql: &mut Builder, alias: &str) {
        let Some(predicate) = self.predicate else { return };
        match self.types {
            Some(TypeSet::Only(types)) if types.is_empty() => drop(sql.push(" AND 1 = 0")),
            Some(TypeSet::Only(types)) => {
                sql.push(&format!(" AND {alias}.type IN ("));
                sql.bind_list(types.iter()).push(")");
            }
            _ => {}
        }
        if let Some(scope) = &predicate.person {
            sql.push(" AND (");
            match &scope.except {
                TypeSet::Only(free) if free.is_empty() => {}
                TypeSet::Only(free) => {
                    sql.push(&format!("{alias}.type IN ("));
                    sql.bind_list(free.iter()).push(") OR ");
                }
                TypeSet::All => drop(sql.push("1 = 1 OR ")),
            }
            self.push_about_only(sql, alias);
            sql.push(&format!(" OR ({alias}.patients = '[]' AND {alias}.type IN ("));
            sql.bind_list(REFERENCE_DATA.iter().copied()).push(")))");
        }
        self.push_restricted(sql, alias);
    }

    fn push_about_only(&self, sql: &mut Builder, alias: &str) {
        let each = each_patient(sql.dialect(), alias);
        sql.push(&format!(
            "({alias}.patients <> '[]' AND NOT EXISTS (SELECT 1 FROM {each} LEFT JOIN patient p \
             ON p.patient_key = about.value WHERE p.person_key IS NULL OR p.person_key <> "
        ));
        sql.bind(self.person).push("))");
    }

    fn push_restricted(&self, sql: &mut Builder, alias: &str) {
        if !self.hidden.is_empty() {
            sql.push(" AND NOT ");
            self.push_has_restriction(sql, alias, &self.hidden);
        }
        if !self.hidden_general_practice.is_empty() {
            sql.push(&format!(" AND NOT ({alias}.general_practice = 1 AND "));
            self.push_has_restriction(sql, alias, &self.hidden_general_practice);
            sql.push(")");
        }
        for label in &self.hidden_labels {
            push_not_labelled(sql, alias, label);
        }
    }

    fn push_has_restriction(&self, sql: &mut Builder, alias: &str, classes: &[Class]) {
        let each = each_patient(sql.dialect(), alias);
        sql.push(&format!(
            "EXISTS (SELECT 1 FROM {each} JOIN patient p ON p.patient_key = about.value \
             JOIN patient q ON q.person_key = p.person_key \
             JOIN restriction x ON x.patient_key = q.patient_key WHERE x.class IN ("
        ));
        sql.bind_list(classes.iter().map(|class| class.as_str()));
        sql.push(") AND (x.start_ms IS NULL OR x.start_ms <= ").bind(self.now);
        sql.push(") AND (x.end_ms IS NULL OR x.end_ms >= ").bind(self.now).push("))");
    }
}

fn push_not_labelled(sql: &mut Builder, alias: &str, label: &Label) {
    sql.push(" AND NOT ");
    push_has_label(sql, alias, label);
}

fn push_has_label(sql: &mut Builder, alias: &str, label: &Label) {
    let find = if sql.dialect() == Dialect::Sqlite { "instr" } else { "strpos" };
    sql.push(&format!("({find}({alias}.labels, ")).bind(label_text(label)).push(") > 0)");
}

/// The patients of a row as rows of their own, `about.value`.
pub(crate) fn each_patient(dialect: Dialect, alias: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("json_each({alias}.patients) about"),
        Dialect::Postgres => {
            format!("unnest(CAST(translate({alias}.patients, '[]', '{{}}') AS bigint[])) AS about(value)")
        }
    }
}

/// The person of a Patient.
pub(crate) fn person_of(session: &mut dyn Session, patient_id: &str) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT p.person_key FROM target t JOIN patient p ON p.patient_key = t.target_key \
               WHERE t.id = $1 AND t.type = 'Patient'";
    session.query(&Statement::new(sql, vec![patient_id.into()]))?.first().map(|row| row.i64(0)).transpose()
}

/// Of each list the classes, if there is a row of any of them, and the labels that any version has: usually there is none, and then no
/// version need be looked at for them.
fn present<const N: usize>(
    session: &mut dyn Session,
    lists: [&Vec<Class>; N],
    labels: &[Label],
) -> Result<([Vec<Class>; N], Vec<Label>), StoreError> {
    let mut sql = Builder::new(session.dialect());
    sql.push("SELECT 1");
    for classes in lists.iter().filter(|classes| !classes.is_empty()) {
        sql.push(", CAST(CASE WHEN EXISTS (SELECT 1 FROM restriction WHERE class IN (");
        sql.bind_list(classes.iter().map(|class| class.as_str())).push(")) THEN 1 ELSE 0 END AS bigint)");
    }
    for label in labels {
        sql.push(", CAST(CASE WHEN EXISTS (SELECT 1 FROM labels_used u WHERE ");
        push_has_label(&mut sql, "u", label);
        sql.push(") THEN 1 ELSE 0 END AS bigint)");
    }
    let mut found = [const { Vec::new() }; N];
    if labels.is_empty() && lists.iter().all(|classes| classes.is_empty()) {
        return Ok((found, Vec::new()));
    }
    let rows = session.query(&sql.build())?;
    let row = rows.first().ok_or_else(|| StoreError::Corrupt("a statement without a table gave no row".to_owned()))?;
    let mut columns = 1..;
    let mut is_there = || row.i64(columns.next().unwrap_or_default()).map(|there| there != 0);
    for (classes, found) in lists.into_iter().zip(&mut found).filter(|(classes, _)| !classes.is_empty()) {
        if is_there()? {
            found.clone_from(classes);
        }
    }
    let mut used = Vec::new();
    for label in labels {
        if is_there()? {
            used.push(label.clone());
        }
    }
    Ok((found, used))
}
