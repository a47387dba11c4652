//! Checks of a registration, before it is stored.

use crate::client::{Authentication, Client, KeySource};
use crate::error::SmartError;
use policy::{Context, Purpose, ScopeKind};
use url::{Host, Url};

impl Client {
    /// Refuses a registration that could never work or would not be safe.
    pub fn check(&self) -> Result<(), SmartError> {
        let is_id = !self.client_id.is_empty()
            && self.client_id.len() <= 255
            && self.client_id.bytes().all(|b| b.is_ascii_graphic());
        if !is_id {
            return refuse("the client id is empty, longer than 255 or not printable ASCII".to_owned());
        }
        for uri in &self.redirect_uris {
            check_redirect(uri)?;
        }
        for url in &self.launch_urls {
            check_web(url, "launch URL")?;
        }
        if let Authentication::Asymmetric(KeySource::Url(url)) = &self.authentication {
            check_web(url, "JWKS URL")?;
        }
        self.check_scopes()
    }

    fn check_scopes(&self) -> Result<(), SmartError> {
        if let Some(scope) = self.scopes.first_filtered() {
            return refuse(format!("scope `{}` has a filter, which is not supported yet", scope.text()));
        }
        let is_system = self.scopes.has_context(Context::System);
        let is_app = self.scopes.has_context(Context::Patient) || self.scopes.has_context(Context::User);
        let has_feed = self.scopes.iter().any(|scope| matches!(scope.kind(), ScopeKind::Feed(_)));
        let is_administrator = self.scopes.has_administrator();
        if self.purpose == Purpose::SecondaryUse && (is_app || has_feed || is_administrator) {
            return refuse("a secondary-use client may have `system/` scopes only".to_owned());
        }
        if self.purpose == Purpose::SecondaryUse && !matches!(self.authentication, Authentication::Asymmetric(_)) {
            return refuse("a secondary-use client is a backend service and needs a key set".to_owned());
        }
        if (is_system || has_feed || is_administrator) && !matches!(self.authentication, Authentication::Asymmetric(_))
        {
            return refuse(
                "`system/`, feed and administrator scopes need an asymmetric client: it proves who it is by a signed JWT"
                    .to_owned(),
            );
        }
        if is_app && self.redirect_uris.is_empty() {
            return refuse("`patient/` and `user/` scopes need a redirect URI".to_owned());
        }
        Ok(())
    }
}

fn refuse(reason: String) -> Result<(), SmartError> {
    Err(SmartError::Registration(reason))
}

/// A redirect URI is absolute, without fragment or wildcard, and not sent in the clear but to this very machine. A scheme of
/// its own is for phone apps (RFC 8252).
fn check_redirect(uri: &str) -> Result<(), SmartError> {
    let Ok(url) = Url::parse(uri) else { return refuse(format!("redirect URI `{uri}` is not an absolute URI")) };
    if url.fragment().is_some() || uri.contains('*') {
        return refuse(format!("redirect URI `{uri}` has a fragment or a wildcard"));
    }
    match url.scheme() {
        "http" | "https" => check_web(uri, "redirect URI"),
        "javascript" | "data" | "file" | "vbscript" | "blob" => {
            refuse(format!("redirect URI `{uri}` has a dangerous scheme"))
        }
        _ => Ok(()),
    }
}

fn check_web(text: &str, what: &str) -> Result<(), SmartError> {
    let Ok(url) = Url::parse(text) else { return refuse(format!("{what} `{text}` is not an absolute URL")) };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback) {
        return Ok(());
    }
    refuse(format!("{what} `{text}` must be https, or http to this machine"))
}
