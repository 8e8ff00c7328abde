"""``conf``: Airflow's options, as DAG files ask for them.

They come from the environment, under Airflow's names: ``AIRFLOW__SECTION__KEY``, or from the secrets backend,
where ``AIRFLOW__SECTION__KEY_SECRET`` says under which name; what is not set has Airflow's default, or
that of the provider package that describes the option.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from chalicelib.authoring.exceptions import AirflowConfigException
from chalicelib.authoring.notset import NOTSET
from chalicelib.authoring.surroundings.secrets import secret_option
from chalicelib.settings import shipped_dags_folder

AIRFLOW_HOME = os.path.expanduser(os.environ.get("AIRFLOW_HOME") or "~/airflow")

NO_DATABASE = "no-metadata-database://"
"""What stands for the address of Airflow's database: SQLAlchemy says by name that it does not know it."""

_OWN_DEFAULTS = {
    ("core", "executor"): "UpdraftExecutor",
    ("core", "fernet_key"): "",
    ("database", "sql_alchemy_conn"): NO_DATABASE,
}
"""Those of the options that are something else here than in Airflow."""

_LOGGING_OPTIONS = frozenset(
    {
        *("base_log_folder", "colored_console_log", "colored_formatter_class", "colored_log_format"),
        *(
            "dag_processor_manager_log_location",
            "encrypt_s3_logs",
            "fab_logging_level",
            "log_filename_template",
        ),
        *("log_format", "log_processor_filename_template", "logging_config_class", "logging_level"),
        *("remote_base_log_folder", "remote_log_conn_id", "remote_logging", "simple_log_format"),
        *("task_log_prefix_template", "task_log_reader"),
    }
)

_DATABASE_OPTIONS = frozenset(
    {
        *("load_default_connections", "max_db_retries", "sql_alchemy_conn", "sql_alchemy_connect_args"),
        *("sql_alchemy_max_overflow", "sql_alchemy_pool_enabled", "sql_alchemy_pool_pre_ping"),
        *("sql_alchemy_pool_recycle", "sql_alchemy_pool_size", "sql_alchemy_schema"),
        *("sql_engine_collation_for_ids", "sql_engine_encoding"),
    }
)

_RENAMED = {
    ("admin", "hide_sensitive_variable_fields"): ("core", "hide_sensitive_var_conn_fields"),
    ("admin", "sensitive_variable_fields"): ("core", "sensitive_var_conn_names"),
    ("api", "auth_backend"): ("api", "auth_backends"),
    ("celery", "default_queue"): ("operators", "default_queue"),
    ("core", "dag_concurrency"): ("core", "max_active_tasks_per_dag"),
    ("celery", "worker_log_server_port"): ("logging", "worker_log_server_port"),
    ("core", "interleave_timestamp_parser"): ("logging", "interleave_timestamp_parser"),
    ("core", "worker_precheck"): ("celery", "worker_precheck"),
    ("core", "non_pooled_task_slot_count"): ("core", "default_pool_task_slot_count"),
    ("api", "access_control_allow_origin"): ("api", "access_control_allow_origins"),
    ("metrics", "statsd_allow_list"): ("metrics", "metrics_allow_list"),
    ("metrics", "statsd_block_list"): ("metrics", "metrics_block_list"),
    ("scheduler", "deactivate_stale_dags_interval"): ("scheduler", "parsing_cleanup_interval"),
    ("scheduler", "max_threads"): ("scheduler", "parsing_processes"),
    ("scheduler", "processor_poll_interval"): ("scheduler", "scheduler_idle_sleep_time"),
    ("scheduler", "stat_name_handler"): ("metrics", "stat_name_handler"),
    ("scheduler", "statsd_allow_list"): ("metrics", "metrics_allow_list"),
    ("scheduler", "statsd_block_list"): ("metrics", "metrics_block_list"),
    ("scheduler", "statsd_custom_client_path"): ("metrics", "statsd_custom_client_path"),
    ("scheduler", "statsd_datadog_enabled"): ("metrics", "statsd_datadog_enabled"),
    ("scheduler", "statsd_datadog_metrics_tags"): ("metrics", "statsd_datadog_metrics_tags"),
    ("scheduler", "statsd_datadog_tags"): ("metrics", "statsd_datadog_tags"),
    ("scheduler", "statsd_host"): ("metrics", "statsd_host"),
    ("scheduler", "statsd_on"): ("metrics", "statsd_on"),
    ("scheduler", "statsd_port"): ("metrics", "statsd_port"),
    ("scheduler", "statsd_prefix"): ("metrics", "statsd_prefix"),
    ("webserver", "auth_rate_limit"): ("fab", "auth_rate_limit"),
    ("webserver", "auth_rate_limited"): ("fab", "auth_rate_limited"),
    ("webserver", "update_fab_perms"): ("fab", "update_fab_perms"),
}
"""Airflow's older names of options, by which they may still be asked for and set."""

