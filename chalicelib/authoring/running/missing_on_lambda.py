"""Advice on what a task asks for that AWS Lambda does not have: what to use instead, told after its error."""

import errno
import re
from collections.abc import Iterator, Mapping
from types import TracebackType

COMMAND_NOT_FOUND = 127
"""The exit code of a shell for a program that is not there."""

_IN_A_CONTAINER = "run it in a container: EcsRunTaskOperator or BatchOperator starts one and waits for it"
_INSTEAD: Mapping[tuple[str, ...], str] = {
    ("docker", "docker-compose", "podman"): _IN_A_CONTAINER,
    ("git",): "fetch an archive by HTTPS, or put dulwich, which is git in Python, into requirements.txt",
    ("kubectl", "helm"): "call the cluster's API: KubernetesPodOperator, or the package kubernetes",
    ("ssh", "scp", "sftp", "rsync"): "SSHOperator and SFTPOperator need no program",
    ("java", "spark-submit", "hadoop", "hdfs", "hive", "beeline", "sqoop"): (
        "run it where it is: GlueJobOperator, EmrServerlessStartJobOperator or BatchOperator"
    ),
    ("psql", "mysql", "sqlite3", "snowsql"): "SQLExecuteQueryOperator with a connection needs no program",
    ("aws",): "use boto3, or the operators of apache-airflow-providers-amazon",
    ("gcloud", "gsutil", "bq"): "use the operators of apache-airflow-providers-google",
    ("wget",): "use curl, or HttpOperator",
    ("tar", "unzip", "zip", "gzip"): "use shutil.unpack_archive, tarfile or zipfile of Python",
    ("jq",): "use json of Python",
    ("dbt",): "put dbt-core and its adapter into requirements.txt",
    ("sudo", "apt", "apt-get", "yum", "dnf"): "what tasks need is installed when it is deployed: Python "
    "packages by requirements.txt",
}
_BY_PROGRAM = {program: instead for programs, instead in _INSTEAD.items() for program in programs}

_NOT_FOUND = re.compile(r"(?:^|[\s:])(?P<program>[\w.+/-]+): (?:command )?not found\s*$")

_SIGNS: Mapping[str, str] = {
    r"docker\.sock|given Docker hosts|fetching server API version": (
        f"There is no Docker on AWS Lambda: {_IN_A_CONTAINER}; a Docker elsewhere is named by docker_url"
    ),
    r"Invalid kube-config|KUBERNETES_SERVICE_HOST|Service host/port is not set": (
        "AWS Lambda is in no Kubernetes cluster: give the connection the cluster's kube config"
    ),
    r"JAVA_HOME is not set|JAVA_GATEWAY_EXITED|Java gateway process exited": (
        f"There is no Java on AWS Lambda: {_BY_PROGRAM['java']}"
    ),
    r"Bad git executable": f"There is no git on AWS Lambda: {_BY_PROGRAM['git']}",
}
"""Texts of errors, and what is to be said about them."""

_READ_ONLY = (
    "On AWS Lambda a task may write to its working directory, to $TMPDIR and to $HOME, which are emptied "
    "after it, and nowhere else"
)


def advice_on_output(last_line: str) -> str | None:
    """What to say about a shell command that ended with ``COMMAND_NOT_FOUND`` after it printed that line."""
    found = _NOT_FOUND.search(last_line)
    return _without_program(found["program"]) if found else None


def advice_on(error: BaseException) -> str | None:
    """What to say about the error of a task, and those that led to it; None: nothing."""
    told = (_advice_on_one(each) for each in _chain(error))
    return next((advice for advice in told if advice), None)


def _advice_on_one(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return _READ_ONLY
    if isinstance(error, FileNotFoundError) and _is_of_a_new_process(error.__traceback__):
        name = str(error.filename)
        if "/" not in name or name.rpartition("/")[2] in _BY_PROGRAM:  # else it may be the directory
            return _without_program(name)
    text = _text_of(error)
    return next((advice for sign, advice in _SIGNS.items() if re.search(sign, text)), None)


def _without_program(path: str) -> str:
    program = path.rpartition("/")[2]
    if program in _BY_PROGRAM:
        return f"There is no {program} on AWS Lambda: {_BY_PROGRAM[program]}"
    return (
        f"There is no {program} where this task runs: AWS Lambda has Python, a shell and few other programs. "
        f"For what needs more, {_IN_A_CONTAINER}"
    )


def _is_of_a_new_process(traceback: TracebackType | None) -> bool:
    """Whether starting a process raised it: it is the program, and no file of data, that is not there."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and traceback.tb_frame.f_code.co_filename.endswith("/subprocess.py")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it came from, the last first; each once, for they may go in circles."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # its ``__str__`` may be the user's
        return ""
