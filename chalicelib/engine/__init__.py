"""The use cases: trigger, advance, execute, rescue, sync; and the ports they need of the world.

May import ``domain``, ``dag`` and ``auth``. A change violates this package when it names DynamoDB,
SQS, HTTP or Chalice, when it keeps state between calls, or when two writes have to happen together
for the state to be right: a handler may die between any two lines and its message come again.
"""
