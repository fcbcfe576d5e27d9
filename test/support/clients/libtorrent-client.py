"""Seeds or fetches one torrent with libtorrent and reports on stdout, one JSON object a line.

usage: libtorrent-client.py TORRENT DIRECTORY LISTEN_INTERFACES NUM_WANT
SIGINT or SIGTERM announces `stopped` and ends.
"""

import collections
import json
import signal
import sys
import time

import libtorrent

torrent_path, directory, listen_interfaces, num_want = sys.argv[1:]
stopping = False


def stop(_signal, _frame):
    global stopping
    stopping = True


def report(**fields):
    print(json.dumps(fields), flush=True)


signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)

session = libtorrent.session(
    {
        "listen_interfaces": listen_interfaces,
        "num_want": int(num_want),
        "enable_dht": False,
        "enable_lsd": False,
        "enable_incoming_utp": False,
        "enable_natpmp": False,
        "enable_outgoing_utp": False,
        "enable_upnp": False,
        "min_announce_interval": 15,
        "alert_mask": libtorrent.alert.category_t.tracker_notification
        | libtorrent.alert.category_t.error_notification
        | libtorrent.alert.category_t.status_notification,
        "stop_tracker_timeout": 1,
    }
)
torrent = session.add_torrent(
    {"ti": libtorrent.torrent_info(torrent_path), "save_path": directory}
)
finished = False
stop_at = None
# Announces without an answer yet, by listening socket: the answer to an earlier one may still come
# after the session was paused, and does not mean that `stopped` has arrived.
unanswered = collections.Counter()
said_stopped = False
while stop_at is None or time.monotonic() < stop_at:
    # Not `wait_for_alert`: it looks into the queue that other threads still move (2.0.8 crashes).
    time.sleep(0.1)
    for alert in session.pop_alerts():
        report(event="alert", name=type(alert).__name__, message=alert.message())
        socket = alert.message().partition("] v1 ")[0]
        if isinstance(alert, libtorrent.tracker_announce_alert):
            unanswered[socket] += 1
            said_stopped |= alert.message().endswith("(stopped)")
        elif isinstance(
            alert, (libtorrent.tracker_reply_alert, libtorrent.tracker_error_alert)
        ):
            unanswered[socket] -= 1
    if said_stopped and not any(unanswered.values()):
        break
    if not finished and torrent.status().is_seeding:
        finished = True
        report(event="finished")
    if stopping and stop_at is None:
        stop_at = time.monotonic() + 4
        session.pause()
