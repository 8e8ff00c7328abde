"""A timetable of the user's own, scripted: one run for each hour."""

from datetime import datetime, timedelta

from chalicelib.domain.schedule.custom import (
    PlannedRun,
    QuestionKind,
    TimetableAnswer,
    TimetableQuestion,
)

HOUR = timedelta(hours=1)


class EveryHour:
    """A timetable whose runs are due ten minutes after their hour."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.asked: list[TimetableQuestion] = []
        self.error = ""
        self.is_over = False

    def __call__(self, question: TimetableQuestion) -> TimetableAnswer:
        self.asked.append(question)
        if self.error:
            return TimetableAnswer(error=self.error)
        return TimetableAnswer(runs=tuple(self._runs(question))[: question.limit])

    def _runs(self, question: TimetableQuestion) -> list[PlannedRun]:
        if self.is_over:
            return []
        if question.kind is QuestionKind.BY_HAND:
            assert question.start_date
            return [run_of(question.start_date - HOUR)]
        start = question.last.end if question.last else question.start_date or self.start
        found = [run_of(start + number * HOUR) for number in range(question.limit)]
        return [run for run in found if question.end_date is None or run.start <= question.end_date]


def run_of(start: datetime) -> PlannedRun:
    end = start + HOUR
    return PlannedRun(start=start, end=end, due=end + timedelta(minutes=10), run_id=f"own__{start:%dT%H:%M}")
