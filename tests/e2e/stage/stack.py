"""A stage that CloudFormation makes, of what `python -m chalicelib package` wrote."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import WaiterError

from chalicelib import aws
from tests.e2e.stage.project import Gateway, Project

ARTIFACTS = "acme-artifacts"
"""The bucket that code and templates are uploaded to."""

CLOUDFORMATION = Path(__file__).parents[3] / ".venv-cloudformation" / "bin"
"""AWS's own programs for templates. The emulator, which could call the transform itself, has them not:
its functions would see what they need."""

TRANSFORM = Path(__file__).with_name("sam_transform.py")

PACKAGE_SECONDS = 300
STACK_SECONDS = 120

Template = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """A stack by its name, of a packaged project."""

    name: str
    project: Project
    template: Template

    @property
    def gateway(self) -> Gateway:
        """The REST API that the stack's outputs name."""
        (stack,) = aws.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        return Gateway(port=self.project.adapter_port, rest_api_id=outputs["RestAPIId"])

    def create(self) -> None:
        """Create the stack by a change set, as `aws cloudformation deploy` does."""
        cloudformation = aws.client("cloudformation")
        change_set = {"StackName": self.name, "ChangeSetName": "creation"}
        cloudformation.create_change_set(
            **change_set,
            ChangeSetType="CREATE",
            TemplateURL=self._upload(),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        self._wait("change_set_create_complete", **change_set)
        cloudformation.execute_change_set(**change_set)
        self._wait("stack_create_complete", StackName=self.name)

    def delete(self) -> None:
        """Delete the stack; no error when there is none."""
        aws.client("cloudformation").delete_stack(StackName=self.name)
        self._wait("stack_delete_complete", StackName=self.name)

    def _upload(self) -> str:
        """The URL of the template in the bucket: it is too large to be sent with a request."""
        body = json.dumps(self.template).encode()
        aws.client("s3").put_object(Bucket=ARTIFACTS, Key=f"{self.name}.json", Body=body)
        return f"{self.project.environment['AWS_ENDPOINT_URL']}/{ARTIFACTS}/{self.name}.json"

    def _wait(self, waiter: str, **arguments: str) -> None:
        cloudformation = aws.client("cloudformation")
        pace = {"Delay": 1, "MaxAttempts": STACK_SECONDS}
        try:
            cloudformation.get_waiter(waiter).wait(**arguments, WaiterConfig=pace)
        except WaiterError as error:
            events = cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
            failed = [each for each in events if "FAILED" in each["ResourceStatus"]]
            raise AssertionError(f"{error}\n{failed}") from error


def packaged(project: Project) -> Template:
    """Package the project, and do what AWS's programs do with the template before anything is made."""
    project.command_line("package", "--stage", project.stage, timeout=PACKAGE_SECONDS)
    directory = project.directory / "out"
    template = json.loads((directory / "sam.json").read_text())
    _upload_code(template, directory)
    return _transformed(template)


def complaints(template: Template, directory: Path) -> str:
    """What AWS's linter, which knows the schema of each resource, has against a template."""
    file = directory / "template.json"
    file.write_text(json.dumps(template))
    # An unknown action in a policy is the one that the emulator wants: see `project.py`.
    options = ["--regions", "us-east-1", "--ignore-checks", "W3037"]
    linter = [str(CLOUDFORMATION / "cfn-lint"), "--template", str(file), *options]
    done = subprocess.run(linter, capture_output=True, text=True, timeout=STACK_SECONDS, check=False)
    return done.stdout + done.stderr


def _upload_code(template: Template, directory: Path) -> None:
    """As `aws cloudformation package`."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=ARTIFACTS)
    for kind, name in (("CodeUri", "deployment.zip"), ("ContentUri", "layer.zip")):
        users = [each["Properties"] for each in template["Resources"].values() if kind in each["Properties"]]
        assert {properties[kind] for properties in users} == {f"./{name}"}
        s3.put_object(Bucket=ARTIFACTS, Key=name, Body=(directory / name).read_bytes())
        for properties in users:
            properties[kind] = f"s3://{ARTIFACTS}/{name}"


def _transformed(template: Template) -> Template:
    """The template without SAM's resources, which is what CloudFormation makes."""
    done = subprocess.run(
        [CLOUDFORMATION / "python", TRANSFORM],
        input=json.dumps(template),
        env={"AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        timeout=STACK_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    plain: Template = json.loads(done.stdout)
    return plain
