"""Chalice itself: its program, the project it runs in, and its record of what it deployed."""
