"""The account books: what a household may do with its books, categories and entries."""
