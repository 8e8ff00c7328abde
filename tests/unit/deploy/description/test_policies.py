"""Policy files filled in for a stage."""

from typing import Any

import pytest

from chalicelib.deploy.description.place import OF_THE_STACK, Place
from chalicelib.deploy.description.policies import PolicyFileError, filled_in
from chalicelib.settings import Settings

SETTINGS = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev", "UPDRAFT__AWS__BUCKET": "acme-runs"})
PLACE = Place(partition="aws-cn", region="cn-north-1", account="123456789012")


def filled(resource: Any, place: Place = PLACE) -> list[dict[str, Any]]:
    policy = {"Version": "2012-10-17", "Statement": [{"Sid": "MyOwn", "Resource": resource}]}
    document = filled_in(policy, SETTINGS, place)
    assert document["Version"] == "2012-10-17"
    statements: list[dict[str, Any]] = document["Statement"]
    return statements


def test_what_a_user_adds_is_filled_in_as_ours_is() -> None:
    table = "arn:{partition}:dynamodb:{region}:{account}:table/acme-{stage}"
    assert filled([table, "arn:aws:s3:::{bucket}/out/*"]) == [
        {
            "Sid": "MyOwn",
            "Resource": [
                "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/acme-dev",
                "arn:aws:s3:::acme-runs/out/*",
            ],
        }
    ]


def test_variables_of_iam_stay() -> None:
    assert (
        filled("arn:aws:s3:::home/${aws:userid}/{stage}")[0]["Resource"]
        == "arn:aws:s3:::home/${aws:userid}/dev"
    )


def test_a_stack_fills_in_the_rest() -> None:
    (statement,) = filled("arn:{partition}:sqs:{region}:{account}:updraft-{stage}-tasks", OF_THE_STACK)
    here = "${AWS::Region}:${AWS::AccountId}"
    assert statement["Resource"] == f"arn:${{AWS::Partition}}:sqs:{here}:updraft-dev-tasks"


def test_a_statement_about_what_the_stage_does_not_have_is_left_out() -> None:
    assert filled("{keytab_secret}") == []


@pytest.mark.parametrize(
    ("resource", "says"),
    [
        ("table/{stgae}", r"{stgae} of a policy is not known; there are {stage}, {bucket},"),
        ("table/{}", "is not known"),
        ("secret:{keytab_secret}", r"{keytab_secret} of a policy has to stand alone"),
    ],
)
def test_a_placeholder_that_means_nothing_is_named(resource: str, says: str) -> None:
    with pytest.raises(PolicyFileError, match=says):
        filled(resource)
