"""Imported by the function host before it forks: what would make the first invocation of each child slow.

Clients without a connection survive a fork; making them is most of what a cold start costs.
"""

import gc

import pendulum  # noqa: F401
import pynamodb.models  # noqa: F401 - imported to be there

from chalicelib import aws, bootstrap
from chalicelib.local import full_disk

full_disk.prepare_clients()
for service in ("dynamodb", "sqs", "s3"):
    aws.client(service)

bootstrap.prepare_user_code()  # one for all workers

gc.collect()
gc.freeze()  # the collector would otherwise touch, and so copy, the pages that the children share
