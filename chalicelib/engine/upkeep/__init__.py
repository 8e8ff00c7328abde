"""The net below: what is lost is found again, and what was deleted goes."""
