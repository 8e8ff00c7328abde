"""The ports of the engine: the store, the queues, the worker's hands, and the observer.

``store`` implements these over DynamoDB and over memory (one conformance suite, ``tests/conformance``,
runs over both), ``queues`` over SQS. Rules for every method:

- Reads are strongly consistent unless the docstring says "for lists".
- A change is one conditional write. Called again with the same arguments it changes nothing more and
  answers as if it had just succeeded, for the first reply may have been lost.
- ``StoreUnavailable`` may come out of any method: nothing is known of whether the write happened.
"""
