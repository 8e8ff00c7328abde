"""Tasks that were cleared or marked by hand, and runs that were cancelled."""
