//! Which resources meet the conditions of a search, in which order, page by page.
//!
//! A condition is *resolved* (names become keys), a *plan* says what is walked and in which order, the *walk* reads candidates until the page
//! is full. What an index answers for one candidate is asked in SQL; what it would answer only by reading a range is *judged* from the
//! candidate's body. For a state that is not the newest, what has changed since is judged too: the index holds current rows only.

pub(crate) mod affected;
pub(crate) mod boolean;
pub(crate) mod candidate;
pub(crate) mod estimate;
pub(crate) mod explain;
pub(crate) mod judge;
pub(crate) mod numbers;
pub(crate) mod order;
pub(crate) mod plan;
pub(crate) mod range;
pub(crate) mod resolve;
pub(crate) mod total;
pub(crate) mod walk;
