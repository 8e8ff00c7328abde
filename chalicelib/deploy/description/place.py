"""The place of a stage: the partition, region and account that begin its ARNs. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A partition of AWS, a region and an account."""

    partition: str
    region: str
    account: str

    @classmethod
    def of(cls, arn: str) -> "Place":
        """The place of a resource that is bound to a region."""
        _, partition, _, region, account, _ = arn.split(":", maxsplit=5)
        return cls(partition=partition, region=region, account=account)

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource that is there."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def topic(self, name: str) -> str:
        """The ARN of an SNS topic; one that is named by its ARN may be anywhere."""
        return name if name.startswith("arn:") else self.arn("sns", name)


OF_THE_STACK = Place(partition="${AWS::Partition}", region="${AWS::Region}", account="${AWS::AccountId}")
"""Where a CloudFormation stack will be: pseudo parameters, for ``Fn::Sub`` to fill in."""
