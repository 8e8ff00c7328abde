"""The embedded AWS as a process of its own: who gets in, and what is there after it was killed."""

import contextlib
import http.client
import json
import os
import random
import resource
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

from chalicelib.local.emulator import REGION, Emulator
from chalicelib.local.lifeline import Lifeline

USERS = "updraft-local-users"
ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})


class Aws:
    """An emulator over a folder, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lifeline = Lifeline()
        self._emulator = Emulator(folder, self._lifeline)
        self._clients: dict[str, Any] = {}
        self._said = folder.with_name(f"{folder.name}.said")

    @property
    def said(self) -> str:
        """What it wrote to the terminal, since its first start."""
        return self._said.read_text()

    def start(self) -> "Aws":
        with self._said.open("ab") as said, _stderr_in(said.fileno()):
            self._emulator.start()
        self._emulator.wait_until_ready()
        return self

    @property
    def pid(self) -> int:
        assert self._emulator.pid
        return self._emulator.pid

    @property
    def netloc(self) -> str:
        return urlsplit(self._emulator.endpoint.url).netloc

    def client(self, service: str) -> Any:
        endpoint = self._emulator.endpoint
        if service not in self._clients:
            self._clients[service] = get_session().create_client(
                service,
                endpoint_url=endpoint.url,
                region_name=REGION,
                aws_access_key_id=endpoint.access_key_id,
                aws_secret_access_key=endpoint.secret_access_key,
                config=ONCE,
            )
        return self._clients[service]

    def kill(self) -> None:
        self._forget_clients()
        self._emulator.kill()

    def stop(self) -> None:
        self._forget_clients()
        self._emulator.stop()

    def restart_after_a_kill(self) -> None:
        self.kill()
        self.start()

    def end(self) -> None:
        self.kill()
        self._lifeline.cut()

    def _forget_clients(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    # what is in it

    def items(self, table: str = USERS) -> dict[str, Any]:
        """The items by their key."""
        found = self.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
        return {item["username"]["S"]: item for item in found}

    def bodies(self, queue: str = "probe") -> list[str]:
        """The bodies of all messages, which are then in flight for a moment."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found: list[str] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [message["Body"] for message in messages]
        return sorted(found)

    # what changes it

    def create(self) -> None:
        self.client("dynamodb").create_table(
            TableName=USERS,
            KeySchema=[{"AttributeName": "username", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "username", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.client("sqs").create_queue(QueueName="probe")
        self.client("s3").create_bucket(Bucket="bucket")

    def put(self, name: str, **attributes: str) -> None:
        item = {"username": name, **attributes}
        self.client("dynamodb").put_item(
            TableName=USERS, Item={key: {"S": value} for key, value in item.items()}
        )

    def send(self, body: str) -> str:
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName="probe")["QueueUrl"]
        return str(sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"])


@contextlib.contextmanager
def _stderr_in(descriptor: int) -> Iterator[None]:
    """What is started in the block has its stderr there."""
    ours = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        yield
    finally:
        os.dup2(ours, 2)
        os.close(ours)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    server = Aws(tmp_path)
    server.start().create()
    yield server
    server.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    server = Aws(tmp_path_factory.mktemp("shared"))
    server.start().create()
    yield server
    server.end()


def ask(
    aws: Aws, method: str, path: str = "/", body: bytes = b"", /, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """A request as nobody signs it, or wrongly."""
    with contextlib.closing(http.client.HTTPConnection(aws.netloc, timeout=10)) as connection:
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        response = connection.getresponse()
        return (
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )


PAGE = {"Origin": "https://attacker.example", "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"}
UNSIGNED: dict[str, str] = {}
GUESSED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=local/20261130/us-east-1/dynamodb/aws4_request, "
    f"SignedHeaders=host;x-amz-date;x-amz-target, Signature={'0' * 64}",
    "X_Amz_Date": "20261130T120000Z",
}


@pytest.mark.parametrize("sender", [UNSIGNED, PAGE, GUESSED, {**PAGE, **GUESSED}])
def test_who_does_not_know_the_key_reads_no_password_hash_and_puts_no_user(
    shared: Aws, sender: dict[str, str]
) -> None:
    shared.put("ada", password="$2b$12$hash")
    users = {"TableName": USERS, "Item": {"username": {"S": "mallory"}}}
    for action in ("Scan", "PutItem", "GetItem", "ListTables"):
        status, headers, body = ask(
            shared,
            "POST",
            "/",
            json.dumps(users).encode(),
            X_Amz_Target=f"DynamoDB_20120810.{action}",
            **{"Content_Type": "text/plain", **sender},
        )
        assert status == 403
        assert b"hash" not in body
        assert json.loads(body)["__type"].startswith("com.amazon.coral.service#")
        assert not [name for name in headers if name.startswith("access-control")]
    assert "mallory" not in shared.items()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/"), ("GET", "/bucket/key"), ("PUT", "/bucket/key"), ("POST", "/_ministack/reset")),
        *(
            ("GET", "/_ministack/health"),
            ("POST", "/000000000000/probe"),
            ("OPTIONS", "/"),
            ("HEAD", "/bucket"),
        ),
        *(
            ("OPTIONS", "/bucket/key"),
            ("DELETE", "/bucket"),
            ("BREW", "/"),
            ("GET", "//_ready"),
            ("TRACE", "/"),
        ),
    ],
)
def test_every_door_asks_for_a_signature(shared: Aws, method: str, path: str) -> None:
    status, headers, body = ask(
        shared, method, path, **PAGE, Access_Control_Request_Method="POST", Access_Control_Request_Headers="*"
    )
    assert status == 403
    assert not [name for name in headers if name.startswith("access-control")]
    assert body == b"" if method == "HEAD" else b"<Code>AccessDenied</Code>" in body
    shared.put("still", there="yes")


def test_a_signed_answer_has_no_word_for_browsers_either(shared: Aws) -> None:
    answer = shared.client("dynamodb").list_tables()
    names = answer["ResponseMetadata"]["HTTPHeaders"]
    assert not [name for name in names if name.startswith("access-control")]


def test_the_administrative_paths_are_closed_to_the_owner_of_the_key_too(shared: Aws) -> None:
    with pytest.raises(ClientError) as refused:
        shared.client("s3").get_object(Bucket="_ministack", Key="health")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


ODD_KEYS = [
    *(
        "plain",
        "a/b/c",
        "with space",
        "plus+sign",
        "per%cent",
        "per%2Fcent",
        "ü/ñ/€/😀",
        "a//b",
        "tilde~*'()",
    ),
    *(
        "query?x=1&y=2",
        "hash#tag",
        "a:b=c@d,e;f",
        "../up",
        "./here",
        "a/../b",
        "back\\slash",
        '"quoted"',
        "<x>&",
    ),
    *(
        "trailing/",
        " lead",
        "tab\there",
        "run_id=manual__2026-01-01T00:00:00+00:00/attempt=1.log",
        "%",
        "k" * 900,
    ),
]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_objects_of_any_key_come_back(shared: Aws, key: str) -> None:
    s3 = shared.client("s3")
    metadata = {"by": "me", "note": "two  blanks"}
    s3.put_object(Bucket="bucket", Key=key, Body=key.encode(), Metadata=metadata, ContentType="text/x; a=b")
    assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == key.encode()
    listed = s3.list_objects_v2(Bucket="bucket", Prefix=key, MaxKeys=5)["Contents"]
    assert key in [entry["Key"] for entry in listed]
    s3.delete_object(Bucket="bucket", Key=key)


def test_the_key_is_another_one_at_each_start(aws: Aws) -> None:
    old = aws.client("dynamodb")
    keys = old._request_signer._credentials
    aws.restart_after_a_kill()
    again = get_session().create_client(
        "dynamodb",
        endpoint_url=f"http://{aws.netloc}",
        region_name=REGION,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        config=ONCE,
    )
    with contextlib.closing(again), pytest.raises(ClientError) as refused:
        again.list_tables()
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_what_it_writes_is_for_the_user_alone(aws: Aws) -> None:
    aws.client("s3").put_object(Bucket="bucket", Key="folder/key", Body=b"secret")
    aws.stop()
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in aws.folder.rglob("*")}
    assert len(modes) > 6
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}
    aws.start()


