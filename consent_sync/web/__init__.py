"""HTTP for the two platforms, for operators and for health."""
