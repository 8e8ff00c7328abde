"""The resources that operators act on, as ARNs, by what is known of their arguments.

Forms are, with an argument in the place of each capital (``config.RoleArn`` is looked up in a dict):

- ``bucket B K`` and ``object B K``: an S3 bucket, and a key or keys in it; the key may be an ``s3://`` URL,
  which names the bucket, too, and ``K*`` is how keys begin;
- ``queue Q``: an SQS queue by its URL; ``role R``: a role by its name or ARN;
- ``service:form``: an ARN of that service. ``{X}`` in it is a name, or an ARN that goes before what is
  written around it; ``{X/}`` and ``{X:}`` are the last part of an ARN, ``{X@revision}`` has ``:*`` after it
  where no revision is named, ``{X=name}`` is that name where nothing is given.

What is a template, or not known at all, becomes IAM's ``*``.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

ANY = "*"

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_NOT_IN_NAMES = re.compile(r"[${}]|[^\x20-\xff]")
"""IAM's variables, placeholders of policy files, and characters that IAM takes in no policy."""

_SLOT = re.compile(r"\{([^{}/:@=]+)([/:]|@revision|=[^{}]*)?\}")
_QUEUE = re.compile(r"(?:https?://)?sqs\.([a-z0-9-]+)\.[^/]+/(\d{12})/([^/]+)")


@dataclass(slots=True)
class Arguments:
    """The arguments of an operator, and which of them were looked for in vain."""

    known: Mapping[str, Any]
    unknown: Sequence[str]
    vague: set[str] = field(default_factory=set)
    """Those that are not known, or are nothing but a template: they would narrow a resource."""

    def is_given(self, name: str) -> bool:
        """Whether an argument is given and not false, as far as can be known."""
        if name.partition(".")[0] in self.unknown:
            return True
        return any(bool(value) for value in self._found(name))

    def texts(self, name: str, default: str | None = None) -> list[str]:
        """What an argument may be, as IAM's patterns; one that is not given may be anything."""
        found = [None] if name.partition(".")[0] in self.unknown else self._found(name) or [None]
        if default is not None and name.partition(".")[0] not in self.unknown:
            found = [default if each in (None, "") else each for each in found]
        texts = sorted({ANY if each == "" else _pattern(each) for each in found})
        if ANY in texts:
            self.vague.add(name)
        return texts

    def _found(self, name: str) -> list[Any]:
        values: list[Any] = [self.known]
        for part in name.split("."):
            values = [
                value.get(part) for each in values for value in _many(each) if isinstance(value, Mapping)
            ]
        return [each for value in values for each in _many(value)]


def resources(form: str, arguments: Arguments, region: str) -> list[str]:
    """The ARNs of a form, with the placeholders of policy files for what depends on the stage.

    ``region`` is where the operator works: a placeholder, or the name that it was given.
    """
    kind, *names = form.split(" ")
    match kind:
        case "bucket":
            return sorted({f"arn:{{partition}}:s3:::{bucket}" for bucket, _ in _objects(names, arguments)})
        case "object":
            objects = _objects(names, arguments)
            return sorted({f"arn:{{partition}}:s3:::{bucket}/{key}" for bucket, key in objects})
        case "queue":
            return [_queue(text, region) for text in arguments.texts(names[0])]
        case "role":
            return [_role(text) for text in arguments.texts(names[0])]
    service, _, rest = form.partition(":")
    return list(_arns(service, rest, arguments, region))


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _pattern(value: Any) -> str:
    """A text as IAM's pattern: what is rendered later may be anything."""
    if not isinstance(value, str):
        return ANY if value is None or isinstance(value, Mapping | list) else str(value)
    text = _NOT_IN_NAMES.sub("?", _TEMPLATE.sub(ANY, value))
    return re.sub(r"\*+", ANY, text)


def _objects(names: Sequence[str], arguments: Arguments) -> Iterator[tuple[str, str]]:
    """Buckets and keys; of arguments of which one is missing, the other may tell all."""
    bucket_name, key_name = (*names, "")[:2]
    before = set(arguments.vague)
    is_prefix = key_name.endswith("*")
    keys = arguments.texts(key_name.rstrip("*"), "" if is_prefix else None) if key_name else [ANY]
    arguments.vague &= before  # a bucket alone narrows enough
    for key in keys:
        url = urlsplit(key)
        if url.scheme == "s3":
            yield url.netloc or ANY, _prefix(url.path.lstrip("/"), is_prefix)
            continue
        for bucket in arguments.texts(bucket_name) if bucket_name else [ANY]:
            bucket = urlsplit(bucket).netloc if bucket.startswith("s3://") else bucket
            yield bucket, _prefix(key, is_prefix)


def _prefix(key: str, is_prefix: bool) -> str:
    return re.sub(r"\*+", ANY, f"{key}*") if is_prefix else key or ANY


def _queue(text: str, region: str) -> str:
    if text.startswith("arn:"):
        return text
    if named := _QUEUE.match(text):
        return f"arn:{{partition}}:sqs:{named[1]}:{named[2]}:{named[3]}"
    return f"arn:{{partition}}:sqs:{region}:{{account}}:{text.rstrip('/').rpartition('/')[2]}"


def _role(text: str) -> str:
    return text if text.startswith("arn:") else f"arn:{{partition}}:iam::{{account}}:role/{text}"


def _arns(service: str, form: str, arguments: Arguments, region: str) -> Iterator[str]:
    where = "" if form.startswith("::") else f"{region}:{{account}}:"  # S3's have neither
    slots = list(_SLOT.finditer(form))
    choices = [_choices(slot[1], slot[2] or "", arguments) for slot in slots]
    for chosen in itertools.product(*choices):
        whole = next((place for place, text in enumerate(chosen) if text.startswith("arn:")), None)
        if whole is not None:
            end = slots[whole].end()
            yield chosen[whole] + _filled(form, slots[whole + 1 :], chosen[whole + 1 :], end)
            continue
        yield f"arn:{{partition}}:{service}:{where}{_filled(form, slots, chosen)}"


def _filled(form: str, slots: Sequence[re.Match[str]], texts: Sequence[str], begin: int = 0) -> str:
    """A form from there on, with these texts in the place of its slots."""
    ends = [begin, *(slot.end() for slot in slots)]
    before = [form[end : slot.start()] for end, slot in zip(ends, slots, strict=False)]
    return "".join(itertools.chain(*zip(before, texts, strict=True), [form[ends[-1] :]]))


def _choices(name: str, kind: str, arguments: Arguments) -> list[str]:
    default = kind[1:] if kind.startswith("=") else None
    texts = arguments.texts(name, default)
    match kind:
        case "/" | ":":
            return [text.rpartition(kind)[2] if text.startswith("arn:") else text for text in texts]
        case "@revision":
            return [text if re.search(r":[\d*]+$", text) else f"{text}:*" for text in texts]
    return texts
