"""moto's AWS in this process, with what it lacks, and a program in Chalice's place."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from chalicelib.deploy.description.functions import (
    API_HANDLER,
    FEEDS,
    HANDLERS,
    QUEUE_OF,
    TICK,
    function_name,
)
from chalicelib.deploy.description.place import Place
from chalicelib.deploy.runtimes import this_runtime
from chalicelib.deploy.steps import CommandFailed
from chalicelib.settings import Settings

REGION = "eu-west-1"
PLACE = Place(partition="aws", region=REGION, account="123456789012")
"""Where moto's AWS is."""

RUNTIME = this_runtime()
"""As Chalice, which takes the Python that it runs on."""


class Killed(BaseException):
    """The process ends here."""


class Lambda:
    """moto's Lambda and what moto 5.2 does not know: the recursion config, that a function's machine can
    change, and what timeouts AWS refuses.

    `longest` gives the most that a function may take, `visibility` the visibility timeout of a function's
    queue, None without one; in seconds.
    """

    def __init__(
        self,
        client: Any,
        recursion: dict[str, str],
        longest: Callable[[], int],
        visibility: Callable[[str], int | None],
    ) -> None:
        self._client = client
        self._recursion = recursion
        self._longest = longest
        self._visibility = visibility

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create_function(self, **settings: Any) -> Any:
        self._check_timeout(settings, "CreateFunction")
        return self._client.create_function(**settings)

    def update_function_code(self, **settings: Any) -> Any:
        updated = self._client.update_function_code(**settings)
        function = get_backend("lambda")[DEFAULT_ACCOUNT_ID][REGION].get_function(settings["FunctionName"])
        function.architectures = settings["Architectures"]
        return updated

    def update_function_configuration(self, **settings: Any) -> Any:
        self._check_timeout(settings, "UpdateFunctionConfiguration")
        return self._client.update_function_configuration(**settings)

    def create_event_source_mapping(self, **settings: Any) -> Any:
        standing = self._client.get_function_configuration(FunctionName=settings["FunctionName"])
        self._check_timeout(standing, "CreateEventSourceMapping")
        return self._client.create_event_source_mapping(**settings)

    def _check_timeout(self, settings: dict[str, Any], operation: str) -> None:
        timeout, longest = settings.get("Timeout", 3), self._longest()
        if timeout > longest:
            said = (
                f"1 validation error detected: Value '{timeout}' at 'timeout' failed to satisfy constraint: "
                f"Member must have value less than or equal to {longest}"
            )
            raise _refusal("ValidationException", said, operation)
        visibility = self._visibility(settings["FunctionName"])
        if visibility is not None and timeout > visibility:
            said = (
                f"Queue visibility timeout: {visibility} seconds is less than "
                f"Function timeout: {timeout} seconds"
            )
            raise _refusal("InvalidParameterValueException", said, operation)

    def put_function_recursion_config(self, *, FunctionName: str, RecursiveLoop: str) -> None:  # noqa: N803
        self._recursion[FunctionName] = RecursiveLoop

    def get_function_recursion_config(self, *, FunctionName: str) -> dict[str, str]:  # noqa: N803
        return {"RecursiveLoop": self._recursion.get(FunctionName, "Terminate")}