_RENAMED_SECTIONS = {"kubernetes": "kubernetes_executor"}
"""Airflow's older names of whole sections."""


Lookup = Callable[[str, str], str | None]
"""The value of an option by its section and name, None if it is not set."""


def of_environment(section: str, key: str) -> str | None:
    """The value of an option that the environment sets or leads to, or None.

    DAG files are not told the key that encrypts connections.
    """
    name = f"AIRFLOW__{section.upper().replace('.', '_')}__{key.upper()}"
    if name.startswith("AIRFLOW__CORE__FERNET_KEY"):
        return None
    value = os.environ.get(name)
    if value is None and (named := os.environ.get(f"{name}_SECRET")):
        return secret_option(named)
    return value


_lookup: Lookup = of_environment


def option(section: str, key: str) -> str | None:
    """The value of an option where this process finds them, None if it is not set."""
    return _lookup(section, key)


@contextmanager
def configured_by(lookup: Lookup) -> Iterator[None]:
    """Let DAG files find options there meanwhile, in place of the environment; in the whole process."""
    global _lookup
    before, _lookup = _lookup, lookup
    try:
        yield
    finally:
        _lookup = before


def plugins_folder(dags_folder: Path) -> Path:
    """``[core] plugins_folder``; where it is not set ``plugins`` beside the DAGs folder."""
    given = option("core", "plugins_folder")
    return Path(given).expanduser().absolute() if given else dags_folder.absolute().parent / "plugins"


class AirflowConfigParser:
    """Airflow's configuration: what the environment sets, unless ``configured_by`` names another source.

    Sections and options may be written in any case. Each method raises ``AirflowConfigException`` for an
    option that is not set, has no default and was given no ``fallback``, and for a value that cannot be
    what the method gives.
    """

    def get(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        """The value, a text."""
        value = _value(section.lower(), key.lower())
        if value is not None:
            return value
        if fallback is NOTSET:
            raise AirflowConfigException(f"section/key [{section}/{key}] not found in config")
        return fallback

    def get_mandatory_value(self, section: str, key: str, **options: Any) -> str:
        """The value; raises ``ValueError`` if it is None."""
        value = self.get(section, key, **options)
        if value is None:
            raise ValueError(f"The value {section}/{key} should be set!")
        return str(value)

    def getboolean(self, section: str, key: str, **options: Any) -> bool:
        """The value as a bool."""
        text = str(self.get(section, key, **options)).strip().lower().partition("#")[0].strip()
        if text in {"t", "true", "1", "yes", "on"}:
            return True
        if text in {"f", "false", "0", "no", "off"}:
            return False
        raise _unfit("bool", section, key, text)

    def getint(self, section: str, key: str, **options: Any) -> int:
        """The value as an int."""
        return int(self._number(int, section, key, options))

    def getfloat(self, section: str, key: str, **options: Any) -> float:
        """The value as a float."""
        return float(self._number(float, section, key, options))

    def _number(self, kind: type, section: str, key: str, options: Mapping[str, Any]) -> Any:
        value = self.get(section, key, **options)
        if value is None:
            raise AirflowConfigException(
                f"Failed to convert value None to {kind.__name__}. "
                f'Please check "{key}" key in "{section}" section is set.'
            )
        try:
            return kind(value)
        except ValueError:
            raise _unfit(kind.__name__, section, key, value) from None

    def getlist(self, section: str, key: str, delimiter: str = ",", **options: Any) -> list[str] | None:
        """The value cut at a delimiter; None for a fallback that is None."""
        value = self.get(section, key, **options)
        if value is None or isinstance(value, list):
            return value
        return [item.strip() for item in str(value).split(delimiter)]

    def get_mandatory_list_value(self, section: str, key: str, **options: Any) -> list[str]:
        """As above; raises ``ValueError`` if it is None."""
        value = self.getlist(section, key, **options)
        if value is None:
            raise ValueError(f"The value {section}/{key} should be set!")
        return value

    def getimport(self, section: str, key: str, **options: Any) -> Any:
        """What the dotted path of the value names; None for an empty one."""
        path = self.get(section, key, **options)
        if not path:
            return None
        module, _, name = str(path).rpartition(".")
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError):
            raise AirflowConfigException(
                f'The object could not be loaded. Please check "{key}" key in "{section}" section. '
                f'Current value: "{path}".'
            ) from None

    def getjson(self, section: str, key: str, fallback: Any = NOTSET, **options: Any) -> Any:
        """The value of a JSON text; the fallback for an empty one, None if there is none."""
        default = None if fallback is NOTSET else fallback
        text = self.get(section, key, fallback=fallback, **options)
        if text is default or not text:
            return default
        try:
            return json.loads(text)
        except (TypeError, ValueError):
            raise AirflowConfigException(f"Unable to parse [{section}] {key!r} as valid json") from None

    def gettimedelta(self, section: str, key: str, fallback: Any = None, **options: Any) -> Any:
        """The value, in seconds, as a timedelta; else the fallback."""
        value = self.get(section, key, fallback=fallback, **options)
        if value is None or isinstance(value, timedelta):
            return value
        return timedelta(seconds=self._number(int, section, key, {"fallback": value}))

    def has_option(self, section: str, option: str) -> bool:
        """Whether the option is set or has a default."""
        return _value(section.lower(), option.lower()) is not None

    def has_section(self, section: str) -> bool:
        """Whether the section has options."""
        return bool(self.getsection(section))

    def getsection(self, section: str) -> dict[str, Any] | None:
        """The options of a section, with numbers and bools as such; None if it has none."""
        from chalicelib.authoring.surroundings.configuration_defaults import AIRFLOW_DEFAULTS

        section = section.lower()
        prefix = f"AIRFLOW__{section.upper().replace('.', '_')}__"
        set_here = {name.removeprefix(prefix).lower() for name in os.environ if name.startswith(prefix)}
        own = {key for of_section, key in _OWN_DEFAULTS if of_section == section}
        names = [
            *AIRFLOW_DEFAULTS.get(section, _of_packages(section)),
            *sorted(own),
            *sorted(set_here),
        ]
        return {name: _typed(_value(section, name)) for name in dict.fromkeys(names)} or None

    def sections(self) -> list[str]:
        """The sections that have options."""
        from chalicelib.authoring.surroundings.configuration_defaults import AIRFLOW_DEFAULTS

        named = (name.split("__")[1].lower() for name in os.environ if name.startswith("AIRFLOW__"))
        return list(dict.fromkeys((*AIRFLOW_DEFAULTS, *named)))

    def as_dict(self, **_: Any) -> dict[str, dict[str, Any]]:
        """All sections with their options."""
        return {section: self.getsection(section) or {} for section in self.sections()}


