//! Search parameters that came at run time, and which of them do not find everything yet.
//!
//! `parameter_generation` grows with every change of what is indexed or searchable: the writer looks at it in each transaction, a search in
//! its snapshot. `unindexed` is a JSON list of the resource types of which earlier resources have no rows. `retired_param` holds numbers of
//! index tables whose rows are being removed; until none is left no parameter uses one of them.

crate::sql::template_migration! {"
ALTER TABLE store_state ADD COLUMN parameter_generation {int} NOT NULL DEFAULT 0;

CREATE TABLE search_parameter (
    url {text} NOT NULL PRIMARY KEY,
    id {text} NOT NULL,
    definition {text} NOT NULL,
    registered {int} NOT NULL,
    unindexed {text} NOT NULL
) {clustered};

CREATE TABLE retired_param (
    param {int} NOT NULL PRIMARY KEY,
    is_cleared {int} NOT NULL
) {clustered};
"}
