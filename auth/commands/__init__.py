"""What a user may ask of an account: load, decide, append."""
