//! The search language: registry, query parser, index values of a resource, compartments. No SQL
