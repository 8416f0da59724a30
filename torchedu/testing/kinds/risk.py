"""Networks of students at risk under test."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from torchedu.batch import RiskBatch
from torchedu.models import EventModel
from torchedu.schema import RESERVED, UNKNOWN
from torchedu.testing.contract import named
from torchedu.testing.kinds.kind import NetworkSubject
from torchedu.testing.kinds.steps import Stepwise, steps


def two_risks(subject: NetworkSubject) -> str:
    """Each member gives two log odds a moment: of a bad outcome, and of leaving."""
    logit_BQM2 = subject.net()(subject.batch())
    if logit_BQM2.dim() != 4 or logit_BQM2.shape[-1] != 2:
        return f"shape {tuple(logit_BQM2.shape)} instead of (B, Q, members, 2)"
    return ""


def unknown_names(subject: NetworkSubject) -> str:
    """A module and attributes that the vocabulary lacks have id 1, and risks stay finite."""
    net, batch = subject.net(), subject.batch()
    unknown = batch._replace(
        module_B=torch.full_like(batch.module_B, UNKNOWN),
        attribute_BA=torch.full_like(batch.attribute_BA, UNKNOWN),
    )
    if not net(unknown).isfinite().all():
        return "numbers that are not finite where module and attributes are unknown"
    if not net(batch._replace(attribute_BA=batch.attribute_BA[:, :0])).isfinite().all():
        return "numbers that are not finite where it is told nothing of students"
    return ""


class Events(Stepwise):
    """Students' events, ``width`` attributes each, and a moment before each event; risks come out.

    The number of events known at moment t is t.
    """

    network = EventModel
    sizes: ClassVar = {
        "num_modules": 5,
        "num_attributes": 7,
        "num_event_columns": 4,
        "num_moment_columns": 6,
    }
    step_dims = "LQ"
    loose = ("event_BLE", "moment_BQF", "day_BQ", "leaving_BQ")
    asked = ("moment_BQF",)
    answered = ("event_BLE",)
    contracts = named(two_risks, unknown_names, steps)

    def batch(self, sizes: Mapping[str, Any], rows: int, steps: int, width: int) -> RiskBatch:
        """Draw events and moments; see ``Kind.batch``."""
        return RiskBatch(
            torch.randn(rows, steps, sizes["num_event_columns"]),
            torch.randint(RESERVED, sizes["num_modules"], (rows,)),
            torch.randint(RESERVED, sizes["num_attributes"], (rows, width)),
            torch.randn(rows, steps, sizes["num_moment_columns"]),
            torch.arange(steps).repeat(rows, 1),
            torch.randint(2, (rows,)).float(),
            torch.randint(2, (rows, steps)).float(),
            torch.ones(rows, steps, dtype=torch.bool),
            torch.arange(rows),
            torch.arange(steps).repeat(rows, 1).float(),
            torch.ones(rows),
            torch.full((rows,), -1),
            torch.full((rows,), float(rows * steps)),
        )

    def said(self, net: EventModel, batch: RiskBatch) -> Tensor:
        """Return the log odds of each moment."""
        logit_BQM2: Tensor = net(batch)
        return logit_BQM2

    def real(self, batch: RiskBatch) -> Tensor:
        """Return which moments are no padding; all that are not do count here."""
        return batch.scored_BQ

    def unread(self, net: EventModel) -> tuple[str, ...]:
        """Return what must not be read: the outcomes first of all."""
        what = ("at_risk_B", "leaving_BQ", "scored_BQ", "day_BQ")
        return (*what, "enrolment_B", "weight_B", "group_B", "mean_over_B")

    def predicted(
        self, net: EventModel, state: tuple[Tensor, ...], batch: RiskBatch, t: int
    ) -> Tensor:
        """Return what ``predict`` says of a moment."""
        return net.predict(state, batch.module_B, batch.attribute_BA, batch.moment_BQF[:, t])

    def stepped(
        self, net: EventModel, state: tuple[Tensor, ...], batch: RiskBatch, t: int
    ) -> tuple[Tensor, ...]:
        """Return the state after an event."""
        return net.step(state, batch.event_BLE[:, t])
