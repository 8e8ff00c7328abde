"""The engine's ports kept in DynamoDB and S3 (``dynamodb``), and their twin in memory (``memory``).

May import ``domain``, the ports of ``auth`` and ``engine``, and ``aws``; the only package that imports
pynamodb. A change violates this package when it decides anything, when a DynamoDB error passes through
untranslated, when the twins differ in a way that ``tests/conformance`` does not test, or when a decision's
read is not strongly consistent.
"""
