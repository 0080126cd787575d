"""Figures of a store for Prometheus and all that reads OpenMetrics.

    from brain_plasma import Brain, metrics

    print(metrics.text(Brain()))                       # as `brain metrics` prints it

    import prometheus_client
    prometheus_client.REGISTRY.register(metrics.Collector("/tmp/plasma"))

Counts are kept in the store, and are those of all processes that ever had it open: one process exports them all. Which
one does not matter; several that do say the same.
"""

from __future__ import annotations

import os

from . import arguments
from .brain import Brain
from .exceptions import BrainClosedError, BrainDestroyedError, BrainError, BrainMissingPackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    Family = tuple[str, str, str, bool]  # name, help, unit, whether it only rises

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_UP: Family = ("brain_up", "Whether the store can be read: 1, or 0.", "", False)


def text(*brains: Brain) -> str:
    """The figures of stores as OpenMetrics text, each sample with the path of its store as the label `store`.

    Raises BrainClosedError, BrainDestroyedError. Threads: any. Never waits. Cost: a look at every process that has
    the store open.
    """
    return _text(_families((str(brain.path), brain._metrics()) for brain in brains))


class Collector:
    """A collector for prometheus_client, of one store or several.

        prometheus_client.REGISTRY.register(Collector("/tmp/plasma"))

    stores: Brains, which stay open as they are, or paths, which are opened read-only when they are first asked for,
    and once more where the store was removed and made anew. There is a gauge brain_up for each: 0 where the store is
    not there or cannot be read, which is no error of the others.

    Threads: any. Forks: a child may use it as well. close() closes what it has opened.
    """

    def __init__(self, *stores: Brain | str | os.PathLike[str]) -> None:
        self._sources = [_Source(store) for store in stores or (arguments.DEFAULT_PATH,)]

    def collect(self) -> Iterator[Any]:
        """The families, as prometheus_client has them."""
        try:
            from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
        except ImportError as error:
            raise BrainMissingPackageError(
                f"a Collector is for the package prometheus_client, which cannot be imported here ({error}): pip "
                "install prometheus_client, or brain_plasma.metrics.text(brain)"
            ) from error
        for (name, help, unit, is_counter), samples in self._read().items():
            kind = CounterMetricFamily if is_counter else GaugeMetricFamily
            family = kind(name, help, labels=["store"], unit=unit)
            for store, value in samples:
                family.add_metric([_valid(store)], value)
            yield family

    def text(self) -> str:
        """The same as OpenMetrics text, which needs no package."""
        return _text(self._read())

    def is_up(self) -> bool:
        """Whether all stores could be read just now."""
        return all(source.read() is not None for source in self._sources)

    def why(self) -> str:
        """What was wrong with stores that could not be read the last time, a line for each."""
        return "\n".join(source.error for source in self._sources if source.error)

    def close(self) -> None:
        """Close what was opened here. It may be used on; then it is opened again."""
        for source in self._sources:
            source.close()

    def _read(self) -> dict[Family, list[tuple[str, float]]]:
        found = [(source.path, source.read()) for source in self._sources]
        families = {_UP: [(path, float(metrics is not None)) for path, metrics in found]}
        families.update(_families((path, metrics) for path, metrics in found if metrics is not None))
        return families


class _Source:
    """A store that a Collector looks at. error: why it could not, the last time; else empty."""

    def __init__(self, store: Brain | str | os.PathLike[str]) -> None:
        self._owns = not isinstance(store, Brain)
        self._brain = None if not isinstance(store, Brain) else store
        self.path = os.fspath(store.path if isinstance(store, Brain) else store)
        self.error = ""

    def read(self) -> list[tuple[str, str, str, bool, float]] | None:
        """The figures; None: it cannot be read."""
        self.error = ""
        for is_last in (not self._owns, True):  # what was removed may have been made again
            try:
                return self._opened()._metrics()
            except (BrainClosedError, BrainDestroyedError) as error:
                self.close()
                self.error = str(error)
                if is_last:
                    return None
            except (BrainError, OSError) as error:
                self.error = str(error)
                return None
        return None

    def _opened(self) -> Brain:
        if self._brain is None:
            self._brain = Brain(path=self.path, create=False, read_only=True, shared=True)
        return self._brain

    def close(self) -> None:
        if self._owns and self._brain is not None:
            self._brain.close()
            self._brain = None


# ---- text ---------------------------------------------------------------------------------------


def _families(
    stores: Iterable[tuple[str, list[tuple[str, str, str, bool, float]]]],
) -> dict[Family, list[tuple[str, float]]]:
    """The samples of stores by family, as a text has to have them."""
    families: dict[Family, list[tuple[str, float]]] = {}
    for path, metrics in stores:
        for *family, value in metrics:
            families.setdefault(tuple(family), []).append((path, value))  # type: ignore[arg-type]
    return families


def _text(families: dict[Family, list[tuple[str, float]]]) -> str:
    lines = []
    for (name, help, unit, is_counter), samples in families.items():
        lines.append(f"# TYPE {name} {'counter' if is_counter else 'gauge'}")
        if unit:
            lines.append(f"# UNIT {name} {unit}")
        lines.append(f"# HELP {name} {_escaped(help)}")
        ending = "_total" if is_counter else ""
        lines.extend(f'{name}{ending}{{store="{_escaped(_valid(path))}"}} {_number(value)}' for path, value in samples)
    return "\n".join([*lines, "# EOF\n"])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _valid(path: str) -> str:
    """A path may have bytes that are no UTF-8, which a text has to be."""
    return path.encode("utf-8", "backslashreplace").decode()


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**63 else repr(value)
