"""What several tiers of tests work with: DAGs made of shapes, a world that plays them, fakes, examples.

Imports no tier. A change violates this package when only one tier uses what it adds.
"""
