"""Uploaded files as entries to be: which form a file has, what its lines hold, and what is wrong with them."""
