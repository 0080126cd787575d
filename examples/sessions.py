"""Shows one namespace for each user session, in a web server with several worker processes.

    gunicorn --chdir examples --workers 4 sessions:app

    curl -X POST localhost:8000/sessions                      makes one: {"session": "9b2e..."}
    curl -X PUT localhost:8000/sessions/9b2e... --json '{"cart": ["a book"], "total": 12}'
    curl localhost:8000/sessions/9b2e...                      all of its values
    curl localhost:8000/sessions/9b2e.../cart                 one of them
    curl -X DELETE localhost:8000/sessions/9b2e.../cart
    curl -X DELETE localhost:8000/sessions/9b2e...            with all its values

Any worker answers any request, since none of them keeps anything itself. A worker may be killed at any
moment: what was answered is kept, and a request that was not has been carried out entirely or not at all.
The names of the sessions are UUIDs, longer than what 0.3 allowed; hence long_namespaces. SESSIONS_STORE
in the environment is the path of the store. It needs gunicorn and Flask; in a clone ./run build puts both into .venv/bin.
"""

import contextlib
import os
import uuid

from brain_plasma import Brain, BrainNamespaceNotExistError
from flask import Flask, abort, request

app = Flask(__name__)
brain = Brain(path=os.environ.get("SESSIONS_STORE", "/tmp/plasma"), long_namespaces=True)

# Each session has this name from its beginning: where it is, the session is. No part of a URL is equal to it.
BEGUN = "/begun"


@app.post("/sessions")
def begin():
    session = str(uuid.uuid4())
    brain.learn(BEGUN, True, namespace=session)
    return {"session": session}, 201


def existing(session):
    if not brain.exists(BEGUN, namespace=session):
        abort(404, "no such session")
    return session


@app.get("/sessions/<uuid:session>")
def values_of(session):
    session = existing(str(session))
    names = brain.names(namespace=session)
    values = brain.get_many(names, namespace=session)  # all as of one moment
    values.pop(BEGUN, None)
    return values


@app.put("/sessions/<uuid:session>")
def put(session):
    session, values = existing(str(session)), request.get_json()
    if not isinstance(values, dict):
        abort(400, "the values by their names")
    brain.set_many(values, namespace=session)  # all of them in one step
    if not brain.exists(BEGUN, namespace=session):  # it was ended meanwhile, and this has made it anew
        with contextlib.suppress(BrainNamespaceNotExistError):  # who puts as late as this one has removed it
            brain.remove_namespace(session)
        abort(404, "no such session")
    return "", 204


@app.get("/sessions/<uuid:session>/<name>")
def value_of(session, name):
    try:
        return {"value": brain.recall(name, namespace=existing(str(session)))}
    except KeyError:
        abort(404, "no such value")


@app.delete("/sessions/<uuid:session>/<name>")
def forget(session, name):
    brain.forget(name, namespace=existing(str(session)))
    return "", 204


@app.delete("/sessions/<uuid:session>")
def end(session):
    brain.remove_namespace(existing(str(session)))
    return "", 204


@app.after_request
def say_who_answered(response):
    response.headers["X-Worker"] = str(os.getpid())
    return response
