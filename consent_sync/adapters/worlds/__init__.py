"""Both platforms, the clock and chance as small worlds in memory: for trials, never for real people."""
