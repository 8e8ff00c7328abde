"""Answers for clients; nothing here changes anything."""
