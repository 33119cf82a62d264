"""Benchmarks that engineers run with `vision bench NAME`."""
