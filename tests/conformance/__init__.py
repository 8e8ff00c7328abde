"""The conformance suite: what ``chalicelib.engine.ports.store`` promises, over each store that keeps it.

The fixture ``store`` is each store in turn. A promise that changes is changed here first; what one
store does inside, and promises nobody, is tested in ``tests/integration/store`` and ``tests/unit/store``.
"""
