"""What we need from the world: protocols, each with a sentence of promise per method."""
