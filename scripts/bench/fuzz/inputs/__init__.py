"""Makes inputs: events, requests of every route, pictures; whole ones, and what damages them."""
