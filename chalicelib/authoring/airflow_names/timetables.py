"""Import names of ``airflow.timetables``."""

from chalicelib.authoring.airflow_names.sources import Modules

MODULES: Modules = {
    "airflow.timetables": [],
    "airflow.timetables._cron": ["timetables.rhythmic:CronMixin"],
    "airflow.timetables._delta": ["timetables.rhythmic:DeltaMixin"],
    "airflow.timetables.base": ["timetables.base:DagRunInfo DataInterval TimeRestriction Timetable"],
    "airflow.timetables.assets": ["timetables.datasets:AssetOrTimeSchedule"],
    "airflow.timetables.datasets": ["timetables.datasets:DatasetOrTimeSchedule"],
    "airflow.timetables.events": ["timetables.events:EventsTimetable"],
    "airflow.timetables.interval": [
        "timetables.interval:CronDataIntervalTimetable DeltaDataIntervalTimetable _DataIntervalTimetable"
    ],
    "airflow.timetables.simple": ["timetables.simple:ContinuousTimetable NullTimetable OnceTimetable"],
    "airflow.timetables.trigger": [
        "timetables.trigger:CronTriggerTimetable DeltaTriggerTimetable MultipleCronTriggerTimetable"
    ],
    "airflow.sdk.definitions.timetables": [],
    "airflow.sdk.definitions.timetables.assets": [
        "timetables.datasets:AssetOrTimeSchedule AssetTriggeredTimetable"
    ],
    "airflow.sdk.bases.timetable": ["timetables.base:Timetable=BaseTimetable"],
}
