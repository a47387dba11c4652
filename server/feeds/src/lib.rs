//! Source messages to UK Core resources: acute, GP, social care, opt-out files. No network, no database
