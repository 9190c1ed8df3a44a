"""How the program touches the world: each module keeps the promise of a port."""
