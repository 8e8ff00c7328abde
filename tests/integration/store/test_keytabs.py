"""Where a keytab can be read from, over moto."""

import base64
from pathlib import Path

import pytest

from chalicelib import aws
from chalicelib.settings import SettingError, Settings
from chalicelib.store.keytabs import read_keytab

KEYTAB = b"\x05\x02 not a real one \xff\x00"
TEXT = base64.b64encode(KEYTAB).decode()


@pytest.mark.parametrize("prefix", ["", "FILE:"])
def test_a_keytab_is_a_file(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "keytab").write_bytes(KEYTAB)
    assert read_keytab(f"{prefix}{tmp_path / 'keytab'}") == KEYTAB


def test_a_keytab_is_a_secret(account: None) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name="updraft-binary", SecretBinary=KEYTAB)
    arn = secrets.create_secret(Name="updraft-text", SecretString=f"{TEXT}\n")["ARN"]
    for place in ("secretsmanager:updraft-binary", "secretsmanager:updraft-text", arn):
        assert read_keytab(place) == KEYTAB


def test_a_keytab_is_a_parameter(account: None) -> None:
    aws.client("ssm").put_parameter(Name="/updraft-dev/keytab", Value=TEXT, Type="SecureString")
    assert read_keytab("ssm:/updraft-dev/keytab") == KEYTAB


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("", "is not set"),
        ("/nowhere/keytab", "No such file"),
        ("secretsmanager:missing", "ResourceNotFoundException"),
        ("ssm:missing", "ParameterNotFound"),
        ("ssm:broken", "is no keytab in base64"),
    ],
)
def test_what_cannot_be_read_is_a_setting_error(account: None, place: str, says: str) -> None:
    aws.client("ssm").put_parameter(Name="broken", Value="s3cr3t!", Type="String")
    with pytest.raises(SettingError, match=says) as caught:
        read_keytab(place)
    assert "AIRFLOW__KERBEROS__KEYTAB" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_airflows_setting_and_mits_variable_both_name_it() -> None:
    assert Settings.from_environ({"AIRFLOW__KERBEROS__KEYTAB": "a"}).keytab == "a"
    both = {"AIRFLOW__KERBEROS__KEYTAB": "a", "KRB5_KTNAME": "b"}  # as in Airflow, which sets it unless set
    assert Settings.from_environ(both).keytab == "b"
