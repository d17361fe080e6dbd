"""Contracts: what each table holds, in one registry, and the rules rows must keep. See `tables` and `rules`."""
