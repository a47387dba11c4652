//! Launches from a clinical system: an opaque handle for one client and one context, for a few minutes and one use.

use crate::authorize::with_query;
use crate::client::Client;
use crate::context::LaunchContext;
use crate::error::SmartError;
use crate::handle::Handle;
use crate::server::{LAUNCH_S, Server, after};
use fhir::Instant;

/// A launch as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchRecord {
    /// The client that is launched.
    pub client_id: String,
    /// In whose session.
    pub user: Option<String>,
    /// With which context.
    pub context: LaunchContext,
    /// When it was made.
    pub created: Instant,
    /// When it stops to hold.
    pub expires: Instant,
}

impl LaunchRecord {
    /// Says whether the client and user of an authorization may use the launch.
    pub fn is_for(&self, client_id: &str, user: &str, now: Instant) -> bool {
        self.client_id == client_id && self.user.as_deref().is_none_or(|own| own == user) && now.0 < self.expires.0
    }
}

/// A fresh launch.
#[derive(Debug, Clone)]
pub struct NewLaunch {
    /// The handle.
    pub handle: Handle,
    /// What is stored.
    pub record: LaunchRecord,
    /// The URL to open: the client's launch URL with `iss` and `launch`.
    pub url: String,
}

impl NewLaunch {
    /// Makes a launch of a client at one of its registered launch URLs.
    pub fn new(
        client: &Client,
        launch_url: &str,
        context: LaunchContext,
        random: [u8; 32],
        server: &Server,
        now: Instant,
    ) -> Result<NewLaunch, SmartError> {
        if !client.launch_urls.iter().any(|known| known == launch_url) {
            return Err(SmartError::Registration("the launch URL is not one that the client registered".to_owned()));
        }
        let handle = Handle::new(random);
        let url = with_query(launch_url, &[("iss", &server.fhir_base), ("launch", handle.text())]);
        let expires = after(now, LAUNCH_S);
        let record = LaunchRecord { client_id: client.client_id.clone(), user: None, context, created: now, expires };
        Ok(NewLaunch { handle, record, url })
    }

    /// Binds the launch to the user in whose session it is: nobody else can use it.
    #[must_use]
    pub fn for_user(mut self, user: &str) -> NewLaunch {
        self.record.user = Some(user.to_owned());
        self
    }
}
