"""Short runs by turns, so that whatever else the machine does falls on all alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from bench.books import Operation, Subject
from bench.generator import Generator, Job
from bench.system import System

WARM_SECONDS = 0.3


class Plan(NamedTuple):
    """How much is measured."""

    operations: Sequence[Operation]
    connections: Sequence[int]
    sizes: Sequence[int]
    rounds: int
    seconds: float


class Case(NamedTuple):
    """One line of the table."""

    operation: Operation
    connections: int
    size: int
    system: str


@dataclass(frozen=True)
class Run:
    """One short run; CPU time is in microseconds per request."""

    requests: float
    seconds: float
    p50_ms: float
    p99_ms: float
    python_us: float
    postgres_us: float
    generator_us: float

    @property
    def cpu_us(self) -> float:
        """Everything that the request cost: service, projector, PostgreSQL."""
        return self.python_us + self.postgres_us

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


Runs = dict[Case, list[Run]]


def median_of(runs: Sequence[Run], figure: Callable[[Run], float]) -> float:
    """Take the median of one figure over the rounds."""
    return median(figure(run) for run in runs)


def ratio_of(ours: Sequence[Run], theirs: Sequence[Run], figure: Callable[[Run], float]) -> float:
    """Compare round by round, then take the median: both runs of a pair saw the same machine."""
    return median(figure(a) / figure(b) for a, b in zip(ours, theirs, strict=True))


async def measure(plan: Plan, subjects: Sequence[Subject], generator: Generator, step: Callable[[str], None]) -> Runs:
    """Run every case of the plan; `step` hears of each run before it starts."""
    runs: Runs = {}
    for operation in sorted(plan.operations, key="create".__eq__):  # last, for it makes the books grow
        for connections in plan.connections:
            for number in range(plan.rounds):
                for subject, size in _turns(plan, subjects, operation, number):
                    case = Case(operation, connections, size, subject.system.name)
                    step(f"{case.system}: {operation}, {connections} connections, {size:,} entries")
                    runs.setdefault(case, []).append(await _run(case, subject, generator, plan.seconds))
    return runs


def _turns(plan: Plan, subjects: Sequence[Subject], operation: Operation, number: int) -> Sequence[tuple[Subject, int]]:
    """Say who runs when in a round; every other one goes backwards, against a drift of the machine."""
    turns = [(subject, size) for subject in subjects for size in plan.sizes if subject.offers(operation, size)]
    return turns[:: -1 if number % 2 else 1]


async def _run(case: Case, subject: Subject, generator: Generator, seconds: float) -> Run:
    system = subject.system
    requests, expected, token = await subject.load(case.operation, case.size)
    job = Job(system.server.port, requests, expected, case.connections, seconds, token, WARM_SECONDS)
    await generator.warm(job)
    return await cost(system, generator)


async def cost(system: System, generator: Generator) -> Run:
    """Do the job that the generator is warm for."""
    await system.settled()
    before = system.cpu()
    done = await generator.go()
    await system.settled()  # what the answer left to be done belongs to its cost
    after = system.cpu()
    per_request = 1e6 / done["requests"]
    return Run(
        **done,
        python_us=(after.python_s - before.python_s) * per_request,
        postgres_us=(after.postgres_s - before.postgres_s) * per_request,
    )
