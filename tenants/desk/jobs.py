"""The job queue: what is parked and why, what waits, who works, and what runs by schedule."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from core.errors import DomainError, Invalid, NotFound
from core.forms import add_refusal
from core.jobs.worker import ID
from core.models import Job, JobState
from payouts.desk_selectors import find_job, job_figures, jobs_in, schedules, tenants_named, workers_seen
from services.job_services import drop_job, retry_jobs, retry_task, run_schedule_now
from tenants.desk.asking import asked, number_or_none
from tenants.desk.frame import DeskPage, back
from tenants.desk.lists import older
from tenants.desk.money_forms import ReasonForm

HIDDEN = "hidden"


class JobsPage(DeskPage):
    """What is parked, or waits, or runs; schedules."""

    template = "desk/jobs.html"
    section = "jobs"
    changes: ClassVar[frozenset[str]] = frozenset({"retry", "retry-task", "run-now"})
    done: ClassVar[dict[str, str]] = {
        "again": "They run again, with all their attempts.",
        "none": "Nothing was chosen that is parked.",
        "queued": "It is in the queue.",
    }

    def get(self, request: HttpRequest) -> HttpResponse:
        """Parked ones, where no other state is asked for."""
        return self.show_again(request, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The list beside the figures of each task."""
        wanted = asked(request, "state", "task", "before")
        state = wanted["state"] if wanted["state"] in JobState.values else JobState.PARKED.value
        task, before = wanted["task"], number_or_none(wanted["before"])
        rows, pager = older(request, jobs_in(state=state, task=task), before=before)
        figures = job_figures()
        totals = {name: sum(getattr(row, name) for row in figures) for name in JobState.values}
        waiting = [row.waits_since for row in figures if row.waits_since]
        names = (JobState.PARKED, JobState.QUEUED, JobState.RUNNING)
        return self.show(
            request,
            rows=rows,
            pager=pager,
            state=state,
            task=task,
            figures=figures,
            tabs=[(name.value, name.label, totals[name]) for name in names],
            totals=totals,
            waits_since=min(waiting, default=None),
            workers=workers_seen(),
            schedules=schedules(),
            tenants=tenants_named({row.tenant_id for row in rows if row.tenant_id}),
            **context,
        )

    def do_retry(self, request: HttpRequest) -> HttpResponse:
        """Those that were ticked."""
        ticked = map(number_or_none, request.POST.getlist("job"))
        count = retry_jobs(job_ids=[number for number in ticked if number], actor_id=self.user_id)
        return back("jobs", done="again" if count else "none")

    def do_retry_task(self, request: HttpRequest) -> HttpResponse:
        """All parked ones of a task."""
        count = retry_task(task=request.POST.get("task", "")[:80], actor_id=self.user_id)
        return back("jobs", done="again" if count else "none")

    def do_run_now(self, request: HttpRequest) -> HttpResponse:
        """What runs by schedule."""
        run_schedule_now(name=request.POST.get("name", "")[:80], actor_id=self.user_id)
        return back("jobs", done="queued", anchor="schedules")


class JobPage(DeskPage):
    """One job: what it was told, what went wrong, and what can be done about it."""

    template = "desk/job.html"
    section = "jobs"
    changes: ClassVar[frozenset[str]] = frozenset({"retry", "drop"})
    done: ClassVar[dict[str, str]] = {"again": "It runs again, with all its attempts."}

    def get(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Raises NotFound: a job that is done is gone."""
        return self.show_again(request, job_id=job_id, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """Its arguments without what is about people."""
        job: Job = find_job(context.pop("job_id"))
        error, _, where = job.last_error.partition("\n")
        return self.show(
            request,
            job=job,
            told=without_people(job.args),
            error=error,
            where=where,
            tenant=tenants_named({job.tenant_id}).get(job.tenant_id) if job.tenant_id else None,
            form=context.pop("form", None) or ReasonForm(),
            **context,
        )

    def do_retry(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """A new start."""
        find_job(job_id)
        if not retry_jobs(job_ids=[job_id], actor_id=self.user_id):
            raise Invalid(field="job", reason="it is not parked any more")
        return back("jobs", done="again")

    def do_drop(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """For good, with a reason."""
        form = ReasonForm(request.POST)
        if form.is_valid():
            try:
                drop_job(job_id=job_id, reason=form.cleaned_data["reason"], actor_id=self.user_id)
                return back("jobs", done="removed")
            except NotFound:
                raise
            except DomainError as refusal:
                add_refusal(form, refusal)
        return self.show_again(request, job_id=job_id, form=form, status=400)


def without_people(args: Any) -> Any:
    """What a job was told, as operators may read it: ids, numbers and yes or no; all other text is about somebody."""
    if isinstance(args, dict):
        return {name: without_people(value) for name, value in args.items()}
    if isinstance(args, list):
        return [without_people(value) for value in args]
    if isinstance(args, str) and not ID.fullmatch(args):
        return HIDDEN
    return args
