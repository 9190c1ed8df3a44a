"""Small servers that behave like the two platforms; they share no code with the program."""
