"""The measurements behind docs/reference/benchmarks.md; `make bench` runs them all."""
