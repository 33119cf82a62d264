"""Cases with the city's platforms: filed once, followed, and proven."""
