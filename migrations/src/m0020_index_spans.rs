//! Indexes of the few numbers and quantities that are spans (`< 5 mg/L`, a Range, SampledData), by their high end. A search for what is
//! greater looks among them for spans that begin below; all else is found by its beginning, in the order of the tables.

crate::sql::template_migration! {"
CREATE INDEX number_span ON number_index (param, high, low, res_key) WHERE low < high;
CREATE INDEX quantity_span ON quantity_index (param, unit_key, high, low, res_key) WHERE low < high;
CREATE INDEX composite_span ON composite_index (param, code, system_key, text, key, high, low, res_key) WHERE low < high;
"}
