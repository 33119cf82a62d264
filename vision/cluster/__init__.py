"""Many workers on many machines: who looks at what, and Ray to keep them running."""
