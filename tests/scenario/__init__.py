"""Scenarios: the real binary, real sockets, scripted upstreams. lib.py is the harness."""
