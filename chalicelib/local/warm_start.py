"""Imports and clients of the functions' children, made once before the function host forks them.

What each child would otherwise make is most of a cold start. Clients without a connection survive a fork.
"""

import gc

import pendulum  # noqa: F401 - imported to be there, as is the store

from chalicelib import aws, bootstrap
from chalicelib.local import full_disk
from chalicelib.store import dynamodb  # noqa: F401

full_disk.prepare_clients()
for service in ("dynamodb", "sqs", "s3"):
    aws.client(service)

bootstrap.prepare_user_code()  # one for all workers

gc.collect()
gc.freeze()  # the collector would otherwise touch, and so copy, the pages that the children share
