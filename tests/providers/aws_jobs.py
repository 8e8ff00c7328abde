"""AWS's services of jobs behind a port of this machine, as far as operators start, watch and stop jobs there.

By their protocols as botocore speaks them. moto has most of them, but not these three things: a job that is
over after so much time of a clock, a list of all calls, and containers of ECS that end.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ACCOUNT = "123456789012"
REGION = "eu-west-1"

_SERVICES = {
    "AmazonEC2ContainerServiceV20141113": "ecs",
    "AWSGlue": "glue",
    "AmazonAthena": "athena",
    "AWSStepFunctions": "states",
}
"""IAM's name of a service, by the target that its requests name."""

_PATHS = {
    ("POST", r"/v1/submitjob"): "batch:SubmitJob",
    ("POST", r"/v1/describejobs"): "batch:DescribeJobs",
    ("POST", r"/v1/terminatejob"): "batch:TerminateJob",
    ("GET", r"/applications/[^/]+"): "emr-serverless:GetApplication",
    ("POST", r"/applications/[^/]+/jobruns"): "emr-serverless:StartJobRun",
    ("GET", r"/applications/[^/]+/jobruns/(?P<job>[^/]+)"): "emr-serverless:GetJobRun",
    ("DELETE", r"/applications/[^/]+/jobruns/(?P<job>[^/]+)"): "emr-serverless:CancelJobRun",
}
"""Operations of the services whose requests name them by path."""

Answer = dict[str, Any]


@dataclass(slots=True)
class AwsJobs:
    """The account, and what was asked of it."""

    now: Callable[[], datetime]
    """The time by which jobs run."""
    duration: timedelta = timedelta()
    """How long a job runs."""
    looks: int = 0
    """How often a job has to be looked at besides, before it is over."""
    calls: list[str] = field(default_factory=list)
    """All calls, as IAM names them."""
    stopped: list[str] = field(default_factory=list)
    """Jobs that were stopped."""
    started_by: dict[str, str] = field(default_factory=dict)
    """Of tasks of ECS: who has started each."""
    on_look: Callable[[str], None] = lambda _job: None
    """Called with a job that is looked at."""
    url: str = ""
    _started: dict[str, datetime] = field(default_factory=dict)
    _looked: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, operation: str, body: Answer, job: str) -> Answer:
        """What an operation answers; a job that is looked at comes nearer to its end."""
        with self._lock:
            self.calls.append(operation)
            return _ANSWERS[operation](self, body, job)

    def start(self, prefix: str) -> str:
        """Start a job; its id."""
        job = f"{prefix}{len(self._started) + 1:04d}"
        self._started[job] = self.now()
        return job

    def is_over(self, job: str) -> bool:
        """Look at a job."""
        self._looked[job] = self._looked.get(job, 0) + 1
        self.on_look(job)
        if job in self.stopped:
            return True
        return self.now() >= self._started[job] + self.duration and self._looked[job] > self.looks

    def running(self) -> list[str]:
        """The jobs that nobody has stopped."""
        return [job for job in self._started if job not in self.stopped]


def _ecs_task(aws: AwsJobs, arn: str, *, is_over: bool) -> Answer:
    status = "STOPPED" if is_over else "RUNNING"
    container = {"name": "main", "lastStatus": status, **({"exitCode": 0} if is_over else {})}
    return {"taskArn": arn, "lastStatus": status, "desiredStatus": status, "containers": [container]}


