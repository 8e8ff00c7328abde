"""The policies of a function's role compared with its policy file for the stage. Changes nothing."""

from collections.abc import Iterator
from typing import Any

from chalicelib.deploy.description.functions import role_policy_id
from chalicelib.deploy.description.policies import Policy


def policy_problems(wanted: Policy | None, handler: str, role: str, iam: Any) -> Iterator[str]:
    """What is wrong with the policies of a function's role; ``role`` is its name. 3 requests.

    ``wanted`` is its policy, filled in; None where ``.chalice/config.json`` names no file.

    Chalice gives the role one policy of its own and attaches none. It has the role's name, or, in the
    template of a stack, its logical id's.
    """
    if wanted is None:
        return
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    own = next((name for name in (role, role_policy_id(handler)) if name in names), None)
    others = [*(name for name in names if name != own), *(each["PolicyName"] for each in attached)]
    if own is None:
        yield "its role has no policy: AWS refuses it everything"
    elif iam.get_role_policy(RoleName=role, PolicyName=own)["PolicyDocument"] != wanted:
        yield "its role's policy is not the one in .chalice, filled in for the stage"
    if others:
        yield f"its role has policies that are not the app's, to be removed: {', '.join(sorted(others))}"