# What is acknowledged is kept


def dynamodb_changes(aws: Aws) -> None:
    dynamodb = aws.client("dynamodb")

    def update(name: str, expression: str, **values: dict[str, Any]) -> None:
        dynamodb.update_item(
            TableName=USERS,
            Key={"username": {"S": name}},
            UpdateExpression=expression,
            ExpressionAttributeValues={f":{key}": value for key, value in values.items()},
        )

    aws.put("put", a="1")
    aws.put("put again", a="1")
    aws.put("put again", b="2")
    for name in ("deleted", "deleted by a batch", "deleted by a transaction", "deleted by a statement"):
        aws.put(name)
    update("updated", "SET a = :a, n = :n, b = :b", a={"S": "ü\ud7ff"}, n={"N": "1.50"}, b={"B": b"\0\xff"})
    update("updated", "ADD n :n, s :s REMOVE a", n={"N": "1"}, s={"SS": ["x", "y"]})
    dynamodb.delete_item(TableName=USERS, Key={"username": {"S": "deleted"}})
    dynamodb.batch_write_item(
        RequestItems={
            USERS: [
                {
                    "PutRequest": {
                        "Item": {"username": {"S": "batched"}, "m": {"M": {"l": {"L": [{"NULL": True}]}}}}
                    }
                },
                {"DeleteRequest": {"Key": {"username": {"S": "deleted by a batch"}}}},
            ]
        }
    )
    dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": USERS, "Item": {"username": {"S": "transacted"}}}},
            {"Delete": {"TableName": USERS, "Key": {"username": {"S": "deleted by a transaction"}}}},
            {"ConditionCheck": {**_absent("nobody"), "Key": {"username": {"S": "nobody"}}}},
        ]
    )
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": USERS, "Item": {"username": {"S": "refused"}}}},
                {"ConditionCheck": {**_absent("put"), "Key": {"username": {"S": "put"}}}},
            ]
        )
    for statement in (
        """INSERT INTO "updraft-local-users" VALUE {'username': 'stated', 'a': 'x'}""",
        """UPDATE "updraft-local-users" SET a='y' WHERE username='stated'""",
        """DELETE FROM "updraft-local-users" WHERE username='deleted by a statement'""",
    ):
        dynamodb.execute_statement(Statement=statement)
    together = """INSERT INTO "updraft-local-users" VALUE {'username': 'stated together'}"""
    dynamodb.execute_transaction(TransactStatements=[{"Statement": together}])


