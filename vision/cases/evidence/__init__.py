"""Evidence packages: sealed, chained, verified offline, printed, and blurred for publication."""