def _refusal(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class S3:
    """moto's S3, but for the policies of buckets: moto would refuse us all that they deny under a condition.

    ``around`` is called with the name of an operation, its parameters and what carries it out.
    """

    def __init__(self, client: Any, around: Callable[[str, dict[str, Any], Callable[[], Any]], Any]) -> None:
        self._client = client
        self._around = around
        self.policies: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_bucket_policy(self, *, Bucket: str, Policy: str, **more: str) -> None:  # noqa: N803 - AWS's
        parameters = {"Bucket": Bucket, **more}
        self._around("PutBucketPolicy", parameters, lambda: self.policies.__setitem__(Bucket, Policy))

    def get_bucket_policy(self, *, Bucket: str, **more: str) -> dict[str, str]:  # noqa: N803 - AWS's
        def look() -> dict[str, str]:
            if Bucket not in self.policies:
                raise ClientError({"Error": {"Code": "NoSuchBucketPolicy", "Message": ""}}, "GetBucketPolicy")
            return {"Policy": self.policies[Bucket]}

        found: dict[str, str] = self._around("GetBucketPolicy", {"Bucket": Bucket, **more}, look)
        return found


class ApiGateway:
    """API Gateway as far as deployments ask it; moto's needs packages that nothing else here does.

    ``around`` is called with the name of an operation and what carries it out.
    """

    meta = SimpleNamespace(region_name=REGION)

    def __init__(self, around: Callable[[str, Callable[[], Any]], Any]) -> None:
        self._around = around
        self._apis: dict[str, dict[str, Any]] = {}
        self.responses: dict[str, dict[str, dict[str, Any]]] = {}
        self.limits: dict[str, dict[str, dict[str, float]]] = {}

    def import_rest_api(self, *, body: bytes, parameters: dict[str, str]) -> dict[str, str]:
        endpoint = parameters["endpointConfigurationTypes"]
        made: dict[str, str] = self._around("ImportRestApi", lambda: self._import(json.loads(body), endpoint))
        return made

    def get_rest_api(self, *, restApiId: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        return {"id": restApiId, "endpointConfiguration": {"types": [self._apis[restApiId]["endpoint"]]}}

    def update_rest_api(self, *, restApiId: str, patchOperations: list[dict[str, str]]) -> None:  # noqa: N803
        (change,) = patchOperations
        standing = self._apis[restApiId]["endpoint"]
        assert (change["op"], change["path"]) == ("replace", f"/endpointConfiguration/types/{standing}")
        self._around("UpdateRestApi", lambda: self._apis[restApiId].update(endpoint=change["value"]))

    def delete_rest_api(self, *, restApiId: str) -> None:  # noqa: N803 - AWS's name
        self._around("DeleteRestApi", lambda: self._apis.pop(restApiId))

    def get_paginator(self, operation: str) -> SimpleNamespace:
        listed: dict[str, Callable[..., Any]] = {
            "get_rest_apis": self._rest_apis,
            "get_resources": self._resources,
        }
        pages = listed[operation]
        return SimpleNamespace(
            paginate=lambda **arguments: self._around(operation, lambda: [{"items": pages(**arguments)}])
        )

    def put_gateway_response(self, *, restApiId: str, responseType: str, **settings: Any) -> None:  # noqa: N803
        response = {"responseType": responseType} | settings
        self._around(
            "PutGatewayResponse", lambda: self.responses[restApiId].__setitem__(responseType, response)
        )

    def get_gateway_responses(self, *, restApiId: str, limit: int) -> dict[str, Any]:  # noqa: N803
        return {"items": list(self.responses[restApiId].values())[:limit]}

    def create_deployment(self, *, restApiId: str, stageName: str) -> None:  # noqa: N803
        self._around("CreateDeployment", lambda: self._apis[restApiId]["stages"].add(stageName))

    def update_stage(self, *, restApiId: str, stageName: str, patchOperations: list[dict[str, str]]) -> None:  # noqa: N803
        assert stageName in self._apis[restApiId]["stages"]
        self._around("UpdateStage", lambda: self._change(self.limits[restApiId], patchOperations))

    def get_stage(self, *, restApiId: str, stageName: str) -> dict[str, Any]:  # noqa: N803
        if stageName not in self._apis[restApiId]["stages"]:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": ""}}, "GetStage")
        return {"methodSettings": self.limits[restApiId]}

    def get_rest_apis(self) -> dict[str, Any]:
        return {"items": self._rest_apis()}

    def _import(self, document: dict[str, Any], endpoint: str) -> dict[str, str]:
        number = f"api{len(self.responses)}"
        self._apis[number] = {
            "document": document,
            "endpoint": endpoint,
            "stages": set(),
            "createdDate": len(self.responses),
        }
        self.responses[number] = {}
        self.limits[number] = {}
        return {"id": number}

    def _change(self, limits: dict[str, dict[str, float]], operations: list[dict[str, str]]) -> None:
        """As API Gateway: what nobody sets is the account's. The rate is a fraction, the burst is not."""
        for operation in operations:
            assert operation["op"] == "replace"
            name = operation["path"].removeprefix("/*/*/throttling/")
            of_all = limits.setdefault(
                "*/*", {"throttlingRateLimit": 10_000.0, "throttlingBurstLimit": 5_000}
            )
            value = float(operation["value"]) if name == "rateLimit" else int(operation["value"])
            of_all[{"rateLimit": "throttlingRateLimit", "burstLimit": "throttlingBurstLimit"}[name]] = value

    def _rest_apis(self) -> list[dict[str, Any]]:
        return [
            {"id": number, "name": api["document"]["info"]["title"], "createdDate": api["createdDate"]}
            for number, api in self._apis.items()
        ]

    def _resources(self, *, restApiId: str, embed: list[str]) -> list[dict[str, Any]]:  # noqa: N803
        assert embed == ["methods"]
        return [
            {
                "path": path,
                "resourceMethods": {
                    name.upper(): {"methodIntegration": method["x-amazon-apigateway-integration"]}
                    for name, method in methods.items()
                },
            }
            for path, methods in self._apis[restApiId]["document"]["paths"].items()
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """How AWS refuses a request that comes too early."""

    code: str
    message: str = "not yet"


class Aws:
    """Clients of moto's AWS; ``dies_at`` is asked about each request, ``(moment, operation)``.

    ``refusals`` has, by operation, what its next requests are answered before one is carried out. ``waited``
    is for how long was waited, in seconds, by whoever was given ``sleep``; no time passes.
    ``longest_timeout`` is the most that a function may take, in seconds.
    ``strangers`` are the buckets that another account owns, whose policies let everybody in: S3 refuses only
    those requests that expect another owner. ``unexpecting`` are S3's operations that expected nobody.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.longest_timeout = 1800
        self.dies_at: Callable[[str, str], bool] = lambda moment, operation: False
        self.refusals: dict[str, list[Refusal]] = {}
        self.waited: list[float] = []
        self._session = botocore.session.get_session()
        self._session.register("before-call.*.*", self._refuse)
        self._session.register("before-send.*.*", self._before)
        self._session.register("after-call.*.*", self._after)
        self._session.register("provide-client-params.s3", self._before_s3)
        self.strangers: set[str] = set()
        self.unexpecting: set[str] = set()
        self._made: dict[str, Any] = {"apigateway": ApiGateway(self._around)}
        self._recursion: dict[str, str] = {}

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    def refuse(self, operation: str, code: str, message: str = "not yet", *, times: int = 1) -> None:
        """Have the next requests of an operation refused."""
        self.refusals.setdefault(operation, []).extend([Refusal(code=code, message=message)] * times)

    def client(self, service: str) -> Any:
        if service not in self._made:
            made = self._session.create_client(
                service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
            )
            match service:
                case "lambda":
                    made = self._lambda(made)
                case "s3":
                    made = S3(made, self._on_bucket)
            self._made[service] = made
        return self._made[service]

    def _lambda(self, client: Any) -> Lambda:
        return Lambda(client, self._recursion, lambda: self.longest_timeout, self._visibility)

    def _visibility(self, function: str) -> int | None:
        """How long the queue of a function waits, by the function's name or ARN."""
        stage, handler = function.removeprefix("updraft-").rpartition(":")[2].rpartition("-")[::2]
        queues = get_backend("sqs")[DEFAULT_ACCOUNT_ID][REGION].queues
        queue = queues.get(f"updraft-{stage.removeprefix('updraft-')}-{QUEUE_OF.get(handler)}")
        return None if queue is None else int(queue.visibility_timeout)  # type: ignore[attr-defined]  # moto sets it

    def _around(self, operation: str, request: Callable[[], Any]) -> Any:
        if (refused := self._refuse(operation)) is not None:
            raise ClientError(refused[1], operation)
        self._before(operation)
        answer = request()
        self._after(operation)
        return answer

    def _refuse(self, event_name: str, **_: object) -> tuple[Any, dict[str, Any]] | None:
        """What botocore takes for an answer, instead of sending the request."""
        operation = event_name.rpartition(".")[2]
        waiting = self.refusals.get(operation)
        if not waiting:
            return None
        self.calls.append(operation)
        refusal = waiting.pop(0)
        error = {"Code": refusal.code, "Message": refusal.message}
        return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}

    def _on_bucket(self, operation: str, parameters: dict[str, Any], request: Callable[[], Any]) -> Any:
        self._look_at_owner(operation, parameters)
        return self._around(operation, request)

    def _before_s3(self, params: dict[str, Any], model: Any, **_: object) -> None:
        self._look_at_owner(model.name, params)

    def _look_at_owner(self, operation: str, parameters: dict[str, Any]) -> None:
        if "ExpectedBucketOwner" not in parameters:
            self.unexpecting.add(operation)
        elif parameters["Bucket"] in self.strangers:
            code = "403" if operation == "HeadBucket" else "AccessDenied"
            raise ClientError({"Error": {"Code": code, "Message": "Forbidden"}}, operation)

    def _before(self, event_name: str, **_: object) -> None:
        self.calls.append(event_name.rpartition(".")[2])
        if self.dies_at("before", self.calls[-1]):
            raise Killed

    def _after(self, event_name: str, **_: object) -> None:
        if self.dies_at("after", event_name.rpartition(".")[2]):
            raise Killed


class Chalice:
    """``chalice package``, ``deploy`` and ``delete`` as far as this app needs them.

    As Chalice 1.34 it finds functions and roles by name, the rest by its record alone, and writes that at
    the very end.
    """

    def __init__(self, aws: Aws, variables: Mapping[str, str]) -> None:
        self._aws = aws
        self.variables = dict(variables)

    def __call__(self, project: Path, arguments: tuple[str, ...]) -> None:
        command, _, stage, *more = arguments
        if command == "package":
            self._package(project / ".chalice" / "deployments", Path(*more))
            return
        path = project / ".chalice" / "deployed" / f"{stage}.json"
        recorded = json.loads(path.read_text())["resources"] if path.exists() else []
        if command == "delete":
            for entry in reversed(recorded):
                self._delete(entry)
            recorded = []
        else:
            recorded = self._deploy(project, stage, {entry["name"]: entry for entry in recorded})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"resources": recorded, "schema_version": "2.0", "backend": "api"}))

    def _package(self, deployments: Path, directory: Path) -> None:
        deployments.mkdir(exist_ok=True)
        kept = deployments / f"a-hash-{RUNTIME}.zip"
        if not kept.exists():
            kept.write_bytes(PACKAGE)
        shutil.copy(kept, directory / "deployment.zip")

    def _deploy(self, project: Path, stage: str, known: dict[str, dict[str, str]]) -> list[dict[str, str]]:
        entries = []
        for handler in HANDLERS:
            role = self._role(f"updraft-{stage}-{handler}", _policy(project, stage, handler))
            entries.append({"name": f"{handler}_role", "resource_type": "iam_role"} | role)
            arn = self._function(
                function_name(stage, handler), role["role_arn"], _settings(project, stage, handler)
            )
            entries.append({"name": handler, "resource_type": "lambda_function", "lambda_arn": arn})
            if handler in QUEUE_OF:
                name = f"{handler}-sqs-event-source"
                entries.append(known.get(name) or self._mapping(name, stage, handler, arn))
            if handler == TICK:
                rule = f"updraft-{stage}-tick-event"
                self._aws.client("events").put_rule(Name=rule, ScheduleExpression="rate(1 minute)")
                self._aws.client("events").put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn}])
                entries.append({"name": "tick-event", "resource_type": "cloudwatch_event", "rule_name": rule})
        endpoint = _config(project).get("api_gateway_endpoint_type", "EDGE")
        if "rest_api" in known:
            self._change_endpoint(known["rest_api"]["rest_api_id"], endpoint)
        api = known.get("rest_api") or self._rest_api(function_name(stage, API_HANDLER), endpoint)
        return [*entries, api]

    def _change_endpoint(self, api: str, endpoint: str) -> None:
        apigateway = self._aws.client("apigateway")
        (standing,) = apigateway.get_rest_api(restApiId=api)["endpointConfiguration"]["types"]
        path = f"/endpointConfiguration/types/{standing}"
        change = {"op": "replace", "path": path, "value": endpoint}
        apigateway.update_rest_api(restApiId=api, patchOperations=[change])

    def _role(self, name: str, policy: str) -> dict[str, str]:
        iam = self._aws.client("iam")
        try:
            role = iam.get_role(RoleName=name)
        except iam.exceptions.NoSuchEntityException:
            role = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=policy)
        return {"role_arn": role["Role"]["Arn"], "role_name": name}

    def _function(self, name: str, role: str, settings: dict[str, Any]) -> str:
        architecture = settings.pop("architecture")
        lambda_, environment = self._aws.client("lambda"), {"Variables": self.variables}
        try:
            found = lambda_.get_function_configuration(FunctionName=name)
        except lambda_.exceptions.ResourceNotFoundException:
            found = lambda_.create_function(
                FunctionName=name,
                Role=role,
                Runtime=RUNTIME,
                Architectures=[architecture],
                Handler="app.app",
                Code={"ZipFile": PACKAGE},
                Environment=environment,
                **settings,
            )
        else:
            lambda_.update_function_code(FunctionName=name, ZipFile=PACKAGE, Architectures=[architecture])
            lambda_.update_function_configuration(
                FunctionName=name, Environment=environment, Runtime=RUNTIME, **settings
            )
        return str(found["FunctionArn"])

    def _mapping(self, name: str, stage: str, handler: str, arn: str) -> dict[str, str]:
        queue = f"updraft-{stage}-{QUEUE_OF[handler]}"
        queue_arn = f"arn:aws:sqs:{REGION}:123456789012:{queue}"
        lambda_ = self._aws.client("lambda")
        if lambda_.list_event_source_mappings(EventSourceArn=queue_arn)["EventSourceMappings"]:
            raise CommandFailed("chalice deploy", 2)  # AWS: ResourceConflictException
        at_once = FEEDS[handler].concurrency(Settings.from_environ(self.variables))
        made = lambda_.create_event_source_mapping(
            EventSourceArn=queue_arn, FunctionName=arn, ScalingConfig={"MaximumConcurrency": at_once}
        )
        return {
            "name": name,
            "resource_type": "sqs_event",
            "queue_arn": queue_arn,
            "event_uuid": made["UUID"],
            "queue": queue,
            "lambda_arn": arn,
        }

    def _rest_api(self, function: str, endpoint: str) -> dict[str, str]:
        document = json.dumps(swagger(function)).encode()
        parameters = {"endpointConfigurationTypes": endpoint}
        api = self._aws.client("apigateway").import_rest_api(body=document, parameters=parameters)["id"]
        return {
            "name": "rest_api",
            "resource_type": "rest_api",
            "rest_api_id": api,
            "rest_api_url": f"https://{api}.execute-api.{REGION}.amazonaws.com/api/",
        }

    def _delete(self, entry: dict[str, str]) -> None:
        """What is gone already is an error, as Chalice's are."""
        lambda_ = self._aws.client("lambda")
        match entry["resource_type"]:
            case "rest_api":
                self._aws.client("apigateway").delete_rest_api(restApiId=entry["rest_api_id"])
            case "sqs_event":
                lambda_.delete_event_source_mapping(UUID=entry["event_uuid"])
            case "lambda_function":
                lambda_.delete_function(FunctionName=entry["lambda_arn"])
            case "iam_role":
                self._delete_role(entry["role_name"])
            case "cloudwatch_event":
                self._aws.client("events").remove_targets(Rule=entry["rule_name"], Ids=["1"])
                self._aws.client("events").delete_rule(Name=entry["rule_name"])

    def _delete_role(self, name: str) -> None:
        iam = self._aws.client("iam")
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)