def _absent(name: str) -> dict[str, Any]:
    return {"TableName": USERS, "ConditionExpression": "attribute_not_exists(username)"}


def test_every_change_of_items_is_there_after_a_kill(aws: Aws) -> None:
    dynamodb_changes(aws)
    before = aws.items()
    assert {"put", "updated", "batched", "transacted", "stated", "stated together"} <= before.keys()
    assert not [name for name in before if name.startswith(("deleted", "refused"))]
    aws.restart_after_a_kill()
    assert aws.items() == before
    aws.put("and it goes on")
    aws.restart_after_a_kill()
    assert aws.items().keys() == {*before, "and it goes on"}


def described(aws: Aws) -> dict[str, Any]:
    """What there is beside items and messages."""
    dynamodb, sqs, s3 = aws.client("dynamodb"), aws.client("sqs"), aws.client("s3")
    counted = ("ItemCount", "TableSizeBytes", "ApproximateNumber")
    found: dict[str, Any] = {}
    for name in dynamodb.list_tables()["TableNames"]:
        table = dynamodb.describe_table(TableName=name)["Table"]
        found[name] = {key: value for key, value in table.items() if key not in counted}
        found[f"{name} ttl"] = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        found[f"{name} tags"] = dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    for url in sqs.list_queues().get("QueueUrls", []):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        name = url.rpartition("/")[2]
        found[f"queue {name}"] = {k: v for k, v in attributes.items() if not k.startswith(counted)}
        found[f"queue {name} tags"] = sqs.list_queue_tags(QueueUrl=url).get("Tags")
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        found[f"bucket {name}"] = s3.get_bucket_versioning(Bucket=name).get("Status")
        listed = s3.list_objects_v2(Bucket=name).get("Contents", [])
        found[f"bucket {name} objects"] = {
            entry["Key"]: s3.get_object(Bucket=name, Key=entry["Key"])["Body"].read() for entry in listed
        }
    return found


