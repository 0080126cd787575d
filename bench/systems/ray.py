"""Ray's object store. It has no names: they are a dict of references, in the one process that has them."""

import os
import secrets

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # on Linux: its servers listen to 127.0.0.1 only
import ray  # noqa: E402

LABEL = "Ray"
SETTINGS = "ray.init without dashboard and workers; names are a dict of references in the process"
IMPORT = "import ray"
PACKAGES = ["ray"]

ATTACH_ALONE = True
GET, PUT = "get(d[k])", "d[k] = put(v)"
NO_NAMES = "no names: another process has no reference, but through an actor"
CANNOT = {
    **dict.fromkeys(["beside", "writers", "wait", "poll", "memory"], NO_NAMES),
    **dict.fromkeys(["names", "remove"], "no names"),
}
NOTES = {
    "get_int": "without a lookup by name in the store",
    "attach": "a driver that joins a node; no get",
}

get, put = ray.get, ray.put


def use_token(folder):
    """The store's own, instead of one in the home folder."""
    os.environ["RAY_AUTH_TOKEN_PATH"] = f"{folder}/token"


def serve(folder, capacity):
    with open(f"{folder}/token", "w") as file:
        file.write(secrets.token_hex(32))
    use_token(folder)
    ray.init(
        address="local",
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=max(capacity, 100_000_000),
        _temp_dir=f"{folder}/ray",
        log_to_driver=False,
        logging_level="ERROR",
    )
    with open(f"{folder}/address", "w") as file:
        file.write(ray.get_runtime_context().gcs_address)
    return ray


def end(server):
    server.shutdown()


def attach(folder):
    if not ray.is_initialized():
        use_token(folder)
        with open(f"{folder}/address") as file:
            ray.init(address=file.read(), log_to_driver=False, logging_level="ERROR")
    return {}
