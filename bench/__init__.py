"""What a request costs, beside the least that it could cost and what it would cost elsewhere."""
