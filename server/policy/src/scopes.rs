//! A list of scopes: what it allows, and how a request for more is narrowed to it.

use crate::error::PolicyError;
use crate::interaction::Interaction;
use crate::predicate::TypeSet;
use crate::scope::{Context, Permissions, ResourceScope, Scope, ScopeKind};
use std::collections::BTreeSet;
use std::fmt;

/// Scopes in the order in which they were written, without repetition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

/// What remains of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowed {
    /// What is granted.
    pub granted: Scopes,
    /// What was asked for, at least in part in vain: narrowed, not allowed, or not known.
    pub refused: Vec<String>,
}

impl Scopes {
    /// Parses a list separated by spaces; an unknown scope is an error that names it. For registration.
    pub fn parse(text: &str) -> Result<Scopes, PolicyError> {
        let mut scopes = Scopes::default();
        for word in text.split_ascii_whitespace() {
            scopes.push(Scope::parse(word).ok_or_else(|| PolicyError::UnknownScope(word.to_owned()))?);
        }
        Ok(scopes)
    }

    /// Reads a list of a client's request: what is not known is handed back and grants nothing.
    pub fn read(text: &str) -> (Scopes, Vec<String>) {
        let mut scopes = Scopes::default();
        let mut unknown = Vec::new();
        for word in text.split_ascii_whitespace() {
            match Scope::parse(word) {
                Some(scope) => scopes.push(scope),
                None => unknown.push(word.to_owned()),
            }
        }
        (scopes, unknown)
    }

    /// Adds a scope, unless it is there.
    pub fn push(&mut self, scope: Scope) {
        if !self.0.contains(&scope) {
            self.0.push(scope);
        }
    }

    /// Returns the scopes.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says whether a scope is here in this very spelling.
    pub fn has_text(&self, text: &str) -> bool {
        self.0.iter().any(|scope| scope.text() == text)
    }

    /// Says whether any scope is of the context.
    pub fn has_context(&self, context: Context) -> bool {
        self.resources().any(|scope| scope.context == context)
    }

    /// Returns the first scope with a granular filter (`?category=`).
    pub fn first_filtered(&self) -> Option<&Scope> {
        self.0.iter().find(|scope| scope.as_resource().is_some_and(|r| !r.filters.is_empty()))
    }

    /// Says whether scopes of a context allow an interaction with a type; `None` asks about any type at all.
    ///
    /// A scope with a filter allows nothing here: it is refused when it is asked for, until filters can be enforced.
    pub fn allows(&self, context: Context, type_name: Option<&str>, interaction: Interaction) -> bool {
        let Some(needs) = interaction.needs() else { return false };
        match type_name {
            Some(name) => self.permissions(context, name).includes(needs),
            None => self.resources().any(|scope| scope.context == context && scope.permissions.includes(needs)),
        }
    }

    /// Returns the letters that a context has for a type.
    pub fn permissions(&self, context: Context, type_name: &str) -> Permissions {
        self.resources()
            .filter(|scope| scope.context == context && scope.type_name.as_deref().is_none_or(|name| name == type_name))
            .fold(Permissions::NONE, |all, scope| all.and(scope.permissions))
    }

    /// Returns the types for which a context has all of the letters.
    pub fn types(&self, context: Context, needs: Permissions) -> TypeSet {
        let star = self
            .resources()
            .filter(|scope| scope.context == context && scope.type_name.is_none())
            .fold(Permissions::NONE, |all, scope| all.and(scope.permissions));
        if star.includes(needs) {
            return TypeSet::All;
        }
        let names =
            self.resources().filter(|scope| scope.context == context).filter_map(|scope| scope.type_name.as_deref());
        TypeSet::Only(
            names
                .filter(|name| self.permissions(context, name).includes(needs))
                .map(str::to_owned)
                .collect::<BTreeSet<_>>(),
        )
    }

    /// Says whether the feed is among those that the scopes name.
    pub fn allows_feed(&self, feed: &str) -> bool {
        self.0.iter().any(|scope| match scope.kind() {
            ScopeKind::Feed(name) => name.as_deref().is_none_or(|name| name == feed),
            _ => false,
        })
    }

    /// Says whether the scope of administrators is here.
    pub fn has_administrator(&self) -> bool {
        self.0.iter().any(|scope| *scope.kind() == ScopeKind::Administrator)
    }

    /// Returns the feeds that the scopes name; `*` is every feed.
    pub fn feeds(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|scope| match scope.kind() {
            ScopeKind::Feed(name) => Some(name.as_deref().unwrap_or("*")),
            _ => None,
        })
    }

    /// Keeps of a request what is allowed here, in the request's own spelling where a scope stays whole.
    pub fn narrow(&self, requested: &Scopes) -> Narrowed {
        let mut granted = Scopes::default();
        let mut refused = Vec::new();
        for scope in requested.iter() {
            let is_whole = match scope.kind() {
                ScopeKind::Resource(wanted) => self.narrow_resource(scope, wanted, &mut granted),
                ScopeKind::Feed(Some(name)) => self.allows_feed(name).then(|| granted.push(scope.clone())).is_some(),
                kind => self.0.iter().any(|own| own.kind() == kind).then(|| granted.push(scope.clone())).is_some(),
            };
            if !is_whole {
                refused.push(scope.text().to_owned());
            }
        }
        Narrowed { granted, refused }
    }

    fn narrow_resource(&self, scope: &Scope, wanted: &ResourceScope, granted: &mut Scopes) -> bool {
        if !wanted.filters.is_empty() {
            return false;
        }
        let mine = self.resources().filter(|own| own.context == wanted.context);
        let names: BTreeSet<Option<&str>> = match wanted.type_name.as_deref() {
            Some(name) => BTreeSet::from([Some(name)]),
            None => mine.map(|own| own.type_name.as_deref()).collect(),
        };
        let star = self.star(wanted.context).common(wanted.permissions);
        if wanted.type_name.is_none() && star == wanted.permissions {
            granted.push(scope.clone());
            return true;
        }
        let mut is_whole = false;
        for name in names {
            let allowed = name.map_or(self.star(wanted.context), |name| self.permissions(wanted.context, name));
            let permissions = allowed.common(wanted.permissions);
            if permissions == wanted.permissions && name == wanted.type_name.as_deref() {
                granted.push(scope.clone());
                is_whole = true;
            } else if permissions != Permissions::NONE {
                granted.push(Scope::resource(ResourceScope {
                    type_name: name.map(str::to_owned),
                    permissions,
                    ..wanted.clone()
                }));
            }
        }
        is_whole
    }

    fn star(&self, context: Context) -> Permissions {
        self.resources()
            .filter(|own| own.context == context && own.type_name.is_none())
            .fold(Permissions::NONE, |all, own| all.and(own.permissions))
    }

    fn resources(&self) -> impl Iterator<Item = &ResourceScope> {
        self.0.iter().filter_map(Scope::as_resource).filter(|scope| scope.filters.is_empty())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.text())?;
        }
        Ok(())
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        let mut all = Scopes::default();
        scopes.into_iter().for_each(|scope| all.push(scope));
        all
    }
}
