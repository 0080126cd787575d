"""Redis over a Unix socket.

Arrays are stored as their bytes: the reader knows the type, and makes an array of what it receives without
a further copy. All else is pickled.
"""

import pickle
import subprocess

import numpy as np
import redis

from systems import start_server

LABEL = "redis"
SETTINGS = "Unix socket, hiredis, nothing saved; pickle protocol 5, arrays as their bytes; namespaces are hashes"
IMPORT = "import redis"
PACKAGES = ["redis", "hiredis"]
# The server, in a package that starts no service: it is what argv[0] says.
SERVER = "/usr/bin/redis-check-rdb"
CONFIGURATION = """
port 0
unixsocket {folder}/socket
dir {folder}
save ""
appendonly no
proto-max-bulk-len 4gb
client-query-buffer-limit 8gb
"""

GET = GET_TABLE = "loads(d.get(k))"
GET_ARRAY = "frombuffer(d.get(k))"
PUT = PUT_TABLE = "d.set(k, dumps(v, 5))"
PUT_ARRAY = "d.set(k, v.data.cast('B'))"
NAMES, REMOVE = "d.hkeys(k)", "d.unlink(k)"
CHANGE = "d.pipeline().set(k, dumps(v, 5)).publish('changed', k).execute()"
NOTES = {"wait": "set and publish in one transaction; a subscriber, which still has to get it"}

loads, dumps, frombuffer = pickle.loads, pickle.dumps, np.frombuffer


def version():
    said = subprocess.run(["redis-server", "-v"], executable=SERVER, capture_output=True, text=True)
    return " ".join(said.stdout.split()[:3])


def serve(folder, capacity):
    with open(f"{folder}/conf", "w") as conf:
        conf.write(CONFIGURATION.format(folder=folder))
    return start_server("redis-server", f"{folder}/conf", executable=SERVER, ready=f"{folder}/socket")


def attach(folder):
    return redis.Redis(unix_socket_path=f"{folder}/socket")


def fill(d, pairs):
    d.mset({name: dumps(value, 5) for name, value in pairs})


def fill_space(d, space, pairs):
    d.hset(space, mapping={name: dumps(value, 5) for name, value in pairs})


def waiter(d, k):
    subscriber = d.pubsub(ignore_subscribe_messages=True)
    subscriber.subscribe("changed")
    subscriber.get_message(timeout=1)  # that it has subscribed

    def wait():
        while subscriber.get_message(timeout=10) is None:
            pass

    return wait
