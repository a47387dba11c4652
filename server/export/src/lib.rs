//! Bulk Data export: jobs, NDJSON files, manifest, disclosure evidence