def _value(section: str, key: str) -> str | None:
    """The value of an option by its present name or an older one, else its default, else None."""
    section, key = _present_name(section, key)
    value = option(section, key)
    for older in (each for each, present in _older_names() if present == (section, key)):
        value = option(*older) if value is None else value
    return _default(section, key) if value is None else value


def _present_name(section: str, key: str) -> tuple[str, str]:
    return dict(_older_names()).get((section, key), (section, key))


def _older_names() -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    yield from _RENAMED.items()
    yield from ((("core", key), ("logging", key)) for key in _LOGGING_OPTIONS)
    yield from ((("core", key), ("database", key)) for key in _DATABASE_OPTIONS)
    for older, present in _RENAMED_SECTIONS.items():
        yield from (((older, key), (present, key)) for key in _options_of(present))


def _options_of(section: str) -> Iterable[str]:
    from chalicelib.authoring.surroundings.configuration_defaults import AIRFLOW_DEFAULTS

    return AIRFLOW_DEFAULTS[section]


def _default(section: str, key: str) -> str | None:
    from chalicelib.authoring.surroundings.configuration_defaults import AIRFLOW_DEFAULTS

    if (section, key) == ("core", "dags_folder"):
        return str(shipped_dags_folder())
    if (section, key) == ("core", "plugins_folder"):
        return str(plugins_folder(Path(_value("core", "dags_folder") or "")))
    if (section, key) in _OWN_DEFAULTS:
        return _OWN_DEFAULTS[section, key]
    default = AIRFLOW_DEFAULTS.get(section, _of_packages(section)).get(key)
    return None if default is None else default.replace("{AIRFLOW_HOME}", AIRFLOW_HOME)


def _of_packages(section: str) -> Mapping[str, str]:
    """The defaults of a section that provider packages describe; nothing for one of Airflow's own."""
    from chalicelib.authoring.surroundings.configuration_defaults import AIRFLOW_DEFAULTS

    if section in AIRFLOW_DEFAULTS:
        return {}
    from chalicelib.authoring.provider_packages.providers_manager import option_defaults

    return option_defaults().get(section, {})


def _unfit(kind: str, section: str, key: str, value: Any) -> AirflowConfigException:
    return AirflowConfigException(
        f'Failed to convert value to {kind}. Please check "{key}" key in "{section}" section. '
        f'Current value: "{value}".'
    )


def _typed(value: str | None) -> Any:
    if value is None:
        return None
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(value.lower(), value)


conf = AirflowConfigParser()


def is_deferrable(given: bool | None) -> bool:
    """Whether an operator is to be deferred: as given, else by ``[operators] default_deferrable``."""
    return conf.getboolean("operators", "default_deferrable", fallback=False) if given is None else given


# The functions of 1.10's ``airflow.configuration``.
get = conf.get
getboolean = conf.getboolean
getint = conf.getint
getfloat = conf.getfloat
getsection = conf.getsection
has_option = conf.has_option
as_dict = conf.as_dict
