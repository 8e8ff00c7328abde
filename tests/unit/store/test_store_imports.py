"""What the stores load: a Lambda pays for it at every cold start."""

import subprocess
import sys


def loaded_with(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_store_over_dynamodb_loads_pynamodb_and_nothing_heavier() -> None:
    loaded = loaded_with("chalicelib.store.dynamodb")
    assert "pynamodb" in loaded
    assert not loaded & {"boto3", "chalice", "jinja2", "moto", "pendulum"}


def test_the_store_in_memory_loads_no_client_of_aws() -> None:
    assert not loaded_with("chalicelib.store.memory") & {"boto3", "botocore", "pynamodb", "chalice"}
