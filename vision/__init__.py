"""Streetward: video monitoring for cities."""

__version__ = "0.1.0"
