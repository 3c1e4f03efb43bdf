"""Identity: who signs in, with what, for how long."""
