"""Process A of the demonstration: it puts the table. It tells ./run demo what it does in lines of JSON.

usage: demo_a.py STORE PICKLE            puts `flights` three ways, and a pickle into the file PICKLE
       demo_a.py STORE --again           puts a new version for each line with a name and a number
"""

import sys
import time

from brain_plasma import Brain
from demo_tools import anonymous_bytes, checksum, tell


def put(brain, name, value):
    began = time.perf_counter()
    brain[name] = value
    return time.perf_counter() - began


def put_flights(store, pickle):
    from flights import load_flights

    own, began = anonymous_bytes(), time.perf_counter()
    flights = load_flights()
    read_s, read_bytes = time.perf_counter() - began, anonymous_bytes() - own
    with Brain(store) as brain:
        put_s = put(brain, "flights", flights)
        used_bytes = brain.used()
        text = flights.select_dtypes("str").columns
        put(brain, "categories", flights.astype(dict.fromkeys(text, "category")))
        put(brain, "arr_delay", flights["arr_delay"].to_numpy())
    flights.to_pickle(pickle)
    tell(
        shape=flights.shape,
        checksum=checksum(flights),
        read_s=read_s,
        read_bytes=read_bytes,
        put_s=put_s,
        used_bytes=used_bytes,
    )


def put_again(store):
    with Brain(store, create=False) as brain:
        for line in sys.stdin:
            name, seed = line.split()
            # Other bytes nearly everywhere, and the same flights.
            version = brain[name].sample(frac=1, random_state=int(seed), ignore_index=True)
            tell(checksum=checksum(version))
            sys.stdin.readline()
            tell(putting=True)
            tell(put_s=put(brain, name, version))


if __name__ == "__main__":
    if sys.argv[2] == "--again":
        put_again(sys.argv[1])
    else:
        put_flights(*sys.argv[1:])
