"""The hub: findings become incidents, and what follows from them is written down in the same breath."""
