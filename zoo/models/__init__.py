"""Networks: one folder each, found by `card.toml`; never imported by `import zoo`."""
