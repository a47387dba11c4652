//! Finds the newest message of a resource without looking at all of them: a ward or a clinician is named by every message.

crate::sql::template_migration! {"
CREATE INDEX message_newest ON message_resource (type, id, event_time, message_key);
"}
