"""What a member may ask of a book: load, decide, append."""
