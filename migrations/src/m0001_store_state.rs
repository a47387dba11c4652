//! The numbers of the one writer and the counters of live resources.

crate::sql::template_migration! {"
CREATE TABLE store_state (
    id {key},
    commit_seq {int} NOT NULL,
    res_key {int} NOT NULL,
    last_updated {int} NOT NULL
);
INSERT INTO store_state (id, commit_seq, res_key, last_updated) VALUES (1, 0, 0, 0);

CREATE TABLE resource_count (
    type {text} NOT NULL PRIMARY KEY,
    live {int} NOT NULL
) {clustered};
"}
