//! Definitions to snapshots to compiled rules to validation; uk-core/ holds our UK Core definitions
