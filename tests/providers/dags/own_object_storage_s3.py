"""ObjectStoragePath on S3: reading, writing, copies within and across stores, paths as XComs and in transfers."""

import os
from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.io import get_fs
from airflow.io.path import ObjectStoragePath
from airflow.io.store import ObjectStore, attach
from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator
from airflow.providers.common.io.operators.file_transfer import FileTransferOperator

base = ObjectStoragePath("s3://aws_default@own-store/data")
work = ObjectStoragePath(f"file://{os.environ['CORPUS_DIR']}/work")

with DAG("own_object_storage_s3", start_date=datetime(2026, 1, 1), schedule=None, catchup=False) as dag:
    bucket = S3CreateBucketOperator(task_id="bucket", bucket_name="own-store")

    @task
    def write(ds=None) -> ObjectStoragePath:
        path = base / f"{ds}.txt"
        with path.open("w") as file:
            file.write("one\ntwo\n")
        return path

    @task
    def read(path: ObjectStoragePath):
        assert isinstance(path, ObjectStoragePath)
        with path.open("rb") as file:
            first = file.readline().decode()
        return {
            "text": path.read_text(),
            "first": first,
            "str": str(path),
            "bucket": path.bucket,
            "container": path.container,
            "key": path.key,
            "namespace": path.namespace,
            "protocol": path.protocol,
            "name": [path.name, path.stem, path.suffix],
            "size": [path.size(), path.stat().st_size, path.stat()["conn_id"]],
            "kind": [path.exists(), path.is_file(), path.is_dir(), path.parent.is_dir()],
            "iterdir": [str(each) for each in path.parent.iterdir()],
            "same": [path == ObjectStoragePath(str(path)), path.samestore(work), path.samestore(base)],
            "block": path.read_block(0, 4).decode(),
            "parts": [len({path, ObjectStoragePath(str(path))}), (base / "a" / "b").path],
        }

    @task
    def copies(path: ObjectStoragePath):
        path.copy(base / "copy.txt")
        path.copy(work / "down.txt")
        (work / "down.txt").copy(base / "up.txt")
        (base / "up.txt").move(base / "moved.txt")
        (base / "moved.txt").move(work / "moved.txt")
        (work / "tree" / "in").mkdir(parents=True, exist_ok=True)
        (work / "tree" / "in" / "deep.txt").write_text("deep")
        (work / "tree").copy("s3://aws_default@own-store/tree", recursive=True)
        return [
            (work / "down.txt").read_text(),
            (work / "moved.txt").read_text(),
            sorted(each.name for each in base.iterdir()),
            sorted(get_fs("s3", "aws_default").find("own-store")),
        ]

    @task
    def stores():
        store = attach("s3", conn_id="aws_default")
        again = ObjectStore.deserialize(store.serialize(), 1)
        try:
            attach(alias="unknown")
        except ValueError as error:
            unknown = str(error)
        try:
            get_fs("nfs3")
        except ValueError as error:
            scheme = str(error)[:36]
        return [str(store), again is store, attach("s3", conn_id="aws_default") is store, unknown, scheme]

    up = FileTransferOperator(task_id="up", src=work / "note.txt", dst=base / "note.txt")
    again = FileTransferOperator(task_id="again", src=work / "note.txt", dst=base / "note.txt")
    missing = FileTransferOperator(task_id="missing", src=base / "not_there.txt", dst=work / "x.txt")
    down = FileTransferOperator(
        task_id="down", src="s3://own-store/data/note.txt", source_conn_id="aws_default", dst=work / "back.txt", overwrite=True
    )

    @task
    def delete(path: ObjectStoragePath):
        assert (work / "back.txt").read_text() == "from disk\n"
        path.unlink()
        return path.exists()

    path = write()
    bucket >> path
    copied = copies(path)
    read(path) >> copied
    gone = delete(path)
    bucket >> up >> [again, down]
    bucket >> missing
    [copied, down] >> gone
    bucket >> stores()
