"""The rules, pure: states, trigger rules, decisions, pool arithmetic, run ids, errors.

May import the standard library only. A change violates this package when it reads a clock, the
environment, a file or a network, or imports boto3, botocore, pynamodb or chalice: ``now`` is always
an argument and every function gives the same answer for the same arguments.
"""
