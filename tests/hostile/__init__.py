"""A corpus of malformed, ambiguous and slow peers, run against any HTTP/1.1 proxy. See README.md."""
