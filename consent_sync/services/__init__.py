"""The order of work: the use cases, written against the ports."""
