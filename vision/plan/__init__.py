"""How many machines a city needs, from what was measured."""
