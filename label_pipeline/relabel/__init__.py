"""Which items are worth another label, and who should give it. See `value`, `route` and `queue`."""
