"""The rights on AWS that tasks need, by the operators that they use: facts, resources, statements.

Pure: DAG files are looked at elsewhere. A change violates this package when it allows what no operator calls.
"""
