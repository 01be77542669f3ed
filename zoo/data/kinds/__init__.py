"""The kinds of records: each a `Schema`, a table of fields with types, units and ranges.

`schema` defines `Field` and `Schema`; `objects`, `clusters`, `candidates`, `elements` and `pf_candidates`
hold the tables.
"""
