"""Understanding of what pip writes when it fails."""

from chalicelib.user_packages.pip_program import why_it_failed

_CONFLICT = """\
Looking in indexes: https://user:secret@pypi.example.com/simple
Collecting boto3==1.20.0 (from -r /tmp/x/requirements.txt (line 1))

The conflict is caused by:
{causes}

To fix this you could try to:
1. loosen the range of package versions you've specified

ERROR: Cannot install boto3 because these package versions have conflicting dependencies.
ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/
"""


def conflict(*causes: str) -> str:
    return why_it_failed(_CONFLICT.format(causes="\n".join(f"    {cause}" for cause in causes)))


def test_a_conflict_names_both_sides() -> None:
    said = conflict(
        "The user requested botocore==1.43.0", "boto3 1.20.0 depends on botocore<1.24.0 and >=1.23.0"
    )
    assert said == (
        "versions conflict: requirements.txt asks for botocore==1.43.0; "
        "boto3 1.20.0 needs botocore<1.24.0 and >=1.23.0"
    )


def test_a_bound_is_told_by_whose_it_is() -> None:
    assert "; Updraft needs pendulum<4,>=3" in conflict(
        "The user requested pendulum==2.1.2", "The user requested (constraint) pendulum<4,>=3"
    )
    assert "; provider packages for Airflow 2.10.5 need sqlalchemy<2" in conflict(
        "The user requested SQLAlchemy==2.0.40", "The user requested (constraint) sqlalchemy<2"
    )
    assert "; a file of constraints asks for six<1" in conflict(
        "The user requested six==1.16", "The user requested (constraint) six<1"
    )
    assert "; Airflow 2.10.5 needs requests<3 and >=2.27.0" in conflict(
        "The user requested requests==2.0", "apache-airflow 2.10.5+updraft depends on requests<3 and >=2.27.0"
    )
    assert "; Updraft stands for Airflow 2.10.5" in conflict(
        "apache-airflow-providers-x 9 depends on apache-airflow>=2.11",
        "The user requested (constraint) apache-airflow==2.10.5+updraft",
    )


def test_of_many_causes_the_first_are_shown() -> None:
    said = conflict("a 1 depends on b<1", "a 2 depends on b<1", "a 3 depends on b<1", "a 4 depends on b<1")
    assert said.endswith("a 3 needs b<1; and 1 more")


def _unsatisfied(requirement: str, versions: str, *before: str) -> str:
    text = f"ERROR: Could not find a version that satisfies the requirement {requirement}"
    return "\n".join(
        (
            *before,
            f"{text} (from versions: {versions})",
            f"ERROR: No matching distribution found for {requirement}",
        )
    )


def test_a_version_that_is_not_there_is_told_with_the_newest() -> None:
    output = _unsatisfied("requests==99 (from x->-r /tmp/requirements.txt (line 1))", "0.1, 1, 2, 3, 4, 5, 6")
    assert why_it_failed(output) == "there is no requests==99; the newest are 2, 3, 4, 5, 6"
    said = why_it_failed(_unsatisfied("nowhere", "none"), is_for="arm64 and Python 3.11")
    assert said == "no package index has nowhere for arm64 and Python 3.11"


def test_a_provider_for_a_newer_airflow_is_told_so() -> None:
    said = why_it_failed(_unsatisfied("apache-airflow>=2.11.0", "2.9.0, 2.10.5+updraft, 3.0.0"))
    assert said.startswith(
        "apache-airflow>=2.11.0 is needed, and Updraft stands for Airflow 2.10.5: take an older"
    )


def test_an_index_out_of_reach_is_told_without_its_address() -> None:
    retry = (
        "WARNING: Retrying (Retry(total=0)) after connection broken by "
        "'NewConnectionError(...): /simple/six/ pypi.example.com'"
    )
    said = why_it_failed(_unsatisfied("six", "none", retry))
    assert said == "the package index cannot be reached: look at the network, and at pip's settings"


def test_a_build_that_failed_names_the_package() -> None:
    output = (
        "error: metadata-generation-failed\n\nEncountered error while generating package metadata.\n"
        "╰─> python-ldap\n\nnote: This is an issue with the package mentioned above, not pip."
    )
    assert why_it_failed(output).startswith("python-ldap has no wheel that fits, and building it failed")


def test_anything_else_is_its_last_error_without_paths_and_addresses() -> None:
    output = "Looking\nERROR: Invalid wheel at https://a:b@example.com/x.whl in /tmp/x/y.whl: bad\nmore\n"
    assert why_it_failed(output) == "Invalid wheel at … in … bad"
    assert why_it_failed("") == "?"