def test_tables_queues_and_buckets_are_there_after_a_kill_with_their_settings_and_content(aws: Aws) -> None:
    dynamodb, sqs, s3 = aws.client("dynamodb"), aws.client("sqs"), aws.client("s3")
    aws.put("early")
    aws.send("early")
    s3.put_object(Bucket="bucket", Key="early", Body=b"early")
    s3.create_bucket(Bucket="second")
    s3.put_object(Bucket="second", Key="a/b", Body=b"in a bucket that came later")
    s3.copy_object(Bucket="bucket", Key="copy", CopySource={"Bucket": "second", "Key": "a/b"})
    s3.create_bucket(Bucket="third")
    s3.delete_bucket(Bucket="third")
    s3.put_bucket_versioning(Bucket="second", VersioningConfiguration={"Status": "Enabled"})
    upload = s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
    part = s3.upload_part(Bucket="bucket", Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload, MultipartUpload=parts)
    s3.put_object(Bucket="bucket", Key="gone", Body=b"")
    s3.delete_object(Bucket="bucket", Key="gone")

    key = [{"AttributeName": "username", "KeyType": "HASH"}]
    attribute = [{"AttributeName": "username", "AttributeType": "S"}]
    for name in ("second", "third"):
        dynamodb.create_table(
            TableName=name, KeySchema=key, AttributeDefinitions=attribute, BillingMode="PAY_PER_REQUEST"
        )
        dynamodb.put_item(TableName=name, Item={"username": {"S": name}})
    dynamodb.delete_table(TableName="third")
    ttl = {"Enabled": True, "AttributeName": "expires_at"}
    dynamodb.update_time_to_live(TableName="second", TimeToLiveSpecification=ttl)
    arn = dynamodb.describe_table(TableName="second")["Table"]["TableArn"]
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])

    url = sqs.create_queue(QueueName="second", Attributes={"VisibilityTimeout": "7"}, tags={"a": "b"})[
        "QueueUrl"
    ]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "0", "VisibilityTimeout": "9"})
    third = sqs.create_queue(QueueName="third")["QueueUrl"]
    sqs.send_message(QueueUrl=third, MessageBody="goes with it")
    sqs.delete_queue(QueueUrl=third)

    before = described(aws)
    aws.restart_after_a_kill()
    assert described(aws) == before
    assert before["bucket bucket objects"].keys() == {"early", "copy", "parts"}
    assert aws.items().keys() == {"early"}
    assert aws.items("second").keys() == {"second"}
    assert aws.bodies() == ["early"]


def test_an_index_answers_after_a_kill(aws: Aws) -> None:
    dynamodb = aws.client("dynamodb")
    dynamodb.update_table(
        TableName=USERS,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("username", "team")],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by_team",
                    "KeySchema": [{"AttributeName": "team", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )

    def team(name: str) -> set[str]:
        answer = aws.client("dynamodb").query(
            TableName=USERS,
            IndexName="by_team",
            KeyConditionExpression="team = :t",
            ExpressionAttributeValues={":t": {"S": name}},
        )
        return {item["username"]["S"] for item in answer["Items"]}

    aws.put("ada", team="a")
    aws.put("bob", team="a")
    assert team("a") == {"ada", "bob"}
    aws.put("bob", team="b")
    aws.restart_after_a_kill()
    assert (team("a"), team("b")) == ({"ada"}, {"bob"})


def test_messages_are_there_after_a_kill_unless_they_were_deleted(aws: Aws) -> None:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName="probe")["QueueUrl"]
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    aws.send("deleted")
    (received,) = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
    entries = [{"Id": str(number), "MessageBody": f"batch {number}"} for number in range(4)]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    batch = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]
    entries = [{"Id": message["Body"][-1], "ReceiptHandle": message["ReceiptHandle"]} for message in batch]
    sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    sqs.receive_message(QueueUrl=url)  # in flight: it comes again

    other = sqs.create_queue(QueueName="other", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    sqs.send_message(QueueUrl=other, MessageBody="put aside and deleted there")
    for _ in range(2):
        sqs.receive_message(QueueUrl=other, VisibilityTimeout=0)
    (received,) = sqs.receive_message(QueueUrl=dead)["Messages"]
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=received["ReceiptHandle"])

    full = sqs.create_queue(QueueName="purged")["QueueUrl"]
    sqs.send_message(QueueUrl=full, MessageBody="purged")
    sqs.purge_queue(QueueUrl=full)
    sqs.send_message(QueueUrl=full, MessageBody="after the purge")

    aws.restart_after_a_kill()
    assert aws.bodies() == ["batch 2", "batch 3"]
    assert aws.bodies("other") == aws.bodies("dead") == []
    assert aws.bodies("purged") == ["after the purge"]


