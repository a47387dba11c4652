//! Who asks: a client with its purpose and scopes, perhaps for a user and in the context of one patient.

use crate::break_glass::BreakGlass;
use crate::facts::PersonKey;
use crate::purpose::Purpose;
use crate::scopes::Scopes;

/// An authenticated client, as its access token describes it.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The registered client.
    pub client_id: String,
    /// The login for whom the client acts; none for backend services.
    pub user: Option<String>,
    /// The client's purpose.
    pub purpose: Purpose,
    /// The scopes that were granted.
    pub scopes: Scopes,
    /// The logical id of the patient in launch context.
    pub patient: Option<String>,
    /// The person to whom that patient points now. With it, records kept under a merged patient of the same person stay visible.
    pub person: Option<PersonKey>,
    /// The ODS code of the organisation behind the client or user.
    pub organisation: Option<String>,
    /// A stated emergency reason.
    pub break_glass: Option<BreakGlass>,
}

impl Principal {
    /// Makes a principal without user, patient context or organisation.
    pub fn new(client_id: impl Into<String>, purpose: Purpose, scopes: Scopes) -> Principal {
        Principal {
            client_id: client_id.into(),
            user: None,
            purpose,
            scopes,
            patient: None,
            person: None,
            organisation: None,
            break_glass: None,
        }
    }
}

/// On whose behalf a decision is made.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A client with a token.
    Principal(Principal),
    /// Nobody in particular: `--open-access`, which only starts on loopback.
    OpenAccess,
}

impl Subject {
    /// Returns the client's id, or `open-access`.
    pub fn client_id(&self) -> &str {
        match self {
            Subject::Principal(principal) => &principal.client_id,
            Subject::OpenAccess => "open-access",
        }
    }

    /// Says whether the subject may do what needs an administrator: open access, or a service with the scope `weir/administrator`. Never a
    /// person's app, nor a client of secondary use.
    pub fn is_administrator(&self) -> bool {
        match self {
            Subject::Principal(principal) => {
                principal.scopes.has_administrator()
                    && principal.user.is_none()
                    && principal.purpose != Purpose::SecondaryUse
            }
            Subject::OpenAccess => true,
        }
    }

    /// Returns the purpose; open access is direct care.
    pub fn purpose(&self) -> Purpose {
        match self {
            Subject::Principal(principal) => principal.purpose,
            Subject::OpenAccess => Purpose::DirectCare,
        }
    }
}
