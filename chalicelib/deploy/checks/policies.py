"""Whether a function's role allows what its policy file says, and no more. Changes nothing."""

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.deploy.stages import Stage, function_setting
from chalicelib.deploy.standing import logical_id


def policy_problems(stage: Stage, handler: str, role: str, iam: Any) -> Iterator[str]:
    """What is wrong with the policies of a function's role; ``role`` is its name. 3 requests.

    Chalice gives the role one policy of its own and attaches none. It has the role's name, or, in the
    template of a stack, its logical id's.
    """
    wanted = policy_document(stage, handler)
    if wanted is None:
        return
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    own = next((name for name in (role, f"{logical_id(handler)}RolePolicy") if name in names), None)
    others = [*(name for name in names if name != own), *(each["PolicyName"] for each in attached)]
    if own is None:
        yield "its role has no policy: AWS refuses it everything"
    elif iam.get_role_policy(RoleName=role, PolicyName=own)["PolicyDocument"] != wanted:
        yield "its role's policy is not the one in .chalice"
    if others:
        yield f"its role has policies that are not the app's, to be removed: {', '.join(sorted(others))}"


def policy_document(stage: Stage, handler: str) -> dict[str, Any] | None:
    """The policy that Chalice gives the function; None where no file says so."""
    file = function_setting(stage, handler, "iam_policy_file")
    if file is None:
        return None
    document: dict[str, Any] = json.loads((stage.project / ".chalice" / file).read_text())
    return document
