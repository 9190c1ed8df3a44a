"""Settings and wiring: the only floor that knows both services and adapters."""