def _settings(project: Path, stage: str, handler: str) -> dict[str, Any]:
    """What `config.json` says of a function, as Chalice passes it on."""
    config = _config(project)
    found = _of_function(config, stage, handler)
    architecture = config["stages"][stage].get("lambda_architecture") or config.get("lambda_architecture")
    timeout = {"Timeout": found["lambda_timeout"]} if "lambda_timeout" in found else {}
    layers = {"Layers": found.get("layers", [])}
    return {"architecture": architecture or "x86_64", **layers, **timeout}


def _config(project: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((project / ".chalice" / "config.json").read_text())
    return config


def _of_function(config: dict[str, Any], stage: str, handler: str) -> dict[str, Any]:
    places = (config["stages"][stage], config)
    of_function = [place.get("lambda_functions", {}).get(handler, {}) for place in places]
    found: dict[str, Any] = of_function[1] | of_function[0]
    return found


def _policy(project: Path, stage: str, handler: str) -> str:
    file: str = _of_function(_config(project), stage, handler)["iam_policy_file"]
    return (project / ".chalice" / file).read_text()


def swagger(function: str) -> dict[str, Any]:
    """The document of an API of one path, which calls the function."""
    arn = f"arn:aws:lambda:{REGION}:123456789012:function:{function}"
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri}
    method = {"responses": {"200": {"description": "OK"}}, "x-amazon-apigateway-integration": integration}
    return {
        "swagger": "2.0",
        "info": {"title": "updraft", "version": "1.0"},
        "paths": {"/experimental/test": {"get": method}},
    }


def _package() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as package:
        package.writestr("app.py", "")
    return content.getvalue()


PACKAGE = _package()