def test_a_fifo_queue_knows_after_a_kill_what_was_sent_before(aws: Aws) -> None:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = aws.client("sqs").create_queue(QueueName="q.fifo", Attributes=attributes)["QueueUrl"]

    def send(body: str) -> dict[str, Any]:
        sqs = aws.client("sqs")
        at = sqs.get_queue_url(QueueName="q.fifo")["QueueUrl"]
        answer: dict[str, Any] = sqs.send_message(QueueUrl=at, MessageBody=body, MessageGroupId="g")
        return answer

    first = send("first")
    (received,) = aws.client("sqs").receive_message(QueueUrl=url)["Messages"]
    aws.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
    second = send("second")
    aws.restart_after_a_kill()
    assert send("first")["MessageId"] == first["MessageId"]
    assert send("second")["MessageId"] == second["MessageId"]
    assert send("third")["SequenceNumber"] > second["SequenceNumber"]
    assert aws.bodies("q.fifo") == ["second", "third"]


@pytest.mark.parametrize("seed", range(2))
def test_a_random_life_with_kills_loses_nothing(aws: Aws, seed: int) -> None:
    chance = random.Random(seed)
    items: dict[str, str] = {}
    messages: list[str] = []
    for number in range(250):
        name, dynamodb = chance.choice("abcdefgh"), aws.client("dynamodb")
        match chance.randrange(6):
            case 0 | 1:
                aws.put(name, value=str(number))
                items[name] = str(number)
            case 2:
                dynamodb.delete_item(TableName=USERS, Key={"username": {"S": name}})
                items.pop(name, None)
            case 3 | 4:
                aws.send(str(number))
                messages.append(str(number))
            case 5:
                sqs = aws.client("sqs")
                url = sqs.get_queue_url(QueueName="probe")["QueueUrl"]
                for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    messages.remove(message["Body"])
        if chance.randrange(80) == 0:
            chance.choice([aws.kill, aws.stop])()
            aws.start()
    aws.restart_after_a_kill()
    assert {name: item["value"]["S"] for name, item in aws.items().items()} == items
    assert aws.bodies() == sorted(messages)


def snapshots(aws: Aws) -> list[str]:
    return sorted(path.name for path in aws.folder.glob("snapshot-*") if path.suffix != ".new")


def fill(aws: Aws, megabytes: int, mark: str) -> dict[str, str]:
    written = {}
    for number in range(megabytes * 4):
        name = f"{mark} {number % 40}"
        aws.put(name, value=f"{number}", filling="x" * 260_000)
        written[name] = f"{number}"
    return written


def test_a_long_journal_gives_way_to_a_snapshot_and_a_kill_loses_nothing_meanwhile(aws: Aws) -> None:
    written = fill(aws, 17, "first")
    aws.restart_after_a_kill()
    written |= fill(aws, 4, "second")
    deadline = time.monotonic() + 60
    while not snapshots(aws):
        assert time.monotonic() < deadline, "no snapshot was written"
        aws.put("first 0", value="until there is one")
        written["first 0"] = "until there is one"
    for _ in range(2):
        aws.restart_after_a_kill()
        paginator = aws.client("dynamodb").get_paginator("scan")
        pages = paginator.paginate(
            TableName=USERS, ProjectionExpression="username, #v", ExpressionAttributeNames={"#v": "value"}
        )
        found = {item["username"]["S"]: item["value"]["S"] for page in pages for item in page["Items"]}
        assert found == written
        aws.put("first 0", value="once more")
        written["first 0"] = "once more"
    aws.stop()
    aws.start()
    assert len(snapshots(aws)) <= 2


@contextlib.contextmanager
def full_disk(aws: Aws, size: int = 0) -> Iterator[None]:
    """No file of the emulator grows beyond ``size``: that limit stands in for a full disk."""
    pid = aws.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


ROOM_FOR_WORDS = 4096
"""Less than any journal here has, and enough for what is said to the user."""


