"""vineyard (v6d): immutable objects in a server's memory, with names. A set is a delete and a put."""

import os

import vineyard

from systems import start_server

LABEL = "vineyard"
SETTINGS = "a vineyardd with --meta local, without RPC, a Unix socket; pandas 2"
IMPORT = "import vineyard"
PACKAGES = ["vineyard"]

GET = "d.get(name=k)"
PUT = "d.delete(d.get_name(k)); d.put(v, name=k, persist=True)"
PUT_FRESH = "d.put(v, name=k, persist=True)"
NAMES = "d.list_names(k + '*', limit=2000)"
TWO_STEPS = "a delete and a put: there is a moment without"
NOTES = {
    **dict.fromkeys(["set_int", "put_array", "put_table", "writers", "beside"], TWO_STEPS),
    "names": "by a pattern, of all names",
}
REMOVE = "d.delete(list(d.list_names(k + '*', limit=2000).values()))"


def serve(folder, capacity):
    server = os.path.join(os.path.dirname(vineyard.__file__), "bdist", "vineyardd")
    arguments = ["--size", str(capacity), "--meta", "local", "--rpc=false"]
    return start_server(
        server,
        *arguments,
        "--socket",
        f"{folder}/socket",
        ready=f"{folder}/socket",
        env={**os.environ, "GLOG_log_dir": folder},
    )


def attach(folder):
    return vineyard.connect(f"{folder}/socket")


def make(d, pairs):
    for name, value in pairs:
        d.put(value, name=name, persist=True)


def fill_space(d, space, pairs):
    make(d, [(f"{space}/{name}", value) for name, value in pairs])
