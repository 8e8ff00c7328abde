"""The operators that ship: bash, python, branching and empty."""