def refused(act: Callable[[], Any]) -> None:
    with pytest.raises(ClientError) as error:
        act()
    assert error.value.response["Error"]["Code"] == "StorageFull"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def changes_of_all_kinds(aws: Aws) -> list[Callable[[], Any]]:
    dynamodb, sqs, s3 = aws.client("dynamodb"), aws.client("sqs"), aws.client("s3")
    url = sqs.get_queue_url(QueueName="probe")["QueueUrl"]
    (received,) = sqs.receive_message(QueueUrl=url)["Messages"]
    key = {"username": {"S": "old"}}
    put = {"Put": {"TableName": USERS, "Item": {"username": {"S": "new"}}}}
    return [
        lambda: aws.put("new"),
        lambda: aws.put("old", value="changed"),
        lambda: dynamodb.delete_item(TableName=USERS, Key=key),
        lambda: dynamodb.transact_write_items(TransactItems=[put], ClientRequestToken="token"),
        lambda: aws.send("new"),
        lambda: sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"]),
        lambda: sqs.purge_queue(QueueUrl=url),
        lambda: sqs.create_queue(QueueName="new"),
        lambda: sqs.delete_queue(QueueUrl=url),
        lambda: dynamodb.delete_table(TableName=USERS),
        lambda: s3.create_bucket(Bucket="new"),
        lambda: s3.put_object(Bucket="bucket", Key="old", Body=b"changed"),
        lambda: s3.put_object(Bucket="bucket", Key="new", Body=b"new"),
    ]


def until_changes_are_taken(aws: Aws) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            aws.client("dynamodb").delete_item(TableName=USERS, Key={"username": {"S": "nobody"}})
        except ClientError:
            assert time.monotonic() < deadline, "changes are refused for ever"
            time.sleep(0.05)
        else:
            return


def test_on_a_full_disk_a_change_of_any_kind_is_refused_and_did_not_happen(aws: Aws) -> None:
    aws.put("old", value="as it was")
    aws.send("old")
    aws.client("s3").put_object(Bucket="bucket", Key="old", Body=b"as it was")
    before = described(aws), aws.items()
    for change in changes_of_all_kinds(aws):
        with full_disk(aws):
            refused(change)  # the first one is tried and taken back
            assert (described(aws), aws.items()) == before
            refused(change)  # later ones are not even tried
        until_changes_are_taken(aws)
    in_flight = {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "1"}
    url = aws.client("sqs").get_queue_url(QueueName="probe")["QueueUrl"]
    asked = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(in_flight))
    assert asked["Attributes"] == in_flight
    aws.restart_after_a_kill()
    assert (described(aws), aws.items()) == before
    assert aws.bodies() == ["old"]


def test_it_is_said_once_that_the_disk_is_full_and_once_that_it_has_room_again(aws: Aws) -> None:
    aws.put("before")
    token = {"TransactItems": [{"Put": {"TableName": USERS, "Item": {"username": {"S": "token"}}}}]}
    transact = aws.client("dynamodb").transact_write_items
    with full_disk(aws, ROOM_FOR_WORDS):
        refused(lambda: transact(**token, ClientRequestToken="the same"))
        for _ in range(5):
            refused(lambda: aws.put("refused"))
        assert aws.items().keys() == {"before"}
    until_changes_are_taken(aws)
    aws.put("after")
    transact(**token, ClientRequestToken="the same")
    assert aws.items().keys() == {"before", "after", "token"}
    aws.restart_after_a_kill()
    assert aws.items().keys() == {"before", "after", "token"}
    assert aws.said.splitlines() == [
        f"The state cannot be written ({aws.folder}: File too large): changes are refused with 503 until "
        "it can. What was answered before is kept.",
        "The state can be written again: changes are taken.",
    ]


def test_a_stop_on_a_full_disk_leaves_all_in_the_journal(aws: Aws) -> None:
    aws.put("kept", filling="x" * 10_000)
    with full_disk(aws, ROOM_FOR_WORDS):
        aws.stop()
    assert "the journal has it all" in aws.said
    aws.start()
    assert aws.items().keys() == {"kept"}


def test_a_killed_child_that_wrote_a_snapshot_is_no_loss(aws: Aws) -> None:
    written = fill(aws, 17, "first")
    deadline = time.monotonic() + 30
    while not (children := _children(aws.pid)) and not snapshots(aws):
        assert time.monotonic() < deadline, "no snapshot was begun"
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    aws.put("afterwards")
    aws.restart_after_a_kill()
    paginator = aws.client("dynamodb").get_paginator("scan")
    pages = paginator.paginate(TableName=USERS, ProjectionExpression="username")
    assert {item["username"]["S"] for page in pages for item in page["Items"]} == {*written, "afterwards"}


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
