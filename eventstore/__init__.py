"""The journal store: every change is an event, appended to one journal, in order, for good."""