def _run_task(aws: AwsJobs, body: Answer, _: str) -> Answer:
    arn = aws.start(f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/{body['cluster']}/")
    aws.started_by[arn] = body.get("startedBy", "")
    return {"tasks": [_ecs_task(aws, arn, is_over=False)], "failures": []}


def _stop(name: str) -> Callable[[AwsJobs, Answer, str], Answer]:
    def stop(aws: AwsJobs, body: Answer, job: str) -> Answer:
        aws.stopped.append(job or body[name])
        return {}

    return stop


def _list_tasks(aws: AwsJobs, body: Answer, _: str) -> Answer:
    found = [arn for arn, by in aws.started_by.items() if by == body.get("startedBy", by)]
    return {"taskArns": [arn for arn in found if arn in aws.running()]}


def _stop_job_runs(aws: AwsJobs, body: Answer, _: str) -> Answer:
    aws.stopped += body["JobRunIds"]
    return {"SuccessfulSubmissions": [{"JobRunId": each} for each in body["JobRunIds"]]}


def _state(aws: AwsJobs, job: str, *, running: str, over: str) -> str:
    return over if aws.is_over(job) else running


def _batch_job(aws: AwsJobs, job: str) -> Answer:
    status = _state(aws, job, running="RUNNING", over="SUCCEEDED")
    return {"jobId": job, "status": status, "jobDefinition": "d", "jobQueue": "q", "container": {}}


def _execution(aws: AwsJobs, arn: str) -> Answer:
    status = _state(aws, arn, running="RUNNING", over="SUCCEEDED")
    return {"executionArn": arn, "stateMachineArn": "m", "status": status, "startDate": 0, "output": "{}"}


_ANSWERS: dict[str, Callable[[AwsJobs, Answer, str], Answer]] = {
    "ecs:RunTask": _run_task,
    "ecs:DescribeTasks": lambda aws, body, _: {
        "tasks": [_ecs_task(aws, arn, is_over=aws.is_over(arn)) for arn in body["tasks"]],
        "failures": [],
    },
    "ecs:StopTask": _stop("task"),
    "ecs:ListTasks": _list_tasks,
    "batch:SubmitJob": lambda aws, body, _: {"jobId": aws.start("job-"), "jobName": body["jobName"]},
    "batch:DescribeJobs": lambda aws, body, _: {"jobs": [_batch_job(aws, job) for job in body["jobs"]]},
    "batch:TerminateJob": _stop("jobId"),
    "glue:GetJob": lambda _, body, __: {"Job": {"Name": body["JobName"]}},
    "glue:StartJobRun": lambda aws, _, __: {"JobRunId": aws.start("jr_")},
    "glue:GetJobRun": lambda aws, body, _: {
        "JobRun": {
            "Id": body["RunId"],
            "JobRunState": _state(aws, body["RunId"], running="RUNNING", over="SUCCEEDED"),
        }
    },
    "glue:BatchStopJobRun": _stop_job_runs,
    "athena:StartQueryExecution": lambda aws, _, __: {"QueryExecutionId": aws.start("query-")},
    "athena:GetQueryExecution": lambda aws, body, _: {
        "QueryExecution": {
            "QueryExecutionId": body["QueryExecutionId"],
            "Status": {"State": _state(aws, body["QueryExecutionId"], running="RUNNING", over="SUCCEEDED")},
        }
    },
    "athena:StopQueryExecution": _stop("QueryExecutionId"),
    "states:StartExecution": lambda aws, body, _: {
        "executionArn": aws.start(f"{body['stateMachineArn'].replace(':stateMachine:', ':execution:')}:"),
        "startDate": 0,
    },
    "states:DescribeExecution": lambda aws, body, _: _execution(aws, body["executionArn"]),
    "emr-serverless:GetApplication": lambda _, __, ___: {"application": {"state": "STARTED"}},
    "emr-serverless:StartJobRun": lambda aws, _, __: {"jobRunId": aws.start("run-")},
    "emr-serverless:GetJobRun": lambda aws, _, job: {
        "jobRun": {"jobRunId": job, "state": _state(aws, job, running="RUNNING", over="SUCCESS")}
    },
    "emr-serverless:CancelJobRun": _stop("jobRunId"),
}


@contextmanager
def serving(aws: AwsJobs) -> Iterator[AwsJobs]:
    """Serve the account on a port of its own, ``aws.url``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            operation, job = _operation(self.command, self.path, self.headers.get("X-Amz-Target", ""))
            answer = json.dumps(aws.answer(operation, json.loads(body or b"{}"), job)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - names of the base class

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    aws.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield aws
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _operation(method: str, path: str, target: str) -> tuple[str, str]:
    """The operation that a request asks for, and the job that its path names."""
    if target:
        service, _, name = target.partition(".")
        return f"{_SERVICES[service]}:{name}", ""
    for (of_method, pattern), operation in _PATHS.items():
        found = re.fullmatch(pattern, path.partition("?")[0])
        if found and method == of_method:
            return operation, found.groupdict().get("job", "")
    raise LookupError(f"{method} {path} is no request of these services")
