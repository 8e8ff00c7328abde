"""The place on AWS that the caller's credentials and region lead to."""

from chalicelib import aws
from chalicelib.deploy.description.place import Place


def caller_place(client: aws.ClientFactory = aws.client) -> Place:
    """Where a command acts, in the account of its credentials. 1 request, which everybody may make (AWS)."""
    identity = client("sts").get_caller_identity()
    _, partition, *_ = identity["Arn"].split(":")
    return Place(partition=partition, region=client("sqs").meta.region_name, account=str(identity["Account"]))
