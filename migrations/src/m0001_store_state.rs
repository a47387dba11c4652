//! The numbers of the one writer and the counters of live resources.
//!
//! `target_key`, `text_key` and `person_key` are the last keys given out of those tables: the writer numbers rows itself, so that it can
//! insert many at once.

crate::sql::template_migration! {"
CREATE TABLE store_state (
    id {key},
    commit_seq {int} NOT NULL,
    last_updated {int} NOT NULL,
    target_key {int} NOT NULL,
    text_key {int} NOT NULL,
    person_key {int} NOT NULL
);
INSERT INTO store_state (id, commit_seq, last_updated, target_key, text_key, person_key) VALUES (1, 0, 0, 0, 0, 0);

CREATE TABLE resource_count (
    type {text} NOT NULL PRIMARY KEY,
    live {int} NOT NULL
) {clustered};
"}
