"""Measure Icebox beside other ways to serve the same model.

    scripts/run peers --labelled ../shared/data/microalgae/labeled --write

Each peer is a small service of its own (services/), in an environment of its own that is made once
(.venv-peers-NAME, about a minute each). All serve the same ONNX model, on one thread and one core;
the clients have another core. The peers take turns, so that the machine's other work meets all of
them. It takes about five minutes, everything is on loopback, and all that was started is ended.
Results are written to --out: peers.txt, peers.json, peers.svg and the services' logs. --write puts
table and plot into docs/performance.md.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from handler.storage.location import write_atomically
from scripts.bench.peers.measure import measure_peers
from scripts.bench.peers.page import write_page
from scripts.bench.peers.peers import PEERS, Peer
from scripts.bench.peers.pictures import load_picture
from scripts.bench.peers.plot import draw_plot
from scripts.bench.peers.processes import end_all
from scripts.bench.peers.result import Plan
from scripts.bench.peers.table import format_text, to_json
from scripts.model.dataset import read_labelled_pictures
from scripts.paths import ROOT
from scripts.tool import ToolError, exit_on_error, exit_on_signals

MAX_ROUNDS, MAX_REQUESTS, MAX_CLIENTS, MAX_SECONDS, MAX_STARTS = 500, 100, 32, 60.0, 20


def choose_peers(names: Sequence[str]) -> list[Peer]:
    """Those of the names, all without any. Raises ToolError for a name that is none."""
    known = {peer.name: peer for peer in PEERS}
    for name in names:
        if name not in known:
            raise ToolError(f"--only: there is no peer {name!r}; there are {', '.join(known)}")
    return [peer for peer in PEERS if not names or peer.name in names]


def check(plan: Plan) -> None:
    """Raises ToolError for a load that is not bounded, or none."""
    for option, value, most in (
        ("--starts", plan.starts, MAX_STARTS),
        ("--rounds", plan.rounds, MAX_ROUNDS),
        ("--requests", plan.requests, MAX_REQUESTS),
        ("--clients", plan.clients, MAX_CLIENTS),
        ("--busy-rounds", plan.busy_rounds, MAX_ROUNDS),
        ("--busy-seconds", plan.busy_s, MAX_SECONDS),
    ):
        if not 0 < value <= most:
            raise ToolError(f"{option}: expected more than 0, and {most:g} at most")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    plan = Plan()
    parser = argparse.ArgumentParser(
        prog="scripts/run peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", metavar="NAME,...", type=lambda text: tuple(text.split(",")), default=(),
        help=f"of {', '.join(peer.name for peer in PEERS)} (all)")  # fmt: skip
    add("--picture", type=Path, help="a JPEG (a photo of 2,794 px beside the checkout, or the "
        "sample enlarged to that)")  # fmt: skip
    add("--labelled", type=Path, metavar="FOLDER",
        help="labelled pictures, VOC or COCO, for everybody's accuracy")  # fmt: skip
    add("--starts", type=int, default=plan.starts, help="of each peer (%(default)s)")
    add("--rounds", type=int, default=plan.rounds, help="in which they take turns (%(default)s)")
    add("--requests", type=int, default=plan.requests,
        help="of a turn, as far as a second suffices (%(default)s)")  # fmt: skip
    add("--clients", type=int, default=plan.clients, help="at once (%(default)s)")
    add("--busy-rounds", type=int, default=plan.busy_rounds, help="with them (%(default)s)")
    add("--busy-seconds", type=float, default=plan.busy_s, help="of such a turn (%(default)s)")
    add("--out", type=Path, default=ROOT / "out" / "peers", help="folder of results (out/peers)")
    add("--write", action="store_true", help="into docs/performance.md, too")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse(argv)
    command = shlex.join(["scripts/run", "peers", *(sys.argv[1:] if argv is None else argv)])
    with exit_on_error("peers"):
        plan = Plan(
            starts=arguments.starts,
            rounds=arguments.rounds,
            requests=arguments.requests,
            busy_rounds=arguments.busy_rounds,
            busy_s=arguments.busy_seconds,
            clients=arguments.clients,
        )
        check(plan)
        peers = choose_peers(arguments.only)
        picture = load_picture(arguments.picture)
        labelled = read_labelled_pictures(arguments.labelled) if arguments.labelled else []
        out: Path = arguments.out
        out.mkdir(parents=True, exist_ok=True)
        try:
            comparison = measure_peers(peers, plan, picture, labelled, out)
        except KeyboardInterrupt:
            sys.exit("peers: stopped; everything that was started is ended")
        finally:
            end_all()
        text, plot = format_text(comparison), draw_plot(comparison)
        write_atomically(out / "peers.txt", f"{text}\n".encode())
        write_atomically(out / "peers.json", to_json(comparison).encode())
        write_atomically(out / "peers.svg", plot)
        if arguments.write:
            write_page(comparison, plot, command, ROOT / "docs")
        print(text)
    return 0


if __name__ == "__main__":
    exit_on_signals("peers")
    sys.exit(main())
