"""Nouns and seams that every other part leans on; numpy and the standard library only."""
