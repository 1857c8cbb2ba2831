"""Recurring jobs: each tick once, however many schedulers run, and once for all that were missed."""

from datetime import UTC, datetime, timedelta

import pytest

from core.clock import now
from core.jobs import schedule
from core.models import Job, Schedule
from tests.factories.threads import Gate, at_once, failures
from tests.jobs.support import registered

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def hourly():
    with registered("test.hourly", lambda: None, cron="0 * * * *"):
        schedule.sync()
        Schedule.objects.exclude(name="test.hourly").delete()
        yield Schedule.objects.get(name="test.hourly")


def due(row: Schedule, ago: timedelta = timedelta(seconds=1)) -> None:
    Schedule.objects.filter(pk=row.pk).update(next_run_at=now() - ago)


def test_nothing_is_enqueued_before_its_time(hourly):
    assert hourly.next_run_at > now()
    assert schedule.tick() == 0


def test_a_tick_is_enqueued_once_by_many_schedulers_at_once(hourly):
    due(hourly)
    results = at_once([schedule.tick] * 8)
    assert failures(results) == []
    assert sum(results) == Job.objects.filter(task="test.hourly").count() == 1


def test_control_reading_before_writing_enqueues_a_tick_many_times(hourly):
    due(hourly)
    everybody_has_read = Gate(3)

    def naive() -> int:
        is_due = Schedule.objects.filter(next_run_at__lte=now()).exists()
        everybody_has_read.wait()
        return int(is_due)

    assert sum(at_once([naive] * 3)) == 3


def test_a_day_of_missed_ticks_is_one_job(hourly):
    due(hourly, timedelta(days=1))
    assert [schedule.tick(), schedule.tick()] == [1, 0]
    assert Schedule.objects.get().next_run_at > now()


def test_starting_again_keeps_a_tick_that_is_due(hourly):
    due(hourly)
    schedule.sync()
    assert Schedule.objects.get(name="test.hourly").next_run_at < now()


def test_a_changed_schedule_counts_from_now_and_a_removed_one_is_forgotten(hourly):
    Schedule.objects.filter(pk=hourly.pk).update(cron="0 0 1 1 *", next_run_at=now() - timedelta(days=1))
    Schedule.objects.create(name="test.of_another_release", cron="* * * * *", next_run_at=now())
    schedule.sync()
    row = Schedule.objects.get(name="test.hourly")
    assert row.cron == "0 * * * *"
    assert row.next_run_at > now()
    assert not Schedule.objects.filter(name="test.of_another_release").exists()


def test_the_time_is_utc():
    moment = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # the night the clocks go back in Europe
    assert schedule.next_after("0 6 * * *", moment) == datetime(2026, 10, 25, 6, tzinfo=UTC)
    assert schedule.next_after("*/5 * * * *", moment) == datetime(2026, 10, 25, 0, 35, tzinfo=UTC)


def test_every_schedule_of_souk_can_be_read():
    schedule.sync()
    assert Schedule.objects.filter(next_run_at__gt=now()).count() == Schedule.objects.count() > 3
