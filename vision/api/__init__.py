"""The HTTP API: what programs and the console use."""
