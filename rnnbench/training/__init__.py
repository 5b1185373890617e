"""One run from a configuration to its record, and sweeps of them."""
