"""What is true: the values and the rules of consent. No clock, no network, no database, no chance."""
