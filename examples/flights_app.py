"""Shows a Dash app whose callbacks share a large table, in all the workers of gunicorn.

    gunicorn --chdir examples --workers 4 flights_app:server
    gunicorn --chdir examples --workers 4 --preload flights_app:server

The button makes a table and puts it into a Brain; the menu asks for the delays of one carrier. The two
callbacks run in whichever worker is free, and the second finds what the first has put. A worker does not
copy the table: its columns lie in memory that all workers map, as the page says below the delays.
APP_STORE in the environment is the path of the store, APP_ROWS how many rows the table has. The table is
brain['flights'] and replaces what was there. It needs gunicorn and Dash; in a clone ./run build puts both
into .venv/bin.
"""

import os

import numpy as np
import pandas as pd
from brain_plasma import Brain
from dash import Dash, Input, Output, dcc, html, no_update

CARRIERS = ["AA", "B6", "DL", "EV", "UA", "WN"]

# With --preload this is run once, and each worker goes on with its parent's Brain; else once in each.
brain = Brain(path=os.environ.get("APP_STORE", "/tmp/plasma"))
n_rows = int(os.environ.get("APP_ROWS", "2_000_000"))

app = Dash(__name__)
server = app.server
app.layout = html.Div(
    [
        html.Button("Another month", id="button"),
        html.P(id="loaded"),
        dcc.Dropdown(CARRIERS, CARRIERS[0], id="carrier"),
        html.P(id="delays"),
        html.P(id="memory"),
    ]
)


def make_table(month):
    """Some flights, the same ones for the same month."""
    random = np.random.default_rng(month)
    return pd.DataFrame(
        {
            "carrier": pd.Categorical.from_codes(
                random.integers(0, len(CARRIERS), n_rows).astype("int8"), CARRIERS
            ),
            "distance": random.integers(100, 5000, n_rows),
            "delay": random.normal(10.0 * month, 5.0, n_rows),
        }
    )


@app.callback(Output("loaded", "children"), Input("button", "n_clicks"), prevent_initial_call=True)
def load(month):
    brain["flights"] = make_table(month)
    return f"month {month}, by worker {os.getpid()}"


@app.callback(
    Output("delays", "children"),
    Output("memory", "children"),
    Input("carrier", "value"),
    Input("loaded", "children"),
)
def show_delays(carrier, loaded):
    flights = brain.get("flights")
    if flights is None:
        return "There is no table yet.", no_update
    delay = flights["delay"][flights["carrier"] == carrier]
    columns = ("distance", "delay")
    files = {file_of(flights[column].to_numpy()) for column in columns}
    return (
        f"{carrier}: {len(delay)} of {len(flights)} flights, {delay.mean():.2f} minutes late",
        f"worker {os.getpid()}: {' and '.join(columns)} lie in {' and '.join(sorted(files))}",
    )


def file_of(array):
    """The file that the memory of an array is part of: that of a store, or none for private memory."""
    address = array.__array_interface__["data"][0]
    with open("/proc/self/maps") as mappings:
        for line in mappings:
            bounds, _, _, _, _, *name = line.split(maxsplit=5)
            first, last = (int(bound, 16) for bound in bounds.split("-"))
            if first <= address < last:
                return name[0].strip() if name and name[0].startswith("/") else "private memory"
    return "private memory"
