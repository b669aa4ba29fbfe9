"""Asks a polyhead server, from other programs; needs httpx (extra ``client``) and nothing else of what a model needs.

    texts → Packer → Part (texts and bytes that the server takes at once)
    Part  → steps.predicted: yields what to send and how long to wait, is told what came, returns answers
    Client, AsyncClient: do what the steps say, several parts at once, answers in the order of the texts

All decisions stand in `parts`, `replies`, `retrying` and `steps`, which touch neither network nor clock; the two
clients only carry them out.
"""

from polyhead.client.asynchronous import AsyncClient
from polyhead.client.blocking import Client

__all__ = ["AsyncClient", "Client"]
