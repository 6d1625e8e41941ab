"""Mode one_shot: exactly one attempt, in this process."""

from .ending import ENDING
from .poll import Poll
from .protocol import ServerConnection


def serve(options, runtime):
    ENDING.share()
    orders = []
    poll = Poll()

    def greeting():
        return [runtime.ready("one_shot", known=[])]

    def on_order(order):
        if order["op"] == "start" and not orders:
            orders.append(order)

    connection = ServerConnection(options.directory, greeting, on_order, poll.add_reader, poll.remove_reader)
    connection.open()
    while not orders:
        poll.wait()
    connection.report("started", id=orders[0]["id"])
    connection.close()
    return orders[0]
