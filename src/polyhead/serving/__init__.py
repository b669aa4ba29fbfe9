"""HTTP around a model: one server, one queue, all heads in one pass.

    request → Gate (key, request id, log, metrics) → checked body → Queue → batch → Worker → answers → response

The process that speaks HTTP never loads a model. Processes of their own do (`worker.py`): one that is killed is started
again and its texts are answered by the next, and a model is exchanged by starting others beside the old ones.

`server.serve` runs it; `app.create_app` is the application alone. Nothing is imported here: the processes that answer
need no HTTP, and the one that speaks it needs no model.
"""
