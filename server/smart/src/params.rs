//! Parameters of a query or form, of which none may come twice (RFC 6749 sections 3.1 and 3.2).

use crate::error::OAuthError;

pub(crate) struct Params<'a>(pub(crate) &'a [(String, String)]);

impl<'a> Params<'a> {
    /// Returns a value; an empty one counts as absent.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&'a str>, OAuthError> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(OAuthError::request(format!("parameter `{name}` may be given once only")));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    pub(crate) fn required(&self, name: &str) -> Result<&'a str, OAuthError> {
        self.optional(name)?.ok_or_else(|| OAuthError::request(format!("parameter `{name}` is missing")))
    }
}
