"""The read side: read models folded from events, caught up on demand, rebuilt at will."""
