"""Measured unit costs: each with the command that measured it, the machine and the day; null where nobody has yet."""

import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vision.core.errors import ConfigError, NotThereError

COSTS_FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "costs.json"


class Cost(BaseModel):
    """One figure. `value` None: it has not been measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float | None = Field(ge=0)
    unit: str
    command: str
    machine: str | None
    measured_on: date | None
    note: str = ""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    costs: dict[str, Cost]


@dataclass(slots=True)
class Costs:
    """Figures by name; remembers which were asked for, so that a plan can say what it stands on."""

    by_name: dict[str, Cost]
    used: set[str] = field(default_factory=set)

    def known(self, name: str) -> float:
        """Raises ConfigError when the file lacks it or nobody has measured it."""
        value = self.maybe(name)
        if value is None:
            raise ConfigError(f"the unit cost {name} was not measured: {self.by_name[name].command}")
        return value

    def maybe(self, name: str) -> float | None:
        """None where nobody has measured it; raises ConfigError when the file lacks it."""
        if name not in self.by_name:
            raise ConfigError(f"the unit costs lack {name}")
        self.used.add(name)
        return self.by_name[name].value


def load_costs(file: Path = COSTS_FILE) -> Costs:
    """Raises NotThereError without the file, ConfigError when it is not one of ours."""
    try:
        return Costs(_File.model_validate(json.loads(file.read_text("utf-8"))).costs)
    except OSError as error:
        raise NotThereError(f"unit costs {file}: {error.strerror}") from error
    except (ValueError, ValidationError) as error:
        raise ConfigError(f"{file.name}: {error}") from error
