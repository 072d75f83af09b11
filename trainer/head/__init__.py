"""``arrol-train head``: sample, verify, keep, fit, report."""
