"""The operators that ship, one module each."""
