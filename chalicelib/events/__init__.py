"""Events of other AWS services, which trigger runs and change datasets: declarations, and the way to them.

All doors lead through one queue, ``updraft-<stage>-events``::

    S3 ── EventBridge rule ─┐                         ┌─► the trigger that HTTP and clock use
    EventBridge rule ───────┤                         │
    SNS subscription ───────┼─► SQS events ─► events λ ─► RegisterDatasetEvents
    a message of one's own ─┘       └─► SQS events-dead-letters

One queue gives every door the same retries, dead letters, batches and replay (a redrive of the dead
letters), costs one idle poll, and can be fed by hand: an event in a file takes the same way on a
laptop. S3 comes through EventBridge, for Chalice cannot package ``on_s3_event``; what S3 sends to a
queue by itself is understood, too.

``declarations`` reads the one file that says which event triggers which DAG; ``incoming`` reads a
message of the queue; ``patterns`` and ``conf`` match it and build the run's conf; ``requests`` brings
them together: message in, ``RunRequest`` and changes of datasets out, named and dated by the event alone.
``delivery`` creates the runs, and tells of the changes.

An event's identity makes the run id, so that an event that is delivered twice makes one run:

- S3: bucket, key, version and sequencer, whether it came by EventBridge or as S3's own notification;
- EventBridge: the event's id (a replay from an archive keeps it);
- SNS: the message id;
- SQS: the message id; a dead letter that is sent back keeps the one it had.

May import ``settings``, ``domain`` and ``engine``; all but ``delivery`` is pure, but for the reading of
the file of declarations. A change violates this package when it talks to AWS, looks at a clock, or
lets two doors treat a duplicate differently.
"""
